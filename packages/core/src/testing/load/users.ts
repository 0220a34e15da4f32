/** A closed load: users who call, wait for the answer, think, and call again. */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Random from "effect/Random"
import { monotonicMillis } from "../../internal/runtime/time.ts"
import type { Latency } from "../latency/model.ts"
import type { LoadCounts } from "./loadCounts.ts"
import type { Arrival, Settled } from "./loadGenerator.ts"
import { roundToMicros } from "./times.ts"

/**
 * A number of users. Each thinks, calls, waits for the answer, and begins again.
 *
 * @since 0.1.0
 * @category options
 */
export interface Users {
  readonly count: number
  /** The time from an answer to the next call of the same user, and before the first call. At least a microsecond. */
  readonly think: Duration.Input | Latency
  /** How long they make calls. */
  readonly for: Duration.Input
}

/** The loop of all users. Ends after the time of the load, when the last call has ended. */
export const userLoop = <A, E, R, L extends string>(
  { count, draw, millis }: {
    readonly count: number
    readonly draw: (random: Random.Random) => number
    readonly millis: number
  },
  { call, counts, label, onSettled, random }: {
    readonly random: Random.Random
    readonly call: (arrival: Arrival) => Effect.Effect<A, E, R>
    readonly label: (exit: Exit.Exit<A, E>, arrival: Arrival) => L
    readonly onSettled: ((settled: Settled<A, E, L>) => void) | undefined
    readonly counts: LoadCounts<L>
  }
): Effect.Effect<number, never, R> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const begin = monotonicMillis(clock)
    const now = () => roundToMicros(monotonicMillis(clock) - begin)
    let calls = 0
    const user = Effect.gen(function*() {
      for (;;) {
        // Without any time, a user whose calls take none would never let time go on.
        const think = Math.max(0.001, draw(random))
        if (now() + think >= millis) return
        yield* Effect.sleep(think)
        const arrival = { index: calls++, at: now() }
        counts.arrive(arrival.at)
        const exit = yield* Effect.exit(Effect.suspend(() => call(arrival)))
        const ended = now()
        const latency = roundToMicros(ended - arrival.at)
        const outcome = label(exit, arrival)
        counts.settle(ended, outcome, latency)
        onSettled?.({ ...arrival, ended, latency, label: outcome, exit })
      }
    })
    const users = Effect.forEach(Array.from({ length: count }), () => user, { concurrency: "unbounded", discard: true })
    yield* Effect.all([users, Effect.sleep(millis)], { concurrency: "unbounded" }).pipe(
      Effect.ensuring(Effect.sync(() => counts.finish(now())))
    )
    return now()
  })
