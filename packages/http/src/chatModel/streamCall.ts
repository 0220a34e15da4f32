/**
 * A stream as one call: guards hold it from its first request to its last chunk. What comes before its first content is
 * held back, so that until then the call can still be tried again or made elsewhere.
 *
 * The guarded call runs in a fiber of the reader's scope. It waits for the first content, and then for the end of the
 * stream, which the reader reports: the reader pulls the chunks itself, or is told of them. A reader that stops closes the scope and
 * interrupts the call, which is neither a success nor a failure of the provider. A reader that stands still ends the
 * call as well, when its time is over, and is told when it reads on.
 *
 * `languageModels/oneCall.ts` does the same behind guards of the user's, which may cut a call at any time, and needs a
 * queue between the call and its reader for that. The guards here are known and cut no stream that has begun, so a
 * chunk costs no queue and the provider is read at the pace of the reader.
 */
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import type * as Duration from "effect/Duration"
import * as Stream from "effect/Stream"
import * as Source from "../chatStream/source.ts"
import { Reader, watching } from "../chatStream/readerTimeout.ts"

/** How a stream ended that had begun to speak. To the guards it is what the call answered: no retry can mend it. */
export type Ending<E> = Exit.Exit<void, E>

/** A stream up to its first content. It is taken once: the fiber that has waited for it keeps it as its exit. */
class Spoken<A, E> {
  private held: ReadonlyArray<A>
  private source: Source.Source<A, E>

  constructor(held: ReadonlyArray<A>, source: Source.Source<A, E>) {
    this.held = held
    this.source = source
  }

  taken() {
    const { held, source } = this
    this.held = []
    this.source = ended
    return { held, source }
  }
}

/** What is opened, and the guards around it. */
export interface Opening<A, E, E2> {
  readonly source: Source.Opening<A, E>
  /** Whether a chunk has content. */
  readonly hasContent: (chunk: A) => boolean
  /** What was sent of a chunk that was held back. */
  readonly writtenOf: (chunk: A) => string | undefined
  /** How long the reader may stand still before the call ends, and the error that it is told then. */
  readonly readerTimeout: Duration.Duration
  readonly expired: () => E
  /** Around the whole call. */
  readonly guard: (call: Effect.Effect<Ending<E>, E2>) => Effect.Effect<unknown, E2>
  /** Around each attempt, until it speaks. */
  readonly attempt: <B>(silent: Effect.Effect<B, E, Scope.Scope>) => Effect.Effect<B, E2, Scope.Scope>
}

/** Opens the source behind the guards; ends when it begins to speak, with a stream that can be read once. */
export const open = <A, E, E2>(opening: Opening<A, E, E2>): Effect.Effect<Stream.Stream<A, E>, E2, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => {
    const speaking = Deferred.makeUnsafe<Call<A, E>, E2>()
    const guarded = orFailing(opening.guard(callOf(opening, speaking)), speaking)
    return Effect.flatMap(Effect.forkIn(guarded, scope, { startImmediately: true }), (holding) =>
      Effect.map(
        Effect.onInterrupt(Deferred.await(speaking), () => Fiber.interrupt(holding)),
        (call) => call.heldBy(holding)
      ))
  })

// A function of its own: as long as the call lasts, what waits for its end keeps nothing of how it was opened.
const orFailing = <A, E, B>(call: Effect.Effect<A, E>, speaking: Deferred.Deferred<B, E>): Effect.Effect<A, E> =>
  Effect.onExitPrimitive(
    call,
    (exit) => exit._tag === "Failure" ? Deferred.failCause(speaking, exit.cause) : undefined
  )

