/** The keys of a provider, parked and used again by hand. */
import { assert, describe, it } from "@effect/vitest"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { control, reader } from "./administered.ts"
import { ask, chat, hello } from "./running.ts"

const secrets = ["sk-one-very-secret-1", "sk-two-very-secret-2"] as const

/** A gateway whose provider has these keys, and how many calls came with each. */
const keyed = Effect.fnUntraced(function*(keys: ReadonlyArray<string>) {
  const provider = yield* SimulatedProvider.make({ models: { first: { outcome: Behaviour.ok("Good day") } } })
  const { url } = yield* SimulatedProvider.serve(provider)
  const config = yield* GatewayConfig.parse(
    `listen: { port: 0 }
admin: { port: 0, token: ${control}, readToken: ${reader} }
providers: { sim: { baseUrl: ${url}, apiKey: [${keys.join(", ")}] } }
models: { first: { provider: sim, retry: { maxAttempts: 1 } } }
cascades: { assistant: { steps: [first], canned: { en: We are busy. } } }`,
    {}
  )
  const { address, adminAddress } = yield* Gateway.make(config)
  const admin = (path: string, body?: object) =>
    ask(`http://127.0.0.1:${adminAddress!.port}${path}`, {
      headers: { authorization: `Bearer ${control}`, "content-type": "application/json" },
      ...body !== undefined && { method: "POST", body: JSON.stringify(body) }
    })
  return {
    provider,
    admin,
    told: Effect.map(
      chat(`http://127.0.0.1:${address.port}`, { ...hello, model: "first" }),
      ({ json, status }) => [status, json.error?.code, json.error?.message]
    ),
    step: Effect.map(
      chat(`http://127.0.0.1:${address.port}`, hello),
      ({ headers }) => headers.get("x-switchgear-step")
    ),
    act: (key: string, body: object) => admin(`/admin/providers/sim/keys/${encodeURIComponent(key)}`, body),
    calls: Effect.forEach(secrets, (key) => Effect.map(provider.keyStats(key), ({ started }) => started))
  }
}, Effect.orDie)

const park = { command: "park", reason: "it has leaked" }
const unpark = { command: "unpark", reason: "a false alarm" }

describe("a key", () => {
  it.live("that is parked by hand is not used until it is unparked, and each act is in the history", () =>
    Effect.scoped(Effect.gen(function*() {
      const { act, admin, calls, step } = yield* keyed(secrets)
      assert.strictEqual(yield* step, "first")
      const parked = yield* act("key 1", park)
      assert.strictEqual(parked.status, 200)
      assert.deepStrictEqual(parked.json.keys, [
        { key: "key 1", state: "parked", parkedForMillis: null, because: "Manual", models: [] },
        { key: "key 2", state: "used", parkedForMillis: null, because: null, models: [] }
      ])
      yield* step
      yield* step
      assert.deepStrictEqual(yield* calls, [1, 2])
      assert.strictEqual((yield* act("key 1", unpark)).json.keys[0].state, "used")
      yield* step
      assert.deepStrictEqual(yield* calls, [2, 2])
      const { json: { events }, text } = yield* admin("/admin/events")
      assert.deepStrictEqual(
        events.map((
          { act, by, reason, result, subject }: Record<string, string>
        ) => [act, subject, by, reason, result]),
        [
          ["park", "Provider sim key 1", "control", "it has leaked", "done"],
          ["unpark", "Provider sim key 1", "control", "a false alarm", "done"]
        ]
      )
      assert.notInclude(parked.text + text, "very-secret")
    })))

  it.effect("that is parked for a time is used after it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { act, admin, calls, step } = yield* keyed(secrets)
      const { json } = yield* act("key 1", { ...park, seconds: 0.2 })
      assert.strictEqual(json.keys[0].parkedForMillis, 200)
      yield* TestClock.adjust(199)
      yield* step
      yield* TestClock.adjust(1)
      yield* step
      assert.deepStrictEqual(yield* calls, [1, 1])
      assert.strictEqual((yield* admin("/admin/events")).json.events[0].act, "park for 200ms")
    })))

  it.live("that stands alone is parked by hand: no call reaches the provider, and its circuit stays closed", () =>
    Effect.scoped(Effect.gen(function*() {
      const { act, admin, calls, step } = yield* keyed([secrets[0]])
      yield* act("key 1", park)
      for (let call = 0; call < 30; call++) assert.strictEqual(yield* step, "canned")
      assert.deepStrictEqual(yield* calls, [0, 0])
      const { json: { models } } = yield* admin("/admin/overview")
      assert.strictEqual(models[0].circuit.state, "Closed")
      yield* act("key 1", unpark)
      assert.strictEqual(yield* step, "first")
    })))

  it.live("that is parked by hand is told as that, and not as one that its provider has refused", () =>
    Effect.scoped(
      Effect.gen(function*() {
        const { act, calls, told } = yield* keyed(secrets.slice(0, 1))
        yield* act("key 1", park)
        const [status, code, message] = yield* told
        assert.deepStrictEqual([status, code], [502, "provider_account"])
        assert.include(message, "an operator of this application has parked the API key")
        assert.notInclude(message, "did not accept")
        assert.deepStrictEqual(yield* calls, [0, 0])
      }).pipe(Effect.orDie)
    ))

  it.live("that its provider has refused is used again when it is unparked", () =>
    Effect.scoped(Effect.gen(function*() {
      const { act, admin, calls, provider, step } = yield* keyed(secrets)
      yield* provider.setKey(secrets[0], { outcome: Behaviour.quotaExhausted })
      yield* step
      assert.strictEqual((yield* admin("/admin/providers")).json[0].keys[0].because, "QuotaExhausted")
      yield* provider.setKey(secrets[0], undefined)
      yield* act("key 1", unpark)
      yield* step
      assert.deepStrictEqual(yield* calls, [2, 1])
    })))

  it.live("that was unparked is not parked by a refusal of a request that left before", () =>
    Effect.scoped(Effect.gen(function*() {
      const { act, admin, provider, step } = yield* keyed(secrets)
      yield* provider.setKey(secrets[0], { outcome: Behaviour.unauthorized, latency: Behaviour.constant(300) })
      const early = yield* Effect.forkScoped(step)
      yield* Effect.repeat(Effect.delay(provider.keyStats(secrets[0]), 5), { until: ({ started }) => started === 1 })
      yield* act("key 1", park)
      yield* act("key 1", unpark)
      assert.strictEqual(yield* Fiber.join(early), "first", "with the next key")
      assert.strictEqual((yield* admin("/admin/providers")).json[0].keys[0].state, "used")
    })))

  it.live("is in the metrics as parked, and is parked neither without a reason nor by its own text", () =>
    Effect.scoped(Effect.gen(function*() {
      const { act, admin } = yield* keyed(secrets)
      assert.strictEqual((yield* act("key 1", { command: "park" })).status, 400)
      assert.strictEqual((yield* act("key 1", { ...park, seconds: 0 })).status, 400)
      const { status, text } = yield* act(secrets[0], park)
      assert.strictEqual(status, 404)
      assert.notInclude(text, "very-secret")
      yield* act("key 2", park)
      const metrics = (yield* admin("/metrics")).text
      assert.include(metrics, "switchgear_gateway_keys{provider=\"sim\",state=\"parked\"} 1")
    })))
})
