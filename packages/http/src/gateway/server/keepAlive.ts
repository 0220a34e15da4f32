/** Sends the head of a stream without content after a while, and then shows that the connection is alive. */
import { monotonicMillis, startTimeout } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Exchange } from "./exchange.ts"

/** How often. */
const aliveEvery = "15 seconds"

/** Waits for the effect. If that takes long, the client is shown meanwhile that it is answered. */
export const aliveAfter = (
  headAfter: Duration.Duration,
  writeTimeout: Duration.Duration,
  exchange: Exchange,
  headers: Readonly<Record<string, string>> = {}
) =>
<A, E, R>(waited: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const millis = Duration.toMillis(headAfter)
    let alive: Fiber.Fiber<void> | undefined
    let timeout: ReturnType<typeof startTimeout> | undefined
    const begin = () => {
      exchange.beginStream(headers)
      alive = Effect.runForkWith(fiber.context)(shownAlive(exchange, writeTimeout))
    }
    // Nearly no answer takes so long, so that a fiber is made only where one does.
    const waiting = Effect.suspend(() => {
      timeout = startTimeout(fiber, clock, millis, monotonicMillis(clock) + millis, begin)
      return waited
    })
    return Effect.onExitPrimitive(waiting, () => {
      timeout?.cancel(fiber)
      return alive && Fiber.interrupt(alive)
    })
  })

const shownAlive = (exchange: Exchange, writeTimeout: Duration.Duration): Effect.Effect<void> =>
  Effect.forever(Effect.andThen(exchange.write(": keep-alive\n\n", writeTimeout), Effect.sleep(aliveEvery)))
