/**
 * Shows a wait in messages: rounded up to whole seconds if it is longer than one, so that no caller retries too early.
 */
import * as Duration from "effect/Duration"

export const formatWait = (wait: Duration.Duration): string => {
  const millis = Duration.toMillis(wait)
  return Duration.format(
    millis > 1000 ? Duration.seconds(Math.ceil(millis / 1000)) : Duration.millis(Math.ceil(millis))
  )
}
