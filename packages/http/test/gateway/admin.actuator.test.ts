/** The actuator of a gateway on sockets: what dashboards and scripts for resilience4j read, to the byte. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour } from "@switchgear/http/testing"
import { Effect } from "effect"
import { administered, asReader, reader, withOwnModel } from "./administered.ts"
import { chat, hello } from "./running.ts"

const small = "defaults: { breaker: { minimumCalls: 3, slowCallDuration: 1 minute } }"

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body)
})

/** A gateway whose first model has answered once and failed twice, so that its circuit is open. */
const withOpenCircuit = Effect.gen(function*() {
  const made = yield* administered(small)
  yield* chat(made.url, hello)
  yield* made.provider.set("first", { outcome: Behaviour.serverError })
  yield* chat(made.url, hello)
  yield* chat(made.url, hello)
  yield* chat(made.url, hello)
  return made
})

const openCircuit =
  "{\"failureRate\":\"66.666664%\",\"failureRateThreshold\":\"50.0%\",\"slowCallRate\":\"0.0%\",\"slowCallRateThreshold\":\"100.0%\",\"bufferedCalls\":3,\"slowCalls\":0,\"slowFailedCalls\":0,\"failedCalls\":2,\"notPermittedCalls\":1,\"state\":\"OPEN\"}"

const fallbackCircuit =
  "{\"failureRate\":\"0.0%\",\"failureRateThreshold\":\"50.0%\",\"slowCallRate\":\"0.0%\",\"slowCallRateThreshold\":\"100.0%\",\"bufferedCalls\":3,\"slowCalls\":0,\"slowFailedCalls\":0,\"failedCalls\":0,\"notPermittedCalls\":0,\"state\":\"CLOSED\"}"

describe("health", () => {
  it.live("has each circuit with its ten members, and an open one beside another leaves it UP", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* withOpenCircuit
      const component =
        `{"status":"UP","details":{"first":{"status":"CIRCUIT_OPEN","details":${openCircuit}},"second":{"status":"UP","details":${fallbackCircuit}}}}`
      const whole = yield* admin("/actuator/health", asReader)
      assert.strictEqual(whole.status, 200)
      assert.strictEqual(whole.text, `{"status":"UP","components":{"circuitBreakers":${component}}}`)
      assert.strictEqual((yield* admin("/actuator/health/circuitBreakers")).text, component)
      assert.strictEqual(
        (yield* admin("/actuator/health/circuitBreakers/first")).text,
        `{"status":"CIRCUIT_OPEN","details":${openCircuit}}`
      )
      for (const path of ["/actuator/health/db", "/actuator/health/circuitBreakers/constructor"]) {
        assert.strictEqual((yield* admin(path)).status, 404)
      }
    })))

  it.live("has the limits of clients, and is -1.0% for a rate of too few calls", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered(
        "clients: [{ name: shop, token: sk-shop-0123456789, limits: [{ resource: requests, limit: 10, per: 1 hour }] }]"
      )
      const { json } = yield* admin("/actuator/health")
      assert.deepStrictEqual(json.components.rateLimiters, {
        status: "UP",
        details: { "client shop": { status: "UP", details: { availablePermissions: 10, numberOfWaitingThreads: 0 } } }
      })
      assert.strictEqual(json.components.circuitBreakers.details.first.details.failureRate, "-1.0%")
    })))
})

describe("health that allowHealthIndicatorToFail lets fail", () => {
  const open = (keys: string) =>
    Effect.gen(function*() {
      const circuit = `slidingWindowSize: 2, minimumNumberOfCalls: 2, ${keys}`
      const { admin, url } = yield* withOwnModel(
        "resilience4j: i",
        { outcome: Behaviour.serverError },
        `resilience4j: { circuitbreaker: { instances: { i: { ${circuit} } } } }`
      )
      yield* Effect.forEach([1, 2], () => chat(url, { ...hello, model: "own" }))
      return yield* Effect.forEach(["", "/circuitBreakers", "/circuitBreakers/own"], (path) =>
        admin(`/actuator/health${path}`))
    })

  it.live("is DOWN, with a 503, while a circuit is open, as in resilience4j", () =>
    Effect.scoped(Effect.gen(function*() {
      const told = yield* open("registerHealthIndicator: true, allowHealthIndicatorToFail: true")
      assert.deepStrictEqual(told.map(({ json, status }) => [status, json.status]), [
        [503, "DOWN"],
        [503, "DOWN"],
        [503, "DOWN"]
      ])
    })))

  it.live("is not where the indicator is not registered, or may not fail", () =>
    Effect.scoped(Effect.gen(function*() {
      for (const keys of ["allowHealthIndicatorToFail: true", "registerHealthIndicator: true"]) {
        const told = yield* open(keys)
        assert.deepStrictEqual(told.map(({ json, status }) => [status, json.status]), [
          [200, "UNKNOWN"],
          [200, "UNKNOWN"],
          [200, "CIRCUIT_OPEN"]
        ])
      }
    })))
})

