/** A call of any function behind the guards of its target. Each attempt has a signal, which is aborted when it ends. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as ChatError from "../ChatError.ts"
import * as StreamTimeouts from "../chatClient/streamTimeouts.ts"
import * as TransportFailure from "../chatClient/transportFailure.ts"
import type * as Source from "../chatStream/source.ts"
import { Failure } from "./failure.ts"
import { brokenBy, GuardedCall, type Piece, type Where } from "./guardedCall.ts"
import { readSafely } from "./lost.ts"
import { errorOf, type Told } from "./refusal.ts"
import type { Settings } from "./settings.ts"
import type { Target } from "./target.ts"
import { begun, waiting } from "./waiting.ts"

/** What is called, and what its errors mean. */
export interface Work<A> {
  readonly call: (signal: AbortSignal) => PromiseLike<A>
  /** Whether an error is one of the target, and not of the caller. */
  readonly isFailure: (error: unknown) => boolean
  /** Whether the same call may be made again after it. */
  readonly isRetryable: (error: unknown) => boolean
}

export class FunctionCall<A> extends GuardedCall<A, Piece, unknown> {
  protected readonly isStream = false
  protected readonly isModel = false
  private readonly work: Work<A>
  private answer: { readonly value: A } | undefined

  constructor(target: Target, settings: Settings, work: Work<A>, signal: AbortSignal | undefined) {
    super(target, settings, { model: target.name, signal, sizeOf: () => 0 })
    this.work = work
  }

  protected get source(): Source.Opening<Piece, Failure> {
    const { where, work } = this
    return Effect.gen({ self: this }, function*() {
      const stop = new AbortController()
      yield* Scope.addFinalizer(yield* Effect.scope, Effect.sync(() => stop.abort()))
      const timeouts = yield* StreamTimeouts.make(
        { firstContent: Duration.infinity, idle: Duration.infinity, total: Duration.infinity },
        (phase, limit) => new ChatError.TimedOut({ ...where, phase, limit })
      )
      const now = yield* Clock.currentTimeMillis
      const lost = (error: unknown) => lostBy(error, work, where, now)
      const value = yield* waiting(timeouts, () => begun(() => work.call(stop.signal)), lost)
      this.answer = { value }
      return { pull: Cause.done(), tell: undefined }
    })
  }

  protected partOf(): undefined {
    return undefined
  }

  protected given(): void {
    this.resolves(this.answer!.value)
  }

  protected readonly rest = Effect.void

  protected broke(failure: Failure): void {
    this.rejects(brokenBy(failure))
  }

  protected failedWith({ thrown }: Failure): Effect.Effect<void> | undefined {
    return thrown && Effect.sync(() => this.rejects(thrown.error))
  }

  protected refused(told: Told): void {
    this.rejects(errorOf(told))
  }

  protected over(): void {}
}

/** What the functions of the options throw is the caller's, counts for nothing and is not tried again. */
const lostBy = (error: unknown, work: Work<unknown>, where: Where, now: number): Failure => {
  try {
    const told = work.isFailure(error)
      ? readSafely(where, () => meaningOf(error, where, now))
      : new ChatError.InvalidRequest(where)
    return new Failure(told, { isRepeatable: work.isRetryable(error), thrown: { error } })
  } catch (error) {
    return new Failure(new ChatError.InvalidRequest(where), { thrown: { error } })
  }
}

/** An error with a status is an answer: a 429 with its wait pauses the target. Any other is a lost connection. */
const meaningOf = (error: unknown, where: Where, now: number): ChatError.ChatError => {
  const fields: Readonly<Record<string, unknown>> = Predicate.isReadonlyObject(error) ? error : {}
  const status = fields["status"] ?? fields["statusCode"]
  if (typeof status !== "number" || !(status >= 400 && status <= 599)) {
    return TransportFailure.beforeResponse({ ...where, host: where.provider }, error)
  }
  const headers = fields["headers"] ?? fields["responseHeaders"]
  return ChatError.fromResponse({
    ...where,
    status,
    headers: headers instanceof Headers
      ? Object.fromEntries(headers)
      : (Predicate.isReadonlyObject(headers) ? headers : {}) as Record<string, string | undefined>,
    body: JSON.stringify({ error: { message: String(fields["message"]) } }),
    now
  })
}
