import { assert, describe, it } from "@effect/vitest"
import { Canned, type ChatModel, ChatSchema, ChatStream, CostLedger, type ModelCascade } from "@switchgear/http"
import { Behaviour } from "@switchgear/http/testing"
import { Effect, Fiber, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { all, ask, down, gpt, hello, names, setting } from "./support/fourModels.ts"

/** Writes over everything that a value holds. */
const spoil = (value: unknown): void => {
  if (typeof value !== "object" || value === null) return
  for (const [field, inner] of Object.entries(value)) {
    spoil(inner)
    ;(value as Record<string, unknown>)[field] = "spoilt"
  }
}

const good = {
  id: "chatcmpl-1",
  choices: [{
    index: 0,
    message: { role: "assistant", content: "Good", annotations: [{ at: [1, 2] }] },
    finish_reason: "stop"
  }],
  usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4, prompt_tokens_details: { cached_tokens: 0 } }
}
const answering = { [gpt]: { outcome: Behaviour.respond(200, good) } }

describe("what one caller does to its answer, no other caller sees", () => {
  const said = ({ value }: ChatModel.Answer): unknown => structuredClone(value.choices)
  const kept = structuredClone(good.choices)

  it.effect("neither the next one, nor one who changes that again", () =>
    Effect.gen(function*() {
      const { cascade } = yield* setting(answering)
      for (let i = 0; i < 3; i++) {
        const answer = yield* cascade.complete(hello)
        assert.deepStrictEqual([answer.step, said(answer)], [i === 0 ? gpt : "cache", kept])
        spoil(answer.value)
      }
    }))

  it.effect("nor those who share its call", () =>
    Effect.gen(function*() {
      const { cascade } = yield* setting({
        [gpt]: { latency: undefined, outcome: Behaviour.respond(200, good) } as never
      })
      const spoiling = Effect.map(cascade.complete(hello), (answer) => {
        const before = said(answer)
        spoil(answer.value)
        return before
      })
      const all = yield* Effect.all(Array.from({ length: 5 }, () => spoiling), { concurrency: "unbounded" })
      assert.deepStrictEqual(all, all.map(() => kept))
    }))

  it.effect("nor one who is served it stale, whole or as a stream", () =>
    Effect.gen(function*() {
      const { cascade, provider } = yield* setting(answering)
      spoil((yield* cascade.complete(hello)).value)
      yield* TestClock.adjust("10 minutes")
      yield* Effect.forEach(names, (name) => provider.set(name, down))
      for (let i = 0; i < 2; i++) {
        const stale = yield* cascade.complete(hello)
        assert.deepStrictEqual([stale.degradation, said(stale)], ["stale", kept])
        spoil(stale.value)
        const chunks = yield* Stream.runCollect(cascade.stream(hello))
        const reply = yield* ChatStream.collect(Stream.fromIterable(structuredClone(chunks)))
        assert.deepStrictEqual(reply.choices[0].message.content, good.choices[0]!.message.content)
        chunks.forEach(spoil)
      }
    }))

  it.effect("nor who reads the cache, or puts an answer into it", () =>
    Effect.gen(function*() {
      const { cascade } = yield* setting(answering, { cacheKey: () => "key" })
      yield* cascade.complete(hello)
      const found = Object.values(yield* Effect.map(cascade.cache.lastGood("default:key"), (kept) => ({ ...kept! })))
      spoil((found[0] as ChatModel.Answer).value)
      assert.deepStrictEqual(said(yield* cascade.complete(hello)), kept)
      const own = structuredClone({ ...yield* cascade.complete(hello), failures: [] })
      yield* cascade.cache.set("default:key", own)
      spoil(own.value)
      assert.deepStrictEqual(said(yield* cascade.complete(hello)), kept)
    }))

  it.effect("nor one who comes after a stream whose chunks its reader changed", () =>
    Effect.gen(function*() {
      const { cascade } = yield* setting({ [gpt]: { outcome: Behaviour.stream({ text: "A good answer", chunks: 3 }) } })
      yield* Stream.runForEach(cascade.stream(hello), (chunk) => Effect.sync(() => spoil(chunk)))
      const answer = yield* cascade.complete(hello)
      assert.deepStrictEqual([answer.step, ChatSchema.text(answer.value)], ["cache", "A good answer"])
      assert.isNumber(answer.value.usage?.prompt_tokens)
    }))

  it.effect("and what failed before an answer is told and not kept", () =>
    Effect.gen(function*() {
      const { cascade } = yield* setting({ [gpt]: down }, { cacheKey: () => "key" })
      assert.lengthOf((yield* cascade.complete(hello)).failures, 1)
      assert.lengthOf((yield* cascade.cache.lastGood("default:key"))!.value.failures, 0)
    }))
})

