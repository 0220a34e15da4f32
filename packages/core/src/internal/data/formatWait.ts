/** How messages tell a wait: in whole seconds where it is longer than that, rounded up, so that nobody comes too early. */
import * as Duration from "effect/Duration"

export const formatWait = (wait: Duration.Duration): string => {
  const millis = Duration.toMillis(wait)
  return Duration.format(
    millis > 1000 ? Duration.seconds(Math.ceil(millis / 1000)) : Duration.millis(Math.ceil(millis))
  )
}
