/**
 * Follows the fibers that a run forks, to find those that outlive it and those whose defect nobody has seen. Effect tells
 * of the start and the end of a fiber to the service for runtime metrics in its context.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type * as Metric from "effect/Metric"
import { counted } from "../words.ts"
import type { Verdict } from "./claims.ts"
import { CurrentVisit, type Visit } from "./visit.ts"

type Origin = Visit | undefined

export class Fibers implements Metric.FiberRuntimeMetricsService {
  // By the call that they were forked in. The entry of a call is removed with its last fiber.
  private readonly alive = new Map<Origin, number>()
  // Defects by the call that the fiber was forked in, until that call ends with them.
  private readonly unseen = new Map<Origin, Set<unknown>>()
  private readonly injected: ReadonlySet<unknown>
  private forked = 0

  /** `injected` are the defects that a provider injects: they are part of the scenario, and no bug of the app. */
  constructor(injected: ReadonlySet<unknown>) {
    this.injected = injected
  }

  recordFiberStart(context: Context.Context<never>): void {
    this.forked++
    const origin = Context.get(context, CurrentVisit)
    this.alive.set(origin, (this.alive.get(origin) ?? 0) + 1)
  }

  recordFiberEnd(context: Context.Context<never>, exit: Exit.Exit<unknown, unknown>): void {
    const origin = Context.get(context, CurrentVisit)
    const left = (this.alive.get(origin) ?? 1) - 1
    if (left > 0) this.alive.set(origin, left)
    else this.alive.delete(origin)
    if (exit._tag === "Success") return
    for (const reason of exit.cause.reasons) {
      if (!Cause.isDieReason(reason) || this.injected.has(reason.defect)) continue
      const defects = this.unseen.get(origin)
      if (defects === undefined) this.unseen.set(origin, new Set([reason.defect]))
      else defects.add(reason.defect)
    }
  }

  /** The customer of the call has got this: what is in it, somebody has seen. */
  seen(visit: Visit, exit: Exit.Exit<unknown, unknown>): void {
    if (exit._tag === "Success") return
    for (const reason of exit.cause.reasons) {
      if (!Cause.isDieReason(reason)) continue
      for (const origin of [visit, undefined]) {
        const defects = this.unseen.get(origin)
        if (defects?.delete(reason.defect) && defects.size === 0) this.unseen.delete(origin)
      }
    }
  }

  get verdict(): Verdict {
    const problems = [
      ...this.told([...this.alive].flatMap(([origin, count]) => Array(count).fill(origin)), "still there"),
      ...this.told(
        [...this.unseen].flatMap(([origin, defects]) => Array(defects.size).fill(origin)),
        "dead of a defect that no customer got",
        this.firstDefect
      )
    ]
    return problems.length === 0
      ? { _tag: "Holds", seen: `all ${counted(this.forked, "fiber")} ended` }
      : { _tag: "Broken", seen: problems.join(", and ") }
  }

  private told(origins: ReadonlyArray<Origin>, what: string, why?: string): ReadonlyArray<string> {
    if (origins.length === 0) return []
    const calls = [...new Set(origins.flatMap((origin) => origin === undefined ? [] : [origin.index]))]
    const some = calls.slice(0, 3).map((index) => `#${index}`).join(", ")
    const from = calls.length === 0
      ? "of no call"
      : `forked by ${calls.length === 1 ? "call" : "calls"} ${some}${calls.length > 3 ? ", …" : ""}`
    return [
      `${counted(origins.length, "fiber")} ${origins.length === 1 ? "is" : "are"} ${what}, ${from}` +
      (why === undefined ? "" : ` (${why})`)
    ]
  }

  // Its name only: the message of an error may quote a prompt.
  private get firstDefect(): string | undefined {
    for (const defects of this.unseen.values()) {
      for (const defect of defects) return defect instanceof Error ? defect.name : typeof defect
    }
    return undefined
  }
}
