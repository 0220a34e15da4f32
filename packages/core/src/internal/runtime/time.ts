/** The time that guards use: milliseconds of the clock's monotonic reading, with an arbitrary origin. */
import type * as Clock from "effect/Clock"

export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** The wall-clock time of a monotonic time that has passed. */
export const wallMillis = (at: number, clock: Clock.Clock): number =>
  Math.round(clock.currentTimeMillisUnsafe() - Math.max(0, monotonicMillis(clock) - at))
