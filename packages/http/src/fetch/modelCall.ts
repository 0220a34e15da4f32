/** A call of a language model of the AI SDK behind the guards. It knows no package: a model is known by its shape. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as ChatError from "../ChatError.ts"
import * as StreamTimeouts from "../chatClient/streamTimeouts.ts"
import type * as Source from "../chatStream/source.ts"
import { Failure } from "./failure.ts"
import { brokenBy, GuardedCall } from "./guardedCall.ts"
import { meaningOf } from "./modelMeaning.ts"
import { type PartPiece, Parts, unsaid } from "./modelParts.ts"
import { errorOf, type Told } from "./refusal.ts"
import type { Settings } from "./settings.ts"
import type { Target } from "./target.ts"
import { begun, waiting } from "./waiting.ts"

export interface Doing<A> {
  readonly how: "generate" | "stream"
  /** The work of an attempt, and the signal that is aborted when that ends. */
  readonly work: (signal: AbortSignal) => PromiseLike<A>
  /** Ends the work of all attempts, where they share a signal. */
  readonly stop?: AbortController
  /** The time until the answer. @default the deadline of the settings */
  readonly time?: number
  /** What an answer is that was filtered, or failed, before it said anything: the caller's, or another model's turn. */
  readonly unsaid: "answer" | "failure"
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

  protected override get deadline(): Duration.Duration {
    const { time } = this.doing
    return time === undefined ? super.deadline : Duration.millis(time)
  }

  protected get source(): Source.Opening<PartPiece, Failure> {
    const { settings, where } = this
    const silent = { firstContent: Duration.infinity, idle: Duration.infinity, total: Duration.infinity }
    const limits = this.isStream
      ? { ...silent, firstContent: settings.firstContentTimeout, idle: settings.idleTimeout }
      : silent
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Effect.scope
      const stop = new AbortController()
      yield* Scope.addFinalizer(scope, Effect.sync(() => stop.abort()))
      const timeouts = yield* StreamTimeouts.make(
        limits,
        (phase, limit) => new ChatError.TimedOut({ ...where, phase, limit })
      )
      const now = yield* Clock.currentTimeMillis
      const lost = (error: unknown) =>
        new Failure(meaningOf(error, where, now), { isRepeatable: true, thrown: { error } })
      const answer = yield* waiting(timeouts, () => begun(() => this.doing.work(stop.signal)), lost)
      this.answer = answer
      if (!this.isStream) {
        const wrong = this.wrongWith(answer)
        if (wrong !== undefined) return yield* Effect.fail(new Failure(wrong))
        return { pull: Cause.done(), tell: undefined }
      }
      const stream = isObject(answer) ? answer["stream"] : undefined
      if (!isReadable(stream)) return yield* Effect.fail(new Failure(this.noAnswer()))
      const reader = stream.getReader()
      yield* Scope.addFinalizer(scope, Effect.sync(() => void reader.cancel().then(noop, noop)))
      return { pull: new Parts(reader, timeouts, where, lost, this.doing.unsaid).pull, tell: undefined }
    })
  }

  private wrongWith(answer: A): ChatError.ChatError | undefined {
    if (!isObject(answer)) return this.noAnswer()
    if (this.doing.unsaid === "answer") return undefined
    const { content, finishReason } = answer
    if (!Array.isArray(content)) return this.noAnswer()
    return content.length > 0 ? undefined : unsaid(finishReason, this.where)
  }

  private noAnswer(): ChatError.ChatError {
    return new ChatError.MalformedReply({ ...this.where, found: "something else" })
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
    return thrown && Effect.sync(() => this.rejects(thrown.error))
  }

  protected refused(told: Told): void {
    this.rejects(errorOf(told))
  }

  protected over(): void {
    this.doing.stop?.abort()
  }
}

/** As if each part were a kilobyte. */
const sizeOfPart = 1024

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

/** Whoever has a reader of it already reads it instead. */
const isReadable = (stream: unknown): stream is ReadableStream<unknown> =>
  isObject(stream) && typeof stream["getReader"] === "function" && stream["locked"] !== true

const noop = () => {}
