/** From the changes of a machine's state to a stream that others can follow. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type { Transition } from "./model.ts"
import type { BreakerTransition } from "./machineModel.ts"

/**
 * A listener that publishes, and tells `heard`; a sliding hub never makes it wait. What `heard` throws stays with it. A
 * change that it makes is told after the one that it was told of, so that all hear of changes in their order.
 */
export const publishTransitions = (
  hub: PubSub.PubSub<Transition>,
  context: Context.Context<never>,
  heard: (transition: Transition) => void
): (transition: BreakerTransition) => void => {
  const runSync = Effect.runSyncExitWith(context)
  const waiting: Array<Transition> = []
  return ({ askedFor, openFor, ...changed }) => {
    waiting.push({
      ...changed,
      openFor: openFor === undefined ? undefined : Duration.millis(openFor),
      ...askedFor !== undefined && { askedFor: Duration.millis(askedFor) }
    })
    if (waiting.length > 1) return
    for (let transition = waiting[0]; transition !== undefined; transition = waiting[0]) {
      runSync(PubSub.publish(hub, transition))
      try {
        heard(transition)
      } catch {
        // The circuit has changed; whoever listens is no part of it.
      }
      waiting.shift()
    }
  }
}
