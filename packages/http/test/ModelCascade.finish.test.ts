import { assert, it } from "@effect/vitest"
import { ChatModel, ModelCascade } from "@switchgear/http"
import { Effect, Stream } from "effect"
import { clientOf } from "./support/clientOf.ts"

const hello: ChatModel.Request = { messages: [{ role: "user", content: "Hello" }] }

/** A client of two models: the first ends its answers for a reason that means a failure. */
const client = (reason: string) =>
  clientOf((request) => {
    const { body } = request.body as unknown as { readonly body: Uint8Array }
    const { model, stream } = JSON.parse(new TextDecoder().decode(body))
    const [content, finish_reason] = model === "first" ? ["", reason] : ["Good day", "stop"]
    const event = { id: "r", choices: [{ index: 0, delta: { content }, finish_reason }] }
    return new Response(
      stream === true
        ? `data: ${JSON.stringify(event)}\n\ndata: [DONE]\n\n`
        : JSON.stringify({ id: "r", choices: [{ index: 0, message: { content }, finish_reason }] })
    )
  })

/** The step that answered, or the error, and what the circuit of the first model counted; whole and streamed. */
const ask = (reason: string, step: object, other: object = {}) =>
  Effect.gen(function*() {
    const shared = { client: yield* client(reason), retry: { maxAttempts: 1 } }
    const first = yield* ChatModel.make({ model: "first", ...shared })
    const cascade = yield* ModelCascade.make({
      models: [{ model: first, ...step }, { model: ChatModel.make({ model: "second", ...shared }), ...other }]
    })
    const told = <A extends { readonly step: string }, E extends { readonly _tag: string }, R>(
      answer: Effect.Effect<A, E, R>
    ) => Effect.match(answer, { onSuccess: ({ step }) => step, onFailure: ({ _tag }) => _tag })
    const opened = Effect.scoped(Effect.tap(cascade.open(hello), ({ value }) => Stream.runDrain(value)))
    const ends = [yield* told(cascade.complete(hello)), yield* told(opened)]
    assert.strictEqual(ends[0], ends[1])
    return [ends[0], (yield* first.breaker.snapshot).failed] as const
  })

it.effect.each(
  [
    ["network_error", ["second", 2], ["second", 2]],
    ["error", ["second", 2], ["second", 2]],
    ["insufficient_system_resource", ["second", 2], ["second", 2]],
    // What one model may not say another one may: by opt-in, since the provider has judged the content.
    ["sensitive", ["ContentBlocked", 0], ["second", 0]],
    ["content_filter", ["ContentBlocked", 0], ["second", 0]],
    // To a larger window, where the steps say how large theirs are.
    ["model_context_window_exceeded", ["ContextTooLong", 0], ["second", 0]]
  ] as const
)(
  "an end for %s moves on as the table of errors says, whole and streamed",
  ([reason, strict, lenient]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* ask(reason, {}), strict)
      const optIn = { optIn: ["ContentBlocked"], contextWindow: 1000 }
      assert.deepStrictEqual(yield* ask(reason, optIn, { contextWindow: 10_000 }), lenient)
      // A window that is not larger is not asked.
      if (strict[0] === "ContextTooLong") {
        assert.deepStrictEqual(yield* ask(reason, optIn, { contextWindow: 1000 }), strict)
      }
    }).pipe(Effect.scoped)
)

const ends = [
  "stop",
  "tool_calls",
  "length",
  "content_filter",
  "refusal",
  "max_tokens",
  "eos",
  "end_turn",
  "other",
  "pause_turn"
]

it.effect.each(ends)(
  "of answers only those that came to a good end are kept, whole and streamed: %s",
  (reason) =>
    Effect.gen(function*() {
      const client = yield* clientOf((request) => {
        const { body } = request.body as unknown as { readonly body: Uint8Array }
        const isStream = JSON.parse(new TextDecoder().decode(body)).stream === true
        const said = { content: "Half an answ" }
        const choice = { index: 0, ...(isStream ? { delta: said } : { message: said }), finish_reason: reason }
        const reply = JSON.stringify({ id: "r", choices: [choice] })
        return new Response(isStream ? `data: ${reply}\n\ndata: [DONE]\n\n` : reply)
      })
      const cascade = yield* ModelCascade.make({ models: [{ model: ChatModel.make({ model: "m", client }) }] })
      const size = Effect.map(cascade.cache.snapshot, ({ size }) => size)
      const isKept = reason === "stop" || reason === "tool_calls"
      yield* cascade.complete(hello)
      assert.strictEqual(yield* size, isKept ? 1 : 0)
      yield* Effect.scoped(Effect.flatMap(cascade.open({ ...hello, seed: 1 }), ({ value }) => Stream.runDrain(value)))
      assert.strictEqual(yield* size, isKept ? 2 : 0)
    }).pipe(Effect.scoped)
)

it.effect("of several choices none is kept where one is empty, whole and streamed", () =>
  Effect.gen(function*() {
    const choices = (contents: ReadonlyArray<string>, field: string) =>
      contents.map((content, index) => ({ index, [field]: { content }, finish_reason: "stop" }))
    for (const [contents, isKept] of [[["one", ""], false], [["", "two"], false], [["one", "two"], true]] as const) {
      const client = yield* clientOf((request) => {
        const { body } = request.body as unknown as { readonly body: Uint8Array }
        return JSON.parse(new TextDecoder().decode(body)).stream === true
          ? new Response(
            `data: ${JSON.stringify({ id: "r", choices: choices(contents, "delta") })}\n\ndata: [DONE]\n\n`
          )
          : Response.json({ id: "r", choices: choices(contents, "message") })
      })
      const cascade = yield* ModelCascade.make({ models: [{ model: ChatModel.make({ model: "m", client }) }] })
      const both = { ...hello, n: 2 }
      assert.lengthOf((yield* cascade.complete(both)).value.choices, 2)
      yield* Effect.scoped(Effect.flatMap(cascade.open({ ...both, seed: 1 }), ({ value }) => Stream.runDrain(value)))
      assert.strictEqual((yield* cascade.cache.snapshot).size, isKept ? 2 : 0)
    }
  }).pipe(Effect.scoped))