/** What is behind the guards: up to the first content it can be made again, and then it lasts as long as the stream. */
const callOf = <A, E, E2>(
  opening: Opening<A, E, E2>,
  speaking: Deferred.Deferred<Call<A, E>, E2>
): Effect.Effect<Ending<E>, E2> => {
  const beginning = new Beginning(opening)
  return Effect.scoped(
    Effect.flatMap(
      opening.attempt(Effect.suspend(() => beginning.untilContent())),
      (spoken) =>
        Effect.flatMap(CircuitBreaker.signOfLife, (alive) => {
          const call = new Call(spoken, beginning, alive)
          Deferred.doneUnsafe(speaking, Exit.succeed(call))
          return call.lasts()
        })
    )
  )
}

/** What is opened, and again if it fails before its first content. */
class Beginning<A, E> {
  readonly hasContent: (chunk: A) => boolean
  readonly writtenOf: (chunk: A) => string | undefined
  readonly readerTimeout: Duration.Duration
  readonly expired: () => E
  private source: Source.Opening<A, E> | undefined

  constructor({ expired, hasContent, readerTimeout, source, writtenOf }: Opening<A, E, any>) {
    this.hasContent = hasContent
    this.writtenOf = writtenOf
    this.readerTimeout = readerTimeout
    this.expired = expired
    this.source = source
  }

  /** Pulls up to the first chunk with content, or to the end of a stream without any. */
  untilContent(): Effect.Effect<Spoken<A, E>, E, Scope.Scope> {
    return Effect.flatMap(this.source!, (source) => {
      const held: Array<A> = []
      const silent: Effect.Effect<Spoken<A, E>, E> = Pull.catchDone(
        Effect.flatMap(source.pull, (chunks) => {
          held.push(...chunks)
          return chunks.some(this.hasContent)
            ? Effect.map(ConcurrencyLimit.firstToken, () => new Spoken(held, source))
            : silent
        }),
        () => Effect.succeed(new Spoken<A, E>(held, ended))
      )
      return silent
    })
  }

  /** It is not opened again: the guards keep the attempt as long as the stream, and with it nothing of the request. */
  over(): void {
    this.source = undefined
  }
}

/** A call that has begun to speak, until its stream has ended. */
class Call<A, E> {
  readonly reader = new Reader()
  /** Tells the circuits that wait for this call as for a probe that it is alive; undefined when none does. */
  readonly alive: Effect.Effect<void> | undefined
  readonly beginning: Beginning<A, E>
  /** The error of a reader that stood still. */
  tooLate: E | undefined
  private held: ReadonlyArray<A>
  private source: Source.Source<A, E>
  private ended: Ending<E> | undefined
  private tellEnd: ((ended: Ending<E>) => void) | undefined
  /** The fiber of the guards. */
  private holding: Fiber.Fiber<unknown, unknown> | undefined

  constructor(
    spoken: Spoken<A, E>,
    beginning: Beginning<A, E>,
    alive: Effect.Effect<void> | undefined
  ) {
    const { held, source } = spoken.taken()
    this.held = held
    this.source = source
    this.beginning = beginning
    beginning.over()
    this.alive = alive
  }

  /** Waits for the end of the stream. */
  lasts(): Effect.Effect<Ending<E>> {
    return watching(this.reader, this.beginning.readerTimeout, () => {
      this.tooLate = this.beginning.expired()
      this.endWith(Exit.fail(this.tooLate))
    })(Effect.callback((resume) => {
      this.tellEnd = (ended) => resume(Effect.succeed(ended))
      if (this.ended !== undefined) this.tellEnd(this.ended)
    }))
  }

  /** Only the first end is one. */
  private endWith(ended: Ending<E>): void {
    if (this.ended !== undefined) return
    this.ended = ended
    this.tellEnd?.(ended)
  }

  /** The stream. */
  heldBy(holding: Fiber.Fiber<unknown, unknown>): Stream.Stream<A, E> {
    this.holding = holding
    return Source.told(
      () => Stream.fromPull(Effect.sync(() => this.read())),
      this.source.tell && ((listener) => Effect.suspend(() => this.tell(listener)))
    )
  }

