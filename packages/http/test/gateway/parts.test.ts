/** Bodies that are small as bytes and large in memory. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@switchgear/http/testing"
import { Effect, Fiber, Schema } from "effect"
import { vi } from "vitest"
import { chat, hello, running } from "./running.ts"
import { post, send, speaking } from "./spoken.ts"

const { partsIn } = await vi.importActual<{ readonly partsIn: (body: string) => number }>(
  "../../src/gateway/server/parts.ts"
)

/** The objects, lists and texts of a value, names of fields included. */
const countOf = (value: unknown): number =>
  typeof value === "string"
    ? 1
    : typeof value !== "object" || value === null
    ? 0
    : Array.isArray(value)
    ? value.reduce((sum: number, one) => sum + countOf(one), 1)
    : Object.values(value).reduce((sum: number, one) => sum + 1 + countOf(one), 1)

const padding = " ".repeat(16 * 1024)

describe("the parts of a body", () => {
  it.prop("are its objects, lists and texts, whatever is in the texts", { value: Schema.Json }, ({ value }) => {
    assert.strictEqual(partsIn(JSON.stringify(value) + padding), countOf(value))
    assert.strictEqual(partsIn(JSON.stringify(value, null, 1) + padding), countOf(value))
  })

  it("are those of a text with quotes, backslashes and brackets", () => {
    for (const text of ["\"", "\\", "\\\"", "\\\\", "[{\"", "\"\\\"[", "\\\\\"{"]) {
      assert.strictEqual(partsIn(JSON.stringify([text, { [text]: [] }]) + padding), 5)
    }
  })

  it("are some number for what is no JSON", () => {
    for (const text of ["\"", "\"\\", "[\"", "\\\"", "\\".repeat(20_000), "\"".repeat(20_001)]) {
      assert.isAtLeast(partsIn(text + padding), 0)
    }
  })
})

describe("a body with more parts than anybody asks with", () => {
  const many = "{},".repeat(250_000)

  it.live("is refused before it is read, in the words of each API", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, url } = yield* speaking()
      const bodies = [
        ["/v1/chat/completions", `{"model":"first","messages":[${many}{}]}`],
        ["/v1/messages", `{"model":"first","max_tokens":1,"messages":[${many}{}]}`],
        ["/v1/responses", `{"model":"first","input":[${many}{}]}`],
        ["/v1/embeddings", `{"model":"near","input":[${many}{}]}`]
      ] as const
      for (const [path, body] of bodies) {
        const { json, status } = yield* post(url, path, body)
        assert.strictEqual(status, 413)
        assert.include(json.error.message, "more than 250000 objects, lists and texts")
        assert.include([json.error.code, json.error.type], "request_too_large")
      }
      assert.deepStrictEqual(heard, [])
    })))

  it.live("is refused for more fields than any API has parameters, and not for those of a field", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, url } = yield* speaking()
      const fields = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`field ${i}`, 1]))
      const asked = { max_tokens: 1, messages: hello.messages, input: "Hello" }
      for (const path of ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"]) {
        const model = path === "/v1/embeddings" ? "near" : "first"
        const { json, status } = yield* post(url, path, { ...asked, model, ...fields })
        assert.strictEqual(status, 413)
        assert.include(json.error.message, "more than 1000 fields")
        assert.deepStrictEqual(heard, [])
        assert.notStrictEqual((yield* post(url, path, { ...asked, model, metadata: fields })).status, 413)
        heard.length = 0
      }
    })))

  it.live("is none for its numbers: a list of tokens is asked with", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking()
      set("one/vectors-small", send(200, { data: [{ embedding: [1] }], model: "m", usage: { prompt_tokens: 1 } }))
      const { status, text } = yield* post(url, "/v1/embeddings", `{"model":"near","input":[${"1,".repeat(300_000)}1]}`)
      assert.strictEqual(status, 200, text)
    })))

  it.live("is refused for its numbers where one of them has to be kept as it is written, also in a field that is there twice", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, url } = yield* speaking()
      const numbers = (count: number) => `[${"1,".repeat(count)}1]`
      const asked = (model: string, fields: string) =>
        `{"model":"${model}","max_tokens":1,"messages":[],"input":"Hello","seed":1e400,${fields}}`
      for (const path of ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"]) {
        const model = path === "/v1/embeddings" ? "near" : "first"
        for (const fields of [`"x":${numbers(250_000)}`, `"x":${numbers(250_000)},"x":1`]) {
          const { json, status } = yield* post(url, path, asked(model, fields))
          assert.strictEqual(status, 413)
          assert.include(json.error.message, "more than 250000 values")
        }
        assert.deepStrictEqual(heard, [])
        assert.notStrictEqual((yield* post(url, path, asked(model, `"x":${numbers(200_000)}`))).status, 413)
        heard.length = 0
      }
    })))

  it.live("takes up what it takes in memory, and gives all of it back", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running("listen: { port: 0, maxBodiesSize: 20000000 }")
      yield* provider.set("first", { outcome: Behaviour.hang })
      const body = { ...hello, model: "first", tools: Array.from({ length: 50_000 }, () => ({})) }
      for (let round = 1; round <= 3; round++) {
        const held = yield* Effect.forkChild(chat(url, body))
        yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === round })
        const { json, status } = yield* chat(url, body)
        assert.deepStrictEqual([status, json.error.code], [503, "overloaded"])
        assert.strictEqual((yield* chat(url, { ...hello, model: "second" })).status, 200)
        yield* Fiber.interrupt(held)
        yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ aborted }) => aborted === round })
      }
    })))
})
