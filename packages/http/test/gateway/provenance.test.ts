/** What answers tell of themselves, in each API: in the head, and once the head is out in the event with the usage. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { asWritten, type Part, post, send, speaking, stream } from "./spoken.ts"

const ours = ["model", "step", "degradation", "attempts", "cost-usd", "cache", "overhead-ms"] as const

type Told = { readonly [Name in (typeof ours)[number]]?: string }

const toldIn = (get: (name: string) => unknown): Told =>
  Object.fromEntries(ours.flatMap((name) => {
    const value = get(`x-switchgear-${name}`)
    return typeof value === "string" ? [[name, value]] : []
  }))

const headOf = (headers: Headers): Told => toldIn((name) => headers.get(name))

const events = (text: string): ReadonlyArray<any> =>
  text.split("\n").flatMap((line) =>
    line.startsWith("data: {") ? [JSON.parse(line.slice("data: ".length)) as unknown] : []
  )

/** What the events of a stream tell; fails where more than one of them tells something. */
const bodyOf = (text: string): Told => {
  const telling = events(text).map((event) => toldIn((name) => event[name])).filter((told) =>
    Object.keys(told).length > 0
  )
  assert.isAtMost(telling.length, 1)
  return telling[0] ?? {}
}

const sse = (fields: object, name?: string) =>
  `${name === undefined ? "" : `event: ${name}\n`}data: ${JSON.stringify({ ...name && { type: name }, ...fields })}\n\n`

interface Api {
  readonly path: string
  readonly whole: string
  /** Before the event with the usage. */
  readonly begun: ReadonlyArray<string>
  readonly end: ReadonlyArray<string>
}

const choice = (delta: object, finish: string | null = null) => ({
  id: "c1",
  object: "chat.completion.chunk",
  created: 1,
  model: "first",
  choices: [{ index: 0, delta, finish_reason: finish }]
})
const tokens = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
const message = { type: "message", role: "assistant", model: "first", content: [{ type: "text", text: "Good" }] }
const response = { object: "response", status: "completed", model: "first", output: [{ type: "message" }] }
const responseUsage = { input_tokens: 3, output_tokens: 4, total_tokens: 7 }

const apis: ReadonlyArray<Api> = [
  {
    path: "/v1/chat/completions",
    whole: JSON.stringify({
      choices: [{ index: 0, message: { role: "assistant", content: "Good" }, finish_reason: "stop" }],
      usage: tokens
    }),
    begun: [sse(choice({ role: "assistant", content: "Good" })), sse(choice({}, "stop"))],
    end: [sse({ ...choice({}), choices: [], usage: tokens }), "data: [DONE]\n\n"]
  },
  {
    path: "/v1/messages",
    whole: JSON.stringify({ ...message, stop_reason: "end_turn", usage: { input_tokens: 3, output_tokens: 4 } }),
    begun: [
      sse({ message: { ...message, content: [], usage: { input_tokens: 3, output_tokens: 1 } } }, "message_start"),
      sse({ index: 0, delta: { type: "text_delta", text: "Good" } }, "content_block_delta")
    ],
    end: [
      sse({ delta: { stop_reason: "end_turn" }, usage: { output_tokens: 4 } }, "message_delta"),
      sse({}, "message_stop")
    ]
  },
  {
    path: "/v1/responses",
    whole: JSON.stringify({ ...response, usage: responseUsage }),
    begun: [sse({ delta: "Good", sequence_number: 0 }, "response.output_text.delta")],
    end: [sse({ response: { ...response, usage: responseUsage }, sequence_number: 1 }, "response.completed")]
  }
]

const hello = {
  model: "talking",
  max_tokens: 9,
  messages: [{ role: "user", content: "Hello" }],
  input: "Hello"
}
const streaming = { ...hello, stream: true, stream_options: { include_usage: true } }

/** A provider that has chat completions as well, and another one to move on to. */
const more = (listen = "") =>
  `clients: [{ name: shop, token: sk-shop-0123456789 }]
${listen}`

const millis = /^\d+\.\d\d$/

/** 3 tokens for 2 dollars and 4 for 8 dollars a million. */
const cost = "0.000038"