describe("circuitbreakers", () => {
  it.live("are all there, sorted", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* withOpenCircuit
      assert.strictEqual(
        (yield* admin("/actuator/circuitbreakers")).text,
        `{"circuitBreakers":{"first":${openCircuit},"second":${fallbackCircuit}}}`
      )
      assert.strictEqual((yield* admin("/actuator/circuitbreakers/first")).status, 405)
    })))

  it.live("obey three commands, seen by clients and noted", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered(small)
      const commanded = yield* admin("/actuator/circuitbreakers/first", post({ updateState: "FORCE_OPEN" }))
      assert.strictEqual(commanded.status, 200)
      assert.strictEqual(
        commanded.text,
        "{\"circuitBreakerName\":\"first\",\"currentState\":\"FORCED_OPEN\",\"message\":\"first state has been changed successfully\"}"
      )
      assert.strictEqual((yield* chat(url, hello)).headers.get("x-switchgear-step"), "second")
      assert.strictEqual((yield* provider.stats("first")).started, 0)
      assert.strictEqual(
        (yield* admin("/actuator/circuitbreakers/first", post({ updateState: "CLOSE" }))).json.currentState,
        "CLOSED"
      )
      assert.strictEqual((yield* chat(url, hello)).headers.get("x-switchgear-step"), "first")
      assert.strictEqual(
        (yield* admin("/actuator/circuitbreakers/first", post({ updateState: "DISABLE" }))).json.currentState,
        "DISABLED"
      )
    })))

  it.live("have a reason in the history, also where none is given or nobody can see it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered(small)
      for (const reason of [undefined, 7, "\u200b\n", "a test"]) {
        yield* admin("/actuator/circuitbreakers/first", post({ updateState: "CLOSE", reason }))
      }
      const { json: { events } } = yield* admin("/admin/events")
      const acts = events.filter(({ _tag }: any) => _tag === "Act")
      assert.deepStrictEqual(
        acts.map(({ by, reason }: any) => [by, reason]),
        [["control", "actuator"], ["control", "actuator"], ["control", "actuator"], ["control", "a test"]]
      )
    })))

  it.live("refuse another value and another name, and make none", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      for (const body of [{ updateState: "HALF_OPEN" }, { updateState: "constructor" }, {}, "{", "null"]) {
        assert.strictEqual((yield* admin("/actuator/circuitbreakers/first", post(body))).status, 400)
      }
      const other = post({ updateState: "CLOSE" })
      assert.strictEqual((yield* admin("/actuator/circuitbreakers/third", other)).status, 404)
      const refused = yield* admin(
        "/actuator/circuitbreakers/first",
        post({ updateState: "FORCE_OPEN" }, { authorization: `Bearer ${reader}` })
      )
      assert.strictEqual(refused.status, 403)
      const { json } = yield* admin("/actuator/circuitbreakers")
      assert.deepStrictEqual(Object.keys(json.circuitBreakers), ["first", "second"])
      assert.strictEqual(json.circuitBreakers.first.state, "CLOSED")
    })))
})

describe("the names of guards", () => {
  it.live("are listed by kind, sorted", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered(
        "defaults: { rateLimiter: { limits: [{ resource: requests, limit: 9, per: 1 second }] } }"
      )
      const expected = {
        ratelimiters: "{\"rateLimiters\":[\"first\",\"second\"]}",
        retries: "{\"retries\":[\"first\",\"second\"]}",
        bulkheads: "{\"bulkheads\":[\"first\",\"second\"]}",
        timelimiters: "{\"timeLimiters\":[\"first\",\"second\"]}"
      }
      for (const [path, text] of Object.entries(expected)) {
        assert.strictEqual((yield* admin(`/actuator/${path}`, asReader)).text, text)
      }
    })))
})

