import { assert, describe, it } from "@effect/vitest"
import { ChatSchema } from "@switchgear/http"
import { Effect, Schema } from "effect"
import { exchange } from "./support/clientOf.ts"

const decode = Schema.decodeUnknownEffect(ChatSchema.ChatReply)
const good = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "gpt-4.1",
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, prompt_tokens_details: { cached_tokens: 1 } }
}

describe("ChatSchema", () => {
  it.effect("keeps every field of a reply it does not know, at every depth", () =>
    Effect.gen(function*() {
      const rich = {
        ...good,
        service_tier: "default",
        moderation: { flagged: false },
        choices: [{
          ...good.choices[0],
          logprobs: null,
          message: {
            role: "assistant",
            content: null,
            reasoning_content: "because",
            tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{", strict: true }, x: 1 }]
          }
        }],
        usage: {
          ...good.usage,
          prompt_cache_hit_tokens: 1,
          prompt_tokens_details: { cached_tokens: 1, image_tokens: 4 }
        }
      }
      assert.deepStrictEqual(yield* decode(rich), rich as never)
    }))

  it.effect("treats a known field of an unusable type as not given, and keeps the answer", () =>
    Effect.gen(function*() {
      const odd = yield* decode({ ...good, id: 7, created: "now", usage: null })
      assert.strictEqual(odd.id, undefined)
      assert.strictEqual(odd.usage, undefined)
      assert.strictEqual(ChatSchema.text(odd), "hi")
    }))

  it.effect("passes every field of a request through", () =>
    Effect.gen(function*() {
      const request = {
        model: "m",
        messages: [{ role: "user", content: [{ type: "text", text: "a" }], cache_control: { type: "ephemeral" } }],
        temperature: "warm",
        prompt_cache_options: { a: 1 }
      }
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(ChatSchema.ChatRequest)(request), request as never)
    }))

  it("joins the text parts of a content that is a list", () => {
    assert.strictEqual(ChatSchema.textOf([{ type: "text", text: "a" }, { type: "image" }, null, { text: "b" }]), "ab")
    assert.strictEqual(ChatSchema.textOf(7), "")
  })

  const accepted = (message: unknown, finish_reason: unknown = null) =>
    Effect.map(
      Effect.exit(exchange(JSON.stringify({ choices: [{ message, finish_reason }] }))),
      (exit) => exit._tag === "Success"
    )

  it.effect("accepts an answer without text when it says what it is instead", () =>
    Effect.gen(function*() {
      assert.isTrue(yield* accepted({ content: null, tool_calls: [{ function: { name: "f", arguments: "{}" } }] }))
      assert.isTrue(yield* accepted({ content: null, refusal: "no" }))
      assert.isTrue(yield* accepted({ content: null, audio: { data: "UklGR" } }))
      assert.isFalse(yield* accepted({ content: "" }, "length"))
      assert.isFalse(yield* accepted({ content: "" }))
      assert.isFalse(yield* accepted({ role: "assistant", content: null, tool_calls: [] }))
    }))

  it.effect("tolerates blank lines before a reply", () =>
    Effect.gen(function*() {
      assert.strictEqual(ChatSchema.text(yield* exchange(`\n\n \r\n${JSON.stringify(good)}`)), "hi")
    }))
})
