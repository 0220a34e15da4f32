import { assert, describe, it } from "@effect/vitest"
import { Attempts, CircuitBreaker } from "@switchgear/core"
import { ChatError, LanguageModels } from "@switchgear/http"
import { Cause, Deferred, Duration, Effect, Exit, Schema, Stream } from "effect"
import { AiError, LanguageModel } from "effect/ai"
import * as Support from "./support/languageModels.ts"

const hello = { prompt: "hello" }

type Answers = Parameters<typeof Support.scripted>[0]

/** Models a, b, ... in a cascade, and how often each was asked. */
const setting = (answers: ReadonlyArray<Answers>, when?: LanguageModels.Step["when"]) =>
  Effect.gen(function*() {
    const models = yield* Effect.forEach(answers, Support.scripted)
    const [first, ...others] = models.map(({ model }, i) => ({ name: "abc"[i]!, model, when }))
    const model = yield* LanguageModels.cascade([first!, ...others])
    return { model, asked: () => models.map(({ asked }) => asked.length) }
  })

const answering = (text: string): Answers => ({
  whole: [Effect.succeed(Support.said(text))],
  streamed: [Support.told(text)]
})
const failing = (error: AiError.AiError): Answers => ({ whole: [Effect.fail(error)], streamed: [Stream.fail(error)] })
const down = failing(Support.down)

const fallback: LanguageModels.Provenance = {
  step: "b",
  degradation: "fallback",
  failures: [{ step: "a", error: "InternalProviderError" }]
}

