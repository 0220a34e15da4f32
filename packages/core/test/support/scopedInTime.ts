/** A scope that closes while the test clock moves: a node that leaves its fleet waits for the answer to its last message. */
import { Effect, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"

export const scopedInTime = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.flatMap(Scope.make(), (scope) =>
    Effect.onExit(Scope.provide(self, scope), (exit) =>
      Effect.gen(function*() {
        const closing = yield* Effect.forkChild(Scope.close(scope, exit))
        while (closing.pollUnsafe() === undefined) yield* TestClock.adjust("10 millis")
        yield* Fiber.join(closing)
      })))
