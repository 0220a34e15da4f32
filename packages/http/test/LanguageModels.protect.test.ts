import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, CircuitBreaker, ConcurrencyLimit, Pipeline, RateLimiter, Retry } from "@switchgear/core"
import { ChatError, LanguageModels } from "@switchgear/http"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Schema, Stream } from "effect"
import { AiError, LanguageModel, ResponseIdTracker } from "effect/ai"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "../../core/test/support/yieldAt.ts"
import * as Support from "./support/languageModels.ts"

const hello = { prompt: "hello" }
const patient = Effect.map(
  Retry.make({ maxAttempts: 3, baseDelay: "100 millis", jitter: "none" }),
  (retry) => ({ retry })
)

/** A model behind a circuit, and whatever else is told. */
const setting = (answers: Parameters<typeof Support.scripted>[0], parts: Pipeline.Parts = {}) =>
  Effect.gen(function*() {
    const { asked, model: bare } = yield* Support.scripted(answers)
    const breaker = yield* CircuitBreaker.make({ name: "m", classify: LanguageModels.classify })
    const bulkhead = yield* Bulkhead.make({ name: "m", concurrency: 1 })
    const guards = yield* Pipeline.make({ bulkhead, breaker, ...parts })
    const model = yield* LanguageModels.protect(bare, guards)
    const counted = Effect.gen(function*() {
      const { calls, failed, inFlight, slow } = yield* breaker.snapshot
      return { calls, failed, slow, inFlight: inFlight + (yield* bulkhead.snapshot).inFlight }
    })
    return { asked, bare, breaker, counted, model }
  })

const nothing = { calls: 0, failed: 0, slow: 0, inFlight: 0 }

/** Runs to the end of all virtual waits. */
const played = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

const reasonOf = (end: "whole" | AiError.AiError) => end === "whole" ? end : end.reason._tag

