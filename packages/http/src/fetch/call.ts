/** One call: its guards, its attempts, the response that the caller is given, and its body until that has ended. */
import * as Deadline from "@switchgear/core/Deadline"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as ChatError from "../ChatError.ts"
import * as StreamCall from "../chatModel/streamCall.ts"
import type * as ChatStream from "../ChatStream.ts"
import type { Asked } from "./asked.ts"
import { type Attempting, opening } from "./attempt.ts"
import { Body, streamOf } from "./body.ts"
import type { Exchange } from "./exchange.ts"
import { type Answered, Failure } from "./failure.ts"
import { guardedResponse } from "./guardedResponse.ts"
import type { Fetch } from "./options.ts"
import type { Piece } from "./reading.ts"
import { errorOf, notAgain, responseOf } from "./refusal.ts"
import type { Settings } from "./settings.ts"
import type { Rejection, Target } from "./target.ts"

/** What all calls of a guarded fetch share. */
export interface Shared {
  readonly settings: Settings
  readonly fetch: Fetch
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
}

export class Call implements Attempting {
  readonly asked: Asked
  readonly fetch: Fetch
  readonly settings: Settings
  attempts = 0
  response: Response | undefined
  isRead = false
  taken: Exchange | undefined
  private readonly guards: Target
  private readonly body = new Body<Uint8Array>(({ length }) => length)
  private fiber: Fiber.Fiber<void> | undefined
  private hasLeft = false
  private resolve: ((response: Response) => void) | undefined
  private reject: ((error: unknown) => void) | undefined

  constructor(asked: Asked, target: Target, { fetch, settings }: Shared) {
    this.asked = asked
    this.guards = target
    this.fetch = fetch
    this.settings = settings
  }

  get target(): string {
    return this.guards.name
  }

  heard(headers: ChatStream.Head["headers"]): Effect.Effect<void> {
    return this.guards.heard(headers)
  }

