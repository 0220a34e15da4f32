/** A cascade of language models whose steps are cascades themselves: of chat models, or of language models. */
import { assert, describe, it } from "@effect/vitest"
import { Cascade } from "@switchgear/core"
import { ChatError, ChatModel, type ChatSchema, ChatStream, LanguageModels, ModelCascade } from "@switchgear/http"
import { Effect, Exit, Schema, Stream } from "effect"
import { AiError, type LanguageModel } from "effect/ai"
import * as Support from "./support/languageModels.ts"

const hello = { prompt: "hello" }
const degradations = ["none", "fallback", "stale", "canned"] as const
const worse = (a: Cascade.Degradation, b: Cascade.Degradation) =>
  degradations[Math.max(degradations.indexOf(a), degradations.indexOf(b))]!
const isDegraded = (degradation: Cascade.Degradation) => degradation === "stale" || degradation === "canned"

/** A model of the platform, a cascade of chat models that answers so or has run out, or a cascade of such. */
type Tree =
  | { readonly _tag: "Plain"; readonly answers: boolean }
  | { readonly _tag: "Chat"; readonly served: Cascade.Degradation | "exhausted" }
  | { readonly _tag: "Cascade"; readonly steps: ReadonlyArray<Tree> }

const Leaf = Schema.Union([
  Schema.TaggedStruct("Plain", { answers: Schema.Boolean }),
  Schema.TaggedStruct("Chat", { served: Schema.Literals([...degradations, "exhausted"]) })
])
const cascadeOf = <S extends Schema.Constraint>(step: S) =>
  Schema.TaggedStruct("Cascade", { steps: Schema.Array(step).check(Schema.isMinLength(1), Schema.isMaxLength(3)) })
const Trees = cascadeOf(
  Schema.Union([Leaf, cascadeOf(Schema.Union([Leaf, cascadeOf(Leaf)]))])
) as unknown as Schema.Codec<Tree>

interface Told {
  readonly step: string
  readonly degradation: Cascade.Degradation
}
type Failures = ReadonlyArray<LanguageModels.Provenance["failures"][number]>

/** The name of a step, which is none of those around it. */
const nameOf = (around: string, i: number): string => `${"abc"[around.split("/").length - 1]}${i}`

/** What is told by the rule; undefined when nobody has an answer. */
const expected = (tree: Tree, name: string): { readonly answer: Told | undefined; readonly failures: Failures } => {
  if (tree._tag === "Plain") {
    return tree.answers
      ? { answer: { step: name, degradation: "none" }, failures: [] }
      : { answer: undefined, failures: [{ step: name, error: "InternalProviderError" }] }
  }
  if (tree._tag === "Chat") {
    const failures = [{ step: `${name}/gpt`, error: "ProviderFault" }]
    return tree.served === "exhausted"
      ? { answer: undefined, failures }
      : {
        answer: { step: `${name}/${tree.served}`, degradation: tree.served },
        failures: tree.served === "none" ? [] : failures
      }
  }
  const failures: Array<Failures[number]> = []
  let aside: Told | undefined
  for (const [i, step] of tree.steps.entries()) {
    const inner = expected(step, `${name}/${nameOf(name, i)}`)
    failures.push(...inner.failures)
    if (inner.answer === undefined) continue
    const answer = { ...inner.answer, degradation: worse(inner.answer.degradation, i === 0 ? "none" : "fallback") }
    if (!isDegraded(answer.degradation)) return { answer, failures }
    if (aside === undefined || aside.degradation === "canned" && answer.degradation === "stale") aside = answer
  }
  return { answer: aside, failures }
}

const gptIsDown = new ChatError.ProviderFault({ provider: "p", model: "gpt", status: 503 })

/** What a cascade of chat models has: an answer that says how it came about, or the failures of all of its steps. */
const chatModel = (served: Cascade.Degradation | "exhausted", text: string) => {
  const failures = served === "none" ? [] : [{ step: "gpt", error: gptIsDown }]
  const answer = <A>(value: A) =>
    served === "exhausted"
      ? Effect.flip(Cascade.run(Cascade.first("gpt", Effect.fail(gptIsDown)))).pipe(
        Effect.flatMap(Effect.fail)
      )
      : Effect.succeed({ step: served, degradation: served, failures, attempts: 1, possiblyBilledAttempts: 1, value })
  const reply: ChatSchema.ChatReply = {
    choices: [{ message: { role: "assistant", content: text }, finish_reason: "stop" }]
  }
  return ChatModel.of<unknown>({
    name: "chat",
    complete: () => answer(reply),
    open: () => answer(ChatStream.fromReply(reply))
  })
}

