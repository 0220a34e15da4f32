/** The API for operators, on sockets. */
import { assert, describe, it } from "@effect/vitest"
import { Ajv2020 as Ajv } from "ajv/dist/2020.js"
import { AdminApi, Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour } from "@switchgear/http/testing"
import { Effect, Exit, Fiber, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { connect } from "node:net"
import { administered, asReader, control, reader, withOwnModel } from "./administered.ts"
import { send } from "./rawSocket.ts"
import { ask, chat, hello, running, token } from "./running.ts"

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body)
})

/** All paths of the API, from its own document. */
const operationsOf = (
  document: any
): ReadonlyArray<{ readonly method: string; readonly path: string; readonly tag: string }> =>
  Object.entries<any>(document.paths).flatMap(([path, item]) =>
    Object.entries<any>(item).map(([method, { tags }]) => ({ method: method.toUpperCase(), path, tag: tags[0] }))
  )

describe("the document", () => {
  it.live("has every path, each of which is there", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      const { headers, json } = yield* admin("/admin/openapi.json", asReader)
      assert.strictEqual(headers.get("content-type"), "application/json")
      assert.match(json.openapi, /^3\./)
      assert.deepStrictEqual(json.components.securitySchemes, { token: { type: "http", scheme: "bearer" } })
      assert.deepStrictEqual(json.security, [{ token: [] }])
      assert.deepStrictEqual(
        operationsOf(json).map(({ method, path, tag }) => `${tag}: ${method} ${path}`).toSorted(),
        [
          "control: POST /admin/bulkheads/{id}",
          "control: POST /admin/caches/{id}",
          "control: POST /admin/circuits/{id}",
          "control: POST /admin/limiters/{id}",
          "control: POST /admin/providers/{id}/keys/{key}",
          "control: POST /admin/reload",
          "observe: GET /admin/caches",
          "observe: GET /admin/cascades",
          "observe: GET /admin/clients",
          "observe: GET /admin/cluster",
          "observe: GET /admin/events",
          "observe: GET /admin/models",
          "observe: GET /admin/overview",
          "observe: GET /admin/providers",
          "observe: GET /admin/samples",
          "observe: GET /admin/stream"
        ]
      )
    })))
})

describe("the document", () => {
  it.live("has every answer that there is, whoever asks and with whatever body", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, adminUrl } = yield* administered()
      const { json: document } = yield* admin("/admin/openapi.json", asReader)
      const ajv = new Ajv({ strict: false, validateFormats: false })
      ajv.addSchema({ ...document, $id: "document" })
      const statuses = new Set<number>()
      const bodies = ["{", "{}", JSON.stringify({ command: "open", reason: "night" }), "x".repeat(2_000_000)]
      for (const { method, path } of operationsOf(document).filter(({ path }) => path !== "/admin/stream")) {
        const places = ["first", "nowhere"].map((id) => path.replace("{id}", id).replace("{key}", "key 9"))
        for (
          const [place, key] of [[places[0]!, control], [places[1]!, control], [places[0]!, reader], [
            places[0]!,
            "nobody"
          ]]
        ) {
          for (const body of method === "POST" ? bodies : [undefined]) {
            const { json, status, text } = yield* ask(adminUrl + place, {
              method,
              headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
              ...body !== undefined && { body }
            })
            statuses.add(status)
            const told = document.paths[path][method.toLowerCase()].responses[status]
            assert.isDefined(told, `${method} ${path} ${status}`)
            if (told.content === undefined) {
              assert.strictEqual(text, "")
              continue
            }
            const [type] = Object.keys(told.content)
            const schema = ["paths", path, method.toLowerCase(), "responses", `${status}`, "content", type!, "schema"]
            const pointer = schema.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")))
            const isValid = ajv.getSchema(`document#/${pointer.join("/")}`)!
            assert.isTrue(isValid(json), `${method} ${path} ${status}: ${ajv.errorsText(isValid.errors)}`)
          }
        }
      }
      assert.includeMembers([...statuses], [200, 400, 401, 403, 404, 413, 429])
    })))
})