  // The guards are released before the reader gets the end.
  private end(ended: Ending<E>) {
    return Effect.andThen(Effect.sync(() => this.endWith(ended)), Fiber.await(this.holding!))
  }

  private failedTooLate(error: E): Effect.Effect<never, E> {
    return Effect.andThen(Fiber.await(this.holding!), Effect.fail(error))
  }

  /** What was held back; it is given once. */
  private taken(): ReadonlyArray<A> {
    const { held } = this
    this.held = []
    return held
  }

  private read(): Source.Source<A, E>["pull"] {
    const { alive, beginning: { hasContent }, reader, source: { pull } } = this
    const heard = alive === undefined
      ? pull
      : Effect.tap(pull, (chunks) => chunks.some(hasContent) ? alive : Effect.void)
    const given = Effect.onExitPrimitive(heard, (exit) => {
      if (exit._tag === "Failure") return this.end(Exit.asVoid(Pull.doneExitFromCause(exit.cause)) as Ending<E>)
      reader.isGiven()
      return undefined
    })
    return Effect.suspend(() => {
      if (this.tooLate !== undefined) return this.failedTooLate(this.tooLate)
      reader.asks()
      const held = this.taken()
      if (!Arr.isReadonlyArrayNonEmpty(held)) return given
      reader.isGiven()
      return Effect.succeed(held)
    })
  }

  private tell(listener: Source.Listener<A>): Effect.Effect<void, E> {
    if (this.tooLate !== undefined) return this.failedTooLate(this.tooLate)
    const tell = this.source.tell!
    // What is told is not asked any more.
    this.source = ended
    const hearing = new Hearing(this, listener)
    const rest = Effect.onExitPrimitive(tell(hearing), (exit) => this.end(exit))
    this.reader.asks()
    for (const chunk of this.taken()) listener.hear(chunk, this.beginning.writtenOf(chunk), 1)
    const wait = hearing.between(listener.heard())
    // What comes to an end by itself for a reader that stood still is told as that.
    return Effect.catchCause(
      wait === undefined ? rest : Effect.andThen(wait, rest),
      (cause) => this.tooLate === undefined ? Effect.failCause(cause) : this.failedTooLate(this.tooLate)
    )
  }
}

/** Tells on what it hears, and the guards that the call is alive. */
class Hearing<A, E> implements Source.Listener<A>, Source.Passer {
  readonly passer = this
  private isAlive = false
  private readonly call: Call<A, E>
  private readonly listener: Source.Listener<A>
  private readonly next: Source.Passer

  constructor(call: Call<A, E>, listener: Source.Listener<A>) {
    this.call = call
    this.listener = listener
    this.next = listener.passer
  }

  hear(chunk: A, written: string | undefined, parts: number): void {
    const { alive, beginning } = this.call
    if (alive !== undefined) this.isAlive ||= beginning.hasContent(chunk)
    this.listener.hear(chunk, written, parts)
  }

  heard(): Effect.Effect<void> | undefined {
    return this.between(this.listener.heard())
  }

  pass(bytes: Uint8Array): Effect.Effect<void> | undefined {
    this.isAlive = this.call.alive !== undefined
    return this.between(this.next.pass(bytes))
  }

  /** What is waited for between two parts; only then does the stream wait for its reader. */
  between(wait: Effect.Effect<void> | undefined): Effect.Effect<void> | undefined {
    const { alive, reader } = this.call
    const life = this.isAlive ? alive : undefined
    this.isAlive = false
    if (wait === undefined) return life
    reader.isGiven()
    const goOn = Effect.suspend(() => {
      reader.asks()
      return this.call.tooLate === undefined ? Effect.void : Effect.interrupt
    })
    return Effect.andThen(life ?? Effect.void, Effect.andThen(wait, goOn))
  }
}

/** There is nothing more. */
const ended: Source.Source<never, never> = { pull: Cause.done(), tell: () => Effect.void }
