/**
 * One call behind the guards of its target: from its first attempt to the end of what it answers. Its answer is given with
 * its first content, and the parts of it pass on until its end.
 */
import * as Deadline from "@switchgear/core/Deadline"
import { monotonicMillis } from "@switchgear/core/runtime"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as ChatError from "../ChatError.ts"
import * as StreamCall from "../chatModel/streamCall.ts"
import type * as Source from "../chatStream/source.ts"
import { Body } from "./body.ts"
import { Failure } from "./failure.ts"
import { errorOf, type Told } from "./refusal.ts"
import type { Watched } from "./running.ts"
import type { Settings } from "./settings.ts"
import type { Rejection, Target } from "./target.ts"

/** What comes of an attempt. */
export interface Piece {
  /** From the first piece with content on the answer is the caller's. */
  readonly isContent: boolean
}

/** Where it asks, as errors name it. */
export interface Where {
  readonly provider: string
  readonly model: string
}

type Fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>

export abstract class GuardedCall<Answer, P extends Piece, Part> implements Watched {
  readonly settings: Settings
  readonly where: Where
  protected readonly guards: Target
  protected readonly body: Body<Part>
  private readonly signal: AbortSignal | undefined
  private fiber: Fiber.Fiber<void> | undefined
  private hasLeft = false
  private resolve: ((answer: Answer) => void) | undefined
  private reject: ((error: unknown) => void) | undefined

  constructor(
    target: Target,
    settings: Settings,
    of: { readonly model: string; readonly signal: AbortSignal | undefined; readonly sizeOf: (part: Part) => number }
  ) {
    this.guards = target
    this.settings = settings
    this.where = { provider: target.name, model: of.model }
    this.signal = of.signal
    this.body = new Body(of.sizeOf)
  }

  /** Opens an attempt. */
  protected abstract readonly source: Source.Opening<P, Failure>
  protected abstract readonly isStream: boolean
  /** Whether it is a question to a model, whose work may be billed. */
  protected abstract readonly isModel: boolean
  protected get deadline(): Duration.Duration {
    return this.settings.deadline
  }
  /** Gives the answer, whose parts follow. */
  protected abstract given(): void
  protected abstract partOf(piece: P): Part | undefined
  /** The answer ended well, or goes on although it has failed: what is left is passed on. */
  protected abstract readonly rest: Effect.Effect<void>
  /** The answer breaks off. */
  protected abstract broke(failure: Failure): void
  /** No attempt has an answer. Gives what is left to be done. */
  protected abstract failedWith(failure: Failure): Effect.Effect<void> | undefined
  protected abstract refused(told: Told): void
  /** All has ended. */
  protected abstract over(): void

  get progress(): number {
    return this.body.moves + (this.resolve === undefined ? 1 : 0)
  }

  get patience(): number {
    const { deadline, settings: { idleTimeout, readerTimeout, silence } } = this
    const limits = this.resolve === undefined ? [idleTimeout, readerTimeout, silence] : [deadline]
    return Math.max(...limits.map(Duration.toMillis))
  }

  /** Begins the call. `onEnd` is called when all of it has ended. */
  run(fork: Fork, onEnd: () => void): Promise<Answer> {
    const { signal } = this
    const answer = new Promise<Answer>((resolve, reject) => {
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
      this.over()
      // Nothing but a fault of this library is left to be told.
      if (Exit.isFailure(exit)) this.rejects(Cause.squash(exit.cause))
      onEnd()
    })
    if (this.hasLeft) this.fiber.interruptUnsafe()
    return answer
  }

  /** Ends the call for a reason of the caller, who wants no more of it. It is there when the call has ended. */
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

  /** Only the first is an answer. It is not kept: one that nobody can read any more must be seen to be that. */
  protected resolves(answer: Answer): void {
    this.resolve?.(answer)
    this.resolve = this.reject = undefined
  }

  protected rejects(error: unknown): void {
    this.reject?.(error)
    this.resolve = this.reject = undefined
  }

  private get effect(): Effect.Effect<void> {
    const { guards, settings } = this
    const opened = StreamCall.open<P, Failure, Failure | Rejection>({
      source: this.source,
      hasContent: ({ isContent }) => isContent,
      writtenOf: () => undefined,
      readerTimeout: settings.readerTimeout,
      expired: () => new Failure(this.readerTimedOut()),
      guard: this.isStream ? guards.streamed : guards.whole,
      attempt: (silent) => guards.attempt(this.told(silent))
    })
    return Effect.scoped(Effect.flatMap(
      Effect.exit(Deadline.within(this.deadline)(opened)),
      (exit) => Exit.isSuccess(exit) ? this.passing(exit.value) : this.failed(exit.cause)
    ))
  }

  /** The limiter hears why an attempt has failed. */
  private told<A, R>(silent: Effect.Effect<A, Failure, R>): Effect.Effect<A, Failure, R> {
    return Effect.flatMap(Clock.Clock, (clock) => {
      const begun = monotonicMillis(clock)
      return Effect.catch(silent, (failure) => {
        const told = this.isModel ? failure.after(monotonicMillis(clock) - begun) : failure
        return Effect.andThen(this.guards.refused(told.error), Effect.fail(told))
      })
    })
  }

  protected readerTimedOut(): ChatError.TimedOut {
    return new ChatError.TimedOut({ ...this.where, phase: "reader", limit: this.settings.readerTimeout })
  }

  private passing(stream: Stream.Stream<P, Failure>): Effect.Effect<void> {
    const { body } = this
    this.given()
    const offer = (piece: P) => {
      const part = this.partOf(piece)
      return part === undefined ? Effect.void : body.offer(part)
    }
    const passed = Stream.runForEachArray(stream, (pieces) => Effect.forEach(pieces, offer, { discard: true }))
    return Effect.matchCauseEffect(passed, {
      onSuccess: () => this.rest,
      onFailure: (cause) => {
        const failure = failureIn(cause)
        if (failure?.goesOn === true) return this.rest
        return Effect.sync(() => failure === undefined ? body.fail(Cause.squash(cause)) : this.broke(failure))
      }
    })
  }

  private failed(cause: Cause.Cause<Failure | Rejection>): Effect.Effect<void> {
    const failure = failureIn(cause)
    if (failure instanceof Failure) {
      const rest = this.failedWith(failure)
      if (rest !== undefined) return rest
    }
    return Effect.sync(() => {
      if (failure === undefined) this.rejects(Cause.squash(cause))
      else this.refused(failure instanceof Failure ? failure.error : failure)
    })
  }
}

/** The error of the caller, where a limit or a fault of his own `fetch` had one. */
export const brokenBy = ({ error, thrown }: Failure): unknown => thrown === undefined ? errorOf(error) : thrown.error

const failureIn = <E>(cause: Cause.Cause<E>): E | undefined => cause.reasons.find(Cause.isFailReason)?.error
