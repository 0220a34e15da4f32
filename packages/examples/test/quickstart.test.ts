import { assert, describe, it } from "@effect/vitest"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Redacted } from "effect"
import { join } from "node:path"
import { bundled } from "../../http/test/support/bundled.ts"
import { run } from "./support/run.ts"

/** As it is, once: the others wait for a sentence, and most of their time would go into reading modules. */
const asItIs = join(import.meta.dirname, "..", "01_quickstart.ts")

const quickstart = await bundled(asItIs)

const key = "sk-right-and-secret"

/** Stands for a real endpoint: one model, one key. */
const endpoint = Effect.gen(function*() {
  const provider = yield* SimulatedProvider.make({
    apiKey: Redacted.make(key),
    models: { "house-model": { outcome: Behaviour.ok("Good day from the endpoint.") } }
  })
  const { url } = yield* SimulatedProvider.serve(provider)
  const ask = (settings: Readonly<Record<string, string>>) =>
    run(quickstart, {
      env: { SWITCHGEAR_BASE_URL: url, SWITCHGEAR_API_KEY: key, SWITCHGEAR_MODEL: "house-model", ...settings }
    })
  return { ask, provider }
})

describe.concurrent("the quickstart", () => {
  it.live("answers without any settings", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(asItIs)
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.include(stdout, "A circuit breaker stops calling what is down.")
      assert.match(stdout, /step: +gpt-4\.1\ndegradation: none/)
    }), 30_000)

  it.live("talks to the endpoint that is set", () =>
    Effect.gen(function*() {
      const { ask, provider } = yield* endpoint
      const { code, stderr, stdout } = yield* ask({})
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.include(stdout, "Good day from the endpoint.")
      assert.match(stdout, /step: +house-model\ndegradation: none/)
      assert.strictEqual((yield* provider.stats("house-model")).answered, 1)
    }), 30_000)

  it.live("says what to do about a wrong key, and does not show it", () =>
    Effect.gen(function*() {
      const { ask } = yield* endpoint
      const { code, stderr, stdout } = yield* ask({ SWITCHGEAR_API_KEY: "sk-wrong-and-secret" })
      assert.strictEqual(code, 0)
      assert.match(stdout, /degradation: canned/)
      assert.include(stdout, "did not accept the API key for house-model")
      assert.include(stdout, "Check that the key is set and complete")
      assert.notInclude(stdout + stderr, "secret")
    }), 30_000)

  it.live("names the model when the endpoint does not know it", () =>
    Effect.gen(function*() {
      const { ask, provider } = yield* endpoint
      const { stdout } = yield* ask({ SWITCHGEAR_MODEL: "no-model" })
      assert.include(stdout, "knows no model no-model")
      assert.strictEqual((yield* provider.total).started, 1)
    }), 30_000)

  it.live.each(
    [
      [
        "an address without a key",
        { SWITCHGEAR_BASE_URL: "http://127.0.0.1:1/v1" },
        "Set both SWITCHGEAR_BASE_URL and"
      ],
      ["a key without an address", { SWITCHGEAR_API_KEY: key }, "Set both SWITCHGEAR_BASE_URL and"],
      ["no address", { SWITCHGEAR_BASE_URL: "nonsense", SWITCHGEAR_API_KEY: key }, "baseUrl must be a URL"],
      [
        "a key with a space",
        { SWITCHGEAR_BASE_URL: "http://127.0.0.1:1", SWITCHGEAR_API_KEY: "sk secret" },
        "apiKey must be"
      ]
    ] as const
  )("refuses %s in one sentence", ([, env, sentence]) =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(quickstart, { env })
      assert.strictEqual(code, 1)
      assert.strictEqual(stdout, "")
      assert.include(stderr, sentence)
      assert.notInclude(stderr, "secret")
      assert.strictEqual(stderr.trimEnd().split("\n").length, 1)
    }), 30_000)
})
