/** A call of a language model of the AI SDK behind the guards. It knows no package: a model is known by its shape. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Pull from "effect/Pull"
import * as ChatError from "../ChatError.ts"
import * as StreamTimeouts from "../chatClient/streamTimeouts.ts"
import * as TransportFailure from "../chatClient/transportFailure.ts"
import type * as Source from "../chatStream/source.ts"
import { Failure } from "./failure.ts"
import { brokenBy, GuardedCall, type Piece, type Where } from "./guardedCall.ts"
import type { Streamed } from "./model.ts"
import { errorOf, type Told } from "./refusal.ts"
import type { Settings } from "./settings.ts"
import type { Target } from "./target.ts"
import { waiting } from "./waiting.ts"

/** A part of a stream. */
export interface PartPiece extends Piece {
  readonly part: unknown
}

export interface Doing<A> {
  readonly how: "generate" | "stream"
  readonly work: () => PromiseLike<A>
  /** Ends the work. */
  readonly stop: AbortController
}

export class ModelCall<A> extends GuardedCall<A, PartPiece, unknown> {
  private readonly doing: Doing<A>
  private answer: A | undefined

  constructor(target: Target, settings: Settings, doing: Doing<A>, model: string, signal: AbortSignal | undefined) {
    super(target, settings, { model, signal, sizeOf: () => sizeOfPart })
    this.doing = doing
  }

  protected get isStream() {
    return this.doing.how === "stream"
  }

  protected get isModel() {
    return true
  }

  protected get source(): Source.Opening<PartPiece, Failure> {
    const { settings, where } = this
    const silent = { firstContent: Duration.infinity, idle: Duration.infinity, total: Duration.infinity }
    const limits = this.isStream
      ? { ...silent, firstContent: settings.firstContentTimeout, idle: settings.idleTimeout }
      : silent
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Effect.scope
      const timeouts = yield* StreamTimeouts.make(
        limits,
        (phase, limit) => new ChatError.TimedOut({ ...where, phase, limit })
      )
      const now = yield* Clock.currentTimeMillis
      const lost = (error: unknown) =>
        new Failure(meaningOf(error, where, now), { isRepeatable: true, thrown: { error } })
      const answer = yield* waiting(timeouts, () => Promise.resolve().then(this.doing.work), lost)
      this.answer = answer
      if (!this.isStream) return { pull: Cause.done(), tell: undefined }
      const reader = (answer as unknown as Streamed).stream.getReader()
      yield* Scope.addFinalizer(scope, Effect.sync(() => void reader.cancel().then(noop, noop)))
      return { pull: new Parts(reader, timeouts, where, lost).pull, tell: undefined }
    })
  }

  protected partOf({ part }: PartPiece): unknown {
    return part
  }

  protected given(): void {
    const answer = this.answer!
    if (!this.isStream) return this.resolves(answer)
    const { body, leave } = this
    const stream = new ReadableStream({
      pull: async (controller) => {
        const part = await body.next()
        if (part === undefined) controller.close()
        else controller.enqueue(part)
      },
      cancel: leave
    }, { highWaterMark: 0 })
    this.resolves({ ...answer, stream })
  }

  protected get rest(): Effect.Effect<void> {
    return Effect.sync(() => this.body.close())
  }

  protected broke(failure: Failure): void {
    this.body.push({ type: "error", error: brokenBy(failure) })
    this.body.close()
  }

  protected failedWith({ thrown }: Failure): Effect.Effect<void> | undefined {
    return thrown && Effect.sync(() => this.rejects(notRetried(thrown.error)))
  }

  protected refused(told: Told): void {
    this.rejects(errorOf(told))
  }

  protected over(): void {
    this.doing.stop.abort()
  }
}

type Pieces = Pull.Pull<NonEmptyReadonlyArray<PartPiece>, Failure>

/** The parts of a stream, which ends well with `finish`. */
class Parts {
  private last: Pieces | undefined
  private hasContent = false
  private readonly reader: ReadableStreamDefaultReader<unknown>
  private readonly timeouts: StreamTimeouts.StreamTimeouts
  private readonly where: Where
  private readonly lost: (error: unknown) => Failure