describe("LanguageModels.cascade", () => {
  it.effect("asks the first model alone while it answers", () =>
    Effect.gen(function*() {
      const { asked, model } = yield* setting([answering("a"), answering("b")])
      const response = yield* model.generateText(hello)
      assert.strictEqual(response.text, "a")
      assert.deepStrictEqual(LanguageModels.provenance(response.content), {
        step: "a",
        degradation: "none",
        failures: []
      })
      assert.deepStrictEqual(asked(), [1, 0])
    }))

  it.effect("moves on, and says where the answer comes from", () =>
    Effect.gen(function*() {
      const { model } = yield* setting([down, answering("b")])
      const response = yield* model.generateText(hello)
      assert.strictEqual(response.text, "b")
      assert.deepStrictEqual(LanguageModels.provenance(response.content), fallback)
    }))

  it.effect("moves on for an object that does not fit its schema", () =>
    Effect.gen(function*() {
      const { model } = yield* setting([answering("Li, I think"), answering("{\"name\":\"Li\"}")])
      const { value } = yield* model.generateObject({ ...hello, schema: Schema.Struct({ name: Schema.String }) })
      assert.deepStrictEqual(value, { name: "Li" })
    }))

  it.effect("tells the caller's own mistake at once", () =>
    Effect.gen(function*() {
      const { asked, model } = yield* setting([failing(Support.invalid), answering("b")])
      assert.strictEqual(yield* Effect.flip(model.generateText(hello)), Support.invalid)
      assert.deepStrictEqual(asked(), [1, 0])
    }))

  it.effect("moves on for whatever a step says instead", () =>
    Effect.gen(function*() {
      const { model } = yield* setting([failing(Support.invalid), answering("b")], () => true)
      assert.strictEqual((yield* model.generateText(hello)).text, "b")
    }))

  it.effect("says of every model why it did not answer, and when to come back", () =>
    Effect.gen(function*() {
      const limited = Support.failure(new AiError.RateLimitError({ retryAfter: Duration.seconds(20) }))
      const { model } = yield* setting([down, failing(limited)])
      const error = yield* Effect.flip(model.generateText(hello))
      assert.strictEqual(
        error.message,
        "LanguageModels.generateText: Internal provider error: No step of the cascade answered: a (InternalProviderError), b (RateLimitError). Try again later, or add another model."
      )
      assert.deepStrictEqual([error.isRetryable, error.retryAfter], [true, Duration.seconds(20)])
    }))

  it.effect("passes a model over when no attempt is left", () =>
    Effect.gen(function*() {
      const { asked, model } = yield* setting([down, down, answering("c")])
      yield* Effect.flip(model.generateText(hello).pipe(Attempts.within(2)))
      assert.deepStrictEqual(asked(), [1, 1, 0])
    }))

  it.effect("does not move on for a defect", () =>
    Effect.gen(function*() {
      const { asked, model } = yield* setting([{ whole: [Effect.die("bug")] }, answering("b")])
      const exit = yield* Effect.exit(model.generateText(hello))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual(asked(), [1, 0])
    }))

  it.effect("runs a handler once however many models were asked, and never moves on for its failure", () =>
    Effect.gen(function*() {
      const calling = { whole: [Effect.succeed([Support.call(), Support.finish("tool-calls")])] }
      const { asked, model } = yield* setting([down, calling, answering("c")])
      const { layer, orders } = Support.handling(() => Effect.fail("no such order"))
      const error = yield* Effect.flip(
        model.generateText({ ...hello, toolkit: Support.Tools }).pipe(Effect.provide(layer))
      )
      assert.strictEqual(error, "no such order")
      assert.deepStrictEqual([orders, asked()], [["A-1"], [1, 1, 0]])
    }))

  it.effect("runs a handler that the user has approved once, before any model is asked", () =>
    Effect.gen(function*() {
      const { asked, model } = yield* setting([down, answering("b")])
      const { layer, orders } = Support.handling()
      const response = yield* model.generateText({
        prompt: [
          {
            role: "assistant",
            content: [Support.call(), { type: "tool-approval-request", approvalId: "yes-1", toolCallId: "call-1" }]
          },
          { role: "tool", content: [{ type: "tool-approval-response", approvalId: "yes-1", approved: true }] }
        ],
        toolkit: Support.Tools
      }).pipe(Effect.provide(layer))
      assert.deepStrictEqual([response.text, orders, asked()], ["b", ["A-1"], [1, 1]])
    }))

  it.effect("asks the next model at once while the circuit of the first is open", () =>
    Effect.gen(function*() {
      const { asked, model: bare } = yield* Support.scripted(answering("a"))
      const breaker = yield* CircuitBreaker.make({ name: "a" })
      yield* breaker.control.trip("30 seconds")
      const model = yield* LanguageModels.cascade([
        { name: "a", model: yield* LanguageModels.protect(bare, breaker) },
        { name: "b", model: (yield* Support.scripted(answering("b"))).model }
      ])
      const response = yield* model.generateText(hello)
      assert.deepStrictEqual([response.text, asked.length], ["b", 0])
      assert.deepStrictEqual(LanguageModels.provenance(response.content)?.failures, [
        { step: "a", error: "CircuitOpen" }
      ])
    }))

  it.effect("knows of system messages in a history what all of its models know", () =>
    Effect.gen(function*() {
      const supporting = (supported: boolean | undefined) =>
        LanguageModel.make({
          generateText: () => Effect.succeed([]),
          streamText: () => Stream.empty,
          supportsSystemMessagesInHistory: supported === undefined ? undefined : Effect.succeed(supported)
        })
      const known = (a: boolean | undefined, b: boolean | undefined) =>
        Effect.gen(function*() {
          const { supportsSystemMessagesInHistory: known } = yield* LanguageModels.cascade([
            { name: "a", model: yield* supporting(a) },
            { name: "b", model: yield* supporting(b) }
          ])
          return known && (yield* known)
        })
      const all = [yield* known(true, true), yield* known(true, false), yield* known(true, undefined)]
      assert.deepStrictEqual(all, [true, false, undefined])
    }))
})