describe("LanguageModels.protect", () => {
  it.effect("lets an answer through as it is and counts it", () =>
    Effect.gen(function*() {
      const { bare, counted, model } = yield* setting({ whole: [Effect.succeed(Support.said("Good day"))] })
      const expected = yield* bare.generateText(hello)
      const response = yield* model.generateText(hello)
      assert.deepStrictEqual(response.content, expected.content)
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1 })
    }))

  it.effect("tries again behind the guards and tells the last error as it was", () =>
    Effect.gen(function*() {
      const { retry } = yield* patient
      const recovering = yield* setting({
        whole: [Effect.fail(Support.down), Effect.succeed(Support.said("Good day"))]
      }, { retry })
      assert.strictEqual((yield* played(recovering.model.generateText(hello))).text, "Good day")
      const failing = yield* setting({ whole: [Effect.fail(Support.down)] }, { retry })
      assert.strictEqual(yield* played(Effect.flip(failing.model.generateText(hello))), Support.down)
      assert.strictEqual(failing.asked.length, 3)
      assert.deepStrictEqual(yield* failing.counted, { ...nothing, calls: 3, failed: 3 })
    }))

  it.effect("tells a concurrency limit of the first content of streams, and of the tokens of whole answers", () =>
    Effect.gen(function*() {
      const { model: bare } = yield* Support.scripted({
        whole: [Effect.delay(Effect.succeed(Support.said("Good day")), "410 millis")],
        streamed: [Stream.concat(
          Stream.fromEffect(Effect.delay(Effect.succeed(Support.opening[0]!), "100 millis")),
          Stream.concat(
            Stream.fromEffect(Effect.delay(Effect.succeed(Support.delta("Good")), "200 millis")),
            Stream.fromEffect(Effect.delay(Effect.succeed(Support.finish()), "1 minute"))
          )
        )]
      })
      const limit = yield* ConcurrencyLimit.make({ name: "m", minimumCalls: 3, window: 1 })
      const model = yield* LanguageModels.protect(bare, limit)
      for (let n = 0; n < 3; n++) yield* played(Support.read(model.streamText(hello)))
      for (let n = 0; n < 3; n++) yield* played(model.generateText(hello))
      const { baselines } = yield* limit.snapshot
      assert.deepStrictEqual(baselines.map(({ millis, sample }) => [sample, Math.round(millis)]), [
        ["firstToken", 300],
        ["perToken", 10]
      ])
    }))

  it.effect("tells a concurrency limit which errors are an overload", () =>
    Effect.gen(function*() {
      const overloaded = new ChatError.Overloaded({ provider: "p", model: "m", isRetryable: true })
      const chat = LanguageModels.make(Support.chatModel(Effect.fail(overloaded)).model)
      const limit = yield* ConcurrencyLimit.make({ name: "m" })
      const model = yield* LanguageModels.protect(yield* chat, limit)
      yield* Effect.exit(model.generateText(hello))
      assert.strictEqual((yield* limit.snapshot).drops, 1)
    }))

  it.effect("does not hold the caller's mistakes against the model", () =>
    Effect.gen(function*() {
      const { counted, model } = yield* setting({ whole: [Effect.fail(Support.invalid)] })
      yield* Effect.flip(model.generateText(hello))
      assert.deepStrictEqual(yield* counted, nothing)
    }))

  it.effect("counts a defect and lets it through", () =>
    Effect.gen(function*() {
      const { counted, model } = yield* setting({ whole: [Effect.die("bug")] })
      const exit = yield* Effect.exit(model.generateText(hello))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1, failed: 1 })
    }))

  it.effect("tells a time-out and a refusal as an AiError that can be waited for", () =>
    Effect.gen(function*() {
      const limit = yield* RateLimiter.make({ name: "m", limits: [RateLimiter.requests(1, "1 minute")] })
      const { breaker, model } = yield* setting({ whole: [Effect.never] }, {
        attemptTimeout: "5 seconds",
        rateLimiter: limit
      })
      const late = yield* played(Effect.flip(model.generateText(hello)))
      assert.include(late.message, "The attempt had not ended after 5s")
      yield* model.generateText(hello).pipe(
        Effect.timeoutOption("1 second"),
        Effect.forkChild({ startImmediately: true })
      )
      const limited = yield* Effect.flip(model.generateText(hello))
      assert.strictEqual(limited.reason._tag, "RateLimitError")
      assert.strictEqual(Duration.toSeconds(limited.retryAfter!), 60)
      yield* breaker.control.trip("30 seconds")
      const open = yield* Effect.flip(model.generateText(hello))
      assert.deepStrictEqual([open.reason._tag, open.retryAfter], ["InternalProviderError", Duration.seconds(30)])
    }))

  it.effect("leaves nothing behind, at whatever step a caller is interrupted", () =>
    Effect.gen(function*() {
      const { counted, model } = yield* setting({ whole: [Effect.succeed(Support.said("Good day"))] })
      const steps = yield* interruptAtEveryStep({
        program: () => model.generateText(hello),
        check: () => Effect.map(counted, ({ failed, inFlight }) => assert.deepStrictEqual([failed, inFlight], [0, 0]))
      })
      assert.isAbove(steps, 50)
    }))

  it.effect("reads an object with the model that wrote it, and tries again when it does not fit", () =>
    Effect.gen(function*() {
      const { retry } = yield* patient
      const { asked, counted, model } = yield* setting({
        whole: [Effect.succeed(Support.said("Li, I think")), Effect.succeed(Support.said("{\"name\":\"Li\"}"))]
      }, { retry })
      const schema = Schema.Struct({ name: Schema.String })
      const response = yield* played(model.generateObject({ ...hello, schema, objectName: "person" }))
      assert.deepStrictEqual([response.value, response.text], [{ name: "Li" }, "{\"name\":\"Li\"}"])
      assert.strictEqual(asked[1]?.responseFormat.type, "json")
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1 })
    }))

  it.effect("sends the whole prompt each time", () =>
    Effect.gen(function*() {
      const { asked, model } = yield* setting({ whole: [Effect.fail(Support.invalid)] })
      const tracker = { ...yield* ResponseIdTracker.make, prepareUnsafe: () => assert.fail("the tracker was asked") }
      yield* Effect.flip(model.generateText(hello)).pipe(
        Effect.provideService(ResponseIdTracker.ResponseIdTracker, tracker)
      )
      assert.strictEqual(asked.length, 1)
    }))
})

