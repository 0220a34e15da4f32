/**
 * A handler inside of a guard that is held until the response has been sent, also where its body is a stream.
 *
 * Invariants. The handler runs in a fiber of its own, inside of the guard. That fiber ends when the scope of the request
 * closes, which is when the response was sent or given up. Who leaves before interrupts it, and awaits its end.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Scope from "effect/Scope"

type Handler<E, R> = Effect.Effect<HttpServerResponse, E, R>

export const holding = <E, E2, R>(
  protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E2, R>,
  handler: Handler<E, R>,
  scope: Scope.Scope
): Handler<E | E2, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const answered = Deferred.makeUnsafe<HttpServerResponse, E | E2>()
      const sent = Deferred.makeUnsafe<void>()
      const call = protect(Effect.flatMap(handler, (response) => {
        Deferred.doneUnsafe(answered, Exit.succeed(response))
        return Deferred.await(sent)
      }))
      const fiber = Effect.runForkWith(yield* Effect.context<R>())(call)
      fiber.addObserver((exit) => {
        if (exit._tag === "Failure") Deferred.doneUnsafe(answered, Exit.failCause(exit.cause))
      })
      yield* Scope.addFinalizer(
        scope,
        Effect.suspend(() => {
          Deferred.doneUnsafe(sent, Exit.void)
          return Fiber.await(fiber)
        })
      )
      return yield* Effect.onInterrupt(restore(Deferred.await(answered)), () => Fiber.interrupt(fiber))
    })
  )
