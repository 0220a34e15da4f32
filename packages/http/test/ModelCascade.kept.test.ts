/** What a cascade keeps of an answer is what it was when it was given, whoever has changed it before or changes it after. */
import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatModel, ChatSchema, ModelCascade } from "@switchgear/http"
import { Effect } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { reply } from "./support/goodDay.ts"

const request: ChatModel.Request = { messages: [{ role: "user", content: "Hello" }] }

/** A client whose provider answers once, and then is down. */
const client = Effect.suspend(() => {
  let calls = 0
  const http = HttpClient.make((request) =>
    Effect.sync(() =>
      HttpClientResponse.fromWeb(request, calls++ === 0 ? Response.json(reply) : new Response("", { status: 400 }))
    )
  )
  return Effect.provideService(
    ChatClient.make({ provider: "openai", baseUrl: "http://simulated.test/v1" }),
    HttpClient.HttpClient,
    http
  )
})

type Client = ChatClient.ChatClient["Service"]

const say = (reply: ChatSchema.ChatReply, text: string): ChatSchema.ChatReply => {
  Object.assign(reply.choices[0].message, { content: text })
  return reply
}

/** The text of the first answer, and of the one that is served when the model is down. */
const texts = (
  client: Client,
  around: (model: ChatModel.GuardedModel) => ChatModel.ChatModel<ChatModel.ModelError> = (model) => model,
  options: Partial<ModelCascade.CascadeOptions> = {}
) =>
  Effect.gen(function*() {
    const model = yield* ChatModel.make({
      model: "gpt-4.1",
      client,
      countsAs: () => "ignored",
      retry: { maxAttempts: 1 }
    })
    const cascade = yield* ModelCascade.make({
      ...options,
      models: [{ model: around(model), optIn: ["InvalidRequest"] }]
    })
    const first = yield* cascade.complete(request)
    const said = ChatSchema.text(first.value)
    say(first.value, "changed by the caller")
    const served = yield* cascade.complete(request)
    assert.strictEqual(served.degradation, "stale")
    const stale = ChatSchema.text(served.value)
    say(served.value, "changed by the next caller")
    const again = yield* cascade.complete(request)
    assert.deepStrictEqual({ ...again.value, choices: 0 }, { ...reply, choices: 0 } as never)
    return [said, stale, ChatSchema.text(again.value)]
  })

describe("what a cascade keeps", () => {
  it.effect("is the answer as it was given", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* texts(yield* client), ["Good day", "Good day", "Good day"])
    }))

  it.effect("is what a client of one's own has made of the reply", () =>
    Effect.gen(function*() {
      const inner = yield* client
      const own: Client = {
        ...inner,
        complete: (request) => Effect.map(inner.complete(request), (reply) => say(reply, "changed by a client"))
      }
      assert.deepStrictEqual(yield* texts(own), Array(3).fill("changed by a client"))
    }))

  it.effect("is what a function has made of the reply that stands in the place of the client's", () =>
    Effect.gen(function*() {
      const inner = yield* client
      const { complete } = inner
      Object.assign(inner, {
        complete: (request: ChatSchema.ChatRequest) =>
          Effect.map(complete(request), (reply) => say(reply, "changed in its place"))
      })
      assert.deepStrictEqual(yield* texts(inner), Array(3).fill("changed in its place"))
    }))

  it.effect("is what a model of one's own has made of the reply, made anew or in the place of another's function", () =>
    Effect.gen(function*() {
      const changing = ({ complete }: ChatModel.GuardedModel) => (request: ChatModel.Request) =>
        Effect.map(complete(request), (answer) => ({ ...answer, value: say(answer.value, "changed by a model") }))
      const wrapped = (model: ChatModel.GuardedModel) =>
        ChatModel.of<ChatModel.ModelError>({ name: model.name, complete: changing(model) })
      const replaced = (model: ChatModel.GuardedModel) => Object.assign(model, { complete: changing(model) })
      for (const around of [wrapped, replaced]) {
        assert.deepStrictEqual(yield* texts(yield* client, around), Array(3).fill("changed by a model"))
      }
    }))

  it.effect("is not changed by a check of the answer", () =>
    Effect.gen(function*() {
      const accept: ModelCascade.Accept = (reply) => {
        say(reply, "changed by a check")
        return true
      }
      assert.deepStrictEqual(yield* texts(yield* client, undefined, { accept }), Array(3).fill("Good day"))
    }))

  it.effect("is an answer like any other for a size of one's own", () =>
    Effect.gen(function*() {
      const sizes: Array<unknown> = []
      const sizeOf = (answer: ChatModel.Answer) => sizes.push(structuredClone(answer))
      yield* texts(yield* client, undefined, { cache: { sizeOf } })
      assert.deepStrictEqual(sizes.slice(1), [])
      assert.deepInclude(sizes[0], { step: "gpt-4.1", value: reply })
    }))
})
