/** The machine of a hedge that was made here, for what starts its further runs itself: pipelines and cascades. */
import type { HedgeMachine } from "./machine.ts"
import type { Hedge } from "./model.ts"

export const machines = new WeakMap<Hedge["protectWith"], HedgeMachine>()