it.effect.each([undefined, null, 0, {}, Promise.resolve("k")])(
  "a key that is %s is no key: its request is refused",
  (key) =>
    Effect.gen(function*() {
      for (const canned of [Canned.sentences, undefined]) {
        const { asked, cascade } = yield* setting({}, { cacheKey: () => key as never, canned: canned as never })
        for (const ask of [cascade.complete(hello), Effect.scoped(cascade.open(hello))]) {
          const error = yield* Effect.flip(ask as Effect.Effect<unknown, ModelCascade.CallerError>)
          assert.deepInclude(error, { _tag: "InvalidRequest", detail: "its cacheKey is not a text" })
        }
        assert.deepStrictEqual(yield* asked, [0, 0, 0, 0])
      }
    })
)

describe("the key of an answer has the tenant in it:", () => {
  const as = (tenant: string | undefined) => <A, E>(self: Effect.Effect<A, E>) =>
    tenant === undefined ? self : CostLedger.withTenant(tenant)(self)

  it.effect.prop("no tenant is served the answer of another, whatever the names and keys", {
    tenants: Schema.Array(
      Schema.Union([Schema.Undefined, Schema.String, Schema.Literals(["[\"a\"]", "a", "", "[", "default:"])])
    )
      .check(Schema.isMinLength(2), Schema.isMaxLength(5)),
    keys: Schema.Array(Schema.Union([Schema.String, Schema.Literals(["k", "[\"a\"]k", "[\"\"]k", "[k"])]))
      .check(Schema.isMinLength(1), Schema.isMaxLength(3))
  }, ({ keys, tenants }) =>
    Effect.gen(function*() {
      const { cascade } = yield* setting(
        { [gpt]: { outcome: Behaviour.ok("hi") } },
        { cacheKey: ({ user }) => String(user), canned: undefined as never }
      )
      const served = new Map<string, Set<string>>()
      for (const key of keys) {
        for (const tenant of tenants) {
          const who = JSON.stringify([tenant ?? "default", key])
          const { step } = yield* as(tenant)(cascade.complete({ ...hello, user: key }))
          assert.strictEqual(step === "cache", served.has(who), who)
          served.set(who, new Set())
        }
      }
    }))

  it.effect("whole answers and streams, and answers in flight", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting(all({ outcome: Behaviour.ok("hi") }))
      const calls = ["a", "b"].flatMap((tenant) => [
        as(tenant)(cascade.complete(hello)),
        as(tenant)(cascade.complete(hello))
      ])
      yield* Effect.all(calls, { concurrency: "unbounded" })
      assert.strictEqual((yield* asked)[0], 2)
      yield* as("c")(Effect.scoped(Effect.flatMap(cascade.open(hello), ({ value }) => Stream.runDrain(value))))
      assert.strictEqual((yield* asked)[0], 3)
    }))
})

describe("the language of a caller", () => {
  it.effect("separates answers only as far as the sentences differ", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting({ [gpt]: { outcome: Behaviour.ok("hi") } })
      const inLanguage = (language: string) =>
        Effect.provideService(cascade.complete(hello), Canned.CurrentLanguage, language)
      for (const tag of ["en-US", "en-GB", "en", "en-US,en;q=0.9", "nl", "constructor", "__proto__"])
        yield* inLanguage(tag)
      assert.strictEqual((yield* asked)[0], 1)
      for (const tag of ["de", "de-AT", "de-CH"])
        yield* inLanguage(tag)
      assert.strictEqual((yield* asked)[0], 2)
    }))

  it.effect("that is no language gets the default sentence", () =>
    Effect.gen(function*() {
      const { cascade } = yield* setting(all(down))
      for (const tag of ["constructor", "__proto__", "toString", "", "DEFAULT"]) {
        const fiber = yield* Effect.forkChild(
          Effect.provideService(cascade.complete(ask(tag)), Canned.CurrentLanguage, tag),
          { startImmediately: true }
        )
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(ChatSchema.text((yield* Fiber.join(fiber)).value), Canned.sentences.default)
      }
    }))
})
