/** Chat completions through a gateway on sockets. */
import { assert, describe, it } from "@effect/vitest"
import { ChatClient } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour } from "@switchgear/http/testing"
import { Effect, Fiber, Layer, Logger } from "effect"
import { ask, chat, hello, running, token } from "./running.ts"

const eventsOf = (text: string): ReadonlyArray<string> =>
  text.split("\n\n").filter((event) => event.startsWith("data: ")).map((event) => event.slice(6))

describe("a whole answer", () => {
  it.live("is the provider's, byte for byte, and tells where it comes from", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      const body =
        "{\"id\":\"x\", \"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"1.0\"},\"finish_reason\":\"stop\"}],\"big\":12345678901234567890,\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}"
      yield* provider.set("first", {
        outcome: Behaviour.respond(200, body, { "content-type": "application/json" })
      })
      const { headers, status, text } = yield* chat(url, hello)
      assert.strictEqual(status, 200)
      assert.strictEqual(text, body)
      assert.strictEqual(headers.get("x-switchgear-step"), "first")
      assert.strictEqual(headers.get("x-switchgear-degradation"), "none")
      assert.strictEqual(headers.get("x-switchgear-attempts"), "1")
      assert.strictEqual(headers.get("x-switchgear-cost-usd"), "0.000038")
      assert.match(headers.get("x-request-id")!, /^req_[0-9a-f]{32}$/)
      assert.match(headers.get("openai-processing-ms")!, /^\d+$/)
    })))

  it.live("comes from the next model when one fails, and is marked", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      yield* provider.set("first", { outcome: Behaviour.overloaded })
      const { headers, json } = yield* chat(url, hello)
      assert.strictEqual(json.choices[0].message.content, "Good evening")
      assert.strictEqual(headers.get("x-switchgear-degradation"), "fallback")
      assert.strictEqual(headers.get("x-switchgear-step"), "second")
    })))

  it.live("is a sentence in the language of the client when no model answers", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      yield* provider.set("first", { outcome: Behaviour.serverError })
      const polite = { ...hello, model: "polite" }
      const { headers, json, status } = yield* chat(url, polite, { "accept-language": "zh-CN" })
      assert.strictEqual(status, 200)
      assert.strictEqual(json.choices[0].message.content, "服务繁忙")
      assert.strictEqual(headers.get("x-switchgear-degradation"), "canned")
      assert.strictEqual(
        (yield* chat(url, polite, { "accept-language": "fr" })).json.choices[0].message.content,
        "We are busy."
      )
      // `fetch` says that any language will do.
      const chinese = { ...polite, messages: [{ role: "user", content: "我的包裹在哪里？" }] }
      assert.strictEqual((yield* chat(url, chinese)).json.choices[0].message.content, "服务繁忙")
    })))

  it.live("is not there when all models fail: no official client asks again", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      for (const model of ["first", "second"]) yield* provider.set(model, { outcome: Behaviour.serverError })
      const { headers, json, status } = yield* chat(url, hello)
      assert.strictEqual(status, 503)
      assert.strictEqual(headers.get("x-should-retry"), "false")
      assert.strictEqual(json.error.code, "cascade_exhausted")
      assert.deepStrictEqual(Object.keys(json.error), ["message", "type", "param", "code"])
    })))

  it.live("has the status that the file says when all models fail", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running("listen: { port: 0, exhaustedStatus: 424 }")
      for (const model of ["first", "second"]) yield* provider.set(model, { outcome: Behaviour.serverError })
      assert.strictEqual((yield* chat(url, hello)).status, 424)
    })))
})

