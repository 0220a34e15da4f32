/**
 * What comes piece by piece, for a reader that asks for each piece, or for a listener that is told of all in the step in
 * which it comes. A stream asks; who only passes an answer on listens, since then a piece costs no effect.
 */
import * as Cause from "effect/Cause"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export interface Listener<in A> {
  /**
   * Hears one part, with what was sent of it where it is known and can be sent on. The part is the teller's: nothing of
   * it may be changed, and nothing kept that holds a text of it. The same object again is the same part but for these texts.
   * It may be several parts in one that go on with one text; `parts` says how many.
   */
  readonly hear: (part: A, written: string | undefined, parts: number) => void
  /** All that came at once was told. Gives what is to be waited for before more is told. */
  readonly heard: () => Effect.Effect<void> | undefined
  /** Always the same. A listener that does nothing with what is passed on names the one that it tells. */
  readonly passer: Passer
}

/** Passes on what was sent of parts that are the last one with other texts. */
export interface Passer {
  /** The parts are told later, with nothing written, and before any other part. Gives what is to be waited for. */
  readonly pass: (bytes: Uint8Array) => Effect.Effect<void> | undefined
}

/** Tells all that comes, and ends as it ends. */
export type Tell<out A, out E> = (listener: Listener<A>) => Effect.Effect<void, E>

/** It may be asked, then listened to, but not both at once. */
export interface Source<out A, out E> {
  readonly pull: Pull.Pull<NonEmptyReadonlyArray<A>, E>
  /** Undefined where it can only be asked. */
  readonly tell: Tell<A, E> | undefined
}

export type Opening<A, E> = Effect.Effect<Source<A, E>, E, Scope.Scope>

const opening: unique symbol = Symbol("@switchgear/http/chatStream/source/opening")
const telling: unique symbol = Symbol("@switchgear/http/chatStream/source/telling")

interface Noted<A, E> extends Stream.Stream<A, E> {
  readonly [opening]?: Opening<A, E> | undefined
  readonly [telling]?: Tell<A, E> | undefined
}

/**
 * What a stream is read by is made when it is first read: whoever passes an answer on only listens, and all that is made for
 * each open stream is moved about by the garbage collector.
 */
class Unread<A, E> implements Omit<Noted<A, E>, "~effect/Stream" | "pipe"> {
  readonly [opening]: Opening<A, E> | undefined
  readonly [telling]: Tell<A, E> | undefined
  private readonly make: () => Stream.Stream<A, E>
  private made: Stream.Stream<A, E> | undefined

  constructor(make: () => Stream.Stream<A, E>, opened: Opening<A, E> | undefined, told: Tell<A, E> | undefined) {
    this.make = make
    this[opening] = opened
    this[telling] = told
  }

  get channel(): Stream.Stream<A, E>["channel"] {
    return (this.made ??= this.make()).channel
  }
}
// All else of a stream is in its prototype.
Object.setPrototypeOf(Unread.prototype, Object.getPrototypeOf(Stream.empty))

const unread = <A, E>(
  make: () => Stream.Stream<A, E>,
  opened: Opening<A, E> | undefined,
  told: Tell<A, E> | undefined
): Stream.Stream<A, E> => new Unread(make, opened, told) as unknown as Stream.Stream<A, E>

/** A stream that is one run of the opening. Whatever is made of it by others is a stream and no more. */
export const streamOf = <A, E>(self: Opening<A, E>): Stream.Stream<A, E> =>
  unread(
    () => Stream.unwrap(Effect.map(self, ({ pull }) => Stream.fromPull(Effect.succeed(pull)))),
    self,
    undefined
  )

/** How a stream is opened. */
export const openingOf = <A, E>(stream: Stream.Stream<A, E>): Opening<A, E> =>
  (stream as Noted<A, E>)[opening] ?? Effect.map(Stream.toPull(stream), (pull) => ({ pull, tell: undefined }))

/** A stream that can be told, too, if there is a way; it is as it was made, where it is read. */
export const told = <A, E>(make: () => Stream.Stream<A, E>, tell: Tell<A, E> | undefined): Stream.Stream<A, E> =>
  tell === undefined ? make() : unread(make, undefined, tell)

