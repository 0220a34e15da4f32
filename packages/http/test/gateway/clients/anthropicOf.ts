/** The official client of Anthropic, unmodified: what it gets on good and on bad days, and how often it asks. */
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { token } from "../running.ts"
import { type Part, type Provided, send, type Speaks, stream, untilHeard, untilLeft } from "../spoken.ts"

const usage = { input_tokens: 10, output_tokens: 7 }

const messageOf = (content: ReadonlyArray<object>, stop_reason: string) => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "first",
  content,
  stop_reason,
  stop_sequence: null,
  usage
})

const event = (type: string, fields: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

const start = event("message_start", {
  message: { ...messageOf([], ""), stop_reason: null, usage: { ...usage, output_tokens: 1 } }
})

/** A block of content, its pieces one by one. */
const blockOf = (index: number, block: object, deltas: ReadonlyArray<object>): ReadonlyArray<string> => [
  event("content_block_start", { index, content_block: block }),
  ...deltas.map((delta) => event("content_block_delta", { index, delta })),
  event("content_block_stop", { index })
]

const textBlock = (text: string, index = 0) =>
  blockOf(index, { type: "text", text: "" }, text.match(/.{1,4}/gsu)!.map((text) => ({ type: "text_delta", text })))

const endOf = (stop_reason: string): ReadonlyArray<string> => [
  event("message_delta", { delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 7 } }),
  event("message_stop")
]

/** Answers as it is asked: whole or streamed. */
const saying = (text: string): Speaks => (response, heard) =>
  (heard.json.stream === true
    ? stream(start, ...textBlock(text), ...endOf("end_turn"))
    : send(200, messageOf([{ type: "text", text }], "end_turn")))(response, heard)

/** The client as it is made, with its own retries, and how often it has asked. */
const clientOf = ({ fetch, url }: Provided) => {
  let asked = 0
  const client = new Anthropic({
    baseURL: url,
    apiKey: token,
    authToken: null,
    logLevel: "off",
    fetch: (input, init) => {
      asked++
      return fetch(input, init)
    }
  })
  return { client, asked: () => asked }
}

const tools: Array<Anthropic.Tool> = [{
  name: "weather",
  input_schema: { type: "object", properties: { city: { type: "string" } } }
}]

const ways = ["whole", "streamed"] as const

interface Got {
  readonly message?: Anthropic.Message
  readonly text: string
  readonly error?: unknown
}

/** What the client makes of an answer, as it puts it together itself. */
const ask = (
  { client }: ReturnType<typeof clientOf>,
  way: typeof ways[number],
  more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {},
  signal?: AbortSignal
): Effect.Effect<Got> =>
  Effect.promise(async () => {
    const asked = {
      model: "assistant",
      max_tokens: 100,
      messages: [{ role: "user" as const, content: "How is the weather?" }],
      ...more
    }
    let text = ""
    try {
      const message = way === "whole"
        ? await client.messages.create(asked, { signal })
        : await client.messages.stream(asked, { signal }).on("text", (piece) => (text += piece)).finalMessage()
      return { message, text: message.content.map((block) => block.type === "text" ? block.text : "").join("") }
    } catch (error) {
      return { text, error }
    }
  })

const statusOf = (error: unknown): number | undefined => error instanceof Anthropic.APIError ? error.status : undefined

