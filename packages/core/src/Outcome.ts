/**
 * What a call meant for the health of the thing that was called: one judgement, made once, read by the circuit breaker
 * and whatever else learns from results.
 *
 * The judge is a function of the call's `Exit`. The default, {@link fromExit}, says: a success is a success; a typed
 * failure or a defect is a failure; pure interruption says nothing about the callee and is ignored. A call that was
 * never made is not judged: the guards notice it themselves when another guard directly inside refuses. A rejection that
 * comes out of work that was begun is another matter. An agent that called its provider and was then refused by the
 * circuit of a tool has called the provider, which did not fail: that is a success.
 *
 * Errors speak through two optional fields, which the platform's `AiError` uses too: `isRetryable: boolean` and
 * `retryAfter: Duration`.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import { fieldOf } from "./internal/data/fieldOf.ts"
import { OptionsOf } from "./internal/config/checks.ts"

/**
 * The judgement of one call.
 *
 * - `Success` and `Failure` are counted. The `retryAfter` of a failure is the wait the callee asked for; without it, the one
 *   that the error itself tells.
 * - `Ignored` is not counted; a half-open circuit gives the probe back.
 * - `TripFor` is a failure that also opens the circuit now, for the duration it names: a spent quota, a long
 *   `Retry-After`.
 */
export type Outcome =
  | { readonly _tag: "Success" }
  | { readonly _tag: "Failure"; readonly retryAfter?: Duration.Duration | undefined }
  | { readonly _tag: "Ignored" }
  | { readonly _tag: "TripFor"; readonly duration: Duration.Duration }

/** The callee did its work. */
export const success: Outcome = { _tag: "Success" }

/** The callee failed. */
export const failure: Outcome = { _tag: "Failure" }

/** The callee failed and said when to come back. */
export const failureAfter = (retryAfter: Duration.Input): Outcome => ({
  _tag: "Failure",
  retryAfter: Duration.fromInputUnsafe(retryAfter)
})

/** The call says nothing about the callee. */
export const ignored: Outcome = { _tag: "Ignored" }

/**
 * The callee failed and asked to be left alone for that long. Throws a `RangeError` on a duration that is not above zero.
 *
 * ```ts
 * import { Outcome } from "@switchgear/core"
 *
 * Outcome.tripFor("5 minutes")._tag // => "TripFor"
 * ```
 */
export const tripFor = (duration: Duration.Input): Outcome => ({
  _tag: "TripFor",
  duration: Duration.millis(new OptionsOf("Outcome.tripFor").limit("duration", duration))
})

/** A function that judges a call by its exit. */
export type Classify<A = unknown, E = unknown> = (exit: Exit.Exit<A, E>) => Outcome

/**
 * Marks an error as a rejection: the guard refused and the work was not started. Every rejection of this library
 * carries it, and yours may, too.
 */
export const RejectionTypeId = "~switchgear/Rejection"

/** Whether the error says that the work was refused by a guard and never started. */
export const isRejection = (error: unknown): boolean => {
  try {
    return Predicate.hasProperty(error, RejectionTypeId) && error[RejectionTypeId] !== false
  } catch {
    return false
  }
}

/** The wait that an error asks for, if it is one that can be waited for. */
export const retryAfter = (error: unknown): Duration.Duration | undefined => {
  const wait = fieldOf(error, "retryAfter")
  return Duration.isDuration(wait) && Duration.isPositive(wait) && Duration.isFinite(wait) ? wait : undefined
}

/** Whether the error allows another try on the same target. An error that does not say counts as retryable. */
export const isRetryable = (error: unknown): boolean => fieldOf(error, "isRetryable") !== false

/**
 * The default judge.
 *
 * ```ts
 * import { Outcome } from "@switchgear/core"
 * import { Exit } from "effect"
 *
 * Outcome.fromExit(Exit.succeed(1)) // => Outcome.success
 * Outcome.fromExit(Exit.fail("no")) // => Outcome.failure
 * Outcome.fromExit(Exit.die("bug")) // => Outcome.failure
 * Outcome.fromExit(Exit.interrupt(1)) // => Outcome.ignored
 * ```
 */
export const fromExit: Classify = (exit) => {
  if (exit._tag === "Success") return success
  let judged: Outcome = ignored
  for (const reason of exit.cause.reasons) {
    if (Cause.isDieReason(reason)) return failure
    if (!Cause.isFailReason(reason)) continue
    if (!isRejection(reason.error)) judged = failure
    else if (judged === ignored) judged = success
  }
  return judged
}

/**
 * A `classify` that judges by the typed error of a call. A success is a success. A typed failure is what the function
 * answers; where that is `undefined`, and for defects and interruptions, the default {@link fromExit} judges. So it does
 * when the function throws.
 *
 * In `call.pipe(breaker.protectWith({ classify }))` the error has the type that the call fails with. In the options of
 * `make`, through which any call may go, it is `unknown`. Of a failure with several typed errors the first one is given.
 *
 * ```ts
 * import { CircuitBreaker, Outcome } from "@switchgear/core"
 * import { Data, Effect } from "effect"
 *
 * class ChatError extends Data.TaggedError("ChatError")<{ readonly blame: "caller" | "provider" }> {}
 *
 * const ask = (blame: ChatError["blame"]) => Effect.fail(new ChatError({ blame }))
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ name: "model" })
 *   const guarded = (blame: ChatError["blame"]) =>
 *     ask(blame).pipe(breaker.protectWith({
 *       classify: Outcome.onError((error) => error.blame === "caller" ? Outcome.ignored : Outcome.failure)
 *     }))
 *   yield* Effect.exit(guarded("caller"))
 *   yield* Effect.exit(guarded("provider"))
 *   return yield* breaker.snapshot
 * })
 *
 * const { calls, failed } = await Effect.runPromise(program)
 * calls // => 1
 * failed // => 1
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const onError = <E = unknown>(judge: (error: E) => Outcome | undefined) => <A>(exit: Exit.Exit<A, E>): Outcome =>
  judgedByError(judge, exit) ?? fromExit(exit)

const judgedByError = <E>(
  judge: (error: E) => Outcome | undefined,
  exit: Exit.Exit<unknown, E>
): Outcome | undefined => {
  if (exit._tag === "Success" || exit.cause.reasons.some(Cause.isDieReason)) return undefined
  const failure = exit.cause.reasons.find(Cause.isFailReason)
  if (failure === undefined) return undefined
  try {
    return judge(failure.error)
  } catch {
    return undefined
  }
}

/** Whether an exit is nothing but a rejection. */
export const isRejected = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" && exit.cause.reasons.length > 0 &&
  exit.cause.reasons.every((reason) => Cause.isFailReason(reason) && isRejection(reason.error))

/** The first wait that the errors of an exit ask for. */
export const retryAfterOf = (exit: Exit.Exit<unknown, unknown>): Duration.Duration | undefined => {
  if (exit._tag === "Success") return undefined
  for (const reason of exit.cause.reasons) {
    const wait = Cause.isFailReason(reason) ? retryAfter(reason.error) : undefined
    if (wait !== undefined) return wait
  }
  return undefined
}
