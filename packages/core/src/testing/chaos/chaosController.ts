/**
 * Decides the injection of each call, and counts it.
 *
 * The decision is made in one step when the call begins. The injection of the n-th call therefore depends only on the
 * seed, not on the duration and the order of other calls.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Random from "effect/Random"
import { monotonicMillis } from "../../internal/runtime/time.ts"
import type { Act, Active, Call, Request } from "./rules.ts"

/**
 * What a call is about, for the predicates of rules.
 *
 * @since 0.1.0
 * @category models
 */
export interface About {
  readonly key?: string | undefined
  readonly request?: Request | undefined
}

/**
 * What calls have met so far.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Counts {
  /** Calls that have begun. */
  readonly calls: number
  /** Calls that were made. */
  readonly passed: number
  /** Calls that were delayed; they are counted again by what happened after the delay. */
  readonly latency: number
  readonly fault: number
  readonly outcome: number
  readonly defect: number
  readonly hang: number
}

export const nothing: Counts = { calls: 0, passed: 0, latency: 0, fault: 0, outcome: 0, defect: 0, hang: 0 }

type Ending = Exclude<Active["inject"], { readonly _tag: "Latency" }>

export class ChaosController {
  readonly counts: { -readonly [K in keyof Counts]: number } = { ...nothing }
  acts: ReadonlyArray<Act>
  private readonly random: Random.Random
  private readonly begun: number

  constructor(acts: ReadonlyArray<Act>, random: Random.Random, begun: number) {
    this.acts = acts
    this.random = random
    this.begun = begun
  }

  meet<A, E, R>(fiber: Fiber.Fiber<any, any>, self: Effect.Effect<A, E, R>, about: About): Effect.Effect<A, E, R> {
    const index = this.counts.calls++
    if (this.acts.length === 0) return this.pass(self)
    const at = monotonicMillis(fiber.getRef(Clock.Clock)) - this.begun
    const rules = this.rulesAt(at)
    if (rules.length === 0) return this.pass(self)
    const call = { index, at, key: about.key, request: about.request }
    let wait = 0
    let waits = false
    let ending: Ending | undefined
    for (const { inject, rate, when } of rules) {
      if (!this.applies(rate, when, call)) continue
      if (inject._tag !== "Latency") {
        ending = inject
        break
      }
      wait += inject.draw(this.random)
      waits = true
    }
    if (waits) this.counts.latency++
    return wait > 0
      ? Effect.flatMap(Effect.sleep(wait), () => this.end(self, ending))
      : this.end(self, ending)
  }

  private rulesAt(at: number): Act["rules"] {
    return this.acts.find(({ until }) => at < until)?.rules ?? []
  }

  private applies(rate: number, when: Active["when"], call: Call): boolean {
    if (when !== undefined && !when(call)) return false
    return rate === 1 || this.random.nextDoubleUnsafe() < rate
  }

  private pass<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    this.counts.passed++
    return self
  }

  // The injected values have the types that the chaos adds, which only its constructor knows.
  private end<A, E, R>(self: Effect.Effect<A, E, R>, ending: Ending | undefined): Effect.Effect<A, E, R> {
    switch (ending?._tag) {
      case undefined:
        return this.pass(self)
      case "Fault":
        this.counts.fault++
        return Exit.fail(ending.error as E)
      case "Outcome":
        this.counts.outcome++
        return Exit.succeed(ending.value as A)
      case "Defect":
        this.counts.defect++
        return Exit.die(ending.defect)
      case "Hang":
        this.counts.hang++
        return Effect.never
    }
  }
}
