/**
 * A stream as one call behind any guard: the guard admits it once, and releases it when the stream has ended. What
 * comes before its first content is held back, so that the guard may try again and the caller may ask another model.
 *
 * The guarded call reads the stream itself and hands it over through a queue, so that a guard that cuts the call also
 * ends the reading, and tells the reader why. A reader that stops closes the scope: the call is interrupted, which is
 * neither a success nor a failure.
 *
 * `chatModel/streamCall.ts` holds the stream of one model without a queue: its guards cut no stream that has begun, so
 * its reader can pull the chunks itself. Guards of the user's may cut at any time, and a reader that pulled would not
 * be told why.
 */
import * as Attempts from "@switchgear/core/Attempts"
import type { Guard } from "@switchgear/core/Guard"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** A guard, or several composed: a pipeline has no name. */
export interface Guards<out E> extends Pick<Guard<E>, "protect"> {}

export interface Call<A, E, R, E2> {
  readonly source: Stream.Stream<A, E, R>
  /** Whether the part has content. */
  readonly hasContent: (part: A) => boolean
  readonly guards: Guards<E2>
}

/** Begins the call; ends when the stream begins to speak or has ended, with all of it, to be read once. */
export const open = <A, E, R, E2>(
  { guards, hasContent, source }: Call<A, E, R, E2>
): Effect.Effect<Stream.Stream<A, E | E2>, E | E2, R | Scope.Scope> =>
  Effect.gen(function*() {
    const around = yield* Attempts.CurrentAttempts
    const queue = yield* Queue.bounded<A, E | E2 | Cause.Done>(readAhead)
    const begun = Deferred.makeUnsafe<void, E | E2>()
    const hasBegun = () => Deferred.isDoneUnsafe(begun)
    let ended: Exit.Exit<void, E> | undefined

    const begin = (held: ReadonlyArray<A>) =>
      Effect.suspend(() => {
        Deferred.doneUnsafe(begun, Exit.void)
        return Queue.offerAll(queue, held)
      })
    const attempt = Effect.suspend(() => {
      // Half an answer has been told: a guard of another make that tries again must not begin a second one.
      if (ended !== undefined) return ended
      const held: Array<A> = []
      return Stream.runForEachArray(source, (parts) => {
        if (hasBegun()) return Queue.offerAll(queue, parts)
        held.push(...parts)
        return parts.some(hasContent) ? begin(held) : Effect.void
      }).pipe(
        Effect.andThen(Effect.suspend(() => hasBegun() ? Effect.void : Effect.asVoid(begin(held)))),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            if (hasBegun()) ended = exit
          })
        )
      )
    })
    yield* guards.protect(attempt).pipe(
      Effect.provideService(Attempts.CurrentAttempts, {
        get left() {
          return hasBegun() ? 0 : around?.left ?? Infinity
        },
        take: () => !hasBegun() && (around?.take() ?? true)
      }),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          Deferred.doneUnsafe(begun, exit)
          if (exit._tag === "Success") Queue.endUnsafe(queue)
          else Queue.failCauseUnsafe(queue, exit.cause)
        })
      ),
      Effect.forkScoped({ startImmediately: true })
    )
    yield* Deferred.await(begun)
    return Stream.fromQueue(queue)
  })

/** Parts that are read ahead of a slow reader before the model has to wait for it. */
const readAhead = 64