describe("a stream", () => {
  it.live("has the provider's events, the usage where it was asked for, and an end", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running()
      const { headers, text } = yield* chat(url, { ...hello, stream: true, stream_options: { include_usage: true } })
      assert.strictEqual(headers.get("content-type"), "text/event-stream; charset=utf-8")
      const events = eventsOf(text)
      assert.strictEqual(events.at(-1), "[DONE]")
      const last = JSON.parse(events.at(-2)!)
      assert.deepStrictEqual(last.choices, [])
      assert.isAbove(last.usage.total_tokens, 0)
      assert.strictEqual(last["x-switchgear-step"], "first")
      assert.isAbove(Number(last["x-switchgear-cost-usd"]), 0)
    })))

  it.live("has no usage where nobody asked for it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running()
      const events = eventsOf((yield* chat(url, { ...hello, stream: true })).text)
      assert.strictEqual(events.at(-1), "[DONE]")
      for (const event of events.slice(0, -1)) assert.strictEqual(JSON.parse(event).choices.length, 1)
    })))

  it.live("is an answer of HTTP when it fails before its first content", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      for (const model of ["first", "second"]) yield* provider.set(model, { outcome: Behaviour.serverError })
      const { headers, status } = yield* chat(url, { ...hello, stream: true })
      assert.strictEqual(status, 503)
      assert.strictEqual(headers.get("content-type"), "application/json")
    })))

  it.live("tells an error in band when it breaks off, and never that it is done", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      yield* provider.set("first", {
        outcome: Behaviour.stream({ text: "one two three four five six seven", chunks: 6, end: Behaviour.cutAfter(3) })
      })
      const events = eventsOf((yield* chat(url, { ...hello, stream: true })).text)
      const { error } = JSON.parse(events.at(-1)!)
      assert.strictEqual(typeof error.message, "string")
      assert.strictEqual(error.param, null)
      assert.isFalse(error.isRetryable, "what comes again would not go on where this has ended")
      assert.isFalse(events.includes("[DONE]"))
    })))

  it.live("may be asked for again where it has failed before its first content", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running("listen: { port: 0, headAfter: 50 millis }")
      yield* provider.set("first", { outcome: Behaviour.serverError, latency: Behaviour.constant(300) })
      const { text } = yield* chat(url, { ...hello, model: "first", stream: true })
      assert.isTrue(JSON.parse(eventsOf(text).at(-1)!).error.isRetryable)
    })))

  it.live("shows that it is alive while no content comes, and tells a failure in band after that", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running("listen: { port: 0, headAfter: 50 millis }")
      for (const model of ["first", "second"])
        yield* provider.set(model, { outcome: Behaviour.serverError, latency: Behaviour.constant(300) })
      const { status, text } = yield* chat(url, { ...hello, stream: true })
      assert.strictEqual(status, 200)
      assert.match(text, /^: keep-alive\n\n/)
      assert.strictEqual(JSON.parse(eventsOf(text).at(-1)!).error.code, "cascade_exhausted")
      assert.isFalse(text.includes("[DONE]"))
    })))
})

describe("a fault of the gateway", () => {
  for (const [what, fault] of [["dies", Effect.die("bug")], ["is interrupted by nobody", Effect.interrupt]] as const) {
    it.live(`such as a call that ${what} is a 500 without a word of it, and in the log`, () => {
      const logged: Array<string> = []
      const log = Logger.make(({ message }) => void logged.push(JSON.stringify(message)))
      return Effect.scoped(Effect.gen(function*() {
        const { url } = yield* running("", {
          client: (options) =>
            Layer.effect(
              ChatClient.ChatClient,
              Effect.map(ChatClient.ChatClient, (client) => ({ ...client, complete: () => fault }))
            ).pipe(Layer.provide(NodeTransport.layerChatClient(options)))
        })
        const { headers, json, status } = yield* chat(url, { ...hello, model: "first" })
        assert.strictEqual(status, 500)
        assert.strictEqual(json.error.code, null)
        assert.deepStrictEqual(logged, [JSON.stringify(["A request died. Please report this.", {
          request: headers.get("x-request-id")
        }])])
      })).pipe(Effect.provide(Logger.layer([log])))
    })
  }
})

describe("a client that leaves", () => {
  const leaving = (body: object, outcome: Behaviour.Outcome) =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      yield* provider.set("first", { outcome })
      const fiber = yield* Effect.forkChild(chat(url, body))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
      yield* Effect.sleep(20)
      yield* Fiber.interrupt(fiber)
      const { aborted } = yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), {
        until: ({ aborted }) => aborted === 1
      })
      assert.strictEqual(aborted, 1)
      assert.strictEqual((yield* provider.stats("second")).started, 0)
    }))

  it.live("ends the call at the provider before the first byte", () => leaving(hello, Behaviour.hang))
  it.live("ends the call at the provider within a stream", () =>
    leaving({ ...hello, stream: true }, Behaviour.stream({ end: Behaviour.stallAfter(2) })))
})