  /** Begins the call. `onEnd` is called when all of it has ended. */
  run({ fork }: Shared, onEnd: () => void): Promise<Response> {
    const { signal } = this.asked
    const answer = new Promise<Response>((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.guards.inFlight++
    const aborted = () => void this.leave(signal!.reason)
    signal?.addEventListener("abort", aborted)
    this.fiber = fork(this.effect)
    this.fiber.addObserver((exit) => {
      signal?.removeEventListener("abort", aborted)
      this.guards.inFlight--
      this.taken?.abort()
      // Nothing but a fault of this library is left to be told.
      if (Exit.isFailure(exit)) this.rejects(Cause.squash(exit.cause))
      onEnd()
    })
    if (this.hasLeft) this.fiber.interruptUnsafe()
    return answer
  }

  /** Ends the call for a reason: that of the caller, who wants no more of it. */
  readonly leave = async (reason: unknown): Promise<void> => {
    this.hasLeft = true
    this.rejects(reason)
    this.body.abort(reason)
    const { fiber } = this
    if (fiber === undefined || fiber.pollUnsafe() !== undefined) return
    const ended = new Promise<void>((resolve) => fiber.addObserver(() => resolve()))
    fiber.interruptUnsafe()
    return ended
  }

  /** Only the first answer is one. It is not kept: a body that nobody can read any more must be seen to be that. */
  private resolves(response: Response): void {
    this.resolve?.(response)
    this.resolve = this.reject = undefined
  }

  private rejects(error: unknown): void {
    this.reject?.(error)
    this.resolve = this.reject = undefined
  }

  private get effect(): Effect.Effect<void> {
    const { guards, settings } = this
    const opened = StreamCall.open<Piece, Failure, Failure | Rejection>({
      source: opening(this),
      hasContent: ({ isContent }) => isContent,
      writtenOf: () => undefined,
      readerTimeout: settings.readerTimeout,
      expired: () => new Failure(this.timedOut()),
      guard: this.asked.isStream ? guards.streamed : guards.whole,
      attempt: (silent) => guards.attempt(Effect.tapError(silent, ({ error }) => guards.refused(error)))
    })
    return Effect.scoped(Effect.flatMap(
      Effect.exit(Deadline.within(settings.deadline)(opened)),
      (exit) => Exit.isSuccess(exit) ? this.given(exit.value) : this.failed(exit.cause)
    ))
  }

  private timedOut(): ChatError.TimedOut {
    return new ChatError.TimedOut({
      provider: this.target,
      model: this.asked.model ?? "a request",
      phase: "reader",
      limit: this.settings.readerTimeout
    })
  }

  /** The response is the caller's. Its body is passed on until it ends. */
  private given(stream: Stream.Stream<Piece, Failure>): Effect.Effect<void> {
    const { body } = this
    const response = this.response!
    this.resolves(this.isRead ? this.guarded(response) : response)
    const passed = Stream.runForEachArray(stream, (pieces) =>
      Effect.forEach(pieces, ({ bytes }) => bytes === undefined ? Effect.void : body.offer(bytes), { discard: true }))
    return Effect.matchCauseEffect(passed, {
      onSuccess: () => this.rest,
      onFailure: (cause) => {
        const failure = failureOf(cause)
        if (failure instanceof Failure && failure.goesOn) return this.rest
        return Effect.sync(() => body.fail(this.errorOf(cause)))
      }
    })
  }

  private guarded(response: Response): Response {
    return guardedResponse(streamOf(this.body, this.leave), response, this.headersOf(response))
  }

  /** Who was refused after several attempts is not to make each of them several times. */
  private headersOf({ headers, status }: Response): Headers {
    if (this.attempts < 2 || status < 400) return headers
    const more = new Headers(headers)
    for (const [name, value] of Object.entries(notAgain)) more.set(name, value)
    return more
  }

  /** What comes after the end of the answer, or after an error in it, is the caller's as well. */
  private get rest(): Effect.Effect<void> {
    return Effect.suspend(() => this.taken === undefined ? Effect.sync(() => this.body.close()) : this.passOn(this.taken))
  }

  private passOn(exchange: Exchange): Effect.Effect<void> {
    const read = Effect.tryPromise({ try: () => exchange.read(), catch: (error) => ({ error }) })
    const next: Effect.Effect<void> = Effect.flatMap(
      Effect.result(Effect.timeoutOption(read, longestSilence)),
      (result) => {
        exchange.taken()
        if (Result.isFailure(result)) return Effect.sync(() => this.body.fail(result.failure.error))
        const read = Option.getOrUndefined(result.success)
        return read === undefined || read.done
          ? Effect.sync(() => this.body.close())
          : Effect.andThen(this.body.offer(read.value!), next)
      }
    )
    return next
  }

  private failed(cause: Cause.Cause<Failure | Rejection>): Effect.Effect<void> {
    const failure = failureOf(cause)
    if (failure instanceof Failure && failure.answered !== undefined) return this.answered(failure.answered)
    return Effect.sync(() => {
      if (failure === undefined) this.rejects(Cause.squash(cause))
      else if (failure instanceof Failure && failure.thrown !== undefined) this.rejects(failure.thrown.error)
      else {
        const told = failure instanceof Failure ? failure.error : failure
        if (this.settings.onRefused === "throw") this.rejects(errorOf(told))
        else this.resolves(responseOf(told, this.asked.route?.words ?? "openai"))
      }
    })
  }

  /** A bad response is the caller's, if there is no better one. */
  private answered({ end, exchange, pieces, response }: Answered): Effect.Effect<void> {
    const { body } = this
    this.resolves(exchange.isOpen ? this.guarded(response) : response)
    return Effect.suspend(() => {
      for (const piece of pieces) body.push(piece)
      if (end === undefined) return this.passOn(exchange)
      if (end === "ended") body.close()
      else body.fail(end.error)
      return Effect.void
    })
  }

  /** The error that the reader of the body is told. */
  private errorOf(cause: Cause.Cause<Failure>): unknown {
    const failure = failureOf(cause)
    if (failure === undefined) return Cause.squash(cause)
    return failure.thrown === undefined ? errorOf(failure.error) : failure.thrown.error
  }
}

/** What is behind the end of an answer comes at once or not at all. */
const longestSilence = "5 seconds"

const failureOf = <E>(cause: Cause.Cause<E>): E | undefined => cause.reasons.find(Cause.isFailReason)?.error
