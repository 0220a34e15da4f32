/** Whether the target of a hedge can take one now. */
import * as Effect from "effect/Effect"
import { fieldOf } from "../internal/data/fieldOf.ts"
import type { AnyFiber } from "../internal/runtime/primitive.ts"
import type { Target } from "./model.ts"

/** The share of its limit at which a target that is slow gets no second run of a call that it has already. */
const nearlyFull = 0.9

/** Whether its circuit is not closed, or it lets no call through. */
export const isNotClosed = (target: Target | undefined, fiber: AnyFiber): boolean => {
  if (read(target?.isAvailable, fiber) === false) return true
  const state = read(target?.breaker?.state, fiber)
  return state === "Open" || state === "HalfOpen" || state === "ForcedOpen"
}

/** Whether it has no slot or no turn; for the target that the call is at already, whether it has hardly any slot. */
export const isBusy = (target: Target | undefined, isOther: boolean, fiber: AnyFiber): boolean =>
  isFull(target, isOther, fiber) || isSpent(target, fiber)

const isSpent = (target: Target | undefined, fiber: AnyFiber): boolean => {
  const snapshot = read(target?.rateLimiter?.snapshot, fiber)
  const waiting = fieldOf(snapshot, "waiting")
  const limits = fieldOf(snapshot, "limits")
  return typeof waiting === "number" && waiting > 0 ||
    Array.isArray(limits) && limits.some(hasNone)
}

// Of what a call costs besides one request, nothing is known here.
const hasNone = (limit: unknown): boolean => {
  const available = Number(fieldOf(limit, "available"))
  return fieldOf(limit, "resource") === "requests" ? available < 1 : available <= 0
}

const isFull = (target: Target | undefined, isOther: boolean, fiber: AnyFiber): boolean => {
  const snapshot = read(target?.bulkhead?.snapshot, fiber)
  const inFlight = fieldOf(snapshot, "inFlight")
  // A limit that moves is told as such.
  const limit = fieldOf(snapshot, "limit") ?? fieldOf(snapshot, "concurrency")
  return typeof inFlight === "number" && typeof limit === "number" &&
    (inFlight >= limit || !isOther && inFlight >= limit * nearlyFull)
}

// What cannot be read at once says nothing: its guards will.
const read = <A>(effect: Effect.Effect<A> | undefined, fiber: AnyFiber): A | undefined => {
  if (effect === undefined) return undefined
  const exit = Effect.runSyncExitWith(fiber.context)(effect)
  return exit._tag === "Success" ? exit.value : undefined
}