for (const { begun, end, path, whole } of apis) {
  const asked = path === "/v1/chat/completions" ? "polite" : "assistant"
  const [first, second] = path === "/v1/chat/completions" ? ["one/first", "one/first"] : ["one/first", "two/second"]

  describe(`an answer of ${path}`, () => {
    it.live("tells in its head what was asked, who answered, what it took and cost, and what the gateway added", () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking(more())
        set(first!, send(200, whole))
        const { headers, status } = yield* post(url, path, { ...hello, model: asked })
        assert.strictEqual(status, 200)
        const { "overhead-ms": overhead, ...told } = headOf(headers)
        assert.deepStrictEqual(told, {
          model: asked,
          step: "first",
          degradation: "none",
          attempts: "1",
          "cost-usd": cost,
          cache: "miss"
        })
        assert.match(overhead!, millis)
      })))

    it.live("of one model tells of no cache", () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking(more())
        set("one/first", send(200, whole))
        assert.notProperty(headOf((yield* post(url, path, { ...hello, model: "first" })).headers), "cache")
      })))
  })

  describe(`a stream of ${path}`, () => {
    it.live("tells in its head all but the cost, and all of it again in the event with the usage", () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking(more())
        set(first!, stream(...begun, ...end))
        const { headers, text } = yield* post(url, path, { ...streaming, model: asked })
        const head = headOf(headers)
        const cache = path === "/v1/chat/completions" ? "miss" : "bypass"
        assert.deepStrictEqual({ ...head, "overhead-ms": "" }, {
          model: asked,
          step: "first",
          degradation: "none",
          attempts: "1",
          cache,
          "overhead-ms": ""
        })
        assert.deepStrictEqual(bodyOf(text), { ...head, "cost-usd": cost })
        const written = [...begun, ...end].join("")
        if (path !== "/v1/chat/completions") assert.strictEqual(asWritten(text), written)
        assert.deepStrictEqual(events(text).map((event) => event.type), events(written).map((event) => event.type))
      })))

    it.live("whose head went out before there was an answer tells of it in the event with the usage alone", () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking(more("headAfter: soon"))
        const slow =
          ([...parts]: ReadonlyArray<Part>) => (response: Parameters<ReturnType<typeof stream>>[0], heard: any) =>
            void setTimeout(() => stream(...parts)(response, heard), 150)
        if (first !== second)
          set(first!, (response, heard) => void setTimeout(() => send(500, {})(response, heard), 100))
        set(second!, slow([...begun, ...end]))
        const { headers, text } = yield* post(url, path, { ...streaming, model: asked })
        assert.deepStrictEqual(headOf(headers), {})
        const told = bodyOf(text)
        assert.strictEqual(told.degradation, first === second ? "none" : "fallback")
        assert.strictEqual(told.attempts, first === second ? "1" : "2")
        assert.strictEqual(told.step, second!.split("/")[1])
        assert.match(told["overhead-ms"]!, millis)
        assert.match(told["cost-usd"]!, /^0\.0000\d+$/)
      })))

    it.live("that breaks off after the event with the usage still has that event, and then the error", () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking(more())
        // Where the event with the usage is the end, nothing can break off after it.
        if (path !== "/v1/messages") return
        set(first!, stream(...begun, end[0]!, "cut"))
        const { text } = yield* post(url, path, { ...streaming, model: asked })
        assert.isTrue(text.startsWith([...begun, end[0]!].join("")))
        assert.isTrue(events(text).at(-1).type === "error")
      })))
  })
}

describe("a stream of chat completions", () => {
  const [chat] = apis

  it.live("whose head went out before the canned reply says so in the chunk with the usage", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking(more("headAfter: soon"))
      set("one/first", (response, heard) => void setTimeout(() => send(500, {})(response, heard), 150))
      const { headers, text } = yield* post(url, chat!.path, { ...streaming, model: "polite" })
      assert.deepStrictEqual(headOf(headers), {})
      const { degradation, step } = bodyOf(text)
      assert.deepStrictEqual({ degradation, step }, { degradation: "canned", step: "canned" })
    })))

  const usages: ReadonlyArray<readonly [what: string, chunks: ReadonlyArray<string>]> = [
    ["has the usage with its content", [sse({ ...choice({ content: "Good" }, "stop"), usage: tokens })]],
    ["has no usage", [sse(choice({ content: "Good" }, "stop"))]]
  ]
  for (const [what, chunks] of usages) {
    it.live(`that ${what} tells of the answer in a chunk of its own, which has no second usage`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking(more())
        set("one/first", stream(...chunks, "data: [DONE]\n\n"))
        const { text } = yield* post(url, chat!.path, { ...streaming, model: "first" })
        assert.isTrue(text.startsWith(chunks.join("")))
        const last = events(text).at(-1)
        assert.deepStrictEqual(last.choices, [])
        assert.isNull(last.usage)
        assert.strictEqual(last.id, "c1")
        assert.strictEqual(bodyOf(text).step, "first")
        assert.isTrue(text.endsWith("\n\ndata: [DONE]\n\n"))
        const unasked = yield* post(url, chat!.path, { ...hello, model: "first", stream: true })
        assert.strictEqual(unasked.text, chunks.join("") + "data: [DONE]\n\n")
      })))
  }
})

