import { assert, describe, it } from "@effect/vitest"
import { ChatClient } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Deferred, type Duration, Effect, Fiber, Stream } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { clientOf } from "./support/clientOf.ts"

const request = { model: "gpt-4.1", messages: [{ role: "user" as const, content: "Hello" }] }

const event = (delta: object, finish_reason: string | null = null) =>
  new TextEncoder().encode(`data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`)
const word = event({ content: "word " })
const done = new TextEncoder().encode("data: [DONE]\n\n")

/** So many words, each in a piece of its own, and then the pieces given, or silence. */
const words = (count: number, ...end: ReadonlyArray<Uint8Array> | ["silence"]): ReadableStream<Uint8Array> => {
  let sent = 0
  return new ReadableStream({
    pull: (controller) => {
      const piece = sent < count ? word : end[sent - count]
      sent++
      if (piece === "silence") return new Promise(() => {})
      if (piece === undefined) controller.close()
      else controller.enqueue(piece)
      return undefined
    }
  })
}

describe("a long stream", () => {
  it.live("holds nothing of what was read", () =>
    Effect.gen(function*() {
      setFlagsFromString("--expose-gc")
      const collectGarbage: () => void = runInNewContext("gc")
      const client = yield* clientOf(() => new Response(words(110_000, done)))
      const heap: Array<number> = []
      let read = 0
      yield* Stream.runForEach(client.stream(request), () =>
        Effect.sync(() => {
          if (++read % 50_000 !== 10_000) return
          collectGarbage()
          heap.push(process.memoryUsage().heapUsed)
        }))
      assert.strictEqual(read, 110_000)
      // One reference kept of each chunk would be 800,000 bytes.
      assert.isBelow(heap[2]! - heap[0]!, 400_000)
    }), 20_000)

  describe("starts a few timers, however many pieces come, and leaves none behind", () => {
    /** The clock at hand, and how many of its sleeps were begun and are not over. */
    const counted = Effect.clockWith((clock) => {
      const sleeps = { begun: 0, open: 0 }
      const counting: Clock.Clock = Object.assign(Object.create(clock), {
        sleep: (duration: Duration.Duration) =>
          Effect.suspend(() => {
            sleeps.begun++
            sleeps.open++
            return Effect.ensuring(clock.sleep(duration), Effect.sync(() => sleeps.open--))
          })
      })
      return Effect.succeed({ counting, sleeps })
    })

    /** A timer that is shared is kept for this turn of the event loop, since the next call may need it again. */
    const nextTurn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

    const left = (
      run: (client: ChatClient.ChatClient["Service"], sleeps: { readonly open: number }) => Effect.Effect<unknown>,
      response: () => Response
    ) =>
      Effect.gen(function*() {
        const { counting, sleeps } = yield* counted
        const client = yield* clientOf(response)
        yield* Effect.provideService(run(client, sleeps), Clock.Clock, counting)
        assert.isAtLeast(sleeps.begun, 1)
        assert.isAtMost(sleeps.begun, 6)
        yield* nextTurn
        assert.strictEqual(sleeps.open, 0)
      })

    /** Pulls the stream to its end, in a scope that stays open. */
    const pulled = (client: ChatClient.ChatClient["Service"], sleeps: { readonly open: number }) =>
      Effect.scoped(Effect.gen(function*() {
        const pull = yield* Stream.toPull(client.stream(request))
        yield* Effect.exit(Effect.forever(pull))
        yield* nextTurn
        assert.strictEqual(sleeps.open, 0)
      }))

    const ends: ReadonlyArray<readonly [string, () => Response]> = [
      ["when it is whole", () => new Response(words(1000, event({}, "stop"), done))],
      ["when it is whole but for its finish_reason", () => new Response(words(1000, done))],
      ["when it is cut", () => new Response(words(1000))],
      ["when it is broken", () => new Response(words(1000, new TextEncoder().encode("data: {\n\n")))],
      ["when it is refused", () => new Response("{}", { status: 503 })]
    ]
    for (const [name, response] of ends) it.live(`${name}, with its scope still open`, () => left(pulled, response))

    it.live("when the reader has enough", () =>
      left(
        (client) => Stream.runDrain(Stream.ignore(Stream.take(client.stream(request), 500))),
        () => new Response(words(1000))
      ))

    it.live("when the reader is interrupted", () =>
      left(
        (client) =>
          Effect.gen(function*() {
            const stalled = yield* Deferred.make<void>()
            let read = 0
            const fiber = yield* Effect.forkChild(
              Stream.runForEach(
                client.stream(request),
                () => ++read === 1000 ? Deferred.succeed(stalled, undefined) : Effect.void
              )
            )
            yield* Deferred.await(stalled)
            yield* Effect.yieldNow
            yield* Fiber.interrupt(fiber)
          }),
        () => new Response(words(1000, "silence"))
      ))
  })

  it.effect("tells silence at its millisecond, however long the words before it went on", () =>
    Effect.gen(function*() {
      const outcome = Behaviour.stream({ text: "x".repeat(400), pause: "2 seconds", end: Behaviour.stallAfter(100) })
      const provider = yield* SimulatedProvider.make({ models: { "gpt-4.1": { outcome } } })
      const client = yield* ChatClient.make({
        provider: "openai",
        baseUrl: "http://simulated.test/v1",
        idleTimeout: "3 seconds"
      }).pipe(Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider)))
      const fiber = yield* Effect.forkChild(Effect.flip(Stream.runDrain(client.stream(request))), {
        startImmediately: true
      })
      yield* TestClock.adjust(99 * 2000 + 2999)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(fiber)
      assert.isTrue(error._tag === "TimedOut" && error.phase === "idle")
    }))
})
