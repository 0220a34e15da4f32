import { assert, describe, it } from "@effect/vitest"
import { ChatClient, type ChatError } from "@switchgear/http"
import { Effect, Fiber, Redacted, Stream } from "effect"
import { HttpClient, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"

const bytes = (text: string) => new TextEncoder().encode(text)
const explanation = JSON.stringify({ error: { message: "Slow down, please", code: "rate_limit_exceeded" } })

/** Bodies without an end, and what of them can be read after a second. */
const bodies: ReadonlyArray<readonly [string, Stream.Stream<Uint8Array>, detail: RegExp | undefined]> = [
  ["says nothing", Stream.never, undefined],
  ["stalls in the middle", Stream.concat(Stream.make(bytes("{\"err")), Stream.never), /^\{"err$/],
  ["stalls after all was said", Stream.concat(Stream.make(bytes(explanation)), Stream.never), /^Slow down, please$/],
  [
    "trickles",
    Stream.mapEffect(Stream.forever(Stream.make(bytes("."))), (dot) => Effect.delay(Effect.succeed(dot), "90 millis")),
    /^\.{11}$/
  ]
]

const clientOf = (body: Stream.Stream<Uint8Array>, status: number, closed: { times: number }) =>
  ChatClient.make({
    provider: "p",
    baseUrl: "http://p.test/v1",
    apiKey: [Redacted.make("sk-1"), Redacted.make("sk-2")]
  })
    .pipe(
      Effect.provideService(
        HttpClient.HttpClient,
        HttpClient.make((request) =>
          Effect.succeed(HttpServerResponse.toClientResponse(
            HttpServerResponse.stream(Stream.ensuring(body, Effect.sync(() => closed.times++)), { status }),
            { request }
          ))
        )
      )
    )

type Ask = (client: ChatClient.ChatClient["Service"]) => Effect.Effect<ChatError.ChatError, unknown>

const deliveries: Record<string, Ask> = {
  whole: (client) => Effect.flip(client.complete({ model: "m", messages: [] })),
  streamed: (client) => Effect.flip(Stream.runDrain(client.stream({ model: "m", messages: [] })))
}

for (const [delivery, ask] of Object.entries(deliveries)) {
  describe(`${delivery}: the status speaks after a second when the body of an error`, () => {
    for (const [what, body, detail] of bodies) {
      it.effect(what, () =>
        Effect.gen(function*() {
          const closed = { times: 0 }
          const fiber = yield* Effect.forkChild(
            Effect.flatMap(clientOf(body, 429, closed), ask),
            { startImmediately: true }
          )
          yield* TestClock.adjust("999 millis")
          assert.isUndefined(fiber.pollUnsafe())
          yield* TestClock.adjust("1 millis")
          const error = yield* Fiber.join(fiber)
          assert.strictEqual(error._tag, "ProviderRateLimited")
          assert.strictEqual(error.status, 429)
          if (detail === undefined) assert.isUndefined(error.detail)
          else assert.match(error.detail!, detail)
          assert.strictEqual(closed.times, 1)
        }))
    }

    it.effect("has no end at any speed: 64 KiB of it are read", () =>
      Effect.gen(function*() {
        const closed = { times: 0 }
        let pieces = 0
        const endless = Stream.map(Stream.forever(Stream.make(bytes("x".repeat(1024)))), (piece) => {
          pieces++
          return piece
        })
        const error = yield* Effect.flatMap(clientOf(endless, 503, closed), ask)
        assert.strictEqual(error._tag, "Overloaded")
        assert.strictEqual(closed.times, 1)
        assert.isAtMost(pieces, 66)
      }))

    it.effect("refuses a key: both keys are asked, a second each", () =>
      Effect.gen(function*() {
        const closed = { times: 0 }
        const fiber = yield* Effect.forkChild(Effect.flatMap(clientOf(Stream.never, 401, closed), ask), {
          startImmediately: true
        })
        yield* TestClock.adjust("1 seconds")
        assert.isUndefined(fiber.pollUnsafe())
        assert.strictEqual(closed.times, 1)
        yield* TestClock.adjust("1 seconds")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "Unauthorized")
        assert.strictEqual(closed.times, 2)
      }))
  })
}
