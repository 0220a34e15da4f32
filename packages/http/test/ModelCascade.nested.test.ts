import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, Cascade } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { Canned, ChatClient, ChatModel, ChatSchema, CostLedger, ModelCascade, Pricing } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Exit, Layer, Schema, Stream } from "effect"
import { hello } from "./support/fourModels.ts"
import { modelOf } from "./support/modelOf.ts"

/** A model, or a cascade of such, with what it has for the end. */
type Tree =
  | { readonly _tag: "Model"; readonly answers: boolean }
  | {
    readonly _tag: "Cascade"
    readonly steps: ReadonlyArray<Tree>
    readonly isKept: boolean
    readonly isCanned: boolean
  }

const Model = Schema.TaggedStruct("Model", { answers: Schema.Boolean })
const cascadeOf = <S extends Schema.Constraint>(step: S) =>
  Schema.TaggedStruct("Cascade", {
    steps: Schema.Array(step).check(Schema.isMinLength(1), Schema.isMaxLength(3)),
    isKept: Schema.Boolean,
    isCanned: Schema.Boolean
  })
const Trees = cascadeOf(Schema.Union([
  Model,
  cascadeOf(Schema.Union([Model, cascadeOf(Model)]))
])) as unknown as Schema.Codec<Tree>

interface Told {
  readonly step: string
  readonly degradation: Cascade.Degradation
  readonly failures: ReadonlyArray<string>
  readonly attempts: number
}

const degradations = ["none", "fallback", "stale", "canned"] as const
const worse = (a: Cascade.Degradation, b: Cascade.Degradation) =>
  degradations[Math.max(degradations.indexOf(a), degradations.indexOf(b))]!

/** What is told by the rule; undefined when nobody has an answer. The models here say themselves how often they were asked. */
const expected = (tree: Tree, name: string): Omit<Told, "step"> & { readonly step: string | undefined } => {
  if (tree._tag === "Model") {
    return tree.answers
      ? { step: name, degradation: "none", failures: [], attempts: 1 }
      : { step: undefined, degradation: "none", failures: [name], attempts: 0 }
  }
  const failures: Array<string> = []
  let attempts = 0
  let aside: { readonly step: string; readonly degradation: Cascade.Degradation } | undefined
  for (const [i, step] of tree.steps.entries()) {
    const own = `${name}${i}`
    const told = expected(step, own)
    attempts += told.attempts
    const within = (inner: string) => step._tag === "Model" ? own : `${own}/${inner}`
    failures.push(...told.failures.map(within))
    if (told.step === undefined) continue
    const answer = {
      step: within(told.step),
      degradation: worse(told.degradation, i === 0 ? "none" : "fallback")
    }
    if (answer.degradation === "none" || answer.degradation === "fallback") return { ...answer, failures, attempts }
    if (aside === undefined || aside.degradation === "canned" && answer.degradation === "stale") aside = answer
  }
  const end = aside?.degradation === "stale"
    ? aside
    : tree.isKept
    ? { step: "cache", degradation: "stale" as const }
    : aside ??
      (tree.isCanned
        ? { step: "canned", degradation: "canned" as const }
        : { step: undefined, degradation: "none" as const })
  return { ...end, failures, attempts }
}

const answer: ChatModel.Answer = {
  step: "gpt",
  degradation: "none",
  failures: [],
  attempts: 1,
  possiblyBilledAttempts: 1,
  value: { choices: [{ message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }] }
}

type AnyModel = ModelCascade.Step["model"]

const built = (tree: Tree, name: string): Effect.Effect<AnyModel & Partial<ModelCascade.ModelCascade<unknown>>> =>
  Effect.gen(function*() {
    if (tree._tag === "Model") {
      return ChatModel.of<ChatModel.ModelError>({
        name,
        complete: () =>
          tree.answers
            ? Effect.succeed({ ...answer, step: name })
            : Effect.fail(new Bulkhead.BulkheadFull({ bulkhead: name, reason: "queue-full" }))
      })
    }
    const steps = yield* Effect.forEach(tree.steps, (step, i) => built(step, `${name}${i}`))
    const cascade = yield* ModelCascade.make({
      name,
      models: steps.map((model) => ({ model })) as never,
      cacheKey: () => "key",
      ...tree.isCanned && { canned: Canned.sentences }
    })
    if (tree.isKept) yield* cascade.cache.set(tree.isCanned ? "default:key" : "key", answer)
    return cascade as AnyModel
  })