/** Each leaf says its own name, as text and as an object. */
const built = (tree: Tree, name: string): Effect.Effect<LanguageModel.LanguageModel> =>
  Effect.gen(function*() {
    const text = JSON.stringify({ from: name })
    switch (tree._tag) {
      case "Plain": {
        const { model } = yield* Support.scripted(
          tree.answers
            ? { whole: [Effect.succeed(Support.said(text))], streamed: [Support.told(text)] }
            : { whole: [Effect.fail(Support.down)], streamed: [Stream.fail(Support.down)] }
        )
        return model
      }
      case "Chat":
        return yield* LanguageModels.make(chatModel(tree.served, text))
      case "Cascade": {
        const steps = yield* Effect.forEach(tree.steps, (step, i) => {
          const own = nameOf(name, i)
          return Effect.map(built(step, `${name}/${own}`), (model): LanguageModels.Step => ({ name: own, model }))
        })
        return yield* LanguageModels.cascade(steps as never)
      }
    }
  })

/** The name of the leaf in a path of steps, without what the leaf says of itself. */
const leafOf = (step: string) => step.replace(/\/[a-z]+$/, "")

describe("a cascade of language models that are cascades", () => {
  it.effect.prop(
    "serves the best answer that there is anywhere, whole, streamed and as an object, and tells its way and all failures",
    { tree: Trees },
    ({ tree }) =>
      Effect.gen(function*() {
        const model = yield* built(tree, "")
        const { answer, failures } = expected(tree, "")
        const below = <A extends { readonly step: string }>(told: A) => ({ ...told, step: told.step.slice(1) })
        const rule = answer && { ...below(answer), failures: failures.map(below) }
        const asObject = model.generateObject({ ...hello, schema: Schema.Struct({ from: Schema.String }) })
        const asked = [
          Effect.map(model.generateText(hello), ({ content, text }) => ({ content, text })),
          Effect.map(Stream.runCollect(model.streamText(hello)), (content) => ({
            content,
            text: content.map((part) => part.type === "text-delta" ? part.delta : "").join("")
          })),
          Effect.map(asObject, ({ content, value }) => ({ content, text: JSON.stringify(value) }))
        ]
        for (const ask of asked) {
          const exit = yield* Effect.exit<{ readonly content: any; readonly text: string }, AiError.AiError, never>(ask)
          if (Exit.isFailure(exit)) {
            assert.isUndefined(rule)
            const { reason } = yield* Effect.flip(exit)
            assert.instanceOf(reason, AiError.InternalProviderError)
            const { metadata } = reason as AiError.InternalProviderError
            assert.deepStrictEqual<unknown>((metadata["switchgear"] as any).failures, failures.map(below))
            continue
          }
          const { attempts: _, ...provenance } = LanguageModels.provenance(exit.value.content)!
          assert.deepStrictEqual<unknown>(provenance, rule)
          assert.deepStrictEqual(JSON.parse(exit.value.text), { from: leafOf(answer!.step) })
        }
      }),
    { arbitrary: { runs: 200 }, timeout: 60_000 }
  )

  it.effect("tells the calls of a cascade inside that was asked alone, and none where others were asked besides", () =>
    Effect.gen(function*() {
      const attempts = (...trees: ReadonlyArray<Tree>) =>
        Effect.gen(function*() {
          const model = yield* built({ _tag: "Cascade", steps: trees }, "")
          return LanguageModels.provenance((yield* model.generateText(hello)).content)?.attempts
        })
      assert.strictEqual(yield* attempts({ _tag: "Chat", served: "fallback" }, { _tag: "Plain", answers: true }), 1)
      assert.isUndefined(yield* attempts({ _tag: "Plain", answers: false }, { _tag: "Chat", served: "none" }))
      assert.isUndefined(yield* attempts({ _tag: "Chat", served: "stale" }, { _tag: "Chat", served: "canned" }))
    }))

  it.effect("has the sentence of a cascade of chat models at its end, not in the place of a model that answers", () =>
    Effect.gen(function*() {
      const first = yield* ModelCascade.make({
        name: "eu",
        models: [{ model: chatModel("exhausted", "") as never }],
        canned: { default: "Later" }
      })
      const { model } = yield* Support.scripted({
        whole: [Effect.succeed(Support.said("Good day"))],
        streamed: [Support.told("Good day")]
      })
      const cascade = yield* LanguageModels.cascade([
        { name: "eu", model: yield* LanguageModels.make(first) },
        { name: "us", model }
      ])
      assert.strictEqual((yield* cascade.generateText(hello)).text, "Good day")
      assert.deepStrictEqual(yield* Support.read(cascade.streamText(hello)), { text: "Good day", end: "whole" })
    }))
})
