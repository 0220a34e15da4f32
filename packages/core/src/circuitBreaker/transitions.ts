/** From the changes of a machine's state to a stream that others can follow. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type { Transition } from "../CircuitBreaker.ts"
import type { BreakerTransition } from "../internal/breakerMachine.ts"

/** A listener that publishes; a sliding hub never makes it wait. */
export const announcer = (
  hub: PubSub.PubSub<Transition>,
  context: Context.Context<never>
): (transition: BreakerTransition) => void => {
  const runSync = Effect.runSyncWith(context)
  return ({ openFor, ...transition }) => {
    runSync(PubSub.publish(hub, {
      ...transition,
      openFor: openFor === undefined ? undefined : Duration.millis(openFor)
    }))
  }
}
