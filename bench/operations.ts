/** The work that guards stand around: as little as there can be, so that what is measured is the guard. Answers 1. */
import { Effect } from "effect"
import { awaited, inFiber, type Subject } from "./harness.ts"

/** An effect that ends in the step it is begun in. */
export const synchronous = Effect.sync(() => 1)

/** What promise libraries guard. */
export const asyncFunction = async (): Promise<number> => 1

/** The same as an effect that has to be waited for. */
export const promised = Effect.promise(asyncFunction)

export const bareSynchronous: Subject = { name: "bare synchronous effect", run: inFiber(synchronous) }

export const barePromised: Subject = { name: "bare promise in an effect", run: inFiber(promised) }

export const bareAsync: Subject = { name: "bare async function", run: awaited(asyncFunction) }