describe("what a provider says of the account of the gateway", () => {
  const missing = Behaviour.error(404, { message: "no", type: "invalid_request_error", code: "model_not_found" })
  for (
    const [what, outcome] of [
      ["its key", Behaviour.unauthorized],
      ["its quota", Behaviour.quotaExhausted],
      ["its model", missing]
    ] as const
  ) {
    it.live(`is no fault of a client, whose own token, budget and model are right: ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { provider, url } = yield* running()
        yield* provider.set("first", { outcome })
        for (const stream of [false, true]) {
          const { headers, json, status } = yield* chat(url, { ...hello, model: "first", stream })
          assert.deepStrictEqual([status, json.error.type, json.error.code], [502, "server_error", "provider_account"])
          assert.strictEqual(headers.get("x-should-retry"), "false")
          assert.isNull(headers.get("www-authenticate"))
          assert.include(json.error.message, "sim")
        }
      })))
  }
})

describe("what a client says wrongly", () => {
  const cases: ReadonlyArray<
    readonly [what: string, body: object | string, status: number, code: string | null, param: string | null]
  > = [
    ["no JSON", "{", 400, null, null],
    ["JSON of something else", "[1]", 400, null, null],
    ["no model", { messages: [] }, 400, "missing_required_parameter", "model"],
    ["no messages", { model: "assistant" }, 400, "missing_required_parameter", "messages"],
    ["messages that are no list", { model: "assistant", messages: "hi" }, 400, "invalid_type", "messages"],
    ["a model that is none", { ...hello, model: "gpt-9" }, 404, "model_not_found", null],
    ["a key of every object", { ...hello, model: "constructor" }, 404, "model_not_found", null]
  ]
  for (const [what, body, status, code, param] of cases) {
    it.live(`is told in the words of OpenAI: ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { provider, url } = yield* running()
        const got = yield* chat(url, body)
        assert.strictEqual(got.status, status)
        assert.strictEqual(got.json.error.code, code)
        assert.strictEqual(got.json.error.param, param)
        assert.strictEqual((yield* provider.total).started, 0)
      })))
  }

  it.live("is told for paths and methods that are not there, which are never passed on", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      const headers = { authorization: `Bearer ${token}` }
      const unknown = yield* ask(`${url}/v1/files`, { method: "POST", headers, body: "x" })
      assert.strictEqual(unknown.status, 404)
      assert.strictEqual(unknown.json.error.message, "Invalid URL (POST /v1/files)")
      const method = yield* ask(`${url}/v1/chat/completions`, { headers })
      assert.strictEqual(method.status, 405)
      assert.strictEqual(method.headers.get("allow"), "POST")
      assert.strictEqual((yield* provider.total).started, 0)
      for (const path of ["/health/live", "/health/ready", "/v1/models", "/v1/models/first"]) {
        for (const wrong of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
          const got = yield* ask(`${url}${path}`, { method: wrong, headers })
          assert.deepStrictEqual([got.status, got.headers.get("allow")], [405, "GET, HEAD"], `${wrong} ${path}`)
          assert.deepStrictEqual(got.json.error, {
            message: `Not allowed to ${wrong} here: use GET, HEAD.`,
            type: "invalid_request_error",
            param: null,
            code: "method_not_supported"
          })
        }
        const head = yield* ask(`${url}${path}`, { method: "HEAD", headers })
        assert.deepStrictEqual([head.status, head.text], [200, ""], path)
      }
    })))
})

describe("the list of models", () => {
  it.live("has what the client may ask for, one by one as well, also by an encoded name", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running(`clients: [{ name: shop, token: ${token}, models: [assistant] }]`)
      const headers = { authorization: `Bearer ${token}` }
      const list = yield* ask(`${url}/v1/models`, { headers })
      assert.deepStrictEqual(list.json.data.map(({ id }: { readonly id: string }) => id), ["assistant"])
      assert.strictEqual((yield* ask(`${url}/v1/models/assis%74ant`, { headers })).json.owned_by, "switchgear")
      assert.strictEqual((yield* ask(`${url}/v1/models/first`, { headers })).json.error.code, "model_not_found")
      assert.strictEqual((yield* chat(url, { ...hello, model: "first" })).status, 404)
    })))
})

