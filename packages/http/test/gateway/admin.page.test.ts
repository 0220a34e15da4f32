/** The operators' page and what it reads, on sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@switchgear/http/testing"
import { Effect, Fiber } from "effect"
import { createHash } from "node:crypto"
import { vi } from "vitest"
import { administered, asReader, control, reader, withOwnModel } from "./administered.ts"
import { ask, chat, hello, token } from "./running.ts"

const journal = "../../src/gateway/admin/journal"
const { ClientMinute } = await vi.importActual<any>(`${journal}/clientMinute.ts`)
const { Shedding } = await vi.importActual<any>(`${journal}/shedding.ts`)
const { Counts } = await vi.importActual<any>("../../src/gateway/server/counts.ts")

describe("the operators' page", () => {
  it.live("is open, runs only what is in it, asks only its own address, and has nothing of the gateway in it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl } = yield* administered()
      const { headers, status, text } = yield* ask(`${adminUrl}/`)
      assert.strictEqual(status, 200)
      assert.strictEqual(headers.get("content-type"), "text/html; charset=utf-8")
      assert.strictEqual(headers.get("cache-control"), "no-store")
      const digestOf = (element: string) =>
        createHash("sha256").update(new RegExp(`<${element}[^>]*>([^]*?)</${element}>`).exec(text)![1]!).digest(
          "base64"
        )
      assert.strictEqual(
        headers.get("content-security-policy"),
        `default-src 'none'; script-src 'sha256-${digestOf("script")}'; style-src 'sha256-${
          digestOf("style")
        }'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
      )
      for (const told of [control, reader, token, "assistant", "polite:", "http://127"]) assert.notInclude(text, told)
    })))
})

describe("the overview", () => {
  it.live("tells what the token may do", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      assert.strictEqual((yield* admin("/admin/overview")).json.scope, "control")
      assert.strictEqual((yield* admin("/admin/overview", asReader)).json.scope, "read")
    })))

  it.live("counts what clients got, by outcome", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered()
      yield* chat(url, hello)
      yield* chat(url, "{")
      yield* provider.set("first", { outcome: Behaviour.serverError })
      yield* chat(url, hello)
      yield* chat(url, { ...hello, model: "polite" })
      yield* chat(url, { ...hello, model: "first" })
      yield* ask(`${url}/v1/models`, { headers: { authorization: `Bearer ${token}` } })
      yield* ask(`${url}/v1/messages/count_tokens`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: "{}"
      })
      const { json: { totals } } = yield* admin("/admin/overview")
      assert.deepStrictEqual(totals.outcomes, {
        askedFor: 1,
        fallback: 1,
        stale: 0,
        canned: 1,
        error: 1,
        refused: 1,
        left: 0
      })
      assert.strictEqual(totals.durations.at(-1), 5)
      assert.isAbove(totals.cost, 0)
    })))

  it.live("counts them from the start of the gateway, whatever file was taken over, each answer for its client", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, reload, url } = yield* administered()
      yield* provider.set("first", { outcome: Behaviour.serverError })
      yield* provider.set("second", { outcome: Behaviour.ok("Good evening"), latency: Behaviour.constant(100) })
      const shared = chat(url, hello, { "idempotency-key": "a" })
      yield* Effect.all([shared, shared, chat(url, { ...hello, stream: true })], { concurrency: "unbounded" })
      yield* ask(`${url}/v1/messages/count_tokens`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({ ...hello, max_tokens: 1 })
      })
      yield* chat(url, { ...hello, model: "polite" })
      const outcomes = Effect.map(admin("/admin/overview"), ({ json }) => json.totals.outcomes)
      const counted = { askedFor: 0, fallback: 3, stale: 0, canned: 1, error: 0, refused: 0, left: 0 }
      assert.deepStrictEqual(yield* outcomes, counted)
      yield* reload(`admin: { port: 0, token: ${control} }\ndefaults: { attemptTimeout: 4 seconds }`)
      assert.deepStrictEqual(yield* outcomes, counted)
      yield* provider.set("second", { outcome: Behaviour.stream({ chunks: 6, end: Behaviour.cutAfter(3) }) })
      yield* chat(url, { ...hello, stream: true })
      assert.deepStrictEqual(yield* outcomes, { ...counted, error: 1 })
    })))

  it.live("counts a cascade without an answer as an error, whatever its status", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered("listen: { port: 0, exhaustedStatus: 424 }")
      for (const model of ["first", "second"]) yield* provider.set(model, { outcome: Behaviour.serverError })
      assert.strictEqual((yield* chat(url, hello)).status, 424)
      const { json: { totals: { outcomes } } } = yield* admin("/admin/overview")
      assert.deepStrictEqual([outcomes.error, outcomes.refused], [1, 0])
    })))

  it.live("keeps the last error of a model while its circuit rejects all calls", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered("defaults: { breaker: { minimumCalls: 2 } }")
      yield* provider.set("first", { outcome: Behaviour.serverError })
      for (let call = 0; call < 110; call++) yield* chat(url, hello)
      const { json } = yield* admin("/admin/overview")
      assert.strictEqual(json.models[0].circuit.state, "Open")
      assert.isAbove(json.models[0].circuit.rejected, 100)
      assert.strictEqual(json.models[0].lastError.kind, "ProviderFault")
    })))

  it.live("has the durations of every API that models answer", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, url } = yield* administered()
      for (const path of ["embeddings", "messages", "messages/count_tokens", "responses", "chat/completions"]) {
        yield* ask(`${url}/v1/${path}`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}` },
          body: "{}"
        })
      }
      const { json: { totals } } = yield* admin("/admin/overview")
      assert.strictEqual(totals.durations.at(-1), 4)
      assert.strictEqual(totals.outcomes.refused, 4)
    })))

  it.live("has the time until an answer, of a stream until its first content: that is what is promised", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered()
      yield* provider.set("first", { outcome: Behaviour.stream({ text: "one two three", chunks: 3, pause: 400 }) })
      yield* chat(url, { ...hello, model: "first", stream: true })
      yield* provider.set("second", { outcome: Behaviour.ok("late"), latency: Behaviour.constant(1100) })
      yield* chat(url, { ...hello, model: "second" })
      yield* chat(url, { ...hello, model: "second", stream: true })
      const { json } = yield* admin("/admin/samples")
      const upTo1s = json.durationBounds.indexOf(1)
      const { json: { requests, totals } } = yield* admin("/admin/overview")
      assert.deepStrictEqual([totals.durations[upTo1s], totals.durations.at(-1)], [1, 3])
      assert.strictEqual(requests.waits.buckets[upTo1s].count, 1)
      assert.strictEqual(requests.durations.buckets[upTo1s].count, 0)
      const { text } = yield* admin("/metrics")
      assert.match(text, /^switchgear_gateway_time_to_answer_seconds_bucket\{le="1(\.0)?"\} 1$/m)
      assert.match(text, /^switchgear_gateway_request_duration_seconds_bucket\{le="1(\.0)?"\} 0$/m)
    })))

  it.live("and the page are there while the gateway sheds", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, adminUrl, provider, url } = yield* administered("listen: { port: 0, maxRequests: 1 }")
      yield* provider.set("first", { outcome: Behaviour.hang })
      const held = yield* Effect.forkScoped(chat(url, { ...hello, model: "first" }))
      yield* Effect.eventually(
        Effect.flatMap(admin("/admin/overview"), ({ json }) =>
          json.requests.inFlight === 1 ? Effect.void : Effect.fail("not yet"))
      )
      const shed = yield* Effect.all(
        Array.from({ length: 50 }, () =>
          chat(url, hello)),
        { concurrency: 50 }
      )
      assert.deepStrictEqual([...new Set(shed.map(({ status }) => status))], [503])
      assert.strictEqual((yield* ask(`${adminUrl}/`)).status, 200)
      const { json } = yield* admin("/admin/overview")
      assert.strictEqual(json.totals.outcomes.error, 50)
      assert.strictEqual(json.totals.shed, 50)
      assert.strictEqual(json.health.status, "degraded")
      assert.deepStrictEqual(json.health.reasons, [{
        kind: "Gateway",
        name: "listen.maxRequests",
        reason: "shedding",
        count: 1,
        critical: false,
        retryAfterMillis: null
      }])
      assert.deepInclude(json.clients[0].lastMinute, { requests: 51, shed: 50, limited: 0 })
      const { text } = yield* admin("/metrics")
      assert.include(text, "switchgear_gateway_client_requests_total{client=\"shop\"} 51")
      assert.include(text, "switchgear_gateway_client_refused_total{client=\"shop\",reason=\"shed\"} 50")
      assert.strictEqual(json.totals.inFlight, 1)
      yield* Fiber.interrupt(held)
    })))
})

describe("what an operator is told besides", () => {
  it.live("the runbook and the promise of the file, and what another file says of them", () =>
    Effect.scoped(Effect.gen(function*() {
      const tokens = `token: ${control}`
      const { admin, reload } = yield* withOwnModel(
        "",
        {},
        "",
        `admin: { port: 0, ${tokens}, runbook: "https://wiki.test/night", promise: { p95: 8 seconds } }`
      )
      const told = Effect.map(admin("/admin/overview"), ({ json: { promise, runbook } }) => ({ promise, runbook }))
      assert.deepStrictEqual(yield* told, { promise: { p95Millis: 8000 }, runbook: "https://wiki.test/night" })
      yield* reload(`admin: { port: 0, ${tokens} }`)
      assert.deepStrictEqual(yield* told, { promise: { p95Millis: null }, runbook: null })
    })))

  it.live("retries, what is left of the budget for them, and the status of the last error", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, url } = yield* withOwnModel(
        "retry: { maxAttempts: 2, baseDelay: 1 millis, maxDelay: 1 millis }, retryBudget: { floor: 2 }",
        { outcome: Behaviour.serverError }
      )
      for (let call = 0; call < 3; call++) yield* chat(url, { ...hello, model: "own" })
      const { json: { models: [own], totals } } = yield* admin("/admin/overview")
      assert.strictEqual(totals.modelCalls, 3)
      assert.strictEqual(totals.attempts, 5)
      assert.deepInclude(own.retryBudget, { id: "own", available: 0, retries: 2, refused: 1 })
      assert.deepInclude(own.lastError, { kind: "ProviderFault", status: 500 })
    })))

  it.live("who was refused by their own limits", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, url } = yield* administered(
        `clients: [{ name: shop, token: ${token}, limits: [{ resource: requests, limit: 1, per: 1 hour }] }, { name: idle, token: x }]`
      )
      for (let call = 0; call < 3; call++) yield* chat(url, hello)
      const { json: [shop, idle] } = yield* admin("/admin/clients")
      assert.deepInclude(shop.lastMinute, { requests: 3, shed: 0, limited: 2, dollars: shop.money.cost })
      assert.isAbove(shop.lastMinute.dollars, 0)
      assert.isAtLeast(shop.lastMinute.seconds, 0)
      assert.deepInclude(idle.lastMinute, { requests: 0, shed: 0, limited: 0, dollars: 0 })
    })))
})

describe("who was refused by their own limits", () => {
  it.live("is nobody who was told the limit of a provider, or that no model has answered", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered(
        `clients: [{ name: shop, token: ${token}, limits: [{ resource: requests, limit: 100, per: 1 hour }] }]
listen: { port: 0, exhaustedStatus: 429 }`
      )
      for (const model of ["first", "second"]) yield* provider.set(model, { outcome: Behaviour.rateLimited() })
      for (const model of ["first", "assistant"]) {
        assert.strictEqual((yield* chat(url, { ...hello, model })).status, 429)
      }
      const { json: [shop] } = yield* admin("/admin/clients")
      assert.deepInclude(shop.lastMinute, { requests: 2, limited: 0 })
    })))
})

describe("what clients asked for in the last minute", () => {
  it("is forgotten after it, and so is what was shed after some seconds", () => {
    const minute = new ClientMinute()
    const shedding = new Shedding()
    const counts = new Counts()
    let [at, dollars] = [0, 2]
    const counted = () => ({ ...counts.of("a"), dollars })
    const tick = () => {
      minute.add(at, [["a", counted()]])
      shedding.add(counts.shed)
      at += 5000
    }
    const told = () => minute.of("a", counted(), at)
    tick()
    counts.of("a").requests = 7
    counts.shed.requests = 3
    dollars = 2.5
    assert.deepInclude(told(), { requests: 7, dollars: 0.5, seconds: 5 })
    assert.deepStrictEqual(shedding.of(counts.shed), ["listen.maxRequests"])
    tick()
    assert.deepStrictEqual(shedding.of(counts.shed), ["listen.maxRequests"])
    tick()
    assert.deepStrictEqual(shedding.of(counts.shed), [])
    for (let sample = 0; sample < 10; sample++) tick()
    assert.deepInclude(told(), { requests: 7, dollars: 0.5, seconds: 65 }, "within the minute")
    tick()
    assert.deepInclude(told(), { requests: 0, dollars: 0, seconds: 65 })
    dollars = 0.25
    assert.strictEqual(told().dollars, 0.25, "of a ledger that was made anew")
  })
})

describe("samples", () => {
  it.live("begin with the gateway and have the bounds of their durations", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      const { json } = yield* admin("/admin/samples", asReader)
      assert.strictEqual(json.everyMillis, 5000)
      assert.isAtLeast(json.samples.length, 1)
      assert.strictEqual(json.samples[0].durations.length, json.durationBounds.length + 1)
      assert.deepStrictEqual(json.durationBounds, json.durationBounds.toSorted((a: number, b: number) => a - b))
    })))
})