export const anthropicOf = (speaking: (more?: string) => Effect.Effect<Provided, never, Scope.Scope>): void => {
  for (const way of ways) {
    describe(`the official client of Anthropic, ${way},`, () => {
      it.live("gets the answer of the provider, with why it ended and what it took", () =>
        Effect.scoped(Effect.gen(function*() {
          const spoken = yield* speaking()
          spoken.set("one/first", saying("Good day"))
          const asking = clientOf(spoken)
          const { message, text } = yield* ask(asking, way)
          assert.strictEqual(text, "Good day")
          assert.strictEqual(message!.stop_reason, "end_turn")
          assert.include(message!.usage, usage)
          assert.strictEqual(asking.asked(), 1)
        })))

      it.live("gets the answer of the next model, by one request, when one fails", () =>
        Effect.scoped(Effect.gen(function*() {
          const spoken = yield* speaking()
          spoken.set("one/first", send(529, { type: "error", error: { type: "overloaded_error", message: "x" } }))
          spoken.set("two/second", saying("Good evening"))
          const asking = clientOf(spoken)
          assert.strictEqual((yield* ask(asking, way)).text, "Good evening")
          assert.deepStrictEqual([asking.asked(), spoken.heard.length], [1, 2])
        })))

      it.live("calls a tool and sends back its result", () =>
        Effect.scoped(Effect.gen(function*() {
          const spoken = yield* speaking()
          const input = { city: "Zürich" }
          const call = { type: "tool_use", id: "toolu_1", name: "weather", input }
          spoken.set("one/first", (response, heard) => {
            const last = heard.json.messages.at(-1).content
            if (Array.isArray(last)) return saying(`It is ${last[0].content}.`)(response, heard)
            if (heard.json.stream !== true) {
              return send(200, messageOf([{ type: "text", text: "I look" }, call], "tool_use"))(response, heard)
            }
            const pieces = JSON.stringify(input).match(/.{1,5}/gsu)!
            return stream(
              start,
              ...textBlock("I look"),
              ...blockOf(
                1,
                { ...call, input: {} },
                pieces.map((partial_json) => ({ type: "input_json_delta", partial_json }))
              ),
              ...endOf("tool_use")
            )(response, heard)
          })
          const asking = clientOf(spoken)
          const first = yield* ask(asking, way, { tools })
          assert.strictEqual(first.message!.stop_reason, "tool_use")
          const used = first.message!.content.find((block) => block.type === "tool_use")!
          assert.deepInclude(used, { id: "toolu_1", name: "weather", input })
          const second = yield* ask(asking, way, {
            tools,
            messages: [
              { role: "user", content: "How is the weather?" },
              { role: "assistant", content: first.message!.content },
              { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "sunny ☀️" }] }
            ]
          })
          assert.strictEqual(second.text, "It is sunny ☀️.")
          assert.deepStrictEqual(spoken.heard[1]!.json.tools, tools)
          assert.strictEqual(asking.asked(), 2)
        })))

      it.live("asks once when every model has failed", () =>
        Effect.scoped(Effect.gen(function*() {
          const spoken = yield* speaking()
          const asking = clientOf(spoken)
          const { error } = yield* ask(asking, way)
          assert.strictEqual(statusOf(error), 503)
          assert.strictEqual((error as { readonly type?: unknown }).type, "overloaded_error")
          assert.deepStrictEqual([asking.asked(), spoken.heard.length], [1, 2])
        })))

      it.live("is told that its token is wrong, that its model is not there, and does not ask again", () =>
        Effect.scoped(Effect.gen(function*() {
          const spoken = yield* speaking()
          const asking = clientOf(spoken)
          const wrongModel = yield* ask(asking, way, { model: "claude-9" })
          assert.instanceOf(wrongModel.error, Anthropic.NotFoundError)
          asking.client.apiKey = "sk-wrong-0123456789"
          const wrongToken = yield* ask(asking, way)
          assert.instanceOf(wrongToken.error, Anthropic.AuthenticationError)
          assert.deepStrictEqual([asking.asked(), spoken.heard.length], [2, 0])
        })))

      it.live("ends the call at the provider when it gives up", () =>
        Effect.scoped(Effect.gen(function*() {
          const spoken = yield* speaking()
          const hanging: ReadonlyArray<Part> = [start, ...textBlock("Good day").slice(0, 2), "hang"]
          spoken.set("one/first", way === "whole" ? () => {} : stream(...hanging))
          const asking = clientOf(spoken)
          const giveUp = new AbortController()
          yield* Effect.forkScoped(Effect.andThen(
            untilHeard(spoken.heard),
            Effect.sync(() => giveUp.abort())
          ))
          const { error } = yield* ask(asking, way, {}, giveUp.signal)
          assert.instanceOf(error, Anthropic.APIUserAbortError)
          yield* untilLeft(spoken.heard)
          assert.deepStrictEqual([asking.asked(), spoken.heard.length], [1, 1])
        })))
    })
  }

  describe("the official client of Anthropic", () => {
    it.live("is told that a stream was cut: it never takes it for a whole answer, and does not ask again", () =>
      Effect.scoped(Effect.gen(function*() {
        const spoken = yield* speaking()
        spoken.set("one/first", stream(start, ...textBlock("Good day").slice(0, 2), "cut"))
        const asking = clientOf(spoken)
        const { error, message, text } = yield* ask(asking, "streamed")
        assert.isUndefined(message)
        assert.strictEqual(text, "Good")
        assert.instanceOf(error, Anthropic.APIError)
        assert.deepStrictEqual([asking.asked(), spoken.heard.length], [1, 1])
      })))

    it.live("does not mind the signs of life of a stream whose content is late", () =>
      Effect.scoped(Effect.gen(function*() {
        const spoken = yield* speaking("headAfter: soon")
        spoken.set("one/first", (response, heard) => void setTimeout(() => saying("late")(response, heard), 200))
        const asking = clientOf(spoken)
        assert.strictEqual((yield* ask(asking, "streamed")).text, "late")
        assert.strictEqual(asking.asked(), 1)
      })))
  })
}
