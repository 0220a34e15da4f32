/**
 * The properties under which Effect calls a frame that is left. It does not export their names: they are those that it calls
 * when a fiber leaves a frame.
 */
import * as Effect from "effect/Effect"
import { enterFrame } from "./frame.ts"
import { evaluation, unsupported } from "./primitive.ts"

interface Called {
  readonly leaving: ReadonlyArray<PropertyKey>
  readonly goingOn: ReadonlyArray<PropertyKey>
}

/** What is called when work in a frame ends: with the fiber alone, and with the end and the fiber. */
const calledBy = (work: Effect.Effect<unknown, unknown>): Called => {
  const platform = Object.getPrototypeOf(Effect.onExitPrimitive(Effect.void, () => undefined)) as object
  const [leaving, goingOn]: [Array<PropertyKey>, Array<PropertyKey>] = [[], []]
  Effect.runSyncExit(Effect.withFiber((fiber) => {
    const names = Reflect.ownKeys(platform).filter((name) =>
      name !== evaluation && typeof Reflect.get(platform, name) === "function"
    )
    const told = (name: PropertyKey) => (first: unknown, second: unknown) => {
      if (first === fiber) leaving.push(name)
      if (second !== fiber) return undefined
      goingOn.push(name)
      return Effect.void
    }
    enterFrame(Object.fromEntries(names.map((name) => [name, told(name)])) as never, fiber)
    return work
  }))
  return { leaving, goingOn }
}

const [success, failure] = [calledBy(Effect.void), calledBy(Effect.fail("probe"))]

/** Is called first, with the fiber, whatever ends the work. */
export const leaving: PropertyKey = success.leaving[0] ?? unsupported("a frame is not told that it is left")

/** Is called with the value of work that has succeeded, and the fiber; answers what the fiber evaluates next. */
export const onSuccess: PropertyKey = success.goingOn[0] ?? unsupported("a frame is not told of a success")

/** Is called with the cause of work that has failed, and the fiber; answers what the fiber evaluates next. */
export const onFailure: PropertyKey = failure.goingOn[0] ?? unsupported("a frame is not told of a failure")
