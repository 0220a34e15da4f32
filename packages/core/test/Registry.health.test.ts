/** Health with optional targets: circuits and families made with `critical: false`. */
import { Cascade, CircuitBreaker, Registry } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Schema } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { TestClock } from "effect/testing"

const alone = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.provide(self, Registry.layer())

const status = Effect.map(Registry.health, ({ status }) => status)

const circuit = (name: string, critical: boolean | undefined) => CircuitBreaker.make({ name, critical })

describe("an optional circuit", () => {
  it.effect("degrades when it is open, and does not take down with it what has no other circuit", () =>
    Effect.gen(function*() {
      const optional = yield* circuit("suggestions", false)
      assert.strictEqual(yield* status, "up")
      yield* optional.control.trip("30 seconds")
      const { reasons, status: told } = yield* Registry.health
      assert.strictEqual(told, "degraded")
      assert.deepStrictEqual(reasons.map(({ critical, name, reason }) => ({ critical, name, reason })), [
        { critical: false, name: "suggestions", reason: "open" }
      ])
    }).pipe(alone))

  it.effect("does not keep the application up when all critical ones are open", () =>
    Effect.gen(function*() {
      yield* circuit("suggestions", false)
      const first = yield* circuit("model", true)
      const second = yield* circuit("fallback", undefined)
      yield* first.control.forceOpen
      assert.strictEqual(yield* status, "degraded")
      yield* second.control.forceOpen
      assert.strictEqual(yield* status, "down")
    }).pipe(alone))

  it.effect("may be a family, which counts as all of its circuits or as none", () =>
    Effect.gen(function*() {
      const optional = yield* CircuitBreaker.Family.make({ name: "plugins", critical: false })
      const tenants = yield* CircuitBreaker.Family.make({ name: "tenants" })
      yield* (yield* optional.get("spelling")).control.forceOpen
      assert.strictEqual(yield* status, "degraded")
      yield* (yield* tenants.get("acme")).control.forceOpen
      yield* optional.get("weather")
      assert.strictEqual(yield* status, "down")
      yield* tenants.get("globex")
      assert.strictEqual(yield* status, "degraded")
    }).pipe(alone))
})

describe("a cascade", () => {
  const reasons = Effect.map(Registry.health, ({ reasons, status }) => [status, ...reasons.map(({ reason }) => reason)])

  it.effect("degrades while its answers are stale or canned, and until none was for a while", () =>
    Effect.gen(function*() {
      const answers = yield* Cascade.make({ name: "answers", recoveredAfter: "10 seconds" })
      const run = (isUp: boolean, last: string | undefined) =>
        answers.run(
          Cascade.first("gpt", isUp ? Effect.succeed("hi") : Effect.fail("503")).pipe(
            Cascade.orLastGood("cache", Effect.succeed(last === undefined ? undefined : { value: last })),
            Cascade.orConstant("canned", "later")
          )
        )
      assert.deepStrictEqual(yield* reasons, ["up"])
      yield* run(true, undefined)
      assert.deepStrictEqual(yield* reasons, ["up"])
      yield* run(false, "old")
      assert.deepStrictEqual(yield* reasons, ["degraded", "stale"])
      yield* run(false, undefined)
      assert.deepStrictEqual(yield* reasons, ["degraded", "canned"])
      yield* run(true, undefined)
      assert.deepStrictEqual(yield* reasons, ["degraded", "canned"])
      yield* TestClock.adjust("10 seconds")
      yield* run(true, undefined)
      assert.deepStrictEqual(yield* reasons, ["up"])
    }).pipe(alone))

  it.effect("degrades when it has run out of steps, until it answers", () =>
    Effect.gen(function*() {
      const answers = yield* Cascade.make({ name: "answers" })
      const run = (answer: Effect.Effect<string, string>) => Effect.exit(answers.run(Cascade.first("gpt", answer)))
      yield* run(Effect.fail("503"))
      assert.deepStrictEqual(yield* reasons, ["degraded", "exhausted"])
      yield* run(Effect.interrupt)
      assert.deepStrictEqual(yield* reasons, ["degraded", "exhausted"])
      yield* run(Effect.succeed("hi"))
      assert.deepStrictEqual(yield* reasons, ["up"])
    }).pipe(alone))
})

