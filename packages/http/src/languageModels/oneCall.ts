/**
 * A stream as one call behind any guard: the guard admits it once, and releases it when the stream has ended. What
 * comes before its first content is held back, so that the guard may try again and the caller may ask another model.
 *
 * The guarded call reads the stream itself and hands it over through a queue, so that a guard that cuts the call also
 * ends the reading, and tells the reader why. A reader that stops closes the scope: the call is interrupted, which is
 * neither a success nor a failure. A reader that stands still while the queue is full ends the call with an error.
 *
 * `chatModel/streamCall.ts` holds the stream of one model without a queue: its guards cut no stream that has begun, so
 * its reader can pull the chunks itself. Guards of the user's may cut at any time, also while a reader waits in a pull,
 * and to tell that reader why would cost a race for each part. The queue costs less.
 */
import * as Attempts from "@switchgear/core/Attempts"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import * as Deadline from "@switchgear/core/Deadline"
import type { Guard } from "@switchgear/core/Guard"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
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
  /** How long the reader may stand still before the call ends, and the error that it is told then. */
  readonly readerTimeout: Duration.Duration
  readonly expired: () => E
}

/** Begins the call; ends when the stream begins to speak or has ended, with all of it, to be read once. */
export const open = <A, E, R, E2>(
  { expired, guards, hasContent, readerTimeout, source }: Call<A, E, R, E2>
): Effect.Effect<Stream.Stream<A, E | E2>, E | E2, R | Scope.Scope> =>
  Effect.gen(function*() {
    const around = yield* Attempts.CurrentAttempts
    const queue = yield* Queue.bounded<A, E | E2 | Cause.Done>(readAhead)
    const begun = Deferred.makeUnsafe<void, E | E2>()
    const hasBegun = () => Deferred.isDoneUnsafe(begun)
    let ended: Exit.Exit<void, E> | undefined

    const inTime = Deadline.timeoutOrElse({ duration: readerTimeout, orElse: () => Effect.fail(expired()) })
    // One by one where the queue is full: the time of the reader begins anew with each part that it takes.
    const offer = (parts: ReadonlyArray<A>): Effect.Effect<void, E> =>
      Effect.suspend(() => {
        const left = Queue.offerAllUnsafe(queue, parts)
        return left.length === 0
          ? Effect.void
          : Effect.forEach(left, (part) => inTime(Queue.offer(queue, part)), { discard: true })
      })
    const begin = (held: ReadonlyArray<A>) =>
      Effect.suspend(() => {
        Deferred.doneUnsafe(begun, Exit.void)
        return offer(held)
      })
    const attempt = Effect.flatMap(CircuitBreaker.signOfLife, (alive) => {
      // Half an answer has been told: a guard of another make that tries again must not begin a second one.
      if (ended !== undefined) return ended
      const held: Array<A> = []
      return Stream.runForEachArray(source, (parts) => {
        if (hasBegun()) {
          return alive === undefined || !parts.some(hasContent) ? offer(parts) : Effect.andThen(alive, offer(parts))
        }
        held.push(...parts)
        return parts.some(hasContent) ? Effect.andThen(ConcurrencyLimit.firstToken, begin(held)) : Effect.void
      }).pipe(
        Effect.andThen(Effect.suspend(() => hasBegun() ? Effect.void : begin(held))),
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
