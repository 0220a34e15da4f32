/** How long an answer may take for a client that says how long it waits. */
import { type IncomingMessage, request } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"
import { chat, hello, running, token } from "./running.ts"

const { patienceOf } = await vi.importActual<any>("../../src/gateway/server/chatRequest.ts")

/** Of a client that has sent these headers so many milliseconds ago. */
const left = (headers: Record<string, string>, age = 0) => patienceOf({ age, request: { headers } })

it("an answer may take a tenth less than its client waits, and at most a second less", () => {
  assert.strictEqual(left({ "x-stainless-timeout": "2" }), 1800)
  assert.strictEqual(left({ "x-stainless-timeout": "600" }), 599_000)
  assert.strictEqual(left({ "x-stainless-timeout": "600", "x-switchgear-timeout": "0.5" }), 450)
  assert.strictEqual(left({ "x-stainless-read-timeout": "5" }), 4500)
})

it("what is no time, or too long a one, says nothing", () => {
  for (const said of ["", "0", "-1", "NaN", "soon", "1e9", "Infinity"]) {
    assert.isUndefined(left({ "x-stainless-timeout": said }), said)
    assert.isUndefined(left({ "x-stainless-timeout": said }, 5000), said)
  }
})

it("the time in which the client has sent its body is part of its wait", () => {
  assert.strictEqual(left({ "x-stainless-timeout": "2" }, 300), 1500)
  assert.strictEqual(left({ "x-stainless-timeout": "2" }, 1800), 0)
  assert.strictEqual(left({ "x-stainless-timeout": "2" }, 60_000), 0)
})

/** What is answered to a client that waits for ten seconds, and has sent its body for longer than an answer may take. */
const late = (url: string, path: string, body: object) =>
  Effect.gen(function*() {
    const text = JSON.stringify(body)
    const sent = request(`${url}/v1/${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "content-length": text.length,
        "x-switchgear-timeout": "10",
        expect: "100-continue"
      }
    })
    // The gateway has the head, and waits for the body.
    yield* Effect.callback<void>((resume) => void sent.once("continue", () => resume(Effect.void)).flushHeaders())
    yield* TestClock.adjust("9500 millis")
    const response = yield* Effect.callback<IncomingMessage>((resume) =>
      void sent.once("response", (response) => resume(Effect.succeed(response))).end(text)
    )
    const pieces = yield* Effect.promise(() => response.toArray())
    return { status: response.statusCode, headers: response.headers, text: pieces.join("") }
  })

describe("a client that has sent its body for nearly as long as it waits", () => {
  const messages = hello.messages
  const asked: Record<string, readonly [path: string, body: object]> = {
    "a chat completion": ["chat/completions", { model: "first", messages }],
    "a stream": ["chat/completions", { model: "first", messages, stream: true }],
    "a message": ["messages", { model: "first", messages, max_tokens: 5 }],
    "a stream of a message": ["messages", { model: "first", messages, max_tokens: 5, stream: true }],
    "a response": ["responses", { model: "first", input: "Hello" }],
    "embeddings": ["embeddings", { model: "first", input: "Hello" }]
  }
  for (const [what, [path, body]] of Object.entries(asked)) {
    it.effect(`is answered at once, and no provider is asked: ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { provider, url } = yield* running()
        const { status } = yield* late(url, path, body)
        assert.strictEqual(status, 504)
        assert.strictEqual((yield* provider.total).started, 0)
        const { status: ofAnother } = yield* chat(url, hello, { "x-switchgear-timeout": "10" })
        assert.strictEqual(ofAnother, 200)
      })))
  }

  for (const stream of [false, true]) {
    it.effect(`gets the answer that a cascade has without a model, and no provider is asked: stream ${stream}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { provider, url } = yield* running()
        const canned = yield* late(url, "chat/completions", { model: "polite", messages, stream })
        assert.strictEqual(canned.status, 200)
        assert.strictEqual(canned.headers["x-switchgear-degradation"], "canned")
        assert.include(canned.text, "We are busy.")
        assert.strictEqual((yield* provider.total).started, 0)
        yield* chat(url, { model: "polite", messages })
        const kept = yield* late(url, "chat/completions", { model: "polite", messages, stream })
        assert.strictEqual(kept.status, 200)
        assert.strictEqual(kept.headers["x-switchgear-degradation"], "stale")
        assert.include(kept.text, "Good day")
        assert.strictEqual((yield* provider.total).started, 1)
      })))
  }
})
