/** A request whose response is read piece by piece, at the pace of its reader. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { ChatError } from "../../ChatError.ts"
import { Bytes } from "../../chatClient/bytes.ts"
import {
  endMillis,
  type Hearing,
  isGood,
  type Lost,
  type Opened,
  type Received,
  type Waits
} from "../../chatClient/transport.ts"
import { maxErrorBytes } from "../../chatReply/limits.ts"
import { Handler } from "./handler.ts"
import type * as Turns from "./turns.ts"
import { utf8 } from "./utf8.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Pieces = NonEmptyReadonlyArray<Uint8Array>
type Ended = Exit.Failure<never, Lost | Cause.Done>

export const open = (
  send: (handler: Handler) => void,
  waits: Waits,
  fiber: AnyFiber,
  tellFailure: Turns.Tell
): Effect.Effect<Received | Opened, Lost | ChatError, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) =>
    Effect.suspend(() => {
      const response = new Response(fiber, tellFailure)
      return Effect.andThen(Scope.addFinalizerExit(scope, leaving(response)), response.head(send, waits))
    }))

// A function of its own: the scope keeps it, and with it nothing of what was sent.
const leaving = (response: Response) => (): Effect.Effect<void> => {
  response.leave()
  return Effect.void
}

/** What waits for the head, or for the next piece. */
interface Waiter {
  readonly resume: (exit: Exit.Exit<any, any>) => void
  /** The time-outs that count the wait. */
  readonly waits: Waits | undefined
}

/** What hears the pieces as they come. */
class Listening {
  isLeft = false
  readonly hearing: Hearing<any, any>
  readonly resume: (goOn: Effect.Effect<any, any>) => void
  readonly waits: Waits | undefined
  readonly onLate: (error: ChatError) => void

  constructor(response: Response, hearing: Hearing<any, any>, waits: Waits | undefined, resume: Listening["resume"]) {
    this.hearing = hearing
    this.waits = waits
    this.resume = resume
    this.onLate = (error) => response.isLate(this, error)
  }
}

/** The body of a response of a good status. */
class Body implements Opened {
  readonly status: number
  readonly headers: Opened["headers"]
  private readonly response: Response
  private readonly waits: Waits | undefined

  constructor(response: Response, status: number, headers: Opened["headers"], waits: Waits | undefined) {
    this.response = response
    this.status = status
    this.headers = headers
    this.waits = waits
  }

  get pieces(): Opened["pieces"] {
    return this.response.pieces(this.waits)
  }

  get ended(): Effect.Effect<void> {
    return this.response.last()
  }

  listen<A, E>(hearing: Hearing<A, E>): Effect.Effect<A, E> {
    return this.response.listen(hearing, this.waits)
  }
}

class Response extends Handler {
  private waiter: Waiter | undefined
  private listening: Listening | undefined
  private isTelling = false
  private isPaused = false
  private queue: Array<Uint8Array> = []
  private queued = 0
  private ended: Ended | undefined
  /** The explanation of a failed status. */
  private explanation: Bytes | undefined

  head(send: (handler: Handler) => void, waits: Waits): Effect.Effect<Received | Opened, Lost | ChatError> {
    return this.wait(waits, () => send(this))
  }

  protected begun(): void {
    if (isGood(this.status)) this.tell()
    else this.explanation = new Bytes()
  }

  take(bytes: Uint8Array): void {
    if (this.explanation !== undefined) {
      this.explanation.take(bytes)
      if (this.explanation.size > maxErrorBytes) this.end()
      return
    }
    if (this.listening !== undefined) return this.hear(this.listening, [bytes])
    this.queue.push(bytes)
    this.queued += bytes.length
    if (this.queued >= mostQueued && !this.isPaused) {
      this.isPaused = true
      this.pause()
    }
    this.tell()
  }

  end(): void {
    this.over(done)
  }

  broke(cause: unknown): void {
    this.over(Exit.fail({ _tag: "Lost", status: this.status === 0 ? undefined : this.status, cause }) as Ended)
  }

  private over(ended: Ended): void {
    this.ended ??= ended
    this.leave()
    if (this.listening !== undefined) this.stop(this.listening)
    this.tell()
  }

  listen<A, E>(hearing: Hearing<A, E>, waits: Waits | undefined): Effect.Effect<A, E> {
    return Effect.withFiber((fiber) => {
      // The one that opened the response may have ended, and is not kept.
      this.fiber = fiber
      return this.hearing(hearing, waits)
    })
  }

  private hearing<A, E>(hearing: Hearing<A, E>, waits: Waits | undefined): Effect.Effect<A, E> {
    return Effect.callback((resume) => {
      const pieces = this.taken()
      const goOn = pieces === undefined ? undefined : hearing.pieces(pieces)
      if (goOn !== undefined) return resume(goOn)
      if (this.ended !== undefined) return resume(this.stopped(hearing, waits, this.ended))
      const listening = new Listening(this, hearing, waits, resume)
      const refused = waits?.begin(listening.onLate)
      if (refused !== undefined) return resume(hearing.stopped(refused))
      this.listening = listening
      return this.unheard(listening)
    })
  }

