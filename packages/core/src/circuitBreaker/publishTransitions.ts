/** Publishes the transitions of a state machine to a stream and a listener. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import type { Transition } from "./model.ts"
import type { BreakerTransition } from "./machineModel.ts"

/**
 * A listener of the state machine that publishes to the hub and calls `heard`. A sliding hub never makes it wait. What
 * `heard` throws is ignored. A change that `heard` makes is published after the one it was called for, so that everybody
 * sees the changes in their order.
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
        // The circuit has changed already; a listener cannot undo that.
      }
      waiting.shift()
    }
  }
}
