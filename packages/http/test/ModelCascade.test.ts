import { assert, describe, it } from "@effect/vitest"
import { Cascade, Registry, Retry } from "@switchgear/core"
import { Canned, type ChatModel, ChatSchema, ModelCascade } from "@switchgear/http"
import { Behaviour } from "@switchgear/http/testing"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"
import { all, ask, claude, deepseek, down, gemini, gpt, hello, names, setting } from "./support/fourModels.ts"

const told = ({ degradation, failures, step, value }: ChatModel.Answer) => ({
  text: ChatSchema.text(value),
  step,
  degradation,
  failures: failures.map(({ error, step }) => `${step}: ${error._tag}`)
})

describe("ModelCascade", () => {
  it.effect("serves the first model's answer while it is healthy", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting({ [gpt]: { outcome: Behaviour.ok("hi") } })
      const answer = told(yield* cascade.complete(hello))
      assert.deepStrictEqual(answer, { text: "hi", step: gpt, degradation: "none", failures: [] })
      assert.deepStrictEqual(yield* asked, [1, 0, 0, 0])
    }))

  it.effect("goes down the chain and tells what happened at every step", () =>
    Effect.gen(function*() {
      const { cascade } = yield* setting({
        [gpt]: { outcome: Behaviour.hang },
        [claude]: { outcome: Behaviour.rateLimited("1 minute") },
        [gemini]: { outcome: Behaviour.unauthorized },
        [deepseek]: { outcome: Behaviour.ok("hi") }
      })
      const fiber = yield* Effect.forkChild(cascade.complete(hello), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(told(yield* Fiber.join(fiber)), {
        text: "hi",
        step: deepseek,
        degradation: "fallback",
        failures: [`${gpt}: DeadlineExceeded`, `${claude}: ProviderRateLimited`, `${gemini}: Unauthorized`]
      })
    }))

  it.effect("tells the caller its own mistake at once and asks no other model", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting({
        [gpt]: { outcome: Behaviour.error(400, { message: "n must be 1", type: "invalid_request_error" }) }
      })
      const error = yield* Effect.flip(cascade.complete(hello))
      assert.strictEqual(error._tag, "InvalidRequest")
      assert.include(error.message, "n must be 1")
      assert.deepStrictEqual(yield* asked, [1, 0, 0, 0])
    }))

  it.effect("serves the last good answer, marked as stale, when all models fail, and goes back when they recover", () =>
    Effect.gen(function*() {
      const { cascade, provider } = yield* setting({ [gpt]: { outcome: Behaviour.ok("first") } })
      yield* cascade.complete(hello)
      yield* TestClock.adjust("10 minutes")
      yield* Effect.forEach(names, (name) => provider.set(name, down))
      const stale = told(yield* cascade.complete(hello))
      assert.deepStrictEqual(stale, {
        text: "first",
        step: "cache",
        degradation: "stale",
        failures: names.map((name) => `${name}: ProviderFault`)
      })
      yield* provider.set(gpt, { outcome: Behaviour.ok("second") })
      assert.strictEqual(told(yield* cascade.complete(hello)).text, "second")
    }))

  it.effect("is in the registry under its name, whole replies and streams as one, and tells when it begins to be canned", () =>
    Effect.gen(function*() {
      const { cascade, provider } = yield* setting({ [gpt]: { outcome: Behaviour.ok("hi") } }, { name: "answers" })
      yield* cascade.complete(hello)
      yield* cascade.complete(hello)
      yield* Stream.runDrain(cascade.stream(ask("another question")))
      yield* Effect.forEach(names, (name) => provider.set(name, down))
      yield* cascade.complete(ask("a third question"))
      const retry = yield* Registry.find(Retry.kind, gpt)
      assert.strictEqual((yield* retry!.snapshot).calls, 3)
      const runner = yield* Registry.find(Cascade.kind, "answers")
      const { runs, servingFrom, steps } = yield* runner!.snapshot
      assert.deepStrictEqual({ runs, servingFrom }, { runs: 3, servingFrom: "canned" })
      assert.deepStrictEqual(
        steps.map(({ degradation, failed, served, step }) => [step, degradation, served, failed]),
        [
          [gpt, "none", 2, 1],
          [claude, "fallback", 0, 1],
          [gemini, "fallback", 0, 1],
          [deepseek, "fallback", 0, 1],
          ["cache", "stale", 0, 0],
          ["canned", "canned", 1, 0]
        ]
      )
      const events = (yield* Registry.history).filter(({ kind }) => kind === "Cascade")
      assert.deepStrictEqual(events.map(({ from, id, to }) => `${id}: ${from} → ${to}`), ["answers: none → canned"])
    }).pipe(Effect.scoped, Effect.provide(Registry.layer())))

  it.effect("ends in a sentence in the caller's language when there is no good answer, and does not keep it", () =>
    Effect.gen(function*() {
      const { cascade } = yield* setting(all(down))
      const english = told(yield* cascade.complete(hello))
      assert.deepStrictEqual([english.text, english.degradation], [Canned.sentences.default, "canned"])
      const chinese = told(yield* cascade.complete(ask("我的包裹在哪里？")))
      assert.strictEqual(chinese.text, Canned.sentences["zh"])
      const german = cascade.complete(hello).pipe(Effect.provideService(Canned.CurrentLanguage, "de-AT"))
      assert.strictEqual(told(yield* german).text, Canned.sentences["de"])
      assert.strictEqual((yield* cascade.cache.snapshot).size, 0)
    }))

  it.effect("serves an equal request from the cache while it is fresh, whatever the order of its fields", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting()
      yield* cascade.complete({ ...hello, temperature: 0, seed: 7 })
      const again = told(yield* cascade.complete({ seed: 7, stream: true, temperature: 0, ...hello }))
      assert.deepStrictEqual([again.step, again.degradation], ["cache", "none"])
      yield* cascade.complete({ ...hello, temperature: 1, seed: 7 })
      assert.deepStrictEqual(yield* asked, [2, 0, 0, 0])
    }))

  it.effect("keeps answers of together 256 MiB, and what it is told instead", () =>
    Effect.gen(function*() {
      const { cascade } = yield* setting()
      yield* cascade.complete(hello)
      const { bytes, maxBytes } = yield* cascade.cache.snapshot
      assert.strictEqual(maxBytes, 268_435_456)
      assert.isAbove(bytes, 100)
      const small = yield* setting({}, { cache: { maxBytes: 100 } })
      yield* small.cascade.complete(hello)
      assert.strictEqual((yield* small.cascade.cache.snapshot).size, 0)
    }))

  it.effect("tells the caller that a request cannot be written as JSON, whole and streamed", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting()
      const circular: Record<string, unknown> = {}
      circular["self"] = circular
      for (const metadata of [circular, { n: 1n }]) {
        const error = yield* Effect.flip(cascade.complete({ ...hello, metadata }))
        assert.strictEqual(error._tag, "InvalidRequest")
        const streamed = yield* Effect.flip(Stream.runDrain(cascade.stream({ ...hello, metadata })))
        assert.strictEqual(streamed._tag, "InvalidRequest")
      }
      assert.deepStrictEqual(yield* asked, [0, 0, 0, 0])
    }))

  it.effect("makes one call for equal requests in flight", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting({ [gpt]: { latency: Behaviour.constant("1 second") } })
      const fibers = yield* Effect.forEach(
        Array.from({ length: 50 }),
        () => Effect.forkChild(cascade.complete(hello), { startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(yield* asked, [1, 0, 0, 0])
    }))

  it.effect("keeps tenants apart where the key says so", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting({}, { cacheKey: (request) => JSON.stringify(request["metadata"]) })
      yield* cascade.complete({ ...hello, metadata: { tenant: "a" } })
      yield* cascade.complete({ ...hello, metadata: { tenant: "b" } })
      assert.deepStrictEqual(yield* asked, [2, 0, 0, 0])
    }))

  it.effect("does not keep an answer that was cut off by its length", () =>
    Effect.gen(function*() {
      const cut = Behaviour.respond(200, { choices: [{ message: { content: "Once upon" }, finish_reason: "length" }] })
      const { cascade } = yield* setting({ [gpt]: { outcome: cut } })
      assert.strictEqual(told(yield* cascade.complete(hello)).text, "Once upon")
      assert.strictEqual((yield* cascade.cache.snapshot).size, 0)
    }))

  const tooLong = Behaviour.error(400, { message: "too long", code: "context_length_exceeded" })

  it.effect("sends a conversation that is too long only to models with a larger window", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting(
        { [gpt]: { outcome: tooLong }, [gemini]: { outcome: Behaviour.ok("read it all") } },
        {},
        {
          [gpt]: { contextWindow: 128_000 },
          [claude]: { contextWindow: 128_000 },
          [gemini]: { contextWindow: 1_000_000 }
        }
      )
      const { failures, step } = told(yield* cascade.complete(hello))
      assert.deepStrictEqual([step, failures], [gemini, [`${gpt}: ContextTooLong`, `${claude}: ContextTooLong`]])
      assert.deepStrictEqual(yield* asked, [1, 0, 1, 0])
    }))

  it.effect("tells the caller that a conversation is too long when no later window is larger", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting({ [gpt]: { outcome: tooLong } }, {}, {
        [gpt]: { contextWindow: 128_000 }
      })
      assert.strictEqual((yield* Effect.flip(cascade.complete(hello)))._tag, "ContextTooLong")
      assert.deepStrictEqual(yield* asked, [1, 0, 0, 0])
    }))

  it.effect("goes on from blocked content only where the step opted in", () =>
    Effect.gen(function*() {
      const blocked = { [gpt]: { outcome: Behaviour.error(400, { message: "policy", code: "content_filter" }) } }
      const strict = yield* setting(blocked)
      assert.strictEqual((yield* Effect.flip(strict.cascade.complete(hello)))._tag, "ContentBlocked")
      const lenient = yield* setting(blocked, {}, { [gpt]: { optIn: ["ContentBlocked"] } })
      assert.strictEqual(told(yield* lenient.cascade.complete(hello)).step, claude)
    }))

  it.effect("gives the customer the sentence at the deadline, however many models still hang", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting(all({ outcome: Behaviour.hang }), { deadline: "7 seconds" })
      const fiber = yield* Effect.forkChild(cascade.complete(hello), { startImmediately: true })
      yield* TestClock.adjust("6999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(told(yield* Fiber.join(fiber)).degradation, "canned")
      assert.deepStrictEqual(yield* asked, [1, 1, 1, 1])
    }))

  it.effect("asks no further model when the attempts are spent", () =>
    Effect.gen(function*() {
      const { asked, cascade } = yield* setting(all(down), { attempts: 2 })
      assert.strictEqual(told(yield* cascade.complete(hello)).degradation, "canned")
      assert.deepStrictEqual(yield* asked, [1, 1, 0, 0])
    }))

  it.effect("without a sentence, runs out with the error of every model", () =>
    Effect.gen(function*() {
      const { cascade } = yield* setting(all(down), { canned: undefined as never })
      const error: unknown = yield* Effect.flip(cascade.complete(hello))
      assert.instanceOf(error, Cascade.CascadeExhausted)
      assert.deepStrictEqual((error as Cascade.CascadeExhausted).failures.map(({ step }) => step), [...names])
    }))

  it.effect("says how often was asked for an answer, and what of it may be billed", () =>
    Effect.gen(function*() {
      const { cascade, provider } = yield* setting({
        [gpt]: { outcome: Behaviour.hang },
        [claude]: { outcome: Behaviour.rateLimited("1 minute") }
      })
      const tried = Effect.map(
        cascade.complete(hello),
        ({ attempts, possiblyBilledAttempts, step }) => [step, attempts, possiblyBilledAttempts]
      )
      const fiber = yield* Effect.forkChild(tried, { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [gemini, 3, 2])
      assert.deepStrictEqual(yield* tried, ["cache", 0, 0])
      yield* TestClock.adjust("10 minutes")
      yield* Effect.forEach(names, (name) => provider.set(name, { outcome: Behaviour.unauthorized }))
      assert.deepStrictEqual(yield* tried, ["cache", 4, 0])
    }))

  it("has in its error channel the caller's mistakes and, without a floor, the end of the chain", () => {
    const models: ModelCascade.Options["models"] = [] as never
    type WithFloor = Effect.Success<ReturnType<typeof withFloor>>
    const withFloor = () => ModelCascade.make({ models, canned: Canned.sentences })
    type Without = Effect.Success<ReturnType<typeof without>>
    const without = () => ModelCascade.make({ models })
    expectTypeOf<WithFloor>().toEqualTypeOf<ModelCascade.ModelCascade<ModelCascade.CallerError>>()
    expectTypeOf<Without>().toEqualTypeOf<
      ModelCascade.ModelCascade<ModelCascade.CallerError | Cascade.CascadeExhausted<ChatModel.ModelError>>
    >()
  })
})
