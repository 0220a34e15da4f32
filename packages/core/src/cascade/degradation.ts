/**
 * When a cascade begins and ceases to serve its last steps.
 *
 * Invariant: from one beginning to the next there are at least `quiet` milliseconds, and one change in between beside the
 * end, so that mixed traffic does not flood the log.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import type * as Fiber from "effect/Fiber"
import { monotonicMillis } from "../internal/runtime/time.ts"
import type { Change } from "../registry/kind.ts"
import { tagOf } from "./CascadeExhausted.ts"
import { type Degradation, isDegraded, type Served } from "./model.ts"

export class DegradationLog {
  private readonly quiet: number
  /** What was last announced, or what the last answer of a target was marked with. */
  private current: Degradation = "none"
  private lastDegraded = -Infinity

  constructor(quiet: number) {
    this.quiet = quiet
  }

  /** Takes an answer into account, which is given now by the clock of the fiber. Answers the change that it makes, if any. */
  after({ degradation, failures }: Served<unknown>, fiber: Fiber.Fiber<any, any>): Change | undefined {
    if (!isDegraded(degradation) && !isDegraded(this.current)) {
      this.current = degradation
      return undefined
    }
    const clock = fiber.getRef(Clock.Clock)
    if (isDegraded(degradation)) {
      this.lastDegraded = monotonicMillis(clock)
      const isWorse = !isDegraded(this.current) || this.current === "stale" && degradation === "canned"
      return isWorse ? this.change(degradation, failures.map(told).join(", "), clock) : undefined
    }
    if (monotonicMillis(clock) - this.lastDegraded < this.quiet) return undefined
    const quiet = Duration.format(Duration.millis(this.quiet))
    return this.change(degradation, `no stale or canned answer for ${quiet}`, clock)
  }

  /** Whether answers are stale or canned at present, so far as is known. */
  get degraded(): "stale" | "canned" | undefined {
    return this.current === "stale" || this.current === "canned" ? this.current : undefined
  }

  private change(to: Degradation, reason: string, clock: Clock.Clock): Change {
    const from = this.current
    this.current = to
    return { from, to, reason, at: clock.currentTimeMillisUnsafe() }
  }
}

const told = ({ error, step }: Served<unknown>["failures"][number]): string => `${step}: ${tagOf(error)}`