/** How a stream is told, with what is done on the way; undefined where it can only be read. */
export const tellOf = <A, E>(
  stream: Stream.Stream<A, E>,
  around: (tell: Tell<A, E>) => Tell<A, E>
): Tell<A, E> | undefined => {
  const tell = (stream as Noted<A, E>)[telling]
  return tell && around(tell)
}

/** Tells all of a stream. What was sent of a part that is read is given by `writtenOf`. */
export const listen = <A, E>(
  stream: Stream.Stream<A, E>,
  listener: Listener<A>,
  writtenOf: (part: A) => string | undefined
): Effect.Effect<void, E> =>
  (stream as Noted<A, E>)[telling]?.(listener) ?? Stream.runForEachArray(stream, (parts) => {
    for (const part of parts) listener.hear(part, writtenOf(part), 1)
    return listener.heard() ?? Effect.void
  })

/** Notes the parts of a stream. */
export interface Notes<in A> {
  /** `isSame` tells that it is the part that was noted last, with other texts; `parts`, how many are told in one. */
  readonly note: (part: A, isSame: boolean, parts: number) => void
}

/** The parts are noted before they are told on. */
export const noting = <A>(notes: Notes<A>) => <E>(tell: Tell<A, E>): Tell<A, E> => (listener) =>
  tell(new Noting(notes, listener))

class Noting<A> implements Listener<A> {
  private last: A | undefined
  private readonly notes: Notes<A>
  private readonly listener: Listener<A>

  constructor(notes: Notes<A>, listener: Listener<A>) {
    this.notes = notes
    this.listener = listener
  }

  hear(part: A, written: string | undefined, parts: number): void {
    this.notes.note(part, part === this.last, parts)
    this.last = part
    this.listener.hear(part, written, parts)
  }

  heard(): Effect.Effect<void> | undefined {
    return this.listener.heard()
  }

  get passer(): Passer {
    return this.listener.passer
  }
}

/** With another way to fail, however it is read. */
export const catching =
  <E>(onFailure: (error: E) => Effect.Effect<never, E>) => <A>({ pull, tell }: Source<A, E>): Source<A, E> => ({
    pull: Effect.catch(pull, (error): typeof pull => Cause.isDone(error) ? Cause.done() : onFailure(error as E)),
    tell: tell && ((listener) => recovering(tell(listener), onFailure))
  })

/** As `Effect.catch`, which makes five objects in the place of three, for each open stream. */
const recovering = <A, E>(
  self: Effect.Effect<A, E>,
  onFailure: (error: E) => Effect.Effect<never, E>
): Effect.Effect<A, E> => Effect.catchCause(self, (cause) => Effect.catch(Effect.failCause(cause), onFailure))

/** What is opened, with each part noted, and with its end told once: how it ended, was not opened, or was left. */
export const watching = <A, E>(
  self: Opening<A, E>,
  note: (part: A) => void,
  onEnd: (exit: Exit.Exit<unknown, unknown>) => void
): Opening<A, E> =>
  Effect.flatMap(Effect.scope, (scope) => {
    let hasEnded = false
    const end = (exit: Exit.Exit<unknown, unknown>) => {
      if (!hasEnded) onEnd(exit)
      hasEnded = true
      return undefined
    }
    const ended = (exit: Exit.Exit<unknown, unknown>) => exit._tag === "Failure" ? end(exit) : undefined
    const opened = Effect.map(Effect.onExitPrimitive(self, ended), ({ pull, tell }): Source<A, E> => ({
      pull: Effect.onExitPrimitive(
        Effect.map(pull, (parts) => {
          for (const part of parts) note(part)
          return parts
        }),
        (exit) => exit._tag === "Failure" ? end(Pull.doneExitFromCause(exit.cause)) : undefined
      ),
      tell: tell && ((listener) => Effect.onExitPrimitive(noting({ note })(tell)(listener), end))
    }))
    return Effect.andThen(Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => end(exit))), opened)
  })