describe("the page", () => {
  it.live("is open, asks nobody else, runs only its own scripts, and has nothing of the gateway in it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl } = yield* administered()
      const { headers, status, text } = yield* ask(`${adminUrl}/admin/docs`)
      assert.strictEqual(status, 200)
      assert.strictEqual(headers.get("content-type"), "text/html; charset=utf-8")
      const policy = headers.get("content-security-policy")!
      assert.match(policy, /^default-src 'none'; script-src 'sha256-[^ ]+' 'sha256-[^ ]+'; /)
      assert.include(policy, "frame-ancestors 'none'")
      assert.include(text, "/admin/circuits/{id}")
      for (const told of [control, reader, token, "assistant", "polite"]) assert.notInclude(text.slice(-20_000), told)
    })))
})

describe("a client of the declared API", () => {
  it.live("reads and controls with types, and is told what is not there", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl } = yield* administered()
      const client = yield* HttpApiClient.make(AdminApi.api, {
        transformClient: HttpClient.mapRequest((request) =>
          request.pipe(HttpClientRequest.prependUrl(adminUrl), HttpClientRequest.bearerToken(control))
        )
      })
      const payload = { command: "open", reason: "a test" } as const
      const { state } = yield* client.control.circuit({ params: { id: "first" }, payload })
      assert.strictEqual(state, "ForcedOpen")
      const { events } = yield* client.observe.events({ query: { since: 1 } })
      assert.deepStrictEqual(events.map(({ _tag, id }) => [_tag, id]), [["Act", 2]])
      const error = yield* Effect.flip(client.control.circuit({ params: { id: "third" }, payload }))
      assert.instanceOf(error, AdminApi.NotFound)
    })).pipe(Effect.provide(FetchHttpClient.layer)))
})

describe("the overview", () => {
  it.live("tells what clients got, from whom, for how much, and no secret", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered(
        `defaults: { breaker: { minimumCalls: 2 } }
clients: [{ name: shop, token: ${token}, budget: { dollars: 5, window: month }, limits: [{ resource: requests, limit: 100, per: 1 hour }] }]`
      )
      yield* chat(url, hello)
      yield* provider.set("first", { outcome: Behaviour.serverError })
      yield* chat(url, hello)
      const { headers, json, status, text } = yield* admin("/admin/overview", asReader)
      assert.strictEqual(status, 200)
      assert.strictEqual(headers.get("cache-control"), "no-store")
      assert.strictEqual(json.generation, 1)
      assert.strictEqual(json.health.status, "degraded")
      const [first] = json.models
      assert.strictEqual(first.name, "first")
      assert.strictEqual(first.provider, "sim")
      assert.strictEqual(first.circuit.state, "Open")
      assert.strictEqual(first.circuit.reason, "failure-rate")
      assert.strictEqual(first.circuit.failureRate, 0.5)
      assert.isAbove(first.circuit.nextRetryMillis, 0)
      assert.strictEqual(first.lastError.kind, "ProviderFault")
      assert.strictEqual(json.models[1].lastError, null)
      assert.strictEqual(json.requests.durations.buckets.at(-1).count, 2)
      assert.strictEqual(first.bulkhead.concurrency, 50)
      assert.strictEqual(first.timeout.durationMillis, 5000)
      const assistant = json.cascades.find(({ name }: { readonly name: string }) => name === "assistant")
      assert.deepStrictEqual([assistant.runs, assistant.waiting], [2, 0])
      assert.strictEqual(assistant.servingFrom, "second")
      const [shop] = json.clients
      assert.strictEqual(shop.money.budget.limit, 5)
      assert.isAbove(shop.money.budget.spent, 0)
      assert.strictEqual(shop.limiter.limits[0].capacity, 100)
      assert.deepStrictEqual(json.caches.map(({ id }: { readonly id: string }) => id), ["assistant", "polite"])
      assert.deepStrictEqual(json.requests.byRoute, [{ route: "/v1/chat/completions", status: 200, count: 2 }])
      for (const secret of [token, control, reader]) assert.notInclude(text, secret)
      for (const part of ["models", "cascades", "clients", "caches", "providers"]) {
        const { json: one } = yield* admin(`/admin/${part}`, asReader)
        assert.deepStrictEqual(Object.keys(one[0]), Object.keys(json[part][0]))
      }
    })))

  it.live("names keys and never shows them", () =>
    Effect.scoped(Effect.gen(function*() {
      const more = `
  keyed: { baseUrl: http://127.0.0.1:9/v1, apiKey: [sk-one-very-secret-1, sk-two-very-secret-2] }`
      const config = yield* GatewayConfig.parse(
        `listen: { port: 0 }
admin: { port: 0, token: ${control} }
providers:${more}
models: { first: { provider: keyed } }`,
        {}
      )
      const gateway = yield* Gateway.make(config)
      const got = yield* ask(`http://127.0.0.1:${gateway.adminAddress!.port}/admin/providers`, {
        headers: { authorization: `Bearer ${control}` }
      })
      assert.deepStrictEqual(got.json[0].keys.map(({ key }: { readonly key: string }) => key), ["key 1", "key 2"])
      assert.notInclude(got.text, "very-secret")
    })))
})

