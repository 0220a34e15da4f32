/** The time that guards use: milliseconds of the clock's monotonic reading, with an arbitrary origin. */
import type * as Clock from "effect/Clock"

export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