  constructor(
    reader: ReadableStreamDefaultReader<unknown>,
    timeouts: StreamTimeouts.StreamTimeouts,
    where: Where,
    lost: (error: unknown) => Failure
  ) {
    this.reader = reader
    this.timeouts = timeouts
    this.where = where
    this.lost = lost
  }

  readonly pull: Pieces = Effect.withFiber((fiber) => {
    if (this.last !== undefined) return this.last
    this.timeouts.heldBy(fiber)
    return Effect.flatMap(waiting(this.timeouts, () => this.reader.read(), this.lost), ({ done, value }) => {
      if (done || isUnfinished(value)) return Effect.fail(new Failure(new ChatError.Truncated(this.where)))
      const type = Predicate.isReadonlyObject(value) ? value["type"] : undefined
      if (type === "error") {
        const failure = this.lost((value as { readonly error?: unknown }).error)
        if (!this.hasContent) return Effect.fail(failure)
        this.last = Effect.fail(new Failure(failure.error, { goesOn: true }))
      } else if (type === "finish") {
        this.last = Cause.done()
      } else if (content.has(type)) {
        this.hasContent = true
        this.timeouts.contentReceived()
      }
      return Effect.succeed([{ part: value, isContent: type === "finish" || content.has(type) }])
    })
  })
}

/** Some providers of the AI SDK end any stream with `finish`. Where the model has given no reason, it was cut. */
const isUnfinished = (part: unknown): boolean => {
  if (!Predicate.isReadonlyObject(part) || part["type"] !== "finish") return false
  const { finishReason: reason } = part
  if (!Predicate.isReadonlyObject(reason) || reason["raw"] !== undefined) return false
  return reason["unified"] === "interrupted" || reason["unified"] === "other"
}

/** Parts that say something. A beginning, a source of metadata and a warning do not. */
const content: ReadonlySet<unknown> = new Set([
  "text-delta",
  "reasoning-delta",
  "tool-input-start",
  "tool-input-delta",
  "tool-call",
  "tool-result",
  "file",
  "source"
])

/** As if each part were a kilobyte. */
const sizeOfPart = 1024

/** What an error of a model means: that of a response, of a connection, or of the request. */
export const meaningOf = (error: unknown, where: Where, now: number): ChatError.ChatError => {
  const fields: Readonly<Record<string, unknown>> = Predicate.isReadonlyObject(error) ? error : {}
  const { isRetryable, message, name, responseBody: body, responseHeaders: headers, statusCode: status } = fields
  if (typeof status === "number") {
    const said = {
      ...where,
      status,
      headers: (Predicate.isReadonlyObject(headers) ? headers : {}) as Record<string, string | undefined>,
      body: typeof body === "string" ? body : JSON.stringify({ error: { message: String(message) } }),
      now
    }
    return status >= 400
      ? ChatError.fromResponse(said)
      : new ChatError.MalformedReply({ ...where, status, found: "something else" })
  }
  const isOwn = typeof name === "string" && name.startsWith("AI_")
  if (isOwn && isRetryable !== true && !malformed.has(name)) return new ChatError.InvalidRequest(where)
  if (isOwn && malformed.has(name)) return new ChatError.MalformedReply({ ...where, found: "something else" })
  return TransportFailure.beforeResponse({ ...where, host: where.provider }, error)
}

const malformed: ReadonlySet<unknown> = new Set([
  "AI_EmptyResponseBodyError",
  "AI_InvalidResponseDataError",
  "AI_JSONParseError",
  "AI_NoContentGeneratedError",
  "AI_TypeValidationError"
])

/** The same error, which the AI SDK does not try again after the guards have. */
const notRetried = (error: unknown): unknown =>
  error instanceof Error && "isRetryable" in error
    ? Object.create(error, { isRetryable: { value: false, enumerable: true } })
    : error

const noop = () => {}
