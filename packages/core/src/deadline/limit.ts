/** An effect under a limit that begins when it is run. */
import type * as Effect from "effect/Effect"
import type { Deadline } from "../internal/runtime/expiry.ts"
import { type Admission, type AnyEffect, type AnyFiber, insidePrototype } from "../internal/runtime/guard.ts"
import { timeContextOf } from "./current.ts"
import { type DeadlineExceeded, nothingLeft } from "./DeadlineExceeded.ts"
import { type Counts, limitedAt } from "./limited.ts"

interface Limited extends AnyEffect {
  readonly self: AnyEffect
  readonly limit: Deadline["limit"]
  readonly millis: number
  /** Of a limit with a name. */
  readonly counts: Counts | undefined
}

const runLimited = (
  { counts, limit, millis, self }: Limited,
  fiber: AnyFiber,
  outer: Admission | undefined
): AnyEffect => {
  const time = timeContextOf(fiber)
  return millis === 0
    ? nothingLeft({ limit, at: time.now })
    : limitedAt(fiber, self, limit, millis, time, outer, undefined, counts)
}

const LimitedProto = insidePrototype<Limited>("Switchgear.limit", runLimited, function(fiber) {
  return runLimited(this, fiber, undefined)
})

const Limited = function(
  this: { self: AnyEffect; limit: Deadline["limit"]; millis: number; counts: Counts | undefined },
  self: AnyEffect,
  limit: Deadline["limit"],
  millis: number,
  counts: Counts | undefined
) {
  this.self = self
  this.limit = limit
  this.millis = millis
  this.counts = counts
} as unknown as new(
  self: AnyEffect,
  limit: Deadline["limit"],
  millis: number,
  counts: Counts | undefined
) => Limited
Limited.prototype = LimitedProto

/** Gives each run of the effect this many milliseconds; with zero it is not begun. */
export const limit = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  limit: Deadline["limit"],
  millis: number,
  counts?: Counts | undefined
): Effect.Effect<A, E | DeadlineExceeded, R> => new Limited(self, limit, millis, counts)
