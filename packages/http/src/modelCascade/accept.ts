/** The checks of a cascade and of a step, as one acceptance. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as ChatModel from "../ChatModel.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import { copyJson } from "./copyJson.ts"
import type { Acceptance } from "../chatModel/acceptance.ts"
import { refused } from "../chatModel/AnswerRefused.ts"

/**
 * Why an answer is not accepted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refusal {
  /** A few fixed words, which errors, logs and metadata show: do not quote the answer. The first 100 characters count. */
  readonly reason?: string | undefined
  /** What the circuit of the model counts the call as. @default "success": the model is healthy, it answered */
  readonly countsAs?: "success" | "failure" | undefined
}

/**
 * A check of an answer, of which it is given a copy: true accepts it. False, or a {@link Refusal}, refuses it. Anything
 * else that is returned, thrown or failed with refuses it as well, and so does a check that interrupts itself; the
 * reason says so.
 *
 * @category models
 * @since 0.1.0
 */
export type Accept = (
  reply: ChatSchema.ChatReply,
  request: ChatModel.Request
) => boolean | Refusal | Effect.Effect<boolean | Refusal, unknown>

/** The acceptance by all these checks, in order, for one call to the model; undefined when there are none. */
export const acceptanceOf = (
  checks: ReadonlyArray<Accept>,
  request: ChatModel.Request,
  around: Acceptance | undefined
): Acceptance | undefined => {
  if (checks.length === 0) return around
  const accepted = new WeakSet<ChatSchema.ChatReply>()
  const judge: Acceptance["judge"] = (reply, model) =>
    accepted.has(reply) ? Effect.void : Effect.andThen(
      Effect.forEach(checks, (check) =>
        Effect.flatMap(verdictOf(check, reply, request), (refusal) =>
          refusal === undefined
            ? Effect.void
            : Effect.fail(refused(model, refusal.reason, refusal.countsAs ?? "success"))), { discard: true }),
      Effect.suspend(() => {
        accepted.add(reply)
        return around === undefined ? Effect.void : around.judge(reply, model)
      })
    )
  return { judge }
}

/** Why the check refuses the answer; undefined when it accepts it. A check that is broken accepts nothing. */
const verdictOf = (
  check: Accept,
  reply: ChatSchema.ChatReply,
  request: ChatModel.Request
): Effect.Effect<Refusal | undefined> =>
  Effect.suspend(() => {
    // What a check changes in the answer, or keeps of it, is its own.
    const verdict = check(copyJson(reply), request)
    return Effect.isEffect(verdict) ? verdict : Effect.succeed(verdict)
  }).pipe(
    Effect.map(refusalIn),
    // When the call itself is interrupted, its fiber ends whatever is said here.
    Effect.catchCause((cause) => Effect.succeed({ reason: brokenBy(cause) }))
  )

const brokenBy = (cause: Cause.Cause<unknown>): string =>
  Cause.hasDies(cause)
    ? "the check threw an error"
    : Cause.hasFails(cause)
    ? "the check failed"
    : "the check was interrupted"

const refusalIn = (verdict: unknown): Refusal | undefined => {
  if (verdict === true) return undefined
  if (verdict === false) return {}
  if (verdict instanceof Promise) {
    verdict.catch(() => {})
    return { reason: "the check returned a promise; it must return a value or an Effect" }
  }
  if (!Predicate.isObject(verdict)) return { reason: "the check returned neither true nor false" }
  const { countsAs, reason } = verdict as Refusal
  return {
    reason: typeof reason === "string" ? reason : undefined,
    countsAs: countsAs === "failure" ? "failure" : "success"
  }
}
