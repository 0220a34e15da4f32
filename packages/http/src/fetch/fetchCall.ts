/** A call of a guarded fetch: the response that the caller is given, and its body. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as ChatError from "../ChatError.ts"
import type * as ChatStream from "../ChatStream.ts"
import type { Asked } from "./asked.ts"
import { opening } from "./attempt.ts"
import type { Attempting } from "./attempting.ts"
import { streamOf } from "./body.ts"
import type { Exchange } from "./exchange.ts"
import type { Answered, Failure } from "./failure.ts"
import { brokenBy, GuardedCall } from "./guardedCall.ts"
import { guardedResponse } from "./guardedResponse.ts"
import type { Fetch } from "./options.ts"
import type { BytesPiece } from "./reading.ts"
import { errorOf, notAgain, responseOf, type Told } from "./refusal.ts"
import type { Settings } from "./settings.ts"
import type { Target } from "./target.ts"

export class FetchCall extends GuardedCall<Response, BytesPiece, Uint8Array> implements Attempting {
  readonly asked: Attempting["asked"]
  request: Attempting["request"]
  readonly fetch: Fetch
  attempts = 0
  response: Response | undefined
  isRead = false
  taken: Exchange | undefined

  constructor({ isFaulty, measure, send, ...asked }: Asked, target: Target, settings: Settings, fetch: Fetch) {
    super(target, settings, { model: asked.model ?? "a request", signal: asked.signal, sizeOf: ({ length }) => length })
    this.asked = asked
    this.request = { isFaulty, measure, send }
    this.fetch = fetch
  }

  heard(headers: ChatStream.Head["headers"]): Effect.Effect<void> {
    return this.guards.heard(headers)
  }

  protected get source() {
    return opening(this)
  }

  protected get isStream() {
    return this.asked.isStream
  }

  protected get isModel() {
    return this.asked.route !== undefined
  }

  /** A client that gives up before the deadline would not hear of it, and neither would the circuit. */
  protected override get deadline(): Duration.Duration {
    const { asked: { patience }, settings: { deadline } } = this
    return patience === undefined
      ? deadline
      : Duration.min(deadline, Duration.millis(Math.max(patience / 2, patience - beforeClient)))
  }

  protected partOf({ bytes }: BytesPiece): Uint8Array | undefined {
    return bytes
  }

  protected given(): void {
    this.request = undefined
    const response = this.response!
    this.resolves(this.isRead ? this.guarded(response) : response)
  }

  protected get rest(): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.taken === undefined
        ? Effect.sync(() => this.body.close())
        : this.passOn(this.taken, longestSilence, () => this.body.close())
    )
  }

  protected broke(failure: Failure): void {
    this.body.fail(brokenBy(failure))
  }

  protected failedWith({ answered, thrown }: Failure): Effect.Effect<void> | undefined {
    if (answered !== undefined) return this.answered(answered)
    return thrown && Effect.sync(() => this.rejects(thrown.error))
  }

  protected refused(told: Told): void {
    if (this.settings.onRefused === "throw") this.rejects(errorOf(told))
    else this.resolves(responseOf(told, this.asked.route?.words ?? "openai"))
  }

  protected over(): void {
    this.taken?.abort()
  }

  /** A bad response is the caller's, if there is no better one. */
  private answered({ end, exchange, pieces, response }: Answered): Effect.Effect<void> {
    const { body, settings: { idleTimeout } } = this
    this.resolves(exchange.isOpen ? this.guarded(response) : response)
    return Effect.suspend(() => {
      for (const piece of pieces) body.push(piece)
      if (end === undefined) return this.passOn(exchange, idleTimeout, () => body.fail(errorOf(this.fellSilent())))
      if (end === "ended") body.close()
      else body.fail(end.error)
      return Effect.void
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

  /** What comes after the end of an answer, after an error in it, and of a failed response is the caller's as well. */
  private passOn(exchange: Exchange, silence: Duration.Input, fellSilent: () => void): Effect.Effect<void> {
    const { body, settings: { readerTimeout } } = this
    const read = Effect.tryPromise({ try: () => exchange.read(), catch: (error) => ({ error }) })
    const next: Effect.Effect<void> = Effect.flatMap(Effect.result(Effect.timeoutOption(read, silence)), (result) => {
      if (Result.isFailure(result)) return Effect.sync(() => body.fail(result.failure.error))
      if (Option.isNone(result.success)) return Effect.sync(fellSilent)
      exchange.taken()
      const { done, value } = result.success.value
      if (done) return Effect.sync(() => body.close())
      return Effect.flatMap(
        Effect.timeoutOption(body.offer(value!), readerTimeout),
        (room) => Option.isSome(room) ? next : Effect.sync(() => body.fail(errorOf(this.readerTimedOut())))
      )
    })
    return next
  }

  private fellSilent(): ChatError.TimedOut {
    return new ChatError.TimedOut({ ...this.where, phase: "idle", limit: this.settings.idleTimeout })
  }
}

/** By how many milliseconds the time of a call ends before that of its client, if it has at least twice as many. */
const beforeClient = 100

/** What is behind the end of an answer comes at once or not at all. */
const longestSilence = "5 seconds"
