/** Embeddings through a gateway on sockets. */
import OpenAI from "openai"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { counted, key, post, send, speaking, tokensBetween, untilHeard, untilLeft } from "./spoken.ts"
import { token } from "./running.ts"

const body = (value: number) =>
  `{"object":"list", "data":[{"object":"embedding","index":0,"embedding":[${value}.0,12345678901234567890]}],"model":"vectors-small","usage":{"prompt_tokens":5,"total_tokens":5}}`

const hello = { model: "vectors", input: "Hello" }

const embed = (url: string, headers: Record<string, string> = {}) => post(url, "/v1/embeddings", hello, headers)

describe("embeddings", () => {
  it.live("are the provider's, byte for byte, and tell what they cost", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      set("one/vectors-small", send(200, body(1), { "set-cookie": "a=b", "x-secret": "1" }))
      const { headers, status, text } = yield* embed(url, { cookie: "session=1", "x-forwarded-for": "10.0.0.1" })
      assert.strictEqual(status, 200)
      assert.strictEqual(text, body(1))
      assert.strictEqual(headers.get("x-switchgear-step"), "near")
      assert.strictEqual(headers.get("x-switchgear-cost-usd"), "0.000005")
      assert.isNull(headers.get("set-cookie"))
      assert.isNull(headers.get("x-secret"))
      const [sent] = heard
      assert.strictEqual(sent!.path, "/one/embeddings")
      assert.strictEqual(sent!.headers.authorization, `Bearer ${key}`)
      assert.isUndefined(sent!.headers.cookie)
      assert.isUndefined(sent!.headers["x-forwarded-for"])
    })))

  it.live("are read by the official client", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking()
      set("one/vectors-small", send(200, body(2)))
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: token, maxRetries: 0 })
      const got = yield* Effect.promise(() => client.embeddings.create({ ...hello, encoding_format: "float" }))
      assert.strictEqual(got.data[0]!.embedding[0], 2)
    })))

  it.live("come from the same model elsewhere when a provider fails, and never from another model", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      set("one/vectors-small", send(503, { error: { message: "busy" } }))
      set("two/vectors-large", send(200, body(9)))
      set("two/vectors-small", send(200, body(3)))
      const { headers, text } = yield* embed(url)
      assert.strictEqual(text, body(3))
      assert.strictEqual(headers.get("x-switchgear-step"), "far")
      assert.strictEqual(headers.get("x-switchgear-degradation"), "fallback")
      assert.deepStrictEqual(heard.map(({ json }) => json.model), ["vectors-small", "vectors-small"])
    })))

  it.live("that are none are not passed on: JSON without vectors, an error with a good status, an answer that broke off", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      set("two/vectors-small", send(200, body(4)))
      for (
        const bad of [
          "{\"object\":\"list\",\"data\":[]}",
          "{\"error\":{\"message\":\"no\",\"code\":500}}",
          "{\"data\":[{\"embedding\":[]}]}",
          body(1).slice(0, 60),
          "<html>",
          ""
        ]
      ) {
        set("one/vectors-small", send(200, bad))
        const { headers, text } = yield* embed(url)
        assert.strictEqual(text, body(4), bad)
        assert.strictEqual(headers.get("x-switchgear-degradation"), "fallback")
        assert.strictEqual(heard.at(-2)!.path, "/one/embeddings")
      }
    })))

  const vectors = (...all: ReadonlyArray<string>) =>
    `{"data":[${all.map((one, index) => `{"index":${index},"embedding":${one}}`).join(",")}],"model":"vectors-small"}`
  const inputs: ReadonlyArray<readonly [what: string, input: unknown, good: string, bad: ReadonlyArray<string>]> = [
    ["a text", "Hello", vectors("[1,2]"), [
      vectors("[1,2]", "[3,4]"),
      vectors("[1,\"2\"]"),
      vectors("[1,null]"),
      vectors("[1,1e999]"),
      vectors("[[1,2]]"),
      vectors("{}"),
      vectors("\"no base64\""),
      vectors("\"AACAP\"")
    ]],
    ["texts", ["one", "two", "three"], vectors("[1,2]", "[3,4]", "[5,6]"), [
      vectors("[1,2]", "[3,4]"),
      vectors("[1,2]", "[3,4]", "[5,6]", "[7,8]"),
      vectors("[1,2]", "[3,4]", "[5]"),
      vectors("[1,2]", "null", "[5,6]")
    ]],
    ["a text in tokens", [1, 2, 3], vectors("\"AACAPwAAAEA=\""), [vectors("[1,2]", "[3,4]", "[5,6]")]],
    ["texts in tokens", [[1, 2, 3], [4]], vectors("[1,2]", "[3,4]"), [vectors("[1,2]")]]
  ]
  for (const [what, input, good, bad] of inputs) {
    it.live(`are one vector of numbers for each input, all of one length: ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking()
        set("two/vectors-small", send(200, good))
        for (const [i, answer] of [good, ...bad].entries()) {
          set("one/vectors-small", send(200, answer))
          // Each time another request: a good answer is kept.
          const { headers, text } = yield* post(url, "/v1/embeddings", { model: "vectors", input, user: `u${i}` })
          assert.strictEqual(text, good, answer)
          assert.strictEqual(headers.get("x-switchgear-step"), answer === good ? "near" : "far", answer)
        }
      })))
  }

  it.live("have a usage and a model only where a provider tells them", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking()
      for (const [model, usage] of [["1", "null"], ["{}", "\"5\""], ["null", "[5]"], ["\"vectors-small\"", "7"]]) {
        const answer = `{"data":[{"embedding":[1]}],"model":${model},"usage":${usage}}`
        set("one/vectors-small", send(200, answer))
        const got = yield* embed(url)
        assert.strictEqual(got.text, answer)
        assert.strictEqual(got.headers.get("x-switchgear-step"), "near")
      }
    })))

  it.live("are not there when no provider answers: no official client asks again", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, url } = yield* speaking()
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: token })
      const error = yield* Effect.promise(() => client.embeddings.create(hello).catch((error: unknown) => error))
      assert.instanceOf(error, OpenAI.InternalServerError)
      assert.strictEqual((error as InstanceType<typeof OpenAI.APIError>).code, "cascade_exhausted")
      assert.strictEqual(heard.length, 2)
    })))

  it.live("take of the client's limits what they used", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking(counted)
      set("one/vectors-small", send(200, body(1)))
      assert.approximately(tokensBetween(yield* embed(url), yield* embed(url)), 5, 1)
    })))

  it.live("are not waited for when the client leaves", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      set("one/vectors-small", () => {})
      const fiber = yield* Effect.forkChild(embed(url))
      yield* untilHeard(heard)
      yield* Fiber.interrupt(fiber)
      yield* untilLeft(heard)
      assert.strictEqual(heard.length, 1)
    })))

  const refused: ReadonlyArray<
    readonly [what: string, body: object | string, status: number, code: string | null, param: string | null]
  > = [
    ["no JSON", "{", 400, null, null],
    ["no model", { input: "x" }, 400, "missing_required_parameter", "model"],
    ["no input", { model: "vectors" }, 400, "missing_required_parameter", "input"],
    ["an input of another kind", { model: "vectors", input: 1 }, 400, "invalid_type", "input"],
    ["a model that is none", { ...hello, model: "x" }, 404, "model_not_found", null],
    ["a model whose provider has none", { ...hello, model: "third" }, 404, "model_not_found", null],
    ["a cascade whose providers have none", { ...hello, model: "chatting" }, 404, "model_not_found", null]
  ]
  for (const [what, body, status, code, param] of refused) {
    it.live(`are refused in the words of OpenAI: ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, url } = yield* speaking()
        const got = yield* post(url, "/v1/embeddings", body)
        assert.strictEqual(got.status, status)
        assert.strictEqual(got.json.error.code, code)
        assert.strictEqual(got.json.error.param, param)
        assert.strictEqual(heard.length, 0)
      })))
  }

  it.live("are for those with a token, which is a bearer token only", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, url } = yield* speaking()
      assert.strictEqual((yield* embed(url, { authorization: "Bearer nobody" })).json.error.code, "invalid_api_key")
      assert.strictEqual((yield* embed(url, { authorization: "", "x-api-key": token })).status, 401)
      assert.strictEqual(heard.length, 0)
    })))
})

describe("chat completions of a provider that has none", () => {
  it.live("are not found, and a cascade asks the others", () =>
    Effect.scoped(Effect.gen(function*() {
      const { heard, set, url } = yield* speaking()
      const hi = { messages: [{ role: "user", content: "hi" }] }
      const got = yield* post(url, "/v1/chat/completions", { ...hi, model: "second" })
      assert.strictEqual(got.json.error.code, "model_not_found")
      set(
        "one/first",
        send(200, { choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }] })
      )
      yield* post(url, "/v1/chat/completions", { ...hi, model: "assistant" })
      assert.deepStrictEqual(heard.map(({ path }) => path), ["/plain/chat/completions", "/one/chat/completions"])
    })))
})
