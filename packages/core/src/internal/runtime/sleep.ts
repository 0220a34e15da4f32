/**
 * A sleep of which a part was asked for. A timer counts whole milliseconds and can ring a part of one too early: who was told
 * when to come back, and comes before, is refused again.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { monotonicMillis } from "./time.ts"

// A millionth of a millisecond, by which sums of times may be wrong.
const grain = 1e-6

/** Sleeps for `millis` milliseconds, and until the clock shows that `asked` of them have passed. */
export const sleepFor = (millis: number, asked: number): Effect.Effect<void> =>
  asked === 0 ? Effect.sleep(Duration.millis(millis)) : Effect.clockWith((clock) => {
    const now = monotonicMillis(clock)
    return sleepUntil(clock, now + asked, now, millis)
  })

const sleepUntil = (clock: Clock.Clock, due: number, before: number, millis: number): Effect.Effect<void> =>
  Effect.flatMap(clock.sleep(Duration.millis(millis)), () => {
    const now = monotonicMillis(clock)
    // If the clock stands still or has gone back, the end of its sleep alone says that the time is over.
    return now + grain >= due || now <= before ? Effect.void : sleepUntil(clock, due, now, Math.ceil(due - now))
  })