describe("LanguageModels.protect, tools", () => {
  const calling = [Support.call(), Support.finish("tool-calls")]

  it.effect("runs the handler once, after the retries and outside of the guards", () =>
    Effect.gen(function*() {
      const { retry } = yield* patient
      const { counted, model } = yield* setting({
        whole: [Effect.fail(Support.down), Effect.succeed(calling)]
      }, { retry, attemptTimeout: "5 seconds" })
      const inside = Effect.orDie(Effect.map(counted, ({ inFlight }) => assert.strictEqual(inFlight, 0)))
      const { layer, orders } = Support.handling(() =>
        Effect.as(Effect.andThen(inside, Effect.sleep("1 minute")), "done")
      )
      const response = yield* played(
        model.generateText({ ...hello, toolkit: Support.Tools }).pipe(Effect.provide(layer))
      )
      assert.deepStrictEqual(orders, ["A-1"])
      assert.deepStrictEqual(response.toolCalls.map(({ params }) => params), [{ order: "A-1", cents: "250" }])
      assert.deepStrictEqual(response.toolResults.map(({ result }) => result), ["done"])
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 2, failed: 1 })
    }))

  it.effect("tells the failure of a handler to the caller and counts it nowhere", () =>
    Effect.gen(function*() {
      const { retry } = yield* patient
      const { asked, counted, model } = yield* setting({ whole: [Effect.succeed(calling)] }, { retry })
      const { layer, orders } = Support.handling(() => Effect.fail("no such order"))
      const error = yield* Effect.flip(
        model.generateText({ ...hello, toolkit: Support.Tools }).pipe(Effect.provide(layer))
      )
      assert.strictEqual(error, "no such order")
      assert.deepStrictEqual([orders, asked.length], [["A-1"], 1])
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1 })
    }))

  it.effect("hands calls to the caller where he resolves them", () =>
    Effect.gen(function*() {
      const { model } = yield* setting({ whole: [Effect.succeed(calling)] })
      const response = yield* model.generateText({
        ...hello,
        toolkit: Support.Tools.of(
          { tools: Support.Tools.tools, handle: () => Effect.die("handled") } as never
        ) as never,
        disableToolCallResolution: true
      })
      assert.deepStrictEqual(response.toolCalls.length, 1)
      assert.deepStrictEqual(response.toolResults, [])
    }))

  it.effect("takes the call of a tool that nobody offered for a failure of the model", () =>
    Effect.gen(function*() {
      const { retry } = yield* patient
      const { asked, model } = yield* setting({
        whole: [
          Effect.succeed([{ ...Support.call(), name: "delete" }, Support.finish("tool-calls")]),
          Effect.succeed(Support.said("Good day"))
        ]
      }, { retry })
      const { layer, orders } = Support.handling()
      const response = yield* played(
        model.generateText({ ...hello, toolkit: Support.Tools }).pipe(Effect.provide(layer))
      )
      assert.deepStrictEqual([response.text, orders, asked.length], ["Good day", [], 2])
    }))

  it.effect("runs the handlers of a streamed answer once, outside of the guards", () =>
    Effect.gen(function*() {
      const { counted, model } = yield* setting({
        streamed: [Stream.fromIterable([...Support.opening, Support.delta("Let me see"), ...calling])]
      }, { attemptTimeout: "5 seconds" })
      const { layer, orders } = Support.handling(() => Effect.as(Effect.sleep("1 minute"), "done"))
      const parts = yield* played(
        Stream.runCollect(model.streamText({ ...hello, toolkit: Support.Tools })).pipe(Effect.provide(layer))
      )
      assert.deepStrictEqual(orders, ["A-1"])
      assert.deepStrictEqual(parts.filter(({ type }) => type === "tool-result").length, 1)
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1 })
    }))
})

