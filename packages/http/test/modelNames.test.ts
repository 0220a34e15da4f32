/** By which names a model is found in the prices, and by which it is not. */
import { assert, describe, it } from "@effect/vitest"
import { ChatClient, CostLedger, Pricing } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Layer } from "effect"
import { answer, ask, modelOf } from "./support/ledgerOf.ts"
import { modelOf as guardedOf } from "./support/modelOf.ts"

const price = Pricing.price({ input: 1, output: 1 })

const prices = Object.fromEntries(
  [
    "gpt-4.1",
    "gpt-4o",
    "gpt-4o-2024-05-13",
    "claude-sonnet-4.5",
    "claude-3-5-haiku",
    "gemini-2.5-flash",
    "deepseek-v3.2",
    "Qwen3-235B",
    "openai/gpt-oss-120b",
    "fireworks/llama-3"
  ].map((model) => [model, price])
)

const usage = { prompt_tokens: 10, completion_tokens: 5 }

/** A provider that answers so, whatever is asked. */
const clientOf = (body: unknown) =>
  ChatClient.layer({ provider: "p", baseUrl: "http://simulated.test/v1" }).pipe(
    Layer.provide(SimulatedProvider.layerHttpClient),
    Layer.provide(SimulatedProvider.layer({
      models: {
        "qwen3-32b": { outcome: Behaviour.respond(200, body) },
        "gpt-4.1": { outcome: Behaviour.respond(200, body) },
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0": { outcome: Behaviour.respond(200, body) }
      }
    }))
  )

const nameIn = (model: string, options: Partial<CostLedger.Options> & { readonly step?: string } = {}) =>
  Effect.gen(function*() {
    const { step = "first", ...more } = options
    const ledger = yield* CostLedger.make({ prices, primary: "gpt-4.1", ...more })
    const { bill } = yield* ledger.protect(modelOf(Effect.succeed(answer(10, { step, model })))).complete(ask())
    if (bill.model === "other") assert.deepStrictEqual([bill.cost.total, bill.source], ["unknown", "unknown"])
    return bill.model
  })