const State = Schema.Literals(["Closed", "Open", "ForcedOpen", "Disabled", "MetricsOnly"])
const Target = Schema.Struct({ critical: Schema.Boolean, states: Schema.Array(State), family: Schema.Boolean })

const enter = (control: CircuitBreaker.Control, state: typeof State.Type) =>
  ({
    Closed: Effect.void,
    Open: control.trip("1 hour"),
    ForcedOpen: control.forceOpen,
    Disabled: control.disable,
    MetricsOnly: control.metricsOnly
  })[state]

it.effect.prop(
  "the application is down when every critical circuit lets no call through, and there is one",
  { targets: Schema.Array(Target) },
  ({ targets }) =>
    Effect.scoped(Effect.gen(function*() {
      for (const [i, { critical, family, states }] of targets.entries()) {
        const circuits = family ? yield* CircuitBreaker.Family.make({ name: `family ${i}`, critical }) : undefined
        for (const [key, state] of states.entries()) {
          const breaker = yield* circuits?.get(`${key}`) ?? circuit(`circuit ${i}.${key}`, critical)
          yield* enter(breaker.control, state)
        }
      }
      const isOpen = (state: typeof State.Type) => state === "Open" || state === "ForcedOpen"
      const all = targets.flatMap(({ states }) => states)
      const critical = targets.filter(({ critical }) => critical).flatMap(({ states }) => states)
      const isEmpty = targets.every(({ family, states }) => !family && states.length === 0)
      const expected = isEmpty
        ? "unknown"
        : critical.length > 0 && critical.every(isOpen)
        ? "down"
        : all.some(isOpen)
        ? "degraded"
        : "up"
      assert.strictEqual(yield* status, expected)
    })).pipe(alone)
)

describe("critical, as it is written,", () => {
  const provider = (env: Record<string, string>, yaml = "{}") =>
    ConfigProvider.orElse(ConfigProvider.fromEnv({ env }), ConfigProvider.fromUnknown(Yaml.parse(yaml)))

  const entered = (
    make: Effect.Effect<unknown, unknown>,
    from: ConfigProvider.ConfigProvider
  ): Effect.Effect<boolean | undefined, unknown> =>
    Effect.scoped(Effect.gen(function*() {
      yield* Effect.provideService(make, ConfigProvider.ConfigProvider, from)
      return (yield* Registry.snapshots)[0]?.critical
    })).pipe(alone)

  it.effect("is a boolean in a file and the same word in an environment, which wins", () =>
    Effect.gen(function*() {
      const makes = [
        CircuitBreaker.fromConfig("model", { name: "model" }),
        CircuitBreaker.Family.fromConfig("model", { name: "model" })
      ]
      for (const make of makes) {
        assert.strictEqual(yield* entered(make, provider({})), true)
        assert.strictEqual(yield* entered(make, provider({}, "model: { critical: false }")), false)
        assert.strictEqual(yield* entered(make, provider({ MODEL_CRITICAL: "false" })), false)
        assert.strictEqual(
          yield* entered(make, provider({ MODEL_CRITICAL: "true" }, "model: { critical: false }")),
          true
        )
      }
      const optional = CircuitBreaker.fromConfig("model", { name: "model", critical: false })
      assert.strictEqual(yield* entered(optional, provider({})), false)
      assert.strictEqual(yield* entered(optional, provider({ MODEL_CRITICAL: "true" })), true)
    }))

  it.effect("is refused when it is anything else", () =>
    Effect.gen(function*() {
      const make = CircuitBreaker.fromConfig("model", { name: "model" })
      for (const [env, yaml] of [["no", "{}"], [undefined, "model: { critical: 'no' }"]] as const) {
        const error = yield* Effect.flip(entered(make, provider(env ? { MODEL_CRITICAL: env } : {}, yaml)))
        assert.include(String(error), "critical must be true or false, got \"no\"")
      }
    }))
})
