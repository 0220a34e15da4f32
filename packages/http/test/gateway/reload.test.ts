/** What operators have commanded and what was kept outlives every change of the file that says nothing of it. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Effect, Fiber, Logger, Random, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { administered, control } from "./administered.ts"
import { ask, chat, type Got, hello, token } from "./running.ts"
import { chunkOf, scripted, sendEvents, sendWhole } from "./scripted.ts"

/** What a file says beside the names of its things. Each is in another section. */
interface Said {
  readonly defaults: number
  readonly provider: number
  readonly cascade: number
  readonly client: number
  readonly concurrency: number
  readonly initialState: string
  readonly keys: ReadonlyArray<string>
}

const [one, two, three] = ["sk-one-0123456789", "sk-two-0123456789", "sk-three-0123456789"] as const

const said: Said = {
  defaults: 1,
  provider: 1,
  cascade: 1,
  client: 1,
  concurrency: 20,
  initialState: "",
  keys: [one, two]
}

const fileOf = (url: string, { cascade, client, concurrency, defaults, initialState, keys, provider }: Said) => `
listen: { port: 0, drainTimeout: 50 millis }
admin: { port: 0, token: ${control} }
defaults: { deadline: ${60 + defaults} seconds, bulkhead: { concurrency: ${concurrency} } }
resilience4j: { circuitbreaker: { instances: { one: { initialState: "${initialState || "CLOSED"}" } } } }
providers: { sim: { baseUrl: ${url}, timeout: ${60 + provider} seconds, apiKey: [${keys.join(", ")}] } }
models:
  first: { provider: sim, resilience4j: one, retry: { maxAttempts: 1 }, rateLimiter: { limits: [{ resource: requests, limit: 1000, per: 1 hour }] } }
cascades: { kept: { steps: [first], cache: { capacity: ${100 + cascade} } } }
clients: [{ name: shop, token: ${token}, limits: [{ resource: requests, limit: ${1000 + client}, per: 1 hour }] }]
`

interface Night {
  readonly url: string
  readonly provider: SimulatedProvider.SimulatedProvider["Service"]
  readonly act: (path: string, body: object) => Effect.Effect<void>
  readonly reload: (said: Partial<Said>) => Effect.Effect<void>
  /** All that an operator sees of what was commanded and kept. */
  readonly seen: Effect.Effect<object>
}

const night = (begun: Partial<Said> = {}): Effect.Effect<Night, never, Scope.Scope> =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { first: { outcome: Behaviour.ok("Good day") } } })
    const { url } = yield* SimulatedProvider.serve(provider)
    let inForce: Said = { ...said, ...begun }
    const gateway = yield* Effect.flatMap(
      GatewayConfig.parse(fileOf(url, inForce), {}),
      (config) => Gateway.make(config)
    )
    const admin = (path: string, init: RequestInit = {}): Effect.Effect<Got> =>
      ask(`http://127.0.0.1:${gateway.adminAddress!.port}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${control}`, "content-type": "application/json" }
      })
    const paused = (limiter: { readonly pausedForMillis: number | null } | null) =>
      limiter?.pausedForMillis === null ? "runs" : "paused"
    return {
      url: `http://127.0.0.1:${gateway.address.port}`,
      provider,
      act: (path: string, body: object) =>
        Effect.map(
          admin(path, { method: "POST", body: JSON.stringify({ ...body, reason: "a test" }) }),
          ({ status, text }) => assert.strictEqual(status, 200, text)
        ),
      reload: (said: Partial<Said>) => {
        inForce = { ...inForce, ...said }
        return Effect.orDie(Effect.flatMap(GatewayConfig.parse(fileOf(url, inForce), {}), gateway.reload))
      },
      seen: Effect.map(admin("/admin/overview"), ({ json }) => {
        const [first] = json.models
        return {
          circuit: first.circuit.state,
          opensFor: first.circuit.nextRetryMillis === null ? "no time" : "a time",
          slots: first.bulkhead.concurrency,
          limiter: paused(first.limiter),
          taken: Math.round(first.limiter.limits[0].capacity - first.limiter.limits[0].available),
          client: paused(json.clients[0].limiter),
          keys: json.providers[0].keys.map((key: any) => [key.key, key.state, key.parkedForMillis === null]),
          kept: json.caches.map((cache: any) => [cache.id, cache.size])
        }
      })
    }
  }).pipe(Effect.orDie)

