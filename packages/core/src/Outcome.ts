/**
 * What a call says about the health of its target: success, failure, or nothing. The circuit breaker reads it.
 *
 * A `classify` function judges a call by its `Exit`. The default is {@link fromExit}: a success is a success; a typed
 * failure or a defect is a failure; a pure interruption says nothing about the target and is ignored. {@link onError}
 * makes a `classify` from a function of the typed error.
 *
 * A call that was never made is not judged: a guard knows when another guard directly inside has refused the call. A
 * rejection that comes out of work that had begun is a success: an agent that called its provider, and was then refused by
 * the circuit of a tool, has had an answer of the provider.
 *
 * Errors speak through optional fields: `isRetryable: boolean` and `retryAfter: Duration`, which the platform's `AiError`
 * uses too, `blame`, which says who has to act, and `isOverload: boolean`, which says whether the target had too much to do.
 * The errors of this library have those that apply, answer an HTTP request with
 * `toResponse`, and are `HttpServerRespondable`: an Effect server in whose handler they are left answers with that response.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import { fieldOf } from "./internal/data/fieldOf.ts"
import { holds } from "./internal/data/holds.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import type { ErrorResponse } from "./internal/runtime/errorResponse.ts"

/**
 * The judgement of one call.
 *
 * - `Success` and `Failure` are counted. The `retryAfter` of a failure is the wait that the target asked for; without it,
 *   the `retryAfter` of the error counts.
 * - `Ignored` is not counted; in HalfOpen another probe takes its place.
 * - `TripFor` is a failure that also opens the circuit now, for the given duration: a spent quota, a long `Retry-After`.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome =
  | { readonly _tag: "Success" }
  | { readonly _tag: "Failure"; readonly retryAfter?: Duration.Duration | undefined }
  | { readonly _tag: "Ignored" }
  | { readonly _tag: "TripFor"; readonly duration: Duration.Duration }

/**
 * The target answered.
 *
 * @since 0.1.0
 * @category constructors
 */
export const success: Outcome = { _tag: "Success" }

/**
 * The target failed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const failure: Outcome = { _tag: "Failure" }

/**
 * The target failed and said when to try again.
 *
 * @since 0.1.0
 * @category constructors
 */
export const failureAfter = (retryAfter: Duration.Input): Outcome => ({
  _tag: "Failure",
  retryAfter: Duration.fromInputUnsafe(retryAfter)
})

/**
 * The call says nothing about the target.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ignored: Outcome = { _tag: "Ignored" }

/**
 * The target failed and must not be called for this long. Throws a `RangeError` on a duration that is not above zero.
 *
 * ```ts
 * import { Outcome } from "@switchgear/core"
 *
 * Outcome.tripFor("5 minutes")._tag // => "TripFor"
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const tripFor = (duration: Duration.Input): Outcome => ({
  _tag: "TripFor",
  duration: Duration.millis(new OptionsOf("Outcome.tripFor").limit("duration", duration))
})

/**
 * A function that judges a call by its exit.
 *
 * @since 0.1.0
 * @category models
 */
export type Classify<A = unknown, E = unknown> = (exit: Exit.Exit<A, E>) => Outcome

/**
 * Marks an error as a rejection: a guard refused the call and the work was not started. Every rejection of this library
 * has it. Give it to the errors of your own guards.
 *
 * @since 0.1.0
 * @category errors
 */
export const RejectionTypeId = "~switchgear/Rejection"

/**
 * Who has to act about an error: the caller who sent the request, the owner of the account at the provider, the provider,
 * the operator of the network in between, or the operator of this application.
 *
 * @since 0.1.0
 * @category models
 */
export type Blame = "caller" | "account" | "provider" | "network" | "application"

export type { ErrorResponse }

/**
 * Whether the error is a rejection: a guard refused the work, which never started.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isRejection = (error: unknown): boolean => {
  try {
    return Predicate.hasProperty(error, RejectionTypeId) && error[RejectionTypeId] !== false
  } catch {
    return false
  }
}

/**
 * The `retryAfter` of an error, if it is a finite duration above zero.
 *
 * @since 0.1.0
 * @category conversions
 */
export const retryAfter = (error: unknown): Duration.Duration | undefined => {
  const wait = fieldOf(error, "retryAfter")
  return Duration.isDuration(wait) && Duration.isPositive(wait) && Duration.isFinite(wait) ? wait : undefined
}

/**
 * Who has to act about an error, where it says so in `blame`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const blame = (error: unknown): Blame | undefined => {
  const told = fieldOf(error, "blame") as Blame
  return blames.has(told) ? told : undefined
}

const blames: ReadonlySet<Blame> = new Set<Blame>(["caller", "account", "provider", "network", "application"])

/**
 * Whether the error allows another try on the same target. An error without `isRetryable` does.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isRetryable = (error: unknown): boolean => fieldOf(error, "isRetryable") !== false

/**
 * Whether the error says that the target had too much to do, or did not answer in time: a concurrency limit takes it for a
 * drop. An error says so itself by `isOverload`. Otherwise it is one with the `status` 503 or 529, of its own or of its
 * `response`, an `AiError` of such a response, and Effect's `TimeoutError`. A rejection is none, and a rate limit (429) is none: it says what an account
 * may do, not what the target can.
 *
 * ```ts
 * import { Outcome } from "@switchgear/core"
 *
 * Outcome.isOverload({ status: 529 }) // => true
 * Outcome.isOverload({ status: 429 }) // => false
 * Outcome.isOverload({ status: 503, isOverload: false }) // => false
 * ```
 *
 * @since 0.1.0
 * @category predicates
 */
export const isOverload = (error: unknown): boolean => {
  if (isRejection(error)) return false
  const told = fieldOf(error, "isOverload")
  if (typeof told === "boolean") return told
  const response = fieldOf(error, "response") ?? fieldOf(fieldOf(fieldOf(error, "reason"), "http"), "response")
  const status = fieldOf(error, "status") ?? fieldOf(response, "status")
  return status === 503 || status === 529 || holds(error, Cause.isTimeoutError)
}

/**
 * The default `classify`.
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
 *
 * @since 0.1.0
 * @category conversions
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

/**
 * Whether an exit consists of rejections only.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isRejected = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" && exit.cause.reasons.length > 0 &&
  exit.cause.reasons.every((reason) => Cause.isFailReason(reason) && isRejection(reason.error))

/**
 * The first `retryAfter` of the errors of an exit.
 *
 * @since 0.1.0
 * @category conversions
 */
export const retryAfterOf = (exit: Exit.Exit<unknown, unknown>): Duration.Duration | undefined => {
  if (exit._tag === "Success") return undefined
  for (const reason of exit.cause.reasons) {
    const wait = Cause.isFailReason(reason) ? retryAfter(reason.error) : undefined
    if (wait !== undefined) return wait
  }
  return undefined
}
