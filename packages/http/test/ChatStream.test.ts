import { assert, describe, it } from "@effect/vitest"
import { ChatError, ChatSchema, ChatStream } from "@switchgear/http"
import { Effect, Schema, Stream } from "effect"
import * as Streamed from "./support/streamed.ts"
import * as Texts from "./support/streamTexts.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 200)
const fuzzed = Number(process.env.SWITCHGEAR_RUNS ?? 2000)

const { data, done, ends, fragments, lines, says, tag } = Texts

describe("the decoder", () => {
  it.each(ends)("tells the end of %s", (_, stream, expected, count) => {
    const { chunks, progress } = Streamed.text(stream)
    assert.deepStrictEqual([tag(progress), chunks.length], [expected, count])
    if (typeof progress !== "string") {
      assert.isTrue(ChatError.isChatError(progress))
      assert.notInclude(progress.message, "undefined")
    }
  })

  it("passes over what says nothing to it", () => {
    const { chunks, progress } = Streamed.text(
      "\uFEFF\r\n: OPENROUTER PROCESSING\r\n\r\n",
      "event: ping\r\ndata: {\"type\": \"ping\"}\r\n\r\n",
      "retry: 3000\r\nid: 1\r\ndata:\r\n\r\n",
      "data: {\"choices\":\r\ndata:  [{\"delta\":{\"content\":\"世界\"},\r\ndata: \"finish_reason\":\"stop\"}]}\r\n\r\n",
      "data: {\"usage\":{\"total_tokens\":3}}\r\n\r\n",
      "data: [DONE]\r\n\r\n"
    )
    assert.strictEqual(progress, "whole")
    assert.deepStrictEqual(chunks.map(ChatStream.text), ["世界", ""])
    assert.isTrue(ChatStream.isUsageOnly(chunks[1]!))
  })

  it("keeps unknown fields, and counts known fields of a useless type as not given", () => {
    const { chunks } = Streamed.text(
      data({ id: 7, brand_new: { a: [1] }, choices: [{ index: "0", delta: { content: "a", role: 1, new: 2 } }] }),
      done
    )
    assert.strictEqual(chunks[0]!.id, undefined)
    assert.deepStrictEqual(chunks[0]!["brand_new"], { a: [1] })
    assert.deepStrictEqual(chunks[0]!.choices[0]!.delta?.["new"], 2)
    assert.strictEqual(chunks[0]!.choices[0]!.delta?.role, undefined)
    assert.strictEqual(ChatStream.text(chunks[0]!), "a")
  })

  it("keeps the wait and the id of an error in the stream, and no secret", () => {
    const decoder = ChatStream.decoder({
      provider: "openai",
      model: "gpt-4.1",
      status: 200,
      headers: { "x-request-id": "req_7" },
      secrets: { apiKey: "sk-planted-0123456789", prompt: ["my blood type and my address"] }
    })
    decoder.push(new TextEncoder().encode(data({
      error: {
        code: 429,
        message: "sk-planted-0123456789 asked: my blood type and my address. Please try again in 1.5s"
      }
    })))
    const error = decoder.progress() as ChatError.ProviderRateLimited
    assert.deepStrictEqual([error._tag, error.requestId, error.status], ["ProviderRateLimited", "req_7", 429])
    assert.isDefined(error.retryAfter)
    assert.notMatch(`${error.message}${JSON.stringify(error)}`, /planted|blood/)
  })

  it("bounds an event that never ends", () => {
    const decoder = ChatStream.decoder({ provider: "openai", model: "m", status: 200, headers: {} })
    const piece = new TextEncoder().encode("data: ".padEnd(2 ** 20, "x"))
    for (let i = 0; i < 11; i++) decoder.push(piece)
    const error = decoder.progress()
    assert.isTrue(typeof error !== "string" && error._tag === "MalformedReply" && /more than 10 MiB/.test(error.found))
  })

  it("bounds an event also when it comes in one piece, on one line or on many", () => {
    const text = "x".repeat(11 * 2 ** 20)
    const event = JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })
    const lines = event.replaceAll(",", ",\ndata: ")
    for (const written of [`data: ${event}\n\n`, `:\n\ndata: ${event}\n\n`, `:\n\ndata: ${lines}\n\n`]) {
      const decoder = ChatStream.decoder({ provider: "openai", model: "m", status: 200, headers: {} })
      assert.deepStrictEqual(decoder.push(new TextEncoder().encode(written)), [])
      const error = decoder.progress()
      assert.isTrue(
        typeof error !== "string" && error._tag === "MalformedReply" && /more than 10 MiB/.test(error.found)
      )
    }
  })

  it("survives nesting that no stack would", () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000)
    const { progress } = Streamed.text(`data: {"choices":[{"delta":{"content":"a","reasoning":${deep}}}]}\n\n`, done)
    assert.strictEqual(progress, "whole")
  })

  it.effect.prop(
    "gives the same chunks however the bytes are cut",
    { said: Streamed.Said, dialect: Streamed.Dialect, sizes: Streamed.Sizes },
    ({ dialect, said, sizes }) =>
      Effect.sync(() => {
        const { chunks, progress } = Streamed.decoded(Streamed.pieces(Streamed.bytes(said, dialect), sizes))
        assert.strictEqual(progress, "whole")
        assert.deepStrictEqual(chunks, Streamed.chunks(said))
      }),
    { arbitrary: { runs }, timeout: 5000 + 20 * runs }
  )

  it.effect.prop(
    "gives a prefix of the chunks and says that it is one, wherever the stream ends",
    {
      said: Streamed.Said,
      dialect: Streamed.Dialect,
      sizes: Streamed.Sizes,
      end: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999 }))
    },
    ({ dialect, end, said, sizes }) =>
      Effect.sync(() => {
        const all = Streamed.bytes(said, dialect)
        const cut = all.subarray(0, Math.floor(all.length * end / 1000))
        const { chunks, progress } = Streamed.decoded(Streamed.pieces(cut, sizes))
        const whole = Streamed.chunks(said)
        assert.deepStrictEqual(chunks, whole.slice(0, chunks.length))
        const finished = said.choices.every((_, index) =>
          chunks.some(({ choices }) =>
            choices.some((choice) => choice.index === index && choice.finish_reason !== null)
          )
        )
        const onlySeen = chunks.length > 0 && !finished && progress === "whole"
        // A stream that ended before a choice was first heard of cannot know of it.
        if (onlySeen) assert.isAbove(said.choices.length, 1)
        else if (finished) assert.strictEqual(progress, "whole")
        else assert.include(["Truncated", "MalformedReply"], tag(progress))
        if (tag(progress) === "MalformedReply") assert.strictEqual(chunks.length, 0)
      }),
    { arbitrary: { runs }, timeout: 5000 + 20 * runs }
  )

  const OddButText = [
    Schema.Null,
    Schema.Boolean,
    Schema.Finite,
    Schema.Array(Schema.Null).check(Schema.isMaxLength(1)),
    Schema.Struct({ nested: Schema.Null })
  ] as const
  const Odd = Schema.Union([...OddButText, Schema.String])
  /** The type a field should have, and now and then any other, or none. */
  const mostly = <S extends Schema.Constraint>(schema: S) =>
    Schema.optionalKey(Schema.Union([schema, schema, schema, Odd]))
  const Tokens = Schema.Struct({
    prompt_tokens: mostly(Schema.Int),
    total_tokens: mostly(Schema.Int),
    completion_tokens_details: mostly(Schema.Struct({ reasoning_tokens: mostly(Schema.Int) }))
  })
  const Nearly = Schema.Struct({
    id: mostly(Schema.String),
    created: mostly(Schema.Int),
    model: mostly(Schema.String),
    usage: mostly(Tokens),
    unknown: Schema.optionalKey(Odd),
    choices: Schema.Array(Schema.Struct({
      index: mostly(Schema.Int),
      finish_reason: mostly(Schema.Literals(["stop", "length"])),
      delta: mostly(Schema.Struct({
        role: mostly(Schema.String),
        content: mostly(Schema.String),
        refusal: mostly(Schema.String),
        tool_calls: mostly(
          Schema.Array(Schema.Struct({
            index: Schema.Literal(0),
            id: mostly(Schema.String),
            // A text is the name of the tool, which the schema does not know.
            function: Schema.optionalKey(Schema.Union([
              Schema.Struct({
                name: mostly(Schema.String),
                arguments: Schema.optionalKey(Schema.Union([Schema.String, Schema.Null, Schema.Boolean, Schema.Finite]))
              }),
              ...OddButText
            ]))
          })).check(Schema.isMaxLength(1))
        )
      }))
    })).check(Schema.isMaxLength(2))
  })

  /** An index may be written as a text, and a blank reason is none. Of several choices in one event, those without one have that of their place. */
  const placed = (
    chunk: ChatSchema.ChatChunk,
    given: ReadonlyArray<{ readonly index?: unknown }>
  ): ChatSchema.ChatChunk => ({
    ...chunk,
    choices: chunk.choices.map((heard, i) => {
      const reason = heard.finish_reason
      const isBlank = typeof reason === "string" && reason !== "" && reason.trim() === ""
      const choice = isBlank ? { ...heard, finish_reason: null } : heard
      const written = given[i]?.index
      const place = typeof written === "string" && /^\d{1,4}$/.test(written) ? Number(written) : i
      return choice.index === undefined && place > 0 ? { ...choice, index: place } : choice
    })
  })

  it.effect.prop(
    "makes of an event what the schema of a chunk says",
    { json: Nearly },
    ({ json }) =>
      Effect.sync(() => {
        const expected = Schema.decodeUnknownOption(ChatSchema.ChatChunk)(JSON.parse(JSON.stringify(json)))
        // An end before anything is said is not told before the end.
        const { chunks } = Streamed.text(says("a"), data(json))
        assert.deepStrictEqual(chunks.slice(1), expected._tag === "Some" ? [placed(expected.value, json.choices)] : [])
      }),
    { arbitrary: { runs: fuzzed }, timeout: 20_000 + 20 * fuzzed }
  )

  it.effect.prop(
    "tells a corrupt stream by a typed error or reads it to its end, the same way however it is cut",
    {
      said: Streamed.Said,
      dialect: Streamed.Dialect,
      sizes: Streamed.Sizes,
      damages: Texts.Damages
    },
    ({ damages, dialect, said, sizes }) =>
      Effect.sync(() => {
        const all = damages.reduce(Texts.damaged, Streamed.bytes(said, dialect))
        const cut = Streamed.decoded(Streamed.pieces(all, sizes))
        if (typeof cut.progress === "string") assert.strictEqual(cut.progress, "whole")
        else assert.isTrue(ChatError.isChatError(cut.progress))
        const together = Streamed.decoded([all])
        assert.deepStrictEqual([cut.chunks, tag(cut.progress)], [together.chunks, tag(together.progress)])
        assert.isTrue(cut.chunks.every(Schema.is(ChatSchema.ChatChunk)))
      }),
    { arbitrary: { runs: fuzzed }, timeout: 20_000 + 20 * fuzzed }
  )

  it.effect.prop(
    "reads the same from a byte at a time as from whole lines and events",
    { parts: Schema.Array(Schema.Literals(lines)).check(Schema.isMaxLength(16)) },
    ({ parts }) =>
      Effect.sync(() => {
        const pieces = parts.map((part) => new TextEncoder().encode(part))
        const { chunks, progress } = Streamed.decoded(pieces.flatMap((piece) => Streamed.pieces(piece, [1])))
        for (const other of [Streamed.decoded(pieces), Streamed.text(...parts)]) {
          assert.deepStrictEqual([other.chunks, tag(other.progress)], [chunks, tag(progress)])
        }
      }),
    { arbitrary: { runs: fuzzed }, timeout: 20_000 + 20 * fuzzed }
  )

  it.effect.prop(
    "makes chunks or a typed error of anything at all, and what it makes adds up",
    {
      parts: Schema.Array(Schema.Union([
        Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: fragments.length - 1 })),
        Schema.String
      ])).check(Schema.isMaxLength(24)),
      sizes: Streamed.Sizes
    },
    ({ parts, sizes }) =>
      Effect.gen(function*() {
        const all = new TextEncoder().encode(
          parts.map((part) => typeof part === "number" ? fragments[part] : part).join("")
        )
        const { chunks, progress } = Streamed.decoded(Streamed.pieces(all, sizes))
        const together = Streamed.decoded([all])
        assert.deepStrictEqual([chunks, tag(progress)], [together.chunks, tag(together.progress)])
        assert.isTrue(chunks.every(Schema.is(ChatSchema.ChatChunk)))
        const reply = yield* Effect.result(ChatStream.collect(Stream.fromIterable(chunks)))
        if (reply._tag === "Success") assert.isTrue(Schema.is(ChatSchema.ChatReply)(reply.success))
        else assert.strictEqual(chunks.some(({ choices }) => choices.length > 0), false)
      }),
    { arbitrary: { runs: fuzzed }, timeout: 20_000 + 20 * fuzzed }
  )
})