describe("events", () => {
  it.live("of a circuit are its calls and its changes, by name and type", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* withOpenCircuit
      const { json } = yield* admin("/actuator/circuitbreakerevents/first")
      assert.deepStrictEqual(json.circuitBreakerEvents.map(({ type }: { readonly type: string }) => type), [
        "SUCCESS",
        "ERROR",
        "ERROR",
        "FAILURE_RATE_EXCEEDED",
        "STATE_TRANSITION",
        "NOT_PERMITTED"
      ])
      const [success, error, , , transition] = json.circuitBreakerEvents
      assert.deepStrictEqual(Object.keys(success), ["circuitBreakerName", "type", "creationTime", "durationInMs"])
      assert.match(success.creationTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{3})?)?Z\[Etc\/UTC\]$/)
      assert.strictEqual(error.errorMessage, "ProviderFault")
      assert.strictEqual(transition.stateTransition, "CLOSED_TO_OPEN")
      const errors = yield* admin("/actuator/circuitbreakerevents/first/error")
      assert.strictEqual(errors.json.circuitBreakerEvents.length, 2)
      assert.strictEqual((yield* admin("/actuator/circuitbreakerevents")).json.circuitBreakerEvents.length, 9)
      assert.strictEqual((yield* admin("/actuator/circuitbreakerevents/third")).status, 404)
      assert.strictEqual((yield* admin("/actuator/circuitbreakerevents/first/odd")).status, 400)
    })))

  it.live("of the other guards have their names and types", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered(
        "defaults: { rateLimiter: { limits: [{ resource: requests, limit: 2, per: 1 hour }] } }"
      )
      yield* chat(url, { ...hello, model: "first" })
      yield* provider.set("first", { outcome: Behaviour.serverError })
      for (let i = 0; i < 2; i++) yield* chat(url, { ...hello, model: "first" })
      const typesOf = (path: string, list: string, name: string) =>
        Effect.map(admin(`/actuator/${path}`), ({ json }) =>
          json[list].map((event: { readonly type: string } & Readonly<Record<string, unknown>>) => {
            assert.strictEqual(event[name], "first")
            return event.type
          }))
      assert.deepStrictEqual(yield* typesOf("ratelimiterevents/first", "rateLimiterEvents", "rateLimiterName"), [
        "SUCCESSFUL_ACQUIRE",
        "SUCCESSFUL_ACQUIRE",
        "FAILED_ACQUIRE"
      ])
      assert.deepStrictEqual(yield* typesOf("bulkheadevents/first", "bulkheadEvents", "bulkheadName"), [
        "CALL_PERMITTED",
        "CALL_FINISHED",
        "CALL_PERMITTED",
        "CALL_FINISHED"
      ])
      assert.deepStrictEqual(yield* typesOf("retryevents/first/ERROR", "retryEvents", "retryName"), ["ERROR"])
    })))

  it.live("of a time limiter are the calls that it ended", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, url } = yield* withOwnModel("attemptTimeout: 50 millis, retry: { maxAttempts: 1 }", {
        outcome: Behaviour.hang
      })
      yield* chat(url, { ...hello, model: "own" })
      const eventsOf = (path: string) =>
        Effect.map(
          admin(`/actuator/${path}`),
          ({ json }) => Object.values<any>(json)[0].map(({ creationTime: _, ...event }: any) => event)
        )
      assert.deepStrictEqual(yield* eventsOf("timelimiterevents/own/timeout"), [
        { timeLimiterName: "own", type: "TIMEOUT" }
      ])
      const [{ errorMessage, type }] = yield* eventsOf("circuitbreakerevents/own")
      assert.deepStrictEqual([type, errorMessage], ["ERROR", "DeadlineExceeded"])
    })))

  it.live("are the last hundred, without a word of a provider or of a client", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered()
      yield* provider.set("first", {
        outcome: Behaviour.respond(500, "{\"error\":{\"message\":\"the-secret-of-a-client\"}}", {
          "content-type": "application/json"
        })
      })
      yield* admin("/actuator/circuitbreakers/first", post({ updateState: "DISABLE" }))
      const asked = { ...hello, messages: [{ role: "user", content: "the-prompt-of-a-client" }] }
      yield* Effect.forEach(Array.from({ length: 110 }), () => chat(url, asked), { concurrency: 10 })
      const { json, text } = yield* admin("/actuator/circuitbreakerevents/first")
      assert.strictEqual(json.circuitBreakerEvents.length, 100)
      assert.notMatch(text, /-of-a-client/)
    })))

  it.live("of circuits are streamed, with a ping each second", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl, provider, url } = yield* administered(small)
      const response = yield* Effect.promise((signal) =>
        fetch(`${adminUrl}/actuator/streamcircuitbreakerevents/first/ERROR`, { signal, ...asReader })
      )
      assert.strictEqual(response.headers.get("content-type"), "text/event-stream; charset=utf-8")
      const pieces = response.body!.getReader()
      yield* Effect.addFinalizer(() => Effect.promise(() => pieces.cancel()))
      yield* chat(url, hello)
      yield* provider.set("first", { outcome: Behaviour.serverError })
      yield* chat(url, hello)
      let text = ""
      while (!/^event:ping\n\n/m.test(text) || !text.includes("ERROR")) {
        text += new TextDecoder().decode((yield* Effect.promise(() => pieces.read())).value)
      }
      assert.notInclude(text, "SUCCESS")
      assert.match(
        text,
        /(^|\n\n)id:first\nevent:ERROR\ndata:\{"circuitBreakerName":"first","type":"ERROR","creationTime":"[^"]+","errorMessage":"ProviderFault","durationInMs":\d+\}\n\n/
      )
    })))
})