describe("LanguageModels.protect, streams", () => {
  const cutAfter = (...texts: ReadonlyArray<string>): Stream.Stream<any, AiError.AiError> =>
    Stream.concat(Stream.fromIterable([...Support.opening, ...texts.map(Support.delta)]), Stream.fail(Support.down))

  it.effect("is one call, which ends with the stream", () =>
    Effect.gen(function*() {
      const slow = Stream.tap(Support.told("Good ", "day"), () => Effect.sleep("1 second"))
      const { counted, model } = yield* setting({ streamed: [slow] })
      const fiber = yield* Effect.forkChild(Support.read(model.streamText(hello)), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* counted, { ...nothing, inFlight: 2 })
      const refused = yield* Support.read(model.streamText(hello))
      assert.include((refused.end as AiError.AiError).message, "Bulkhead \"m\" did not take the call")
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(fiber), { text: "Good day", end: "whole" })
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1 })
    }))

  it.effect("of a probe keep it alive for as long as they speak", () =>
    Effect.gen(function*() {
      const texts = Array.from({ length: 90 }, () => "x")
      const slow = Stream.tap(Support.told(...texts), () => Effect.sleep("1 second"))
      const { breaker, model } = yield* setting({ streamed: [slow] })
      yield* breaker.control.trip("1 second")
      yield* TestClock.adjust("1 second")
      // One probe at a time: half-open waits for five.
      for (let probe = 1; probe <= 5; probe++) {
        assert.deepStrictEqual(yield* played(Support.read(model.streamText(hello))), {
          text: texts.join(""),
          end: "whole"
        })
      }
      const { openings, state } = yield* breaker.snapshot
      assert.deepStrictEqual({ openings, state }, { openings: 1, state: "Closed" })
    }))

  it.effect("end when their reader takes nothing for the time of an option, and tell it", () =>
    Effect.gen(function*() {
      let closed = 0
      const endless = Stream.ensuring(
        Stream.concat(Stream.fromIterable(Support.opening), Stream.forever(Stream.make(Support.delta("x")))),
        Effect.sync(() => closed++)
      )
      const { model: bare } = yield* Support.scripted({ streamed: [endless] })
      const breaker = yield* CircuitBreaker.make({ name: "m", classify: LanguageModels.classify })
      const bulkhead = yield* Bulkhead.make({ name: "m", concurrency: 1, queue: 0 })
      const guards = yield* Pipeline.make({ bulkhead, breaker })
      const model = yield* LanguageModels.protect(bare, guards, { readerTimeout: "1 minute" })
      const counts = Effect.gen(function*() {
        const { calls, failed, inFlight } = yield* breaker.snapshot
        return [calls, failed, inFlight, (yield* bulkhead.snapshot).inFlight, closed]
      })
      const wake = yield* Deferred.make<void>()
      const reader = yield* Effect.forkChild(
        Support.read(Stream.tap(model.streamText(hello), () => Deferred.await(wake))),
        { startImmediately: true }
      )
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(yield* counts, [0, 0, 1, 1, 0])
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(yield* counts, [0, 0, 0, 0, 1])
      yield* TestClock.adjust("1 day")
      yield* Deferred.succeed(wake, undefined)
      const { end, text } = yield* Fiber.join(reader)
      assert.match(text, /^x{60,130}$/)
      assert.strictEqual((end as AiError.AiError).reason._tag, "UnknownError")
      assert.match((end as AiError.AiError).message, /took nothing for 1m.*raise the readerTimeout/)
    }))

  it.effect("give a slow reader its time with every part anew", () =>
    Effect.gen(function*() {
      const texts = Array.from({ length: 200 }, () => "x")
      const { bare } = yield* setting({ streamed: [Support.told(...texts)] })
      const bulkhead = yield* Bulkhead.make({ name: "m", concurrency: 1 })
      const model = yield* LanguageModels.protect(bare, bulkhead, { readerTimeout: "1 hour" })
      const slowly = Stream.rechunk(Stream.tap(model.streamText(hello), () => Effect.sleep("50 seconds")), 1)
      const fiber = yield* Effect.forkChild(Support.read(slowly), { startImmediately: true })
      yield* TestClock.adjust("4 hours")
      assert.deepStrictEqual(yield* Fiber.join(fiber), { text: texts.join(""), end: "whole" })
    }))

  it.effect("refuse a reader timeout that is none", () =>
    Effect.gen(function*() {
      const { bare } = yield* setting({})
      const bulkhead = yield* Bulkhead.make({ name: "m", concurrency: 1 })
      const making = [
        LanguageModels.protect(bare, bulkhead, { readerTimeout: 0 }),
        LanguageModels.protect(bulkhead, { readerTimeout: -1 })(bare),
        LanguageModels.cascade([{ name: "m", model: bare }], { readerTimeout: Number.NaN })
      ]
      for (const make of making) {
        const exit = yield* Effect.exit(make)
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, RangeError)
        assert.match(
          String(defect),
          /LanguageModels\.(protect|cascade): readerTimeout must be a duration above zero, got/
        )
      }
    }))

  it.effect("tries again until the model speaks, and holds back what came before", () =>
    Effect.gen(function*() {
      const { retry } = yield* patient
      const { asked, counted, model } = yield* setting({ streamed: [cutAfter(), Support.told("Good day")] }, { retry })
      const parts = yield* played(Stream.runCollect(model.streamText(hello)))
      assert.deepStrictEqual(parts.map(({ type }) => type), [
        "response-metadata",
        "text-start",
        "text-delta",
        "text-end",
        "finish"
      ])
      assert.strictEqual(asked.length, 2)
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 2, failed: 1 })
    }))

  it.effect("tells a failure in the stream once the model has spoken, at once, and counts it", () =>
    Effect.gen(function*() {
      const { retry } = yield* patient
      const { asked, counted, model } = yield* setting({ streamed: [cutAfter("Good ")] }, { retry })
      const { end, text } = yield* Support.read(model.streamText(hello))
      assert.deepStrictEqual([text, end], ["Good ", Support.down])
      assert.strictEqual(asked.length, 1)
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1, failed: 1 })
    }))

  it.effect("begins no second answer under a guard of another make that tries again", () =>
    Effect.gen(function*() {
      const { asked, model: bare } = yield* Support.scripted({ streamed: [cutAfter("Good "), Support.told("Hello")] })
      const model = yield* LanguageModels.protect(bare, { protect: (call) => Effect.retry(call, { times: 2 }) })
      const { end, text } = yield* Support.read(model.streamText(hello))
      assert.deepStrictEqual([text, end, asked.length], ["Good ", Support.down, 1])
    }))

  it.effect("takes an error part for the failure that it is", () =>
    Effect.gen(function*() {
      const error = { type: "error", error: { message: "a secret of the prompt" } } as const
      const { retry } = yield* patient
      const early = yield* setting({
        streamed: [Stream.fromIterable([...Support.opening, error]), Support.told("Good day")]
      }, { retry })
      assert.deepStrictEqual(yield* played(Support.read(early.model.streamText(hello))), {
        text: "Good day",
        end: "whole"
      })
      const late = yield* setting({ streamed: [Stream.fromIterable([Support.delta("Good "), error])] })
      const { end, text } = yield* Support.read(late.model.streamText(hello))
      assert.deepStrictEqual([text, reasonOf(end)], ["Good ", "InternalProviderError"])
      assert.notInclude((end as AiError.AiError).message, "secret")
      assert.deepStrictEqual(yield* late.counted, { ...nothing, calls: 1, failed: 1 })
    }))

  it.effect("is cut by a time-out of the guards, and says so", () =>
    Effect.gen(function*() {
      const closed = yield* Deferred.make<void>()
      const stalling = Stream.concat(Stream.fromIterable([Support.delta("Good ")]), Stream.never).pipe(
        Stream.ensuring(Deferred.succeed(closed, undefined))
      )
      const { counted, model } = yield* setting({ streamed: [stalling] }, { attemptTimeout: "5 seconds" })
      const { end, text } = yield* played(Support.read(model.streamText(hello)))
      assert.strictEqual(text, "Good ")
      assert.include((end as AiError.AiError).message, "The attempt had not ended after 5s")
      assert.isTrue(yield* Deferred.isDone(closed))
      assert.deepStrictEqual(yield* counted, { ...nothing, calls: 1, failed: 1 })
    }))

  it.effect("interrupts the model when the reader has enough, which counts as nothing", () =>
    Effect.gen(function*() {
      const closed = yield* Deferred.make<void>()
      const endless = Stream.concat(Stream.make(Support.delta("Good ")), Stream.never).pipe(
        Stream.ensuring(Deferred.succeed(closed, undefined))
      )
      const { counted, model } = yield* setting({ streamed: [endless] })
      yield* Stream.runDrain(Stream.take(model.streamText(hello), 1))
      assert.isTrue(yield* Deferred.isDone(closed))
      assert.deepStrictEqual(yield* counted, nothing)
    }))

  it.effect("holds the model back when the reader is slow", () =>
    Effect.gen(function*() {
      let written = 0
      const endless = Stream.tap(
        Stream.forever(Stream.make(Support.delta("word "))),
        () => Effect.sync(() => written++)
      )
      const { model } = yield* setting({ streamed: [endless] })
      yield* Stream.runForEach(model.streamText(hello), () => Effect.sleep("1 minute")).pipe(
        Effect.timeoutOption("2 minutes"),
        played
      )
      assert.isBelow(written, 200)
    }))

  it.effect("leaves nothing behind, at whatever step a reader is interrupted", () =>
    Effect.gen(function*() {
      const { counted, model } = yield* setting({ streamed: [Support.told("Good ", "day")] })
      const steps = yield* interruptAtEveryStep({
        program: () => Stream.runDrain(model.streamText(hello)),
        check: () => Effect.map(counted, ({ failed, inFlight }) => assert.deepStrictEqual([failed, inFlight], [0, 0]))
      })
      assert.isAbove(steps, 50)
    }))
})

describe("LanguageModels.protect, as a layer", () => {
  it.effect("takes a model's service and gives it back with guards", () =>
    Effect.gen(function*() {
      const { model } = yield* Support.scripted({ whole: [Effect.succeed(Support.said("Good day"))] })
      const breaker = yield* CircuitBreaker.make({ name: "m" })
      yield* breaker.control.forceOpen
      const guarded = Effect.flatMap(LanguageModel.LanguageModel, LanguageModels.protect(breaker)).pipe(
        Effect.provideService(LanguageModel.LanguageModel, model)
      )
      const error = yield* LanguageModel.generateText(hello).pipe(
        Effect.provideServiceEffect(LanguageModel.LanguageModel, guarded),
        Effect.flip
      )
      assert.include(error.message, "ForcedOpen")
    }))
})