describe("hasContent", () => {
  const chunk = (delta: object, finish_reason: string | null = null) =>
    ({ choices: [{ index: 0, delta, finish_reason }] }) as ChatSchema.ChatChunk

  it("is true of text, reasoning, refusals, calls, sound and an end", () => {
    for (
      const delta of [
        { content: " " },
        { content: [{ type: "text", text: "a" }] },
        { reasoning_content: "hm" },
        { reasoning_details: [{ type: "reasoning.text", text: "hm" }] },
        { refusal: "no" },
        { tool_calls: [{ index: 0, id: "call_1", function: { name: "f", arguments: "" } }] },
        { function_call: { arguments: "{" } },
        { audio: { data: "UklGR" } }
      ]
    ) assert.isTrue(ChatStream.hasContent(chunk(delta)), JSON.stringify(delta))
    assert.isTrue(ChatStream.hasContent(chunk({}, "stop")))
  })

  it("is false of a role, emptiness, usage and padding", () => {
    for (
      const delta of [
        {},
        { role: "assistant" },
        { role: "assistant", content: "", refusal: null },
        { content: null, tool_calls: [] },
        { content: [{ type: "text", text: "" }] },
        { tool_calls: [{ index: 0, type: "function", function: { arguments: "" } }] },
        { audio: {} }
      ]
    ) assert.isFalse(ChatStream.hasContent(chunk(delta)), JSON.stringify(delta))
    assert.isFalse(ChatStream.hasContent({ choices: [], usage: { total_tokens: 3 }, obfuscation: "xx" }))
    assert.isFalse(ChatStream.hasContent({ choices: [{ finish_reason: null }] }))
  })
})