describe("LanguageModels.cascade, streams", () => {
  it.effect("moves on until a model speaks, and tells nothing of those before", () =>
    Effect.gen(function*() {
      const silent = Stream.concat(Stream.fromIterable(Support.opening), Stream.fail(Support.down))
      const { model } = yield* setting([{ streamed: [silent] }, answering("b")])
      const parts = yield* Stream.runCollect(model.streamText(hello))
      assert.deepStrictEqual(parts.filter(({ type }) => type === "response-metadata").length, 1)
      assert.deepStrictEqual(LanguageModels.provenance(parts), fallback)
    }))

  it.effect("fails in the stream after that", () =>
    Effect.gen(function*() {
      const cut = Stream.concat(Stream.make(Support.delta("Good ")), Stream.fail(Support.down))
      const { asked, model } = yield* setting([{ streamed: [cut] }, answering("b")])
      assert.deepStrictEqual(yield* Support.read(model.streamText(hello)), { text: "Good ", end: Support.down })
      assert.deepStrictEqual(asked(), [1, 0])
    }))

  it.effect("interrupts the model when the reader has enough", () =>
    Effect.gen(function*() {
      const closed = yield* Deferred.make<void>()
      const endless = Stream.concat(Stream.make(Support.delta("Good ")), Stream.never).pipe(
        Stream.ensuring(Deferred.succeed(closed, undefined))
      )
      const { model } = yield* setting([down, { streamed: [endless] }])
      yield* Stream.runDrain(Stream.take(model.streamText(hello), 1))
      assert.isTrue(yield* Deferred.isDone(closed))
    }))

  it.effect("runs the handler of a streamed call once", () =>
    Effect.gen(function*() {
      const calling = Stream.fromIterable([Support.call(), Support.finish("tool-calls")])
      const { model } = yield* setting([down, { streamed: [calling] }])
      const { layer, orders } = Support.handling()
      yield* Stream.runDrain(model.streamText({ ...hello, toolkit: Support.Tools })).pipe(Effect.provide(layer))
      assert.deepStrictEqual(orders, ["A-1"])
    }))
})

describe("LanguageModels.movesOn and classify", () => {
  const described = { description: "said" }
  const provider = { provider: "test", model: "m" }
  const told = (error: ChatError.ChatError) =>
    Effect.flatMap(
      LanguageModels.make(Support.chatModel(Effect.fail(error)).model),
      (model) => Effect.flip(model.generateText(hello))
    )
  const reasons = [
    [new AiError.RateLimitError({}), true, "Ignored"],
    [new AiError.QuotaExhaustedError({}), true, "Ignored"],
    [new AiError.AuthenticationError({ kind: "InvalidKey" }), true, "Ignored"],
    [new AiError.AuthenticationError({ kind: "InsufficientPermissions" }), false, "Ignored"],
    [new AiError.ContentPolicyError(described), false, "Ignored"],
    [new AiError.InvalidRequestError(described), false, "Ignored"],
    [new AiError.InvalidUserInputError(described), false, "Ignored"],
    [new AiError.UnsupportedSchemaError(described), false, "Ignored"],
    [new AiError.InternalProviderError(described), true, "Failure"],
    [new AiError.InvalidResponseError(described), true, "Failure"],
    [new AiError.NetworkError({ reason: "TransportError", method: "POST", url: "api.test" }), true, "Failure"],
    [new AiError.InvalidOutputError(described), true, "Ignored"],
    [new AiError.StructuredOutputError({ ...described, responseText: "" }), true, "Ignored"],
    [new AiError.ToolNotFoundError({ toolName: "refund", availableTools: [] }), true, "Ignored"],
    [new AiError.UnknownError({}), true, "Ignored"]
  ] as const

  it.effect.each(reasons.map(([reason, moves, judged]) => [reason._tag, moves, judged, reason] as const))(
    "%s moves on: %s, and to a circuit it is: %s",
    ([, moves, judged, reason]) =>
      Effect.sync(() => {
        const error = Support.failure(reason)
        assert.strictEqual(LanguageModels.movesOn(error), moves)
        assert.strictEqual(LanguageModels.classify(Exit.fail(error))._tag, judged)
      })
  )

  it.effect.each(
    [
      [new ChatError.ModelNotFound(provider), true, "Ignored"],
      [new ChatError.InvalidRequest(provider), false, "Ignored"],
      [new ChatError.MalformedReply({ ...provider, found: "an HTML page" }), true, "Failure"],
      [new ChatError.ProviderFault({ ...provider, status: 409 }), true, "Ignored"]
    ] as const
  )("follow the table of the client where an error comes from one", ([error, moves, judged]) =>
    Effect.gen(function*() {
      const failure = yield* told(error)
      assert.strictEqual(LanguageModels.movesOn(failure), moves)
      assert.strictEqual(LanguageModels.classify(Exit.fail(failure))._tag, judged)
    }))
})
