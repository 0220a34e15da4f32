/**
 * What a fiber must not end before: the runs of a call that has its result, while they end. Where the fiber runs under a
 * limit for another one, that one takes them over, so that the result does not wait for them there either.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Expiry } from "../internal/runtime/expiry.ts"
import type { AnyFiber } from "../internal/runtime/primitive.ts"
import { CurrentDeadline } from "./current.ts"

const byChild = new WeakMap<AnyFiber, ReadonlyArray<AnyFiber>>()

/** What a fiber that ran under a limit has left to the one that waits for it; undefined where that is nothing. */
export const leftBehindBy = (child: AnyFiber): ReadonlyArray<AnyFiber> | undefined => {
  const left = byChild.get(child)?.filter((fiber) => fiber.pollUnsafe() === undefined)
  return left?.length ? left : undefined
}

/** The fiber goes on at once, and does not end before these have ended. */
export const outlivedBy = (fiber: AnyFiber, fibers: ReadonlyArray<AnyFiber>): Effect.Effect<void> => {
  const deadline = fiber.getRef(CurrentDeadline)
  if (deadline instanceof Expiry && deadline.hasChild(fiber)) {
    return Effect.sync(() => void byChild.set(fiber, [...leftBehindBy(fiber) ?? [], ...fibers]))
  }
  // A child that cannot be interrupted holds the end of its fiber, and nothing before that.
  return Effect.asVoid(Effect.forkChild(Fiber.awaitAll(fibers), { startImmediately: true, uninterruptible: true }))
}
