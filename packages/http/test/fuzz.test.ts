import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatError, ChatSchema, ChatStream } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Context, Duration, Effect, Exit, Fiber, Layer, Redacted, Schema, Stream } from "effect"
import { HttpClient, HttpClientError, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import * as Corruption from "./support/corruption.ts"
import * as Loopback from "./support/loopback.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 1000)
const many = { arbitrary: { runs }, timeout: 20_000 + 20 * runs }

const request = {
  model: "gpt-4.1",
  messages: [{ role: "user" as const, content: "How do I find the way to the station?" }]
}
const apiKey = Redacted.make("sk-fuzzed-0123456789")

/** A client over an `HttpClient` that does one thing. */
const clientOf = (respond: Parameters<typeof HttpClient.make>[0]) =>
  ChatClient.make({ provider: "openai", baseUrl: "http://simulated.test/v1", apiKey }).pipe(
    Effect.provideService(HttpClient.HttpClient, HttpClient.make(respond))
  )

const answering = ({ end, headers, pieces, status }: Corruption.Corrupt) =>
  clientOf((request) => {
    const rest = end === "silent" ? Stream.never : end === "broken" ? Stream.fail(closed) : Stream.empty
    const body = Stream.concat(Stream.fromIterable(pieces, { chunkSize: 1 }), rest)
    return Effect.succeed(
      HttpServerResponse.toClientResponse(HttpServerResponse.stream(body, { status, headers }), { request })
    )
  })

const closed = { code: "UND_ERR_SOCKET" }

/** How a call ends while the clock goes on: it has to, by its own clocks. */
const ended = Effect.fnUntraced(function*<A, E>(call: Effect.Effect<A, E>) {
  const fiber = yield* Effect.forkChild(call, { startImmediately: true })
  // A long body is read in many steps, and no time passes in them.
  for (let i = 0; i < 200 && fiber.pollUnsafe() === undefined; i++) yield* Effect.yieldNow
  for (let i = 0; i < 2 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("10 minutes")
  assert.isDefined(fiber.pollUnsafe(), "the call outlives its clocks")
  return yield* Fiber.await(fiber)
})

const longest = Duration.toMillis("31 days")

/** A typed error and nothing else, whole, in few words. */
const assertTyped = (exit: Exit.Failure<unknown, unknown>): void => {
  const [reason, ...others] = exit.cause.reasons
  assert.isTrue(reason?._tag === "Fail" && others.length === 0, String(exit.cause))
  const error = (reason as { readonly error: unknown }).error
  if (!ChatError.isChatError(error)) return assert.fail(String(error))
  assert.isAtMost(error.message.length, 800)
  assert.isAtMost(error.detail?.length ?? 0, 301)
  for (const word of [error.code, error.type, error.requestId]) assert.isAtMost(word?.length ?? 0, 101)
  assert.notMatch(error.message + JSON.stringify(error), /undefined|\[object|sk-fuzzed|\n/)
  const wait = error.retryAfter === undefined ? 0 : Duration.toMillis(error.retryAfter)
  assert.isTrue(Number.isInteger(wait) && wait >= 0 && wait <= longest, `${wait}`)
}

/** What the decoder alone makes of the body when it comes in one piece. */
const decoded = ({ headers, pieces, status }: Corruption.Corrupt) => {
  const decoder = ChatStream.decoder({ provider: "openai", model: "gpt-4.1", status, headers })
  const chunks = [...decoder.push(new Uint8Array(Buffer.concat(pieces))), ...decoder.end()]
  return { chunks, progress: decoder.progress() }
}

const isReply = Schema.is(ChatSchema.ChatReply)
const isChunk = Schema.is(ChatSchema.ChatChunk)

describe("whatever comes instead of an answer", () => {
  it.effect.prop(
    "is an answer or a typed error, in time",
    { corruption: Corruption.Corruption },
    ({ corruption }) =>
      Effect.gen(function*() {
        const client = yield* answering(Corruption.whole(corruption))
        const exit = yield* ended(client.complete(request))
        if (Exit.isFailure(exit)) assertTyped(exit)
        else assert.isTrue(isReply(exit.value))
      }),
    many
  )

  it.effect.prop(
    "is a stream that is whole or ends in a typed error, in time",
    { corruption: Corruption.Corruption },
    ({ corruption }) =>
      Effect.gen(function*() {
        const corrupt = Corruption.streamed(corruption)
        const client = yield* answering(corrupt)
        const chunks: Array<ChatSchema.ChatChunk> = []
        const exit = yield* ended(
          Stream.runForEach(client.stream(request), (chunk) => Effect.sync(() => void chunks.push(chunk)))
        )
        assert.isTrue(chunks.every(isChunk))
        if (corrupt.status < 300) assert.strictEqual(JSON.stringify(chunks), JSON.stringify(decoded(corrupt).chunks))
        const collected = yield* Effect.exit(ChatStream.collect(Stream.fromIterable(chunks)))
        if (Exit.isSuccess(collected)) assert.isTrue(isReply(collected.value))
        else assertTyped(collected)
        if (Exit.isFailure(exit)) assertTyped(exit)
        else assert.isTrue(Exit.isSuccess(collected))
      }),
    many
  )

  it.effect.prop(
    "is a connection that failed, for whatever cause",
    {
      inner: Schema.Json,
      fields: Schema.Record(
        Schema.Literals(["code", "name", "address", "port", "message"]),
        Schema.Union([Schema.Json, Schema.Literals(["ECONNRESET", "ETIMEDOUT", "HPE_INVALID", "CERT_EXPIRED"])])
      ),
      within: Schema.Literals(["cause", "errors", "circle"])
    },
    ({ fields, inner, within }) =>
      Effect.gen(function*() {
        const lost = { ...fields, cause: undefined as unknown }
        lost.cause = within === "circle" ? lost : within === "errors" ? { errors: [fields, inner] } : inner
        const client = yield* clientOf((request) =>
          Effect.fail(
            new HttpClientError.HttpClientError({
              reason: new HttpClientError.TransportError({ request, cause: { ...fields, cause: lost } })
            })
          )
        )
        for (const call of [client.complete(request), Stream.runDrain(client.stream(request))]) {
          const exit = yield* ended<unknown, unknown>(call)
          if (Exit.isSuccess(exit)) assert.fail("answered")
          else assertTyped(exit)
        }
      }),
    many
  )

  it.live.prop(
    "is an answer or a typed error also when it comes over a socket and not even HTTP is right",
    { corruption: Corruption.Corruption },
    ({ corruption }) =>
      Effect.gen(function*() {
        const port = yield* Loopback.speaking(() => Corruption.raw(corruption))
        const client = yield* Layer.build(NodeTransport.layerChatClient({
          provider: "openai",
          baseUrl: `http://127.0.0.1:${port}/v1`,
          apiKey,
          proxy: "none"
        }))
        const exit = yield* Effect.exit(Context.get(client, ChatClient.ChatClient).complete(request))
        if (Exit.isFailure(exit)) assertTyped(exit)
        else assert.isTrue(isReply(exit.value))
      }).pipe(Effect.scoped),
    { ...many, arbitrary: { runs: Math.min(runs, 200) } }
  )

  it("leaves no mark on the prototype of all objects", () => {
    assert.isUndefined((Object.prototype as { readonly polluted?: unknown }).polluted)
  })
})
