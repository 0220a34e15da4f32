/**
 * How messages print durations: in two units at most, such as `1h 30m`. What does not fit is rounded up, so that a wait
 * is never printed shorter than it is; by that it grows by less than 5 %, or by less than a second.
 */
import * as Duration from "effect/Duration"

/** The units above a second in nanoseconds, each with the next smaller one, to which the duration is rounded. */
const units: ReadonlyArray<readonly [unit: bigint, grain: bigint]> = [
  [86_400_000_000_000n, 3_600_000_000_000n],
  [3_600_000_000_000n, 60_000_000_000n],
  [60_000_000_000n, 1_000_000_000n],
  [1_000_000_000n, 1_000_000n],
  // Below a second, whole milliseconds say enough.
  [1_000_000n, 1_000_000n]
]

/** A duration in the units of `Duration.format`: the largest one that it has, and the next smaller one. */
export const formatDuration = (duration: Duration.Duration): string => {
  if (!Duration.isFinite(duration)) return Duration.format(duration)
  if (Duration.isNegative(duration)) return `-${formatDuration(Duration.abs(duration))}`
  const nanos = Duration.toNanosUnsafe(duration)
  const grain = units.find(([unit]) => nanos >= unit)?.[1] ?? 1n
  return Duration.format(Duration.nanos((nanos + grain - 1n) / grain * grain))
}

/** A wait: in whole seconds where it is longer than one, in whole milliseconds where it is not. */
export const formatWait = (wait: Duration.Duration): string => {
  const millis = Duration.toMillis(wait)
  const whole = millis > 1000 ? Math.ceil(millis / 1000) * 1000 : Math.ceil(millis)
  return formatDuration(Duration.millis(whole))
}
