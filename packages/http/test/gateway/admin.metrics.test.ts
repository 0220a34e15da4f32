/** What Prometheus scrapes of a gateway, on sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@switchgear/http/testing"
import { Effect } from "effect"
import { administered, asReader, withOwnModel } from "./administered.ts"
import { parse, type Sample } from "./exposition.ts"
import { ask, chat, hello, token } from "./running.ts"

const scrape = (admin: (path: string, init?: RequestInit) => Effect.Effect<{ readonly text: string }>) =>
  Effect.map(admin("/metrics"), ({ text }) => parse(text, "prometheus"))

const valueOf = (samples: ReadonlyMap<string, Sample>, key: string): number =>
  samples.get(key)?.value ?? assert.fail(`no ${key} in ${[...samples.keys()].join("\n")}`)

describe("the metrics", () => {
  it.live("count the requests of clients, by route and status, and what a client tells of its retries", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, url } = yield* administered()
      yield* chat(url, hello, { "x-stainless-retry-count": "0" })
      yield* chat(url, hello, { "x-stainless-retry-count": "7" })
      yield* chat(url, hello, { "x-stainless-retry-count": "seven" })
      yield* chat(url, "{")
      yield* ask(`${url}/v1/files`)
      yield* ask(`${url}/v1/models/first`, { headers: { authorization: `Bearer ${token}` } })
      const samples = yield* scrape(admin)
      const requests = (route: string, status: string) =>
        valueOf(samples, `switchgear_gateway_requests_total{route=${route},status=${status}}`)
      assert.strictEqual(requests("/v1/chat/completions", "200"), 3)
      assert.strictEqual(requests("/v1/chat/completions", "400"), 1)
      assert.strictEqual(requests("/v1/models/{id}", "200"), 1)
      assert.strictEqual(requests("other", "404"), 1)
      assert.strictEqual(valueOf(samples, "switchgear_gateway_told_retries_total{retries=0}"), 1)
      assert.strictEqual(valueOf(samples, "switchgear_gateway_told_retries_total{retries=more}"), 1)
      assert.strictEqual(valueOf(samples, "switchgear_gateway_in_flight{}"), 0)
      assert.strictEqual(valueOf(samples, "switchgear_gateway_generation{}"), 1)
      assert.strictEqual(valueOf(samples, "switchgear_gateway_ready{}"), 1)
      assert.isAbove(valueOf(samples, "switchgear_gateway_client_cost_usd_total{client=shop}"), 0)
    })))

  it.live("count what is shed, and clients that leave", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered("listen: { port: 0, maxRequests: 1 }")
      yield* provider.set("first", { outcome: Behaviour.hang })
      const fiber = yield* Effect.forkChild(chat(url, hello))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
      assert.strictEqual((yield* chat(url, hello)).status, 503)
      assert.strictEqual(valueOf(yield* scrape(admin), "switchgear_gateway_in_flight{}"), 1)
      yield* Effect.sync(() => fiber.interruptUnsafe())
      const samples = yield* Effect.repeat(Effect.delay(scrape(admin), 5), {
        until: (samples) => valueOf(samples, "switchgear_gateway_clients_left_total{}") === 1
      })
      assert.strictEqual(valueOf(samples, "switchgear_gateway_shed_total{reason=requests}"), 1)
      assert.strictEqual(
        valueOf(samples, "switchgear_gateway_requests_total{route=/v1/chat/completions,status=499}"),
        1
      )
    })))

  it.live("tell what the gateway adds, without the time of its providers", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered()
      yield* provider.set("first", { outcome: Behaviour.ok("late"), latency: Behaviour.constant(1500) })
      yield* provider.set("second", {
        outcome: Behaviour.stream({ text: "one two three" }),
        latency: Behaviour.constant(1500)
      })
      yield* Effect.all([chat(url, hello), chat(url, { ...hello, model: "second", stream: true })], {
        concurrency: "unbounded"
      })
      const samples = yield* scrape(admin)
      assert.strictEqual(valueOf(samples, "switchgear_gateway_overhead_seconds_count{}"), 2)
      assert.isBelow(valueOf(samples, "switchgear_gateway_overhead_seconds_sum{}"), 1.5)
      assert.isAbove(valueOf(samples, "switchgear_gateway_request_duration_seconds_sum{}"), 3)
    })))

  it.live("count the waits between the calls to a provider as what the gateway adds", () =>
    Effect.scoped(Effect.gen(function*() {
      let calls = 0
      const outcome = Behaviour.perRequest(() => calls++ === 0 ? Behaviour.serverError : Behaviour.ok("at last"))
      const { admin, url } = yield* withOwnModel("retry: { maxAttempts: 2, baseDelay: 400 millis, jitter: none }", {
        outcome,
        latency: Behaviour.constant(1000)
      })
      assert.strictEqual((yield* chat(url, { ...hello, model: "own" })).status, 200)
      const added = valueOf(yield* scrape(admin), "switchgear_gateway_overhead_seconds_sum{}")
      assert.isAtLeast(added, 0.39)
      assert.isBelow(added, 1.4)
    })))

  it.live("have the names of resilience4j beside our own, and agree with them", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered("defaults: { breaker: { minimumCalls: 4 } }")
      yield* chat(url, hello)
      yield* provider.set("first", { outcome: Behaviour.serverError })
      for (let i = 0; i < 3; i++) yield* chat(url, hello)
      yield* chat(url, hello)
      const samples = yield* scrape(admin)
      const r4j = (name: string) => valueOf(samples, `resilience4j_${name}`)
      assert.strictEqual(r4j("circuitbreaker_state{name=first,state=open}"), 1)
      assert.strictEqual(r4j("circuitbreaker_state{name=first,state=closed}"), 0)
      assert.strictEqual(r4j("circuitbreaker_failure_rate{name=first}"), 75)
      assert.strictEqual(r4j("circuitbreaker_failure_rate{name=second}"), 0)
      assert.strictEqual(r4j("circuitbreaker_slow_call_rate{name=first}"), 0)
      assert.strictEqual(r4j("circuitbreaker_buffered_calls{kind=failed,name=first}"), 3)
      assert.strictEqual(r4j("circuitbreaker_buffered_calls{kind=successful,name=first}"), 1)
      assert.strictEqual(r4j("circuitbreaker_slow_calls{kind=failed,name=first}"), 0)
      assert.strictEqual(r4j("circuitbreaker_calls_seconds_count{kind=failed,name=first}"), 3)
      assert.isAbove(r4j("circuitbreaker_calls_seconds_sum{kind=successful,name=first}"), 0)
      assert.isAbove(r4j("circuitbreaker_calls_seconds_max{kind=failed,name=first}"), 0)
      assert.strictEqual(r4j("circuitbreaker_not_permitted_calls_total{kind=not_permitted,name=first}"), 1)
      assert.strictEqual(r4j("retry_calls_total{kind=successful_without_retry,name=first}"), 1)
      assert.strictEqual(r4j("retry_calls_total{kind=failed_with_retry,name=first}"), 3)
      assert.strictEqual(r4j("bulkhead_available_concurrent_calls{name=first}"), 50)
      assert.strictEqual(r4j("bulkhead_max_allowed_concurrent_calls{name=first}"), 50)
      assert.strictEqual(valueOf(samples, "switchgear_circuitbreaker_state{name=first,state=open}"), 1)
      assert.strictEqual(valueOf(samples, "switchgear_circuitbreaker_failure_rate{name=first}"), 0.75)
      assert.strictEqual(
        valueOf(samples, "switchgear_cascade_served_total{cascade=assistant,degradation=fallback,step=second}"),
        4
      )
    })))

  it.live("are -1 for a rate of too few calls, as resilience4j has it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      assert.strictEqual(valueOf(yield* scrape(admin), "resilience4j_circuitbreaker_failure_rate{name=first}"), -1)
    })))

  it.live("are OpenMetrics for who wants that most, at both paths, and for readers as well", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, url } = yield* administered()
      yield* chat(url, hello)
      const prometheus3 =
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
      for (const path of ["/metrics", "/actuator/prometheus"]) {
        const plain = yield* admin(path, asReader)
        assert.strictEqual(plain.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8")
        const open = yield* admin(path, { headers: { ...asReader.headers, accept: prometheus3 } })
        assert.strictEqual(
          open.headers.get("content-type"),
          "application/openmetrics-text; version=1.0.0; charset=utf-8"
        )
        const samples = parse(open.text, "openMetrics")
        assert.deepStrictEqual([...parse(plain.text, "prometheus").keys()].length, samples.size)
        assert.strictEqual(
          valueOf(samples, "switchgear_gateway_requests_total{route=/v1/chat/completions,status=200}"),
          1
        )
      }
      assert.match((yield* admin("/metrics", { headers: { accept: "text/html" } })).text, /^# HELP/)
    })))

  it.live("have labels of the file and of the program only, whatever clients say", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, url } = yield* administered()
      const before = yield* scrape(admin)
      const odd = "zzz-said-by-a-client"
      yield* chat(url, { ...hello, model: odd, user: odd })
      yield* chat(url, { ...hello, user: odd }, { "x-stainless-retry-count": odd, "x-tenant": odd, "user-agent": odd })
      yield* ask(`${url}/${odd}?${odd}=${odd}`, { headers: { authorization: `Bearer ${odd}` } })
      yield* ask(`${url}/v1/models/${odd}`, { headers: { authorization: `Bearer ${token}` } })
      const { text } = yield* admin("/metrics")
      assert.notInclude(text, odd)
      assert.notInclude(text, token)
      const names = new Set([...before.values()].map(({ name }) => name))
      for (const { name } of parse(text, "prometheus").values()) {
        assert.isTrue(names.has(name) || /^switchgear_(gateway_requests|cascade)/.test(name), name)
      }
    })))

  it.live("keep the name of a guard that another file changes", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, reload, url } = yield* administered()
      yield* chat(url, hello)
      yield* reload("defaults: { bulkhead: { concurrency: 7 } }")
      const samples = yield* scrape(admin)
      assert.strictEqual(valueOf(samples, "switchgear_bulkhead_concurrency{name=first}"), 7)
      assert.strictEqual(valueOf(samples, "switchgear_gateway_generation{}"), 2)
      assert.deepStrictEqual([...samples.keys()].filter((key) => key.includes("#")), [])
      yield* chat(url, hello)
      assert.strictEqual(
        valueOf(yield* scrape(admin), "resilience4j_circuitbreaker_calls_seconds_count{kind=successful,name=first}"),
        1
      )
    })))
})