describe("metrics", () => {
  it.live("are listed, and one is summed over what has the tags, as Java writes its numbers", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* withOpenCircuit
      const { json: { names } } = yield* admin("/actuator/metrics")
      assert.deepStrictEqual(names, [...names].toSorted())
      assert.includeMembers(names, ["resilience4j.circuitbreaker.state", "switchgear.gateway.requests"])
      const state = "/actuator/metrics/resilience4j.circuitbreaker.state"
      assert.strictEqual(
        (yield* admin(`${state}?tag=name:first&tag=state:open`)).text,
        "{\"name\":\"resilience4j.circuitbreaker.state\",\"description\":\"The states of the circuit breaker\",\"measurements\":[{\"statistic\":\"VALUE\",\"value\":1.0}],\"availableTags\":[]}"
      )
      assert.strictEqual(
        (yield* admin(`${state}?tag=state:closed`)).text,
        "{\"name\":\"resilience4j.circuitbreaker.state\",\"description\":\"The states of the circuit breaker\",\"measurements\":[{\"statistic\":\"VALUE\",\"value\":1.0}],\"availableTags\":[{\"tag\":\"name\",\"values\":[\"first\",\"second\"]}]}"
      )
      const { json: calls } = yield* admin("/actuator/metrics/resilience4j.circuitbreaker.calls?tag=kind:successful")
      assert.strictEqual(calls.baseUnit, "seconds")
      assert.deepStrictEqual(
        calls.measurements.map(({ statistic }: { readonly statistic: string }) => statistic),
        ["COUNT", "TOTAL_TIME", "MAX"]
      )
      assert.strictEqual(calls.measurements[0].value, 4)
      const { json: refused } = yield* admin("/actuator/metrics/resilience4j.circuitbreaker.not.permitted.calls")
      assert.deepStrictEqual(refused.measurements, [{ statistic: "COUNT", value: 1 }])
      assert.strictEqual((yield* admin("/actuator/metrics/none")).status, 404)
      assert.strictEqual((yield* admin(`${state}?tag=name:third`)).status, 404)
      assert.strictEqual((yield* admin(`${state}?tag=name`)).status, 400)
    })))
})

describe("the media type", () => {
  const types: ReadonlyArray<readonly [accept: string, type: string | null]> = [
    ["*/*", "application/vnd.spring-boot.actuator.v3+json"],
    ["application/json", "application/json"],
    [
      "application/vnd.spring-boot.actuator.v2+json, application/json;q=0.5",
      "application/vnd.spring-boot.actuator.v2+json"
    ],
    ["text/html,application/xhtml+xml,*/*;q=0.8", "application/vnd.spring-boot.actuator.v3+json"],
    ["application/*+json", "application/vnd.spring-boot.actuator.v3+json"],
    ["text/html", null],
    ["application/json;q=0", null]
  ]
  for (const [accept, type] of types) {
    it.live(`is ${type ?? "none"} for ${accept}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { admin } = yield* administered()
        const { headers, status } = yield* admin("/actuator/retries", { headers: { accept } })
        assert.strictEqual(status, type === null ? 406 : 200)
        assert.strictEqual(headers.get("content-type"), type)
      })))
  }

  it.live("that nobody offers keeps a command from being done", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      const { status } = yield* admin(
        "/actuator/circuitbreakers/first",
        post({ updateState: "FORCE_OPEN" }, { accept: "text/html" })
      )
      assert.strictEqual(status, 406)
      assert.strictEqual((yield* admin("/actuator/circuitbreakers")).json.circuitBreakers.first.state, "CLOSED")
    })))
})