describe("a circuit", () => {
  it.live("opened and closed by hand is seen by a client, and is in the history with the token and the reason", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered()
      const opened = yield* admin(
        "/admin/circuits/first",
        post({ command: "open", reason: "the provider asked us to" })
      )
      assert.strictEqual(opened.status, 200)
      assert.strictEqual(opened.json.state, "ForcedOpen")
      assert.strictEqual((yield* chat(url, hello)).headers.get("x-switchgear-step"), "second")
      assert.strictEqual((yield* provider.stats("first")).started, 0)
      const { json: { events, lastId } } = yield* admin("/admin/events", asReader)
      const [change, act] = events
      assert.strictEqual(change._tag, "Transition")
      assert.strictEqual(`${change.subject}: ${change.from} to ${change.to}`, "first: Closed to ForcedOpen")
      assert.deepInclude(act, {
        _tag: "Act",
        act: "open",
        subject: "CircuitBreaker first",
        by: "control",
        reason: "the provider asked us to",
        result: "done"
      })
      const closed = yield* admin("/admin/circuits/first", post({ command: "close", reason: "it is back" }))
      assert.strictEqual(closed.json.state, "Closed")
      assert.strictEqual((yield* chat(url, hello)).headers.get("x-switchgear-step"), "first")
      const later = yield* admin(`/admin/events?since=${lastId}`, asReader)
      assert.deepStrictEqual(later.json.events.map(({ id }: { readonly id: number }) => id), [lastId + 1, lastId + 2])
      assert.strictEqual(later.json.events[1].reason, "it is back")
    })))

  it.effect("opens for a time, and admits calls after it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, url } = yield* administered()
      const { json } = yield* admin("/admin/circuits/first", post({ command: "trip", seconds: 0.2, reason: "a test" }))
      assert.deepStrictEqual([json.state, json.nextRetryMillis], ["Open", 200])
      yield* TestClock.adjust(199)
      assert.strictEqual((yield* chat(url, hello)).headers.get("x-switchgear-step"), "second")
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* chat(url, hello)).headers.get("x-switchgear-step"), "first")
    })))

  for (const [command, state] of [["disable", "Disabled"], ["metricsOnly", "MetricsOnly"]] as const) {
    it.live(`is ${state} on command`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { admin } = yield* administered()
        const { json } = yield* admin("/admin/circuits/first", post({ command, reason: "a test" }))
        assert.strictEqual(json.state, state)
      })))
  }

  const wrong: ReadonlyArray<readonly [what: string, body: unknown]> = [
    ["no reason", { command: "open" }],
    ["a reason of nothing", { command: "open", reason: " " }],
    ["a reason that nobody sees", { command: "open", reason: "\u200b\u0000\u2060 " }],
    ["a reason that is too long", { command: "open", reason: "x".repeat(201) }],
    ["another command", { command: "explode", reason: "a test" }],
    ["a trip without a time", { command: "trip", reason: "a test" }],
    ["a trip for no time", { command: "trip", seconds: 0, reason: "a test" }],
    ["an opening for a time, which would be one for good", { command: "open", seconds: 60, reason: "a test" }],
    ["an option that there is not", { command: "trip", seconds: 60, second: 1, reason: "a test" }]
  ]
  for (const [what, body] of wrong) {
    it.live(`does nothing for ${what}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { admin } = yield* administered()
        const { status, text } = yield* admin("/admin/circuits/first", post(body))
        assert.strictEqual(status, 400)
        assert.notInclude(text, "RegExp")
        assert.deepStrictEqual((yield* admin("/admin/events")).json, { lastId: 0, events: [] })
      })))
  }

  it.live("does nothing where it has what its command does not know: what that limits would be done without limit", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      const acts: ReadonlyArray<readonly [path: string, act: object]> = [
        ["providers/sim/keys/key%201", { command: "park", second: 60 }],
        ["providers/sim/keys/key%201", { command: "unpark", seconds: 60 }],
        ["limiters/first", { command: "resume", seconds: 60 }],
        ["bulkheads/first", { concurrency: 3, seconds: 60 }],
        ["caches/chat", { command: "clear", key: "one" }],
        ["reload", { file: "other.yaml" }]
      ]
      for (const [path, act] of acts) {
        const { status, text } = yield* admin(`/admin/${path}`, post({ ...act, reason: "a test" }))
        assert.strictEqual(status, 400, path)
        assert.match(text, /second|seconds|key|file/)
      }
      assert.strictEqual((yield* admin("/admin/events")).json.lastId, 0)
    })))

  it.live("that is not there is told, and nothing is noted", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      const acts = {
        circuits: { command: "open" },
        limiters: { command: "resume" },
        bulkheads: { concurrency: 3 },
        caches: { command: "clear" }
      }
      for (const [path, act] of Object.entries(acts)) {
        const { json, status } = yield* admin(`/admin/${path}/third`, post({ ...act, reason: "a test" }))
        assert.strictEqual(status, 404)
        assert.include(json.message, "\"third\"")
      }
      for (const path of ["providers/sim/keys/key%201", "providers/third/keys/key%201"]) {
        const { json, status } = yield* admin(`/admin/${path}`, post({ command: "park", reason: "a test" }))
        assert.strictEqual(status, 404)
        assert.match(json.message, /^There is no such key of "(sim|third)"\.$/)
      }
      assert.strictEqual((yield* admin("/admin/events")).json.lastId, 0)
    })))

  it.live("is found by a name that must be encoded", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      const { json } = yield* admin("/admin/circuits/%66irst", post({ command: "open", reason: "a test" }))
      assert.strictEqual(json.id, "first")
    })))
})

describe("the other guards", () => {
  it.live("a limiter is paused and resumed, which clients feel", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, url } = yield* administered(
        `clients: [{ name: shop, token: ${token}, limits: [{ resource: requests, limit: 100, per: 1 second }] }]`
      )
      const path = "/admin/limiters/client%20shop"
      const paused = yield* admin(path, post({ command: "pause", seconds: 60, reason: "a flood" }))
      assert.isAbove(paused.json.pausedForMillis, 50_000)
      assert.strictEqual((yield* chat(url, hello)).status, 429)
      const resumed = yield* admin(path, post({ command: "resume", reason: "it is over" }))
      assert.strictEqual(resumed.json.pausedForMillis, null)
      yield* Effect.sleep(50)
      assert.strictEqual((yield* chat(url, hello)).status, 200)
      const { json: { events } } = yield* admin("/admin/events")
      assert.deepStrictEqual(events.map(({ act }: { readonly act: string }) => act), ["pause for 1m", "resume"])
    })))

  it.live("a concurrency limit is shown and resized as a bulkhead, which pins it, and stays pinned in a new file", () =>
    Effect.scoped(Effect.gen(function*() {
      const limits = (timeout: string) =>
        `defaults: { attemptTimeout: ${timeout}, concurrencyLimit: { initial: 9, max: 40 } }`
      const { admin, reload } = yield* administered(limits("10 seconds"))
      const shown = Effect.map(
        admin("/admin/models"),
        ({ json }) => json.find(({ name }: { readonly name: string }) => name === "first").bulkhead.concurrency
      )
      assert.strictEqual(yield* shown, 9)
      const { json } = yield* admin("/admin/bulkheads/first", post({ concurrency: 77, reason: "more" }))
      assert.strictEqual(json.concurrency, 77)
      yield* reload(limits("9 seconds"))
      assert.strictEqual(yield* shown, 77)
    })))

  it.live("a bulkhead is resized, and a cache cleared", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* administered()
      const { json } = yield* admin("/admin/bulkheads/first", post({ concurrency: 7, reason: "less" }))
      assert.strictEqual(json.concurrency, 7)
      assert.strictEqual((yield* admin("/admin/bulkheads/first", post({ concurrency: 0, reason: "none" }))).status, 400)
      yield* chat(url, { ...hello, model: "polite" })
      yield* provider.set("first", { outcome: Behaviour.serverError })
      const degradation = Effect.map(
        chat(url, { ...hello, model: "polite" }),
        ({ headers }) => headers.get("x-switchgear-degradation")
      )
      assert.strictEqual(yield* degradation, "stale")
      const cleared = yield* admin("/admin/caches/polite", post({ command: "clear", reason: "it was wrong" }))
      assert.strictEqual(cleared.json.size, 0)
      assert.strictEqual(yield* degradation, "canned")
      const { json: { events } } = yield* admin("/admin/events")
      assert.deepStrictEqual(
        events.filter(({ _tag }: { readonly _tag: string }) => _tag === "Act").map(
          ({ act, subject }: { readonly act: string; readonly subject: string }) => `${act} ${subject}`
        ),
        ["resize to 7 Bulkhead first", "clear StaleCache polite"]
      )
    })))
})

describe("a cache that is refreshed", () => {
  it.live("asks a model for the next answer, and serves the kept one if that fails", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, provider, url } = yield* withOwnModel(
        "retry: { maxAttempts: 1 }",
        { outcome: Behaviour.ok("Good day") },
        "cascades: { kept: { steps: [own], cache: { timeToLive: 1 hour } } }"
      )
      const ask = Effect.map(
        chat(url, { ...hello, model: "kept" }),
        ({ headers }) => `${headers.get("x-switchgear-step")} ${headers.get("x-switchgear-degradation")}`
      )
      const refresh = admin("/admin/caches/kept", post({ command: "refresh", reason: "the answers have changed" }))
      const started = Effect.map(provider.stats("own"), ({ started }) => started)
      assert.deepStrictEqual([yield* ask, yield* ask], ["own none", "cache none"])
      assert.strictEqual((yield* refresh).json.size, 1)
      assert.strictEqual(yield* ask, "own none")
      assert.strictEqual(yield* ask, "cache none", "the new answer is fresh")
      assert.strictEqual(yield* started, 2)
      yield* refresh
      yield* provider.set("own", { outcome: Behaviour.serverError })
      assert.strictEqual(yield* ask, "cache stale")
      assert.strictEqual(yield* started, 3)
      const { json: { events } } = yield* admin("/admin/events")
      assert.deepInclude(events[0], {
        _tag: "Act",
        act: "refresh",
        subject: "StaleCache kept",
        by: "control",
        reason: "the answers have changed",
        result: "done"
      })
    })))
})

describe("reload", () => {
  const fileOf = (more: string) =>
    GatewayConfig.parse(
      `listen: { port: 0 }
providers: { sim: { baseUrl: http://127.0.0.1:9/v1 } }
models: { first: { provider: sim } }
${more}`,
      {}
    )

  it.live("takes over the file, and tells of a wrong one, also in the log, while the old one stays in force", () => {
    const lines: Array<string> = []
    const log = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
    return Effect.scoped(Effect.gen(function*() {
      let more = "bogus: 1\nclients: [{ name: shop, token: sk-not-to-be-told-123, priority: high }]"
      const { admin, url } = yield* administered("", { source: Effect.suspend(() => fileOf(more)) })
      const wrong = yield* admin("/admin/reload", post({ reason: "a new file" }))
      assert.strictEqual(wrong.status, 422)
      assert.include(wrong.json.message, "bogus")
      assert.include(wrong.json.message, "clients[0].priority")
      assert.notInclude(wrong.text, "not-to-be-told")
      assert.include(lines, `The file was not taken over. The one in force stays.\n${wrong.json.message}`)
      assert.strictEqual((yield* chat(url, hello)).status, 200)
      assert.strictEqual((yield* admin("/admin/overview")).json.generation, 1)
      more = `clients: [{ name: other, token: ${token} }]`
      const right = yield* admin("/admin/reload", post({ reason: "mended" }))
      assert.deepStrictEqual(right.json, { generation: 2 })
      const { json } = yield* admin("/admin/overview")
      assert.deepStrictEqual(json.clients.map(({ name }: { readonly name: string }) => name), ["other"])
      assert.deepStrictEqual(json.models.map(({ name }: { readonly name: string }) => name), ["first"])
      const { json: { events } } = yield* admin("/admin/events")
      assert.deepStrictEqual(
        events.map(({ reason, result }: { readonly reason: string; readonly result: string }) => [reason, result]),
        [["a new file", "failed"], ["mended", "done"]]
      )
      assert.lengthOf(lines.filter((line) => line.includes("not taken over")), 1)
    })).pipe(Effect.provide(log))
  })

  it.live("is told by its number: when the gateway is asked whether it is ready, by the metrics, and in the overview", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, reload, url } = yield* administered()
      const told = Effect.gen(function*() {
        const { json: live } = yield* ask(`${url}/health/live`)
        assert.deepStrictEqual(live, { status: "UP" })
        const { text } = yield* admin("/metrics")
        return [
          (yield* ask(`${url}/health/ready`)).json,
          Number(/^switchgear_gateway_generation (\d+)$/m.exec(text)![1]),
          (yield* admin("/admin/overview")).json.generation
        ]
      })
      assert.deepStrictEqual(yield* told, [{ status: "UP", generation: 1 }, 1, 1])
      const same = `admin: { port: 0, token: ${control} }`
      yield* Effect.orDie(reload(same))
      const wrong = yield* Effect.exit(reload(`${same}\noddity: 1`))
      assert.strictEqual(wrong._tag, "Failure")
      assert.deepStrictEqual(yield* told, [{ status: "UP", generation: 2 }, 2, 2])
    })))

  it.live("by the process itself is in the history as well", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, gateway } = yield* administered()
      yield* Effect.flatMap(fileOf(""), gateway.reload)
      const { json: { events } } = yield* admin("/admin/events")
      assert.lengthOf(events, 1)
      assert.deepInclude(events[0], { act: "reload", subject: "file", by: "process", result: "done" })
    })))

  it.live("by the process itself is in the history where the file is wrong, too, and the one in force stays", () =>
    Effect.scoped(Effect.gen(function*() {
      const file = yield* fileOf("")
      const wrong = { _tag: "Wrong", message: "models: Expected at least one model." }
      const source = Effect.suspend(() => isWrong ? Effect.fail(wrong) : Effect.succeed(file))
      let isWrong = true
      const { admin, gateway, url } = yield* administered("", { source })
      assert.deepStrictEqual(yield* Effect.flip(gateway.reread), wrong)
      assert.strictEqual(yield* gateway.generation, 1)
      assert.strictEqual((yield* chat(url, hello)).status, 200)
      isWrong = false
      yield* gateway.reread
      const { json: { events } } = yield* admin("/admin/events")
      assert.deepStrictEqual(
        events.map(({ act, by, result }: Record<string, unknown>) => [act, by, result]),
        [["reload", "process", "failed"], ["reload", "process", "done"]]
      )
    })))
})

describe("while the gateway is being stopped", () => {
  it.live("operators read and command as before, until the last answer is there", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { admin, provider, url } = yield* Scope.provide(administered(), scope)
      const pause = 300
      yield* provider.set("first", { outcome: Behaviour.stream({ text: "one two three four", chunks: 4, pause }) })
      const answer = yield* Effect.forkChild(chat(url, { ...hello, model: "first", stream: true }))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
      const stopped = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Effect.repeat(Effect.delay(ask(`${url}/health/ready`), 5), { until: ({ status }) => status === 503 })
      assert.isFalse((yield* admin("/admin/overview")).json.ready)
      const { json, status } = yield* admin("/admin/circuits/first", post({ command: "open", reason: "a bad night" }))
      assert.deepStrictEqual([status, json.state], [200, "ForcedOpen"])
      assert.include((yield* Fiber.join(answer)).text, "[DONE]")
      yield* Fiber.join(stopped)
    }))
})

describe("the stream", () => {
  it.live("has an overview at once and each second, and every event with its number when it happens", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, adminUrl } = yield* administered()
      const response = yield* Effect.promise((signal) => fetch(`${adminUrl}/admin/stream`, { signal, ...asReader }))
      assert.match(response.headers.get("content-type")!, /^text\/event-stream/)
      const pieces = response.body!.getReader()
      yield* Effect.addFinalizer(() => Effect.promise(() => pieces.cancel()))
      let text = ""
      const until = (isEnough: (text: string) => boolean) =>
        Effect.gen(function*() {
          while (!isEnough(text)) {
            text += new TextDecoder().decode((yield* Effect.promise(() => pieces.read())).value)
          }
        })
      yield* until((text) => /event: snapshot\ndata: [^\n]+\n\n/.test(text))
      yield* admin("/admin/circuits/first", post({ command: "open", reason: "a test" }))
      yield* until((text) => text.includes("\"Act\"") && text.split("event: snapshot").length > 2)
      const events = text.split("\n\n").map((event) =>
        Object.fromEntries(
          event.split("\n").map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)])
        )
      )
      const told = events.filter(({ event }) => event === "event")
      assert.deepStrictEqual(told.map(({ id }) => id), ["1", "2"])
      assert.strictEqual(JSON.parse(told[0]!.data!).to, "ForcedOpen")
      const snapshots = events.filter(({ event }) => event === "snapshot").map(({ data }) => JSON.parse(data!))
      assert.strictEqual(snapshots[0].models[0].circuit.state, "Closed")
      assert.strictEqual(snapshots.at(-1).models[0].circuit.state, "ForcedOpen")
    })))
})

describe("the end of a gateway", () => {
  it.effect("can be watched by operators until the last call has ended", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { admin, provider, url } = yield* Scope.provide(administered(), scope)
      yield* provider.set("first", { outcome: Behaviour.ok("late"), latency: Behaviour.constant(600) })
      const call = yield* Effect.forkDetach(chat(url, hello))
      yield* TestClock.withLive(
        Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
      )
      const end = yield* Effect.forkDetach(Scope.close(scope, Exit.void))
      const { json } = yield* TestClock.withLive(
        Effect.repeat(Effect.delay(admin("/admin/overview"), 5), { until: ({ json }) => json.ready === false })
      )
      assert.strictEqual(json.requests.inFlight, 1)
      const health = yield* admin("/actuator/health")
      assert.strictEqual(health.status, 503)
      assert.strictEqual(health.json.status, "OUT_OF_SERVICE")
      yield* TestClock.adjust(600)
      assert.strictEqual((yield* Fiber.join(call)).json.choices[0].message.content, "late")
      yield* Fiber.join(end)
    }))
})

describe("who may ask", () => {
  /** Each path of the address with one of its methods. */
  const asked = Effect.gen(function*() {
    const made = yield* administered()
    const { json } = yield* made.admin("/admin/openapi.json")
    const operations = operationsOf(json).map(({ method, path, tag }) => ({
      method,
      path: path.replace("{id}", "first").replace("{key}", "key%201"),
      needs: tag === "control" ? "control" : "read"
    }))
    const others = [
      "/metrics",
      "/actuator/prometheus",
      "/actuator/health",
      "/actuator/circuitbreakers",
      "/actuator/circuitbreakerevents",
      "/actuator/streamcircuitbreakerevents",
      "/actuator/metrics",
      "/admin/openapi.json"
    ].map((path) => ({ method: "GET", path, needs: "read" }))
    return {
      ...made,
      paths: [
        ...operations,
        ...others,
        { method: "POST", path: "/actuator/circuitbreakers/first", needs: "control" }
      ]
    }
  })

  it.live("nobody without a token, or with one of a client: nothing is done", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, adminUrl, paths } = yield* asked
      const body = JSON.stringify({ command: "open", updateState: "FORCE_OPEN", concurrency: 1, reason: "an attack" })
      for (const { method, path } of paths) {
        for (
          const authorization of [undefined, `Bearer ${token}`, "Bearer ", `Basic ${control}`, `Bearer ${control}x`]
        ) {
          const { status } = yield* ask(`${adminUrl}${path}`, {
            method,
            headers: { "content-type": "application/json", ...authorization !== undefined && { authorization } },
            ...method === "POST" && { body }
          })
          assert.include([401, 429], status, `${method} ${path} ${authorization}`)
        }
      }
      assert.strictEqual((yield* admin("/admin/events")).json.lastId, 0)
    })))

  it.live("nobody guesses for long, and a right token passes nevertheless", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      const guess = (i: number) => admin("/metrics", { headers: { authorization: `Bearer guess-${i}` } })
      const statuses = yield* Effect.forEach(Array.from({ length: 22 }, (_, i) => i), guess)
      assert.deepStrictEqual(statuses.map(({ status }) => status), [...Array.from({ length: 20 }, () => 401), 429, 429])
      assert.strictEqual((yield* admin("/metrics")).status, 200)
    })))

  it.live("a reader may observe all, and control nothing", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, adminUrl, paths } = yield* asked
      for (const { method, needs, path } of paths) {
        const controller = new AbortController()
        const { status } = yield* Effect.promise(() =>
          fetch(`${adminUrl}${path}`, {
            method,
            signal: controller.signal,
            headers: { "content-type": "application/json", ...asReader.headers },
            ...method === "POST" && { body: JSON.stringify({ command: "open", reason: "not allowed" }) }
          })
        )
        controller.abort()
        assert.strictEqual(status, needs === "control" ? 403 : 200, `${method} ${path}`)
      }
      assert.strictEqual((yield* admin("/admin/events")).json.lastId, 0)
    })))

  it.live("nobody by another name of the host: a page of another origin gets nothing (CVE-2026-49468)", () =>
    Effect.scoped(Effect.gen(function*() {
      const { gateway, paths } = yield* asked
      const statusFor = (host: string, method: string, path: string) =>
        Effect.callback<string>((resume) => {
          const socket = connect(gateway.adminAddress!.port, "127.0.0.1", () =>
            socket.write(
              `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${control}\r\nconnection: close\r\n\r\n`
            ))
          let text = ""
          socket.on("data", (piece) => text += piece.toString())
          socket.on("close", () => resume(Effect.succeed(text.slice(9, 12))))
        })
      for (const { method, path } of paths) {
        assert.strictEqual(yield* statusFor("evil.example", method, path), "421", path)
      }
      assert.strictEqual(yield* statusFor("localhost:4181", "GET", "/admin/overview"), "200")
    })))

  it.live("nobody by a name that the file does not list, wherever the address listens", () =>
    Effect.scoped(Effect.gen(function*() {
      const admin = (more: string) => `admin: { port: 0, token: ${control}, ${more} }`
      const statuses = (more: string, hosts: ReadonlyArray<string>) =>
        Effect.gen(function*() {
          const { gateway } = yield* administered("", {}, admin(more))
          const url = `http://127.0.0.1:${gateway.adminAddress!.port}`
          return yield* Effect.forEach(
            hosts,
            (host) =>
              Effect.map(
                send(url, `GET /admin/models HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${control}\r\n\r\n`),
                (got) => got.slice(9, 12)
              )
          )
        })
      const hosts = ["127.0.0.1:4181", "localhost", "10.1.2.3:4181", "[fd00::1]:4181", "ops.example", "OPS.Example:443"]
      const others = ["evil.example", "ops.example.evil.example", "10.1.2.3.evil.example", "", "0x7f.1"]
      for (
        const [more, expected] of [
          ["hosts: []", "200 200 421 421 421 421"],
          ["hosts: [Ops.example]", "200 200 421 421 200 200"],
          ["host: 0.0.0.0", "200 200 200 200 421 421"],
          ["host: 0.0.0.0, hosts: [ops.example]", "200 200 200 200 200 200"]
        ] as const
      ) {
        assert.strictEqual((yield* statuses(more, hosts)).join(" "), expected, more)
        assert.deepStrictEqual(yield* statuses(more, others), others.map(() => "421"), more)
      }
    })))

  it.live("anyone asks in vain for what is not there, and for what the API cannot do", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      const absent = [
        ["POST", "/admin/config/update"],
        ["POST", "/admin/keys"],
        ["GET", "/admin/config"],
        ["GET", "/admin/"],
        ["GET", "/admin/overview/"],
        ["GET", "/admin//overview"],
        ["GET", "/actuator/env"],
        ["GET", "/actuator/heapdump"],
        ["POST", "/actuator/shutdown"]
      ]
      for (const [method, path] of absent) {
        assert.strictEqual((yield* admin(path!, { method: method! })).status, 404, path)
      }
      assert.strictEqual((yield* admin("/admin/overview", { method: "POST" })).status, 405)
      assert.strictEqual((yield* admin("/admin/circuits/first")).status, 405)
    })))

  it.live("nobody where the file has no token for operators: there is no such address", () =>
    Effect.scoped(Effect.gen(function*() {
      const { gateway, url } = yield* running()
      assert.isUndefined(gateway.adminAddress)
      for (const path of ["/admin/overview", "/metrics", "/actuator/health"]) {
        assert.strictEqual((yield* ask(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })).status, 404)
      }
    })))

  it.live("nobody at length: a body that is too large is not read", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin } = yield* administered()
      const large = post({ command: "open", reason: "x".repeat(2 ** 21) })
      assert.strictEqual((yield* admin("/admin/circuits/first", large)).status, 413)
      assert.strictEqual((yield* admin("/actuator/circuitbreakers/first", large)).status, 413)
      assert.strictEqual((yield* admin("/admin/events")).json.lastId, 0)
    })))
})
