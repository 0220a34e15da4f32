import { assert, describe, it } from "@effect/vitest"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Redacted } from "effect"
import OpenAI from "openai"

const apiKey = "sk-loopback-0123456789"
const ask = { model: "gpt-4.1", messages: [{ role: "user" as const, content: "Hello there" }] }

/** The official client, at a simulated provider that behaves as told, and counts of what that was asked. */
const official = (
  outcome: Behaviour.Outcome,
  options: { readonly apiKey?: string; readonly maxRetries?: number } = {}
) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({
      models: { "gpt-4.1": { outcome } },
      apiKey: Redacted.make(apiKey)
    })
    const { url } = yield* SimulatedProvider.serve(provider)
    return { openai: new OpenAI({ apiKey, baseURL: url, maxRetries: 0, logLevel: "off", ...options }), provider }
  })

/** What the official client makes of a stream: the chunks it gave, and what it threw. */
const read = (openai: OpenAI, more: object = {}) =>
  Effect.promise(async () => {
    const chunks: Array<OpenAI.ChatCompletionChunk> = []
    try {
      for await (const chunk of await openai.chat.completions.create({ ...ask, stream: true, ...more })) {
        chunks.push(chunk)
      }
      return { chunks, text: textOf(chunks), thrown: undefined }
    } catch (thrown) {
      return { chunks, text: textOf(chunks), thrown }
    }
  })

const textOf = (chunks: ReadonlyArray<OpenAI.ChatCompletionChunk>) =>
  chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")

const thrownBy = (call: () => PromiseLike<unknown>) =>
  Effect.promise(() => call().then(() => "nothing", (thrown: unknown) => thrown))