describe("the price of a model", () => {
  it.effect.each(
    [
      ["gpt-4.1-2025-04-14", "gpt-4.1"],
      ["openai/gpt-4.1", "gpt-4.1"],
      ["openai/gpt-4.1-2025-04-14", "gpt-4.1"],
      ["openrouter/openai/gpt-4.1", "gpt-4.1"],
      ["litellm_proxy/azure/gpt-4.1", "gpt-4.1"],
      ["github/openai/gpt-4.1", "gpt-4.1"],
      ["GPT-4.1", "gpt-4.1"],
      ["gpt-4.1-latest", "gpt-4.1"],
      ["gpt-4o-2024-08-06", "gpt-4o"],
      ["gpt-4o-2024-05-13", "gpt-4o-2024-05-13"],
      ["openai/gpt-4o-2024-05-13", "gpt-4o-2024-05-13"],
      ["models/gemini-2.5-flash", "gemini-2.5-flash"],
      ["publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"],
      ["gemini-2.5-flash-preview-05-20", "gemini-2.5-flash"],
      ["gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash"],
      ["gemini-2.5-flash-001", "gemini-2.5-flash"],
      ["claude-sonnet-4-5", "claude-sonnet-4.5"],
      ["claude-sonnet-4-5-20250929", "claude-sonnet-4.5"],
      ["claude-sonnet-4.5@20250929", "claude-sonnet-4.5"],
      ["anthropic/claude-sonnet-4.5", "claude-sonnet-4.5"],
      ["anthropic/claude-3.5-haiku", "claude-3-5-haiku"],
      ["anthropic/claude-3.5-haiku-20241022", "claude-3-5-haiku"],
      ["deepseek/DeepSeek-V3.2", "deepseek-v3.2"],
      ["qwen/qwen3-235b", "Qwen3-235B"],
      ["gpt-oss-120b", "openai/gpt-oss-120b"],
      ["deepseek-ai/DeepSeek-V3.2", "deepseek-v3.2"],
      [" gpt-4.1\n", "gpt-4.1"],
      ["anthropic.claude-3-5-haiku-20241022-v1:0", "claude-3-5-haiku"],
      ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4.5"],
      ["us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4.5"],
      ["global.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4.5"],
      ["bedrock/converse/eu.anthropic.claude-sonnet-4-5-v1", "claude-sonnet-4.5"],
      ["bedrock/us-gov-west-1/anthropic.claude-3-5-haiku-20241022-v1:0", "claude-3-5-haiku"],
      [
        "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "claude-sonnet-4.5"
      ],
      ["openai.gpt-oss-120b-1:0", "openai/gpt-oss-120b"],
      ["projects/p/locations/global/publishers/google/models/gemini-2.5-flash-001", "gemini-2.5-flash"]
    ] as const
  )("is found for %s", ([told, name]) => Effect.map(nameIn(told), (found) => assert.strictEqual(found, name)))

  it.effect.each([
    "gpt-4.1-mini",
    "gpt-4.1-mini-2025-04-14",
    "openai/gpt-4.1-nano",
    "gpt-4",
    "gpt-4.10",
    "gpt-4o-mini",
    "gpt-4o-audio-preview-2024-12-17",
    "gpt-4.1:free",
    "openai/gpt-4.1:online",
    "ft:gpt-4.1-2025-04-14:acme::id",
    "claude-sonnet-4",
    "claude-sonnet-4.5-thinking",
    "claude-3-5-sonnet-20241022",
    "gemini-2.5-flash-lite",
    "gemini-2.5-flash-preview-tts",
    "gemini-2.5-flash-image-preview",
    "deepseek-v3.2-exp",
    "together/deepseek-v3.2",
    "accounts/fireworks/models/deepseek-v3.2",
    "llama-3",
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "us.acme.gpt-4.1-v1:0",
    "@cf/openai/gpt-oss-120b",
    "gpt-4.1-fp8",
    "openai/gpt-4.1:nitro",
    "ft:gpt-4.1:acme::id",
    "gpt-4.1-0125-preview",
    "toString",
    "__proto__"
  ])(
    "is not found for %s, which may cost something else",
    (told) => Effect.map(nameIn(told), (found) => assert.strictEqual(found, "other"))
  )

  it.effect("is that of the model that answered, and never that of another one that was asked", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* nameIn("gpt-4.1-mini", { step: "gpt-4.1" }), "other")
      assert.strictEqual(yield* nameIn("gpt-4o", { step: "gpt-4.1" }), "gpt-4o")
      assert.strictEqual(yield* nameIn("claude-3-opus", { step: "gpt-4.1" }), "other")
      // What a server calls whatever it serves says nothing.
      for (const told of ["default", "model", ""]) {
        assert.strictEqual(yield* nameIn(told, { step: "gpt-4.1-2025-04-14" }), "gpt-4.1")
      }
    }))

  it.effect("is that of the step, where the model that answered is the one that was asked", () =>
    Effect.gen(function*() {
      const billOf = (asked: string, told: string | undefined, priced: string) =>
        Effect.gen(function*() {
          const body = { model: told, choices: [{ message: { content: "Hi" }, finish_reason: "stop" }], usage }
          const model = yield* Effect.provide(guardedOf({ name: "fast", model: asked }), clientOf(body))
          const ledger = yield* CostLedger.make({ prices: { [priced]: price }, primary: priced })
          const { bill } = yield* ledger.protect(model).complete(ask())
          return [bill.model, bill.cost.total]
        })
      assert.deepStrictEqual(yield* billOf("qwen3-32b", "qwen3-32b", "fast"), ["fast", 15])
      assert.deepStrictEqual(yield* billOf("gpt-4.1", "gpt-4.1-2025-04-14", "fast"), ["fast", 15])
      assert.deepStrictEqual(yield* billOf("qwen3-32b", undefined, "fast"), ["fast", 15])
      assert.deepStrictEqual(yield* billOf("qwen3-32b", "Qwen/Qwen3-32B", "fast"), ["fast", 15])
      assert.deepStrictEqual(yield* billOf("gpt-4.1", "gpt-4.1-mini", "fast"), ["other", "unknown"])
      const bedrock = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
      assert.deepStrictEqual(yield* billOf(bedrock, "claude-sonnet-4-5-20250929", bedrock), [bedrock, 15])
    }))

  it.effect("of an attempt that failed is that of its step, too", () =>
    Effect.gen(function*() {
      const model = yield* Effect.provide(
        guardedOf({ name: "fast", model: "qwen3-32b", retry: { maxAttempts: 1 } }),
        clientOf("not JSON")
      )
      const ledger = yield* CostLedger.make({ prices: { fast: price }, primary: "fast" })
      yield* Effect.flip(ledger.protect(model).complete(ask()))
      const { models, total } = yield* ledger.snapshot
      assert.deepStrictEqual([Object.keys(models), total.unpriced], [["fast"], 0])
      assert.isAbove(total.wasted, 0)
    }))

  it.effect("is found by an alias, which goes before the rules", () =>
    Effect.gen(function*() {
      const aliases = {
        "gpt-4.1:free": "deepseek-v3.2",
        "my-deployment-1": "gpt-4.1",
        "gpt-4o-2024-08-06": "gpt-4o-2024-05-13"
      }
      assert.strictEqual(yield* nameIn("gpt-4.1:free", { aliases }), "deepseek-v3.2")
      assert.strictEqual(yield* nameIn("My-Deployment-1", { aliases }), "gpt-4.1")
      assert.strictEqual(yield* nameIn("azure/my-deployment-1", { aliases }), "gpt-4.1")
      assert.strictEqual(yield* nameIn("gpt-4o-2024-08-06", { aliases }), "gpt-4o-2024-05-13")
    }))

  it.effect("is not guessed where two are written alike", () =>
    Effect.gen(function*() {
      const two = { "m-1.0": price, "M-1.0": price, "openai/n-1": price, "azure/n-1": price, "gpt-4.1": price }
      const options = { prices: two }
      assert.strictEqual(yield* nameIn("m-1.0", options), "m-1.0")
      assert.strictEqual(yield* nameIn("m-1-0", options), "other")
      assert.strictEqual(yield* nameIn("azure/n-1", options), "azure/n-1")
      assert.strictEqual(yield* nameIn("n-1", options), "other")
    }))
})
