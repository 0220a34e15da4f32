import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { createHash } from "node:crypto"
import { runInNewContext } from "node:vm"
import { bundledForWeb } from "./support/bundledForWeb.ts"

const { portable } = await vi.importActual<{ readonly portable: (text: string) => string }>(
  "../src/modelCascade/sha256.ts"
)

const bundled = (program: string) => Effect.promise(() => bundledForWeb(program))

const globalsOfBrowser = (): Record<string, unknown> => {
  // What browsers have, and nothing of Node.
  const {
    AbortController,
    Response,
    TextDecoder,
    TextEncoder,
    URL,
    URLSearchParams,
    clearTimeout,
    crypto,
    performance,
    queueMicrotask,
    setTimeout
  } = globalThis
  const browser = {
    AbortController,
    Response,
    TextDecoder,
    TextEncoder,
    URL,
    URLSearchParams,
    clearTimeout,
    crypto,
    performance,
    queueMicrotask,
    setTimeout,
    btoa,
    atob,
    console,
    AbortSignal,
    Headers,
    ReadableStream,
    Blob,
    FormData,
    Request,
    structuredClone,
    Event,
    EventTarget,
    MessageChannel
  } as Record<string, unknown>
  browser["globalThis"] = browser
  return browser
}

describe("where there is no Node", () => {
  it.live(
    "the library without NodeTransport has no import from Node, and no process to read",
    () =>
      Effect.gen(function*() {
        const { chunks } = yield* bundled("export * from \"@switchgear/http\"")
        const own = chunks.map(({ fileName }) => fileName)
        const imported = chunks.flatMap(({ dynamicImports, imports }) => [...imports, ...dynamicImports])
        assert.deepStrictEqual(imported.filter((name) => !own.includes(name)), [])
        const modules = chunks.flatMap(({ moduleIds }) => moduleIds).filter((id) => id.includes("/nodeTransport/"))
        assert.deepStrictEqual(modules, [])
      }),
    120_000
  )

  it.live("a simulated call runs, and its cascade has a cache", () =>
    Effect.gen(function*() {
      const { entry } = yield* bundled(`
        import { ChatClient, ChatModel, ChatSchema, ModelCascade } from "@switchgear/http"
        import { Effect } from "effect"
        import { HttpClient, HttpClientResponse } from "effect/http"

        const reply = { choices: [{ index: 0, message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }] }
        const http = HttpClient.make((request) =>
          Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(JSON.stringify(reply)))))
        globalThis.answer = Effect.runPromise(Effect.gen(function*() {
          const client = yield* ChatClient.make({ provider: "p", baseUrl: "http://provider.test/v1" }).pipe(
            Effect.provideService(HttpClient.HttpClient, http))
          const model = yield* ChatModel.make({ model: "m", client })
          const cascade = yield* ModelCascade.make({ models: [{ model }], cache: { timeToLive: "1 minute" } })
          const { step, value } = yield* cascade.complete({ messages: [{ role: "user", content: "Hello" }] })
          return step + ": " + ChatSchema.text(value)
        }))
      `)
      assert.deepStrictEqual(entry.imports, [])
      const browser = globalsOfBrowser()
      runInNewContext(entry.code, browser)
      assert.strictEqual(yield* Effect.promise(() => browser["answer"] as Promise<string>), "m: Good day")
    }), 120_000)

  it.live("a guarded fetch has no import from Node, and refuses, judges and counts", () =>
    Effect.gen(function*() {
      const { chunks, entry } = yield* bundled(`
        import { guardedFetch } from "@switchgear/http/fetch"

        const events = (...data) => new Response(data.map((one) => "data: " + one + "\\n\\n").join(""), {
          headers: { "content-type": "text/event-stream" }
        })
        const word = JSON.stringify({ choices: [{ index: 0, delta: { content: "Good" } }] })
        const run = async () => {
          await using guarded = guardedFetch({ breaker: { minimumCalls: 2 }, fetch: async () => events(word) })
          const ask = () => guarded("https://api.test/v1/chat/completions", { method: "POST", body: "{}" })
          const codes = []
          for (let i = 0; i < 2; i++) await (await ask()).text().catch(({ code }) => codes.push(code))
          return [...codes, (await (await ask()).json()).error.code, guarded.health().status].join(" ")
        }
        globalThis.answer = run()
      `)
      assert.deepStrictEqual(entry.imports, [])
      const own = chunks.map(({ fileName }) => fileName)
      const imported = chunks.flatMap(({ dynamicImports, imports }) => [...imports, ...dynamicImports])
      assert.deepStrictEqual(imported.filter((name) => !own.includes(name)), [])
      const browser = globalsOfBrowser()
      runInNewContext(entry.code, browser)
      const answer = yield* Effect.promise(() => browser["answer"] as Promise<string>)
      assert.strictEqual(answer, "truncated_reply truncated_reply circuit_open down")
    }), 120_000)

  it.live("virtual time moves, and waits for what is held", () =>
    Effect.gen(function*() {
      const { entry } = yield* bundled(`
        import { VirtualClock } from "@switchgear/core/testing"
        import { Clock, Effect } from "effect"

        const real = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
        const program = Effect.andThen(VirtualClock.hold(real), Effect.andThen(Effect.sleep("1 hour"), Clock.currentTimeMillis))
        globalThis.answer = Effect.runPromise(VirtualClock.play(Effect.timeout(program, "2 hours")))
      `)
      assert.deepStrictEqual(entry.imports, [])
      const browser = globalsOfBrowser()
      runInNewContext(entry.code, browser)
      assert.strictEqual(yield* Effect.promise(() => browser["answer"] as Promise<number>), 3_600_000)
    }), 120_000)

  it.prop("a key in the cache is the same SHA-256", { text: Schema.String }, ({ text }) => {
    for (const each of [text, text.repeat(40), `${text}${"x".repeat(55)}`]) {
      assert.strictEqual(portable(each), createHash("sha256").update(each).digest("base64url"))
    }
  })
})
