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

interface Speaking<A, E> {
  readonly held: ReadonlyArray<A>
  readonly source: Source.Source<A, E>
  readonly ending: Deferred.Deferred<Ending<E>>
  readonly reader: Reader
  /** Tells the circuits that wait for this call as for a probe that it is alive; undefined when none does. */
  readonly alive: Effect.Effect<void> | undefined
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
  readonly guard: (call: Effect.Effect<Ending<E>, E2>) => Effect.Effect<Ending<E>, E2>
  /** Around each attempt, until it speaks. */
  readonly attempt: <B>(silent: Effect.Effect<B, E, Scope.Scope>) => Effect.Effect<B, E2, Scope.Scope>
}

/** Opens the source behind the guards; ends when it begins to speak, with a stream that can be read once. */
export const open = <A, E, E2>(
  { attempt, expired, guard, hasContent, readerTimeout, source, writtenOf }: Opening<A, E, E2>
): Effect.Effect<Stream.Stream<A, E>, E2, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => {
    const speaking = Deferred.makeUnsafe<Speaking<A, E>, E2>()
    let tooLate: E | undefined
    const speaks = (
      spoken: Pick<Speaking<A, E>, "held" | "source">,
      alive: Effect.Effect<void> | undefined
    ): Effect.Effect<Ending<E>> => {
      const ending = Deferred.makeUnsafe<Ending<E>>()
      const reader = new Reader()
      Deferred.doneUnsafe(speaking, Exit.succeed({ ...spoken, ending, reader, alive }))
      return watching(reader, readerTimeout, () => {
        tooLate = expired()
        Deferred.doneUnsafe(ending, Exit.succeed(Exit.fail(tooLate)))
      })(Deferred.await(ending))
    }
    const call = Effect.scoped(Effect.flatMap(
      attempt(untilContent(source, hasContent)),
      (spoken) => Effect.flatMap(CircuitBreaker.signOfLife, (alive) => speaks(spoken, alive))
    ))
    const streamOf = (
      { alive, ending, held, reader, source: { pull, tell } }: Speaking<A, E>,
      holding: Fiber.Fiber<unknown, unknown>
    ): Stream.Stream<A, E> => {
      // The guards are released before the reader gets the end.
      const end = (ended: Ending<E>) => Effect.andThen(Deferred.succeed(ending, ended), Fiber.await(holding))
      const failedTooLate = (error: E) => Effect.andThen(Fiber.await(holding), Effect.fail(error))
      const heard = alive === undefined
        ? pull
        : Effect.tap(pull, (chunks) => chunks.some(hasContent) ? alive : Effect.void)
      const given = Effect.onExitPrimitive(heard, (exit) => {
        if (exit._tag === "Failure") return end(Exit.asVoid(Pull.doneExitFromCause(exit.cause)) as Ending<E>)
        reader.isGiven()
        return undefined
      })
      let first = Arr.isReadonlyArrayNonEmpty(held) ? held : undefined
      const next: typeof pull = Effect.suspend(() => {
        if (tooLate !== undefined) return failedTooLate(tooLate)
        reader.asks()
        if (first === undefined) return given
        const chunks = first
        first = undefined
        reader.isGiven()
        return Effect.succeed(chunks)
      })

      const telling = (tell: Source.Tell<A, E>): Source.Tell<A, E> => (listener) =>
        Effect.suspend(() => {
          if (tooLate !== undefined) return failedTooLate(tooLate)
          let isAlive = false
          /** What is waited for between two parts; only then does the stream wait for its reader. */
          const between = (wait: Effect.Effect<void> | undefined): Effect.Effect<void> | undefined => {
            const life = isAlive ? alive : undefined
            isAlive = false
            if (wait === undefined) return life
            reader.isGiven()
            return Effect.andThen(life ?? Effect.void, Effect.andThen(wait, goOn))
          }
          const goOn = Effect.suspend(() => {
            reader.asks()
            return tooLate === undefined ? Effect.void : Effect.interrupt
          })
          const rest = Effect.onExitPrimitive(
            tell({
              heard: () => between(listener.heard()),
              pass: (bytes) => {
                isAlive = alive !== undefined
                return between(listener.pass(bytes))
              },
              hear: alive === undefined ? listener.hear : (chunk, written, parts) => {
                isAlive ||= hasContent(chunk)
                listener.hear(chunk, written, parts)
              }
            }),
            (exit) => end(exit)
          )
          reader.asks()
          for (const chunk of held) listener.hear(chunk, writtenOf(chunk), 1)
          const wait = between(listener.heard())
          // What comes to an end by itself for a reader that stood still is told as that.
          return Effect.catchCause(
            wait === undefined ? rest : Effect.andThen(wait, rest),
            (cause) => tooLate === undefined ? Effect.failCause(cause) : failedTooLate(tooLate)
          )
        })

      return Source.noteTell(Stream.fromPull(Effect.succeed(next)), tell && telling(tell))
    }

    const guarded = Effect.onError(guard(call), (cause) => Deferred.failCause(speaking, cause))
    return Effect.flatMap(Effect.forkIn(guarded, scope, { startImmediately: true }), (holding) =>
      Effect.map(
        Effect.onInterrupt(Deferred.await(speaking), () => Fiber.interrupt(holding)),
        (speaks) => streamOf(speaks, holding)
      ))
  })

/** Pulls up to the first chunk with content, or to the end of a stream without any. */
const untilContent = <A, E>(opening: Source.Opening<A, E>, hasContent: (chunk: A) => boolean) =>
  Effect.flatMap(opening, (source) => {
    const held: Array<A> = []
    const silent: Effect.Effect<Pick<Speaking<A, E>, "held" | "source">, E> = Pull.catchDone(
      Effect.flatMap(source.pull, (chunks) => {
        held.push(...chunks)
        return chunks.some(hasContent) ? Effect.succeed({ held, source }) : silent
      }),
      () => Effect.succeed({ held, source: ended })
    )
    return silent
  })

/** There is nothing more. */
const ended: Source.Source<never, never> = { pull: Cause.done(), tell: () => Effect.void }