describe("the official openai client takes the simulated provider for a real one", () => {
  it.live("in a reply", () =>
    Effect.gen(function*() {
      const { openai } = yield* official(Behaviour.ok("Good day, 世界"))
      const reply = yield* Effect.promise(() => openai.chat.completions.create(ask))
      assert.strictEqual(reply.choices[0]!.message.content, "Good day, 世界")
      assert.strictEqual(reply.choices[0]!.finish_reason, "stop")
      assert.deepStrictEqual([reply.object, reply.model], ["chat.completion", "gpt-4.1"])
      assert.deepInclude(reply.usage, { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 })
    }))

  for (const bytes of ["events", "one-by-one"] as const) {
    it.live(`in a stream, sent as ${bytes}`, () =>
      Effect.gen(function*() {
        const { openai } = yield* official(Behaviour.stream({ text: "Good day, 世界 👋🏽", bytes }))
        const { chunks, text, thrown } = yield* read(openai, { stream_options: { include_usage: true } })
        assert.isUndefined(thrown)
        assert.strictEqual(text, "Good day, 世界 👋🏽")
        assert.deepStrictEqual(chunks[0]!.choices[0]!.delta, { role: "assistant", content: "", refusal: null })
        assert.strictEqual(new Set(chunks.map(({ id, object }) => `${id} ${object}`)).size, 1)
        assert.strictEqual(chunks.at(-2)!.choices[0]!.finish_reason, "stop")
        assert.deepStrictEqual(chunks.at(-1)!.choices, [])
        assert.strictEqual(chunks.at(-1)!.usage!.completion_tokens, 5)
        assert.isTrue(chunks.slice(0, -1).every(({ usage }) => usage === null))
      }))
  }

  it.live("in a stream nobody asked the usage of", () =>
    Effect.gen(function*() {
      const { openai } = yield* official(Behaviour.ok())
      const { chunks } = yield* read(openai)
      assert.isTrue(chunks.every((chunk) => !("usage" in chunk) && chunk.choices.length === 1))
    }))

  it.live("in what its own helper collects", () =>
    Effect.gen(function*() {
      const { openai } = yield* official(Behaviour.ok("Good day"))
      const whole = yield* Effect.promise(() => openai.chat.completions.create(ask))
      const collected = yield* Effect.promise(() => openai.chat.completions.stream(ask).finalChatCompletion())
      assert.strictEqual(collected.choices[0]!.message.content, whole.choices[0]!.message.content)
      assert.strictEqual(collected.choices[0]!.finish_reason, "stop")
    }))

  describe("in the classes of its errors", () => {
    const cases = [
      ["401", Behaviour.unauthorized, OpenAI.AuthenticationError, 401, "invalid_api_key"],
      [
        "404",
        Behaviour.error(404, { message: "no", code: "model_not_found" }),
        OpenAI.NotFoundError,
        404,
        "model_not_found"
      ],
      ["429", Behaviour.rateLimited("1 second"), OpenAI.RateLimitError, 429, "rate_limit_exceeded"],
      ["500", Behaviour.serverError, OpenAI.InternalServerError, 500, null],
      ["503", Behaviour.unavailable, OpenAI.InternalServerError, 503, "server_is_overloaded"]
    ] as const
    for (const [name, outcome, Class, status, code] of cases) {
      it.live(`for ${name}, whole and streamed`, () =>
        Effect.gen(function*() {
          const { openai } = yield* official(outcome)
          const whole = yield* thrownBy(() => openai.chat.completions.create(ask))
          const streamed = (yield* read(openai)).thrown
          for (const thrown of [whole, streamed]) {
            assert.instanceOf(thrown, Class)
            const { code: given, status: was } = thrown as InstanceType<typeof OpenAI.APIError>
            assert.deepStrictEqual<unknown>([was, given], [status, code])
          }
        }))
    }

    it.live("for a wrong key and an unknown model", () =>
      Effect.gen(function*() {
        const wrong = yield* official(Behaviour.ok(), { apiKey: "sk-wrong-0123456789" })
        assert.instanceOf(yield* thrownBy(() => wrong.openai.chat.completions.create(ask)), OpenAI.AuthenticationError)
        const { openai } = yield* official(Behaviour.ok())
        const unknown = yield* thrownBy(() => openai.chat.completions.create({ ...ask, model: "none" }))
        assert.instanceOf(unknown, OpenAI.NotFoundError)
      }))

    it.live("for a connection that is closed before an answer", () =>
      Effect.gen(function*() {
        const { openai } = yield* official(Behaviour.cut("before-headers"))
        const thrown = yield* thrownBy(() => openai.chat.completions.create(ask))
        assert.instanceOf(thrown, OpenAI.APIConnectionError)
      }))
  })

  it.live("in repeating what may be repeated after the wait it is told", () =>
    Effect.gen(function*() {
      const { openai, provider } = yield* official(
        Behaviour.error(429, { message: "slow" }, { "retry-after-ms": "5" }),
        { maxRetries: 2 }
      )
      assert.instanceOf(yield* thrownBy(() => openai.chat.completions.create(ask)), OpenAI.RateLimitError)
      assert.strictEqual((yield* provider.total).answered, 3)
    }))

  describe("in streams that go wrong", () => {
    it.live("by an error in the stream, which it throws after the chunks before it", () =>
      Effect.gen(function*() {
        const { openai } = yield* official(
          Behaviour.stream({ text: "Good day", chunks: 2, end: Behaviour.errorAfter(1) })
        )
        const { text, thrown } = yield* read(openai)
        assert.strictEqual(text, "Good")
        assert.instanceOf(thrown, OpenAI.APIError)
        assert.strictEqual((thrown as InstanceType<typeof OpenAI.APIError>).type, "server_error")
      }))

    it.live("by garbage, which it throws as a syntax error", () =>
      Effect.gen(function*() {
        const { openai } = yield* official(Behaviour.stream({ end: Behaviour.garbageAfter(1) }))
        assert.instanceOf((yield* read(openai)).thrown, SyntaxError)
      }))

    it.live("by a connection that is lost, which it throws", () =>
      Effect.gen(function*() {
        const { openai } = yield* official(
          Behaviour.stream({ text: "Good day", chunks: 2, end: Behaviour.cutAfter(1) })
        )
        const { text, thrown } = yield* read(openai)
        assert.strictEqual(text, "Good")
        assert.instanceOf(thrown, Error)
      }))

    // This is why `ChatClient.stream` fails with `Truncated`.
    it.live("by an end without an end, of which it says nothing", () =>
      Effect.gen(function*() {
        const { openai } = yield* official(Behaviour.stream({ text: "Good day", end: Behaviour.endWithout("both") }))
        const { chunks, text, thrown } = yield* read(openai)
        assert.deepStrictEqual([text, thrown], ["Good day", undefined])
        assert.isTrue(chunks.every(({ choices }) => choices[0]!.finish_reason === null))
      }))

    it.live("by heartbeats, which it passes over", () =>
      Effect.gen(function*() {
        const { openai, provider } = yield* official(
          Behaviour.stream({ text: "Good day", chunks: 2, end: Behaviour.heartbeatAfter(2, "1 millis") })
        )
        const seen = yield* Effect.promise(async () => {
          let text = ""
          const stream = await openai.chat.completions.create({ ...ask, stream: true })
          for await (const { choices } of stream) {
            text += choices[0]?.delta.content ?? ""
            if (text === "Good day") break
          }
          return text
        })
        assert.strictEqual(seen, "Good day")
        assert.strictEqual((yield* provider.total).started, 1)
      }))
  })
})