const acts: ReadonlyArray<readonly [path: string, body: object]> = [
  ...["open", "disable", "metricsOnly", "close"].map((command) => ["circuits/first", { command }] as const),
  ["circuits/first", { command: "trip", seconds: 600 }],
  ["limiters/first", { command: "pause", seconds: 500 }],
  ["limiters/first", { command: "resume" }],
  ["limiters/client%20shop", { command: "pause", seconds: 500 }],
  ["limiters/client%20shop", { command: "resume" }],
  ...[7, 20, 33].map((concurrency) => ["bulkheads/first", { concurrency }] as const),
  ["caches/kept", { command: "clear" }],
  ...["key%201", "key%202"].flatMap((key) => [
    [`providers/sim/keys/${key}`, { command: "park" }] as const,
    [`providers/sim/keys/${key}`, { command: "park", seconds: 500 }] as const,
    [`providers/sim/keys/${key}`, { command: "unpark" }] as const
  ])
]

const oneOf = <A>(list: ReadonlyArray<A>): Effect.Effect<A> =>
  Effect.map(Random.nextIntBetween(0, list.length - 1), (i) => list[i]!)

const asked = (url: string, content: string) => ({
  ...hello,
  model: "kept",
  messages: [{ role: "user", content }],
  url
})

describe("a file that is taken over", () => {
  for (let seed = 0; seed < 12; seed++) {
    it.effect(`changes nothing of what operators have commanded and what was kept, whatever section changes (seed ${seed})`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { act, reload, seen, url } = yield* night()
        for (let step = 0; step < 12; step++) {
          for (let i = yield* Random.nextIntBetween(0, 3); i > 0; i--) {
            const [path, body] = yield* oneOf(acts)
            yield* act(`/admin/${path}`, body)
          }
          yield* chat(url, asked(url, `question ${step}`))
          const before = yield* seen
          yield* reload({ [yield* oneOf(["defaults", "provider", "cascade", "client"])]: step + 2 })
          assert.deepStrictEqual(yield* seen, before)
        }
      })).pipe(Random.withSeed(seed)))
  }

  it.live("serves the last good answer of before when no model answers any more", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, reload, url } = yield* night()
      const degradation = Effect.map(
        chat(url, asked(url, "Hello")),
        ({ headers }) => headers.get("x-switchgear-degradation")
      )
      assert.strictEqual(yield* degradation, "none")
      yield* reload({ defaults: 2 })
      yield* reload({ defaults: 3, provider: 2 })
      yield* provider.set("first", { outcome: Behaviour.serverError })
      assert.strictEqual(yield* degradation, "stale")
    })))

  it.effect("opens no circuit that it has opened itself before the time is over", () =>
    Effect.scoped(Effect.gen(function*() {
      const { act, reload, url } = yield* night()
      yield* act("/admin/circuits/first", { command: "trip", seconds: 1 })
      yield* TestClock.adjust(300)
      yield* reload({ defaults: 2 })
      yield* TestClock.adjust(699)
      assert.strictEqual((yield* chat(url, asked(url, "Hello"))).status, 503)
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* chat(url, asked(url, "Hello"))).status, 200)
    })))

  it.live("stands above an operator in what it says anew", () =>
    Effect.scoped(Effect.gen(function*() {
      const { act, reload, seen } = yield* night()
      yield* act("/admin/bulkheads/first", { concurrency: 7 })
      yield* act("/admin/circuits/first", { command: "disable" })
      yield* reload({ concurrency: 30 })
      assert.deepInclude(yield* seen, { slots: 30, circuit: "Disabled" })
      yield* reload({ initialState: "FORCED_OPEN" })
      assert.deepInclude(yield* seen, { slots: 30, circuit: "ForcedOpen" })
      yield* act("/admin/circuits/first", { command: "close" })
      yield* reload({ defaults: 2 })
      assert.deepInclude(yield* seen, { circuit: "Closed" })
    })))

  it.live("keeps a key parked that has another place in it, and parks no other one", () =>
    Effect.scoped(Effect.gen(function*() {
      const { act, reload, seen } = yield* night()
      yield* act("/admin/providers/sim/keys/key%202", { command: "park" })
      yield* reload({ keys: [two, three] })
      assert.deepInclude(yield* seen, { keys: [["key 1", "parked", true], ["key 2", "used", true]] })
      yield* reload({ keys: [three, one] })
      assert.deepInclude(yield* seen, { keys: [["key 1", "used", true], ["key 2", "used", true]] })
    })))

  it.live("sends the key that is in it now, and its other secrets", () =>
    Effect.scoped(Effect.gen(function*() {
      const { asked, url: provider } = yield* scripted((_, response) => sendWhole(response, { content: "Hello" }))
      const file = (key: string, header: string) =>
        GatewayConfig.parse(
          `listen: { port: 0 }
providers: { sim: { baseUrl: ${provider}, apiKey: ${key}, headers: { x-team: \${TEAM} } } }
models: { first: { provider: sim } }`,
          { TEAM: header }
        )
      const gateway = yield* Effect.flatMap(file(one, "red-0123456789"), (config) => Gateway.make(config))
      const ask = chat(`http://127.0.0.1:${gateway.address.port}`, { ...hello, model: "first" })
      yield* ask
      yield* Effect.flatMap(file(two, "red-0123456789"), gateway.reload)
      yield* ask
      yield* Effect.flatMap(file(two, "blue-0123456789"), gateway.reload)
      yield* ask
      assert.deepStrictEqual(
        asked.map(({ headers }) => [headers.authorization, headers["x-team"]]),
        [
          [`Bearer ${one}`, "red-0123456789"],
          [`Bearer ${two}`, "red-0123456789"],
          [`Bearer ${two}`, "blue-0123456789"]
        ]
      )
    })))

  it.live("ends no stream that began before, however long that takes", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, reload, url } = yield* night()
      yield* provider.set("first", { outcome: Behaviour.stream({ text: "one two three four", chunks: 4, pause: 100 }) })
      const answer = yield* Effect.forkChild(chat(url, { ...asked(url, "Hello"), model: "first", stream: true }))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
      yield* reload({ provider: 2 })
      const { text } = yield* Fiber.join(answer)
      assert.include(text, "[DONE]")
    })))

  it.live("ends no stream of what it has made when the gateway is stopped, in the time for that", () =>
    Effect.gen(function*() {
      const streams = yield* Effect.scoped(Effect.gen(function*() {
        const { asked, url: provider } = yield* scripted((_, response) => {
          sendEvents(response, chunkOf({ content: "begun" }))
          setTimeout(() => {
            sendEvents(response, chunkOf({ content: ", ended" }), chunkOf({}, "stop"), "[DONE]")
            response.end()
          }, 100)
        })
        const read = (timeout: number) =>
          GatewayConfig.parse(
            `listen: { port: 0 }
providers: { sim: { baseUrl: ${provider}, timeout: ${timeout} seconds } }
models: { first: { provider: sim } }
cascades: { kept: { steps: [first] } }`,
            {}
          )
        const { address, reload } = yield* Effect.flatMap(read(60), (file) => Gateway.make(file))
        const begin = (model: string) =>
          Effect.forkDetach(chat(`http://127.0.0.1:${address.port}`, { ...hello, model, stream: true }))
        yield* Effect.flatMap(read(61), reload)
        const streams = yield* Effect.forEach(["first", "kept"], begin)
        yield* Effect.repeat(Effect.sleep(1), { until: () => asked.length === streams.length })
        return streams
      }))
      for (const stream of streams) {
        const { text } = yield* Fiber.join(stream)
        assert.isTrue(text.endsWith("data: [DONE]\n\n"), text)
      }
    }))

  it.live("at the same time as others is taken over after them: there is one guard of each name", () =>
    Effect.scoped(Effect.gen(function*() {
      const names = Array.from({ length: 50 }, (_, i) => `model-${i}`)
      const read = (deadline: number) =>
        GatewayConfig.parse(
          `listen: { port: 0 }
admin: { port: 0, token: ${control} }
defaults: { deadline: ${deadline} seconds }
providers: { sim: { baseUrl: http://127.0.0.1:9 } }
models: { ${names.map((name) => `${name}: { provider: sim }`).join(", ")} }`,
          {}
        )
      const { adminAddress, generation, reload } = yield* Effect.flatMap(read(10), (config) => Gateway.make(config))
      const files = yield* Effect.forEach([11, 12, 13], read)
      yield* Effect.forEach(files, reload, { concurrency: "unbounded" })
      const { json } = yield* ask(`http://127.0.0.1:${adminAddress!.port}/actuator/circuitbreakers`, {
        headers: { authorization: `Bearer ${control}` }
      })
      assert.sameMembers(Object.keys(json.circuitBreakers), names)
      assert.strictEqual(yield* generation, 4)
    })))

  it.live("is refused where it has no clients, and the gateway listens on another address than a loopback one", () =>
    Effect.scoped(Effect.gen(function*() {
      const read = (host: string, clients: string) =>
        GatewayConfig.parse(
          `listen: { port: 0, host: ${host} }
providers: { sim: { baseUrl: http://127.0.0.1:9 } }
models: { first: { provider: sim } }
clients: [${clients}]`,
          {}
        )
      // The system takes it for 127.0.0.1, and a file cannot know that.
      const open = yield* read("\"127.1\"", `{ name: shop, token: ${token} }`)
      const { address, generation, reload } = yield* Gateway.make(open)
      const refused = yield* Effect.flip(Effect.flatMap(read("127.0.0.1", ""), reload))
      assert.strictEqual(
        refused.message,
        "clients: Expected at least one client with a token, because the gateway listens on 127.1 until it is started again."
      )
      assert.strictEqual(yield* generation, 1)
      const { status } = yield* ask(`http://127.0.0.1:${address.port}/v1/models`, { headers: { host: "127.1" } })
      assert.strictEqual(status, 401)
    })))

  it.live("leaves the bounds of the start in force, and what operators see of them", () =>
    Effect.scoped(Effect.gen(function*() {
      const { admin, reload } = yield* administered("listen: { port: 0, maxRequests: 7 }")
      yield* reload(`admin: { port: 0, token: ${control} }\nlisten: { port: 0, maxRequests: 900 }`)
      const { text } = yield* admin("/metrics")
      assert.match(text, /^switchgear_gateway_max_requests 7$/m)
    })))

  it.live("compares costs with the model that is first in it now", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url: provider } = yield* scripted((_, response) => sendWhole(response, { content: "Hello" }))
      const read = (...steps: ReadonlyArray<string>) =>
        GatewayConfig.parse(
          `listen: { port: 0 }
admin: { port: 0, token: ${control} }
providers: { sim: { baseUrl: ${provider} } }
models: { cheap: { provider: sim }, dear: { provider: sim } }
cascades: { kept: { steps: [${steps.join(", ")}] } }
prices: { cheap: { input: 1, output: 1 }, dear: { input: 1000, output: 1000 } }`,
          {}
        )
      const { address, adminAddress, reload } = yield* Effect.flatMap(
        read("cheap", "dear"),
        (file) => Gateway.make(file)
      )
      const saved = Effect.fnUntraced(function*(model: string) {
        yield* chat(`http://127.0.0.1:${address.port}`, { ...hello, model })
        const { text } = yield* ask(`http://127.0.0.1:${adminAddress!.port}/metrics`, {
          headers: { authorization: `Bearer ${control}` }
        })
        // A counter that goes back is one that began anew to Prometheus, and all of it would be counted again.
        assert.include(text, "# TYPE switchgear_gateway_client_saved_usd gauge\n")
        return Number(/^switchgear_gateway_client_saved_usd\{[^}]*\} (\S+)$/m.exec(text)![1])
      })
      assert.strictEqual(yield* saved("cheap"), 0)
      yield* Effect.flatMap(read("dear", "cheap"), reload)
      assert.isAbove(yield* saved("cheap"), 0)
      yield* Effect.flatMap(read("cheap", "dear"), reload)
      yield* saved("dear")
      assert.isBelow(yield* saved("dear"), 0)
    })))

  it.live("tells what it says that only a start takes: an operator may believe that a token is withdrawn", () =>
    Effect.scoped(Effect.gen(function*() {
      const lines: Array<string> = []
      const log = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      const read = (more: string) =>
        Effect.orDie(GatewayConfig.parse(
          `providers: { sim: { baseUrl: http://127.0.0.1:9 } }
models: { first: { provider: sim } }
${more}`,
          {}
        ))
      const begun = `listen: { port: 0, writeTimeout: 20 seconds }\nadmin: { port: 0, token: ${control} }`
      yield* Effect.gen(function*() {
        const { reload } = yield* Effect.flatMap(read(begun), (config) => Gateway.make(config))
        const told = (more: string) =>
          Effect.gen(function*() {
            lines.length = 0
            yield* Effect.flatMap(read(more), reload)
            return lines.filter((line) => line.includes("next start"))
          })
        const holds = "is taken at the next start. That of this one holds."
        assert.deepStrictEqual(yield* told(begun), [])
        assert.deepStrictEqual(yield* told(begun.replace("20 seconds", "20000")), [])
        assert.deepStrictEqual(yield* told(begun.replace("token:", "promise: { p95: 3 seconds }, token:")), [])
        assert.deepStrictEqual(yield* told(begun.replace(control, "another-token-0123456789")), [
          `What the file says of admin ${holds}`
        ])
        assert.deepStrictEqual(yield* told("listen: { port: 0 }"), [`What the file says of listen and admin ${holds}`])
        assert.notInclude(lines.join(), control)
      }).pipe(Effect.provide(log))
    })))
})
