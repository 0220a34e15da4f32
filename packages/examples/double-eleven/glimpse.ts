/** What there is to see of the night at one moment. */
import type { Cascade, CircuitBreaker } from "@switchgear/core"
import { Duration, Effect } from "effect"
import type { Settled } from "./ledger.ts"
import type { Night, Played } from "./night.ts"
import { beginnings, type Phase, phases, played } from "./scenario.ts"

/** How it went for a customer. */
export type Result = Cascade.Degradation | "error"
export const results: ReadonlyArray<Result> = ["none", "fallback", "stale", "canned", "error"]

/** As the onlooker reads them. */
export const names: Readonly<Record<Result, string>> = {
  none: "as asked",
  fallback: "fallback",
  stale: "stale",
  canned: "canned",
  error: "errors"
}

/** How it went for some customers. */
export type Counts = Readonly<Record<Result, number>>

export interface LaneGlimpse {
  readonly soFar: Counts
  /** In the last second of the play. */
  readonly now: Counts
}

/** What is shown of a circuit. */
export type Circuit = Pick<
  CircuitBreaker.Snapshot,
  "name" | "state" | "failureRate" | "inFlight" | "rejected" | "nextRetry"
>

export interface Glimpse {
  /** Milliseconds of the play. */
  readonly at: number
  /** The index of the phase. */
  readonly phase: number
  readonly bare: LaneGlimpse
  readonly protected: LaneGlimpse
  readonly circuits: ReadonlyArray<Circuit>
}

export const glimpse = (night: Night): Effect.Effect<Glimpse> =>
  Effect.gen(function*() {
    const at = yield* night.now
    return {
      at,
      phase: phaseAt(at),
      bare: look(night.bare, at),
      protected: look(night.protected, at),
      circuits: yield* Effect.forEach(night.protected.guarded, ({ breaker }) => breaker.snapshot)
    }
  })

/** When a phase begins, in milliseconds of the play. */
export const beginsAt = (phase: number): number => Duration.toMillis(played(beginnings[phase]!))

export const phaseOf = ({ phase }: Glimpse): Phase => phases[phase]!

export const answered = ({ canned, fallback, none, stale }: Counts): number => none + fallback + stale + canned

const phaseAt = (at: number): number => phases.findLastIndex((_, i) => beginsAt(i) <= at)

const look = ({ settled }: Played, at: number): LaneGlimpse => ({
  soFar: counts(settled),
  now: counts(settled.slice(settled.findLastIndex((one) => one.at <= at - 1000) + 1))
})

const counts = (settled: ReadonlyArray<Settled>): Counts => {
  const sums = { none: 0, fallback: 0, stale: 0, canned: 0, error: 0 }
  for (const { result } of settled) sums[result._tag === "Answered" ? result.degradation : "error"]++
  return sums
}
