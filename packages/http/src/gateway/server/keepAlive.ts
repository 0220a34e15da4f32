/** Sends the head of a stream without content after a while, and then shows that the connection is alive. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Exchange } from "./exchange.ts"

/** How often. */
const aliveEvery = "15 seconds"

export const aliveAfter = (
  headAfter: Duration.Duration,
  writeTimeout: Duration.Duration,
  exchange: Exchange,
  headers: Readonly<Record<string, string>> = {}
): Effect.Effect<void> =>
  Effect.andThen(
    Effect.delay(Effect.sync(() => exchange.beginStream(headers)), headAfter),
    Effect.forever(Effect.andThen(exchange.write(": keep-alive\n\n", writeTimeout), Effect.sleep(aliveEvery)))
  )