  /** The time of what is listened to is over. */
  isLate({ hearing, resume }: Listening, error: ChatError): void {
    this.listening = undefined
    this.leave()
    resume(hearing.stopped(error))
  }

  /** Whoever listens has left. */
  private unheard(listening: Listening): Effect.Effect<void> {
    return Effect.sync(() => {
      this.listening = undefined
      listening.isLeft = true
      listening.waits?.end()
      listening.waits?.stop()
    })
  }

  /** Has pieces heard in the step in which they come. What they end is told in a microtask: this may be the parser of undici. */
  private hear(listening: Listening, pieces: Pieces): void {
    const { hearing, onLate, resume, waits } = listening
    waits?.end()
    let goOn: Effect.Effect<any, any> | undefined
    try {
      goOn = hearing.pieces(pieces)
    } catch (defect) {
      goOn = Effect.die(defect)
    }
    if (goOn === undefined) {
      const refused = waits?.goOn(onLate)
      if (refused === undefined) return
      goOn = hearing.stopped(refused)
    }
    this.listening = undefined
    const next = goOn
    queueMicrotask(() => resume(next))
  }

  private stop(listening: Listening): void {
    const { hearing, resume, waits } = listening
    this.listening = undefined
    waits?.end()
    queueMicrotask(() => {
      if (!listening.isLeft) resume(this.stopped(hearing, waits, this.ended!))
    })
  }

  private stopped<A, E>(hearing: Hearing<A, E>, waits: Waits | undefined, { cause }: Ended): Effect.Effect<A, E> {
    // Nothing is waited for after a failure.
    waits?.stop()
    return hearing.stopped(cause.reasons.find(Cause.isFailReason)!.error)
  }

  private wait<A, E>(waits: Waits | undefined, begin?: () => void): Effect.Effect<A, E | ChatError> {
    return Effect.callback((resume) => {
      const refused = waits?.begin((error) => {
        this.waiter = undefined
        this.leave()
        resume(Effect.fail(error))
      })
      if (refused !== undefined) return resume(Effect.fail(refused))
      this.waiter = { resume, waits }
      begin?.()
      return Effect.sync(() => {
        this.waiter = undefined
        waits?.end()
        waits?.stop()
      })
    })
  }

  /** Tells whoever waits what is there: in a microtask, since this may be the parser of undici. */
  private tell(): void {
    if (this.waiter === undefined || this.isTelling) return
    this.isTelling = true
    const tell = this.explanation === undefined ? queueMicrotask : this.tellFailure
    tell(() => {
      this.isTelling = false
      const { waiter } = this
      if (waiter === undefined) return
      const exit = this.isOpened ? this.next() : this.answer(waiter.waits)
      // Who waited when it came was interrupted since, and another reader has taken it.
      if (exit === undefined) return
      this.waiter = undefined
      waiter.waits?.end()
      // Nothing is waited for after a failure.
      if (exit._tag === "Failure") waiter.waits?.stop()
      waiter.resume(exit)
    })
  }

  private isOpened = false

  private answer(waits: Waits | undefined): Exit.Exit<Received | Opened, Lost> {
    const { ended, explanation, headers, status } = this
    if (explanation !== undefined) return Exit.succeed({ status, headers, text: utf8(explanation), isWhole: true })
    if (status === 0) return ended as Exit.Exit<never, Lost>
    this.isOpened = true
    return Exit.succeed(new Body(this, status, headers, waits))
  }

  pieces(waits: Waits | undefined): Effect.Effect<Pieces, Lost | ChatError | Cause.Done> {
    const waiting = this.wait<Pieces, Lost | Cause.Done>(waits)
    return Effect.suspend(() => this.next() ?? waiting)
  }

  last(): Effect.Effect<void> {
    return Effect.suspend(() =>
      this.ended === undefined ? Effect.ignore(Effect.timeoutOption(this.pieces(undefined), endMillis)) : Effect.void
    )
  }

  /** What is there, or how it ended; undefined where there is nothing yet. */
  private next(): Exit.Exit<Pieces, Lost | Cause.Done> | undefined {
    const pieces = this.taken()
    return pieces === undefined ? this.ended : Exit.succeed(pieces)
  }

  private taken(): Pieces | undefined {
    if (this.queue.length === 0) return undefined
    const pieces = this.queue as unknown as Pieces
    this.queue = []
    this.queued = 0
    if (this.isPaused) {
      this.isPaused = false
      this.resume()
    }
    return pieces
  }
}

const done = Exit.fail(Cause.Done()) as Ended

/** Bytes that wait for a reader, before the connection waits for it, too. */
const mostQueued = 64 * 1024
