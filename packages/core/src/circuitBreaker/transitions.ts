/** From the changes of a machine's state to a stream that others can follow. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type { Transition } from "../CircuitBreaker.ts"
import type { BreakerTransition } from "../internal/breakerMachine.ts"

/** A listener that publishes, and tells `heard`; a sliding hub never makes it wait. */
export const announcer = (
  hub: PubSub.PubSub<Transition>,
  context: Context.Context<never>,
  heard: (transition: Transition) => void
): (transition: BreakerTransition) => void => {
  const runSync = Effect.runSyncWith(context)
  return ({ openFor, ...changed }) => {
    const transition = { ...changed, openFor: openFor === undefined ? undefined : Duration.millis(openFor) }
    runSync(PubSub.publish(hub, transition))
    heard(transition)
  }
}