describe("the cache", () => {
  it.live("is told: an answer that was not there, one that is fresh, and one that is served when no model answers", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking(more())
      const [chat] = apis
      set("one/first", send(200, chat!.whole))
      const cacheOf = (model: string, extra: object = {}) =>
        Effect.map(post(url, chat!.path, { ...hello, model, ...extra }), ({ headers }) => [
          headers.get("x-switchgear-cache"),
          headers.get("x-switchgear-attempts")
        ])
      assert.deepStrictEqual(yield* cacheOf("fresh"), ["miss", "1"])
      assert.deepStrictEqual(yield* cacheOf("fresh"), ["hit", "0"])
      assert.deepStrictEqual(yield* cacheOf("fresh", { stream: true }), ["hit", "0"])
      assert.deepStrictEqual(yield* cacheOf("polite"), ["miss", "1"])
      set("one/first", send(500, {}))
      assert.deepStrictEqual(yield* cacheOf("polite"), ["stale", "1"])
    })))
})

describe("the id of a provider", () => {
  const idOf = ({ headers }: { readonly headers: Headers }) => headers.get("x-upstream-request-id")
  const header = { "/v1/messages": "request-id" } as Readonly<Record<string, string>>

  for (const { begun, end, path, whole } of apis) {
    it.live(`is that of the call that answered, beside ours: ${path}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { set, url } = yield* speaking(more())
        const name = header[path] ?? "x-request-id"
        const asked = { ...hello, model: path === "/v1/chat/completions" ? "polite" : "assistant" }
        const answering = path === "/v1/chat/completions" ? "one/first" : "two/second"
        set("one/first", send(500, {}, { [name]: "req_of_a_failure" }))
        set(answering, send(200, whole, { [name]: "req_of_the_provider" }))
        const got = yield* post(url, path, asked)
        assert.strictEqual(idOf(got), "req_of_the_provider")
        assert.match(got.headers.get("x-request-id")!, /^req_[0-9a-f]{32}$/)
        set(answering, (response, heard) => {
          response.setHeader(name, "req_of_the_stream")
          stream(...begun, ...end)(response, heard)
        })
        assert.strictEqual(idOf(yield* post(url, path, { ...asked, stream: true })), "req_of_the_stream")
        set(answering, send(500, {}, { [name]: "req_of_a_failure" }))
        const kept = yield* post(url, path, asked)
        assert.isNull(idOf(kept))
        assert.strictEqual(kept.headers.get("x-switchgear-cache"), "stale")
      })))
  }

  it.live("is told of a model with a rate limit as well", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking(more())
      const [{ whole } = { whole: "" }] = apis
      set("one/limited", send(200, whole, { "x-request-id": "req_limited", "x-ratelimit-remaining-requests": "50" }))
      assert.strictEqual(idOf(yield* post(url, "/v1/chat/completions", { ...hello, model: "limited" })), "req_limited")
    })))

  it.live("is not told where it is none", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking(more())
      const [{ whole } = { whole: "" }] = apis
      for (const odd of ["", "a b", "<script>", "x".repeat(300)]) {
        set("one/first", send(200, whole, { "x-request-id": odd }))
        assert.isNull(idOf(yield* post(url, "/v1/chat/completions", { ...hello, model: "first" })), odd)
      }
    })))
})

describe("a failure", () => {
  for (const { path } of apis) {
    it.live(`of ${path} tells what was asked for, the calls that were made in vain, and what the gateway added`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { heard, set, url } = yield* speaking(more())
        for (const model of ["one/first", "two/second", "plain/third"]) set(model, send(500, {}))
        for (const request of [hello, streaming]) {
          const before = heard.length
          const { headers, status } = yield* post(url, path, { ...request, model: "assistant" })
          assert.strictEqual(status, 503)
          const { "overhead-ms": overhead, ...told } = headOf(headers)
          assert.deepStrictEqual(told, { model: "assistant", attempts: String(heard.length - before) })
          assert.match(overhead!, millis)
        }
      })))
  }
})

describe("what the gateway adds", () => {
  it.live("is the time of an answer without that of its calls, and is told of a failure too", () =>
    Effect.scoped(Effect.gen(function*() {
      const { set, url } = yield* speaking(more())
      set("one/first", (response, heard) => void setTimeout(() => send(500, {})(response, heard), 200))
      const { headers, status } = yield* post(url, "/v1/chat/completions", { ...hello, model: "first" })
      assert.strictEqual(status, 502)
      assert.isAtLeast(Number(headers.get("openai-processing-ms")), 190)
      assert.isBelow(Number(headers.get("x-switchgear-overhead-ms")), 190)
    })))

  it.live("is not told where no model is asked", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* speaking(more())
      for (const body of ["{", { ...hello, model: "nobody" }]) {
        assert.isNull((yield* post(url, "/v1/chat/completions", body)).headers.get("x-switchgear-overhead-ms"))
      }
    })))
})