describe("a cascade of cascades", () => {
  it.effect.prop(
    "serves the best answer that there is anywhere, tells its way and all failures, and keeps no sentence",
    { tree: Trees },
    ({ tree }) =>
      Effect.promise(() =>
        Effect.runPromise(VirtualClock.play(Effect.gen(function*() {
          const cascade = yield* built(tree, "c")
          const before = (yield* cascade.cache!.snapshot).size
          yield* Effect.sleep("1 hour")
          const rule = expected(tree, "c")
          type Either = Omit<ChatModel.Answer, "value">
          const whole = yield* Effect.exit<Either, unknown, never>(cascade.complete(hello))
          const streamed = yield* Effect.exit<Either, unknown, never>(Effect.scoped(cascade.open(hello))).pipe(
            Effect.provideService(ModelCascade.CurrentCacheMode, "refresh")
          )
          for (const exit of [whole, streamed]) {
            if (Exit.isSuccess(exit)) {
              const { attempts, degradation, failures, step } = exit.value
              assert.deepStrictEqual({ step, degradation, failures: failures.map(({ step }) => step), attempts }, rule)
            } else {
              const error = yield* Effect.flip(exit)
              assert.instanceOf(error, Cascade.CascadeExhausted)
              const failures = error.failures.map(({ step }) => step)
              assert.deepStrictEqual({ step: undefined, failures }, { step: rule.step, failures: rule.failures })
            }
          }
          const isKept = rule.step !== undefined && (rule.degradation === "none" || rule.degradation === "fallback")
          assert.strictEqual((yield* cascade.cache!.snapshot).size, Math.max(before, isKept ? 1 : 0))
        })))
      ),
    { arbitrary: { runs: 200 }, timeout: 60_000 }
  )

  const world = (models: Record<string, Behaviour.Behaviour>) =>
    ChatClient.layer({ provider: "p", baseUrl: "http://simulated.test/v1" }).pipe(
      Layer.provide(SimulatedProvider.layerHttpClient),
      Layer.provideMerge(SimulatedProvider.layer({ models }))
    )
  const down = { outcome: Behaviour.serverError }

  it.effect("bills the model that has answered, and a hit of the inner cache as one", () =>
    Effect.gen(function*() {
      const gpt = yield* modelOf({ model: "gpt", retry: { maxAttempts: 1 } })
      const inner = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        name: "eu",
        models: [{ model: gpt }]
      })
      const outer = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        models: [{ model: inner }],
        cacheKey: () => `${outers++}`
      })
      let outers = 0
      const ledger = yield* CostLedger.make({ prices: { gpt: Pricing.price({ input: 1, output: 1 }) }, primary: "gpt" })
      const { complete } = ledger.protect(outer)
      const first = yield* complete(hello)
      assert.deepStrictEqual([first.step, first.bill.model, first.attempts], ["eu/gpt", "gpt", 1])
      const second = yield* complete(hello)
      assert.deepStrictEqual([second.step, second.bill.model, second.attempts], ["eu/cache", "cache", 0])
      // What the inner cascade has kept ages there, and is not kept anew.
      assert.strictEqual((yield* outer.cache.snapshot).size, 1)
    }).pipe(Effect.provide(world({ gpt: { outcome: Behaviour.ok("Good day") } }))))

  it.effect("counts the calls of all cascades inside, also of those that had no answer", () =>
    Effect.gen(function*() {
      const make = (model: string) => modelOf({ model, retry: { maxAttempts: 2, baseDelay: 0 } })
      const inner = yield* ModelCascade.make({
        name: "eu",
        models: [{ model: yield* make("gpt") }, { model: yield* make("claude") }],
        canned: Canned.sentences
      })
      const outer = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        models: [{ model: inner }, { model: yield* make("other") }]
      })
      const { attempts, failures, possiblyBilledAttempts, step } = yield* outer.complete(hello)
      assert.deepStrictEqual([step, attempts, possiblyBilledAttempts], ["other", 5, 5])
      assert.deepStrictEqual(failures.map(({ error, step }) => `${step}: ${error._tag}`), [
        "eu/gpt: ProviderFault",
        "eu/claude: ProviderFault"
      ])
    }).pipe(Effect.provide(world({ gpt: down, claude: down, other: { outcome: Behaviour.ok("Good day") } }))))

  it.effect("streams the sentence of the inner one at the end, once", () =>
    Effect.gen(function*() {
      const gpt = yield* modelOf({ model: "gpt", retry: { maxAttempts: 1 } })
      const inner = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        name: "eu",
        models: [{ model: gpt }],
        canned: Canned.sentences
      })
      const other = yield* modelOf({ model: "other", retry: { maxAttempts: 1 } })
      const outer = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        models: [{ model: inner }, { model: other }]
      })
      const { degradation, step, text } = yield* Effect.scoped(Effect.gen(function*() {
        const { degradation, step, value } = yield* outer.open(hello)
        const chunks = yield* Stream.runCollect(value)
        return { degradation, step, text: chunks.map(({ choices }) => choices[0]?.delta?.content ?? "").join("") }
      }))
      assert.deepStrictEqual([degradation, step, text], ["canned", "eu/canned", Canned.sentences.default])
      assert.strictEqual(ChatSchema.text((yield* outer.complete(hello)).value), Canned.sentences.default)
      assert.strictEqual((yield* outer.cache.snapshot).size, 0)
    }).pipe(Effect.provide(world({ gpt: down, other: down }))))
})
