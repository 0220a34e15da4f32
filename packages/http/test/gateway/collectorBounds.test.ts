/** What a collector that hangs may hold. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, type Layer } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { collecting } from "./collector.ts"

const { layer } = await vi.importActual<{
  readonly layer: (endpoint: string) => Layer.Layer<HttpClient.HttpClient>
}>("../../src/gateway/otlp/collector.ts")

/** Lets sockets do their work, whatever the clock of the test says. */
const untilTaken = (taken: ReadonlyArray<unknown>, count: number): Effect.Effect<void> =>
  Effect.promise(async () => {
    while (taken.length < count) await new Promise((resume) => setTimeout(resume, 2))
  })

describe("a collector that hangs", () => {
  it.effect("is asked four things at once; each is left after ten seconds, and what is more is refused at once", () =>
    Effect.gen(function*() {
      const collector = yield* collecting
      collector.set(() => {})
      yield* Effect.gen(function*() {
        const client = yield* HttpClient.HttpClient
        const send = Effect.exit(client.execute(HttpClientRequest.post(`${collector.url}/v1/traces`)))
        const fibers = yield* Effect.forEach(Array.from({ length: 4 }), () => Effect.forkChild(send))
        yield* untilTaken(collector.taken, 4)
        assert.isTrue(Exit.isFailure(yield* send))
        assert.strictEqual(collector.taken.length, 4)
        yield* TestClock.adjust("9 seconds")
        assert.isTrue(fibers.every((fiber) => fiber.pollUnsafe() === undefined))
        yield* TestClock.adjust("1 second")
        for (const exit of yield* Fiber.joinAll(fibers)) assert.isTrue(Exit.isFailure(exit))
        collector.set((response) => void response.end())
        const good = yield* Effect.forkChild(send)
        yield* untilTaken(collector.taken, 5)
        assert.isTrue(Exit.isSuccess(yield* Fiber.join(good)))
      }).pipe(Effect.provide(layer(collector.url)))
    }).pipe(Effect.scoped))
})