describe("collect", () => {
  it.effect.prop(
    "gives the reply that would have come without streaming",
    { said: Streamed.Said, dialect: Streamed.Dialect, sizes: Streamed.Sizes },
    ({ dialect, said, sizes }) =>
      Effect.gen(function*() {
        const { chunks } = Streamed.decoded(Streamed.pieces(Streamed.bytes(said, dialect), sizes))
        assert.deepStrictEqual<unknown>(yield* ChatStream.collect(Stream.fromIterable(chunks)), Streamed.reply(said))
      }),
    { arbitrary: { runs }, timeout: 5000 + 20 * runs }
  )

  const collected = (...deltas: ReadonlyArray<object>) =>
    Effect.map(
      ChatStream.collect(Stream.fromIterable(
        deltas.map((delta) => ({ choices: [{ index: 0, delta }] }) as ChatSchema.ChatChunk)
      )),
      ({ choices }) => choices[0].message
    )

  it.effect("puts tool calls together where indices are missing or names are repeated", () =>
    Effect.gen(function*() {
      const message = yield* collected(
        {
          role: "assistant",
          tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{\"x\"" } }]
        },
        { tool_calls: [{ function: { name: "f", arguments: ":1}" } }] },
        { tool_calls: [{ id: "b", type: "function", function: { name: "g", arguments: "{}" } }] }
      )
      assert.deepStrictEqual(
        message.tool_calls?.map((call) => [call.id, call.function?.name, call.function?.arguments]),
        [
          ["a", "f", "{\"x\":1}"],
          ["b", "g", "{}"]
        ]
      )
    }))

  it.effect("joins what it does not know where that is text or a list, and leaves the chunks as they were", () =>
    Effect.gen(function*() {
      const first = { reasoning: "so", annotations: [1], audio: { id: "au", transcript: "ni" }, refusal: null }
      const message = yield* collected(
        first,
        { reasoning: " then", annotations: [2], audio: { id: "au", transcript: " hao" }, refusal: "no" },
        { annotations: [3], content: null }
      )
      assert.deepStrictEqual(message, {
        role: "assistant",
        content: null,
        reasoning: "so then",
        annotations: [1, 2, 3],
        audio: { id: "au", transcript: "ni hao" },
        refusal: "no"
      })
      assert.deepStrictEqual(first.annotations, [1])
    }))

  it.effect("fails as the stream fails", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(ChatStream.collect(Stream.fail("broken")))
      assert.strictEqual(error, "broken")
    }))

  it.effect("tells a stream without a choice", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(ChatStream.collect(Stream.empty))
      assert.strictEqual(error._tag, "MalformedReply")
    }))
})