describe("the limits of a client", () => {
  it.live("refuse the call above them, in the words of OpenAI, without a call to a provider", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running(
        `clients: [{ name: shop, token: ${token}, limits: [{ resource: requests, limit: 2, per: 1 hour }] }]`
      )
      const statuses = yield* Effect.forEach([1, 2, 3], () => chat(url, hello))
      assert.deepStrictEqual(statuses.map(({ status }) => status), [200, 200, 429])
      assert.strictEqual(statuses[2]!.json.error.code, "rate_limit_exceeded")
      assert.strictEqual(statuses[2]!.json.error.type, "requests")
      assert.isAbove(Number(statuses[2]!.headers.get("retry-after")), 0)
      assert.strictEqual((yield* provider.total).started, 2)
    })))

  it.live("are told by what is used up: a call with more tokens than there are is of the type tokens", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running(
        `clients: [{ name: shop, token: ${token}, limits: [{ resource: tokens, limit: 20, per: 1 hour }] }]`
      )
      const { json, status } = yield* chat(url, { ...hello, max_tokens: 1000 })
      assert.deepStrictEqual([status, json.error.type, json.error.code], [429, "tokens", "rate_limit_exceeded"])
    })))

  for (
    const [what, outcome, left] of [
      ["is given back what a provider has refused", Behaviour.unavailable, 1900],
      ["is not given back what a provider may have worked for", Behaviour.cut("mid-body"), 1000]
    ] as const
  ) {
    it.live(`by tokens: a client ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { provider, url } = yield* running(
          `clients: [{ name: shop, token: ${token}, limits: [{ resource: tokens, limit: 2000, per: 100 hours }, { resource: requests, limit: 50, per: 100 hours }] }]`
        )
        yield* provider.set("first", { outcome })
        const asked = { ...hello, model: "first", max_tokens: 1000 }
        for (const stream of [false, true]) {
          const { status } = yield* chat(url, { ...asked, stream })
          assert.include(left > 1000 || !stream ? [502, 503] : [429], status)
        }
        const { headers } = yield* ask(`${url}/v1/models`, { headers: { authorization: `Bearer ${token}` } })
        const tokens = Number(headers.get("x-ratelimit-remaining-tokens"))
        assert.isTrue(left > 1000 ? tokens > left : tokens < left, String(tokens))
        assert.strictEqual(headers.get("x-ratelimit-remaining-requests"), left > 1000 ? "48" : "49")
      })))
  }

  it.live("are told in each answer, also in one that asks no model", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running(
        `clients: [{ name: shop, token: ${token}, limits: [{ resource: requests, limit: 2, per: 1 hour }] }]`
      )
      const get = { headers: { authorization: `Bearer ${token}` } }
      for (
        const answer of [
          chat(url, hello),
          chat(url, "no JSON"),
          chat(url, { ...hello, model: "none" }),
          ask(`${url}/v1/models`, get),
          ask(`${url}/v1/models/first`, get),
          ask(`${url}/v1/models/none`, get)
        ]
      ) {
        const { headers, status } = yield* answer
        assert.strictEqual(headers.get("x-ratelimit-limit-requests"), "2", String(status))
        assert.strictEqual(headers.get("x-ratelimit-remaining-requests"), "1", String(status))
        assert.match(headers.get("x-ratelimit-reset-requests")!, /^\d+m\d+s$/)
      }
    })))

  it.live("say that all is left of a limit of which nothing was taken, however large it is, and never more", () =>
    Effect.scoped(Effect.gen(function*() {
      for (const limit of [1, 999_999, 1_000_000, 2_000_000_000]) {
        const { url } = yield* running(
          `clients: [{ name: shop, token: ${token}, limits: [{ resource: tokens, limit: ${limit}, per: 1 hour }] }]`
        )
        const { headers } = yield* ask(`${url}/v1/models`, { headers: { authorization: `Bearer ${token}` } })
        assert.strictEqual(headers.get("x-ratelimit-limit-tokens"), String(limit))
        assert.strictEqual(headers.get("x-ratelimit-remaining-tokens"), String(limit))
      }
    })))

  it.live("stop a client whose budget is spent, whatever it does, and no other one", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running(
        `clients: [{ name: shop, token: ${token}, budget: { dollars: 0.001, window: month } }, { name: other, token: sk-other-1234567 }]`
      )
      const dear = { ...hello, max_tokens: 100 }
      const got = yield* Effect.forEach(Array.from({ length: 40 }), () => chat(url, dear), { concurrency: 8 })
      const refused = got.filter(({ status }) => status === 429)
      assert.isAbove(refused.length, 0)
      assert.strictEqual(refused[0]!.json.error.code, "insufficient_quota")
      assert.strictEqual(refused[0]!.headers.get("x-should-retry"), "false")
      assert.strictEqual((yield* chat(url, dear, { authorization: "Bearer sk-other-1234567" })).status, 200)
    })))
})

describe("a file that is taken over", () => {
  it.live("keeps the limits of which it says the same, and what was taken by the others", () =>
    Effect.scoped(Effect.gen(function*() {
      const limited = (n: number, more = "") =>
        `clients: [{ name: shop, token: ${token}, limits: [{ resource: requests, limit: ${n}, per: 1 hour }]${more} }]`
      const { gateway, reload, url } = yield* running(limited(2))
      yield* chat(url, hello)
      yield* chat(url, hello)
      yield* reload(limited(2, ", priority: 3"))
      assert.strictEqual((yield* chat(url, hello)).status, 429)
      yield* reload(limited(3))
      assert.strictEqual((yield* chat(url, hello)).status, 200)
      assert.strictEqual((yield* chat(url, hello)).status, 429)
      yield* reload(limited(2))
      assert.strictEqual((yield* chat(url, hello)).status, 429)
      assert.strictEqual(yield* gateway.generation, 4)
    })))

  it.live("takes nothing back of what a client has spent, when its budget or the prices change", () =>
    Effect.scoped(Effect.gen(function*() {
      const budget = (dollars: number) =>
        `clients: [{ name: shop, token: ${token}, budget: { dollars: ${dollars}, window: month } }]`
      const { reload, url } = yield* running(budget(0.001))
      const dear = { ...hello, max_tokens: 100 }
      const statuses = () =>
        Effect.map(
          Effect.forEach(Array.from({ length: 10 }), () => chat(url, dear)),
          (got) => got.filter(({ status }) => status === 200).length
        )
      assert.isAbove(yield* statuses(), 0)
      yield* reload(budget(0.0009))
      assert.strictEqual(yield* statuses(), 0)
      yield* reload(budget(0.002))
      assert.isAbove(yield* statuses(), 0)
    })))

  it.live("lets the calls in flight end as they began", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, reload, url } = yield* running()
      yield* provider.set("first", { outcome: Behaviour.ok("late"), latency: Behaviour.constant(400) })
      const fiber = yield* Effect.forkChild(chat(url, { ...hello, model: "first" }))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
      yield* reload("defaults: { deadline: 9 seconds }")
      assert.strictEqual((yield* Fiber.join(fiber)).json.choices[0].message.content, "late")
    })))
})

describe("the end of a gateway", () => {
  it.live("waits for calls in flight, and tells clients of those that take too long", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.scoped(Effect.gen(function*() {
        const { provider, url } = yield* running("listen: { port: 0, drainTimeout: 300 millis }")
        yield* provider.set("first", { outcome: Behaviour.ok("late"), latency: Behaviour.constant(100) })
        yield* provider.set("second", { outcome: Behaviour.hang })
        const calls = ["first", "second"].map((model) => chat(url, { ...hello, model }))
        const fiber = yield* Effect.forkDetach(Effect.all(calls, { concurrency: "unbounded" }))
        yield* Effect.repeat(Effect.delay(provider.total, 5), { until: ({ started }) => started === 2 })
        return fiber
      }))
      const [first, second] = yield* Fiber.join(fiber)
      assert.strictEqual(first!.status, 200)
      assert.strictEqual(second!.status, 503)
      assert.strictEqual(second!.headers.get("connection"), "close")
    }))
})
