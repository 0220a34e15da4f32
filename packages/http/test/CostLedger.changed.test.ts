/** A ledger bills the usage that an answer tells when it is given, whoever has changed it on its way. */
import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatModel, type ChatSchema, CostLedger, ModelCascade } from "@switchgear/http"
import { RateLimiter } from "@switchgear/core"
import { Effect } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { reply } from "./support/goodDay.ts"

const client = Effect.provideService(
  ChatClient.make({ provider: "openai", baseUrl: "http://simulated.test/v1" }),
  HttpClient.HttpClient,
  HttpClient.make((request) => Effect.sync(() => HttpClientResponse.fromWeb(request, Response.json(reply))))
)

type Client = ChatClient.ChatClient["Service"]
type Model = ChatModel.ChatModel<any>

const spend = (reply: ChatSchema.ChatReply): ChatSchema.ChatReply => {
  Object.assign(reply.usage!, { completion_tokens: 1000, total_tokens: 1005 })
  return reply
}

const spending = <M extends Model>({ complete }: M) => (request: ChatModel.Request) =>
  Effect.map(complete(request), (answer) => ({ ...answer, value: spend(answer.value) }))

/** What is billed, and what is left of the tokens of the model. */
const billed = (client: Client, around: (model: ChatModel.GuardedModel) => Effect.Effect<Model>) =>
  Effect.gen(function*() {
    const ledger = yield* CostLedger.make({ prices: { "gpt-4.1": { input: 1, output: 1 } }, primary: "gpt-4.1" })
    const limits = [RateLimiter.tokens(10_000, "1 hour")]
    const model = yield* ChatModel.make({ model: "gpt-4.1", client, rateLimiter: { limits } })
    const { bill } = yield* ledger.protect(yield* around(model)).complete({
      messages: [{ role: "user", content: "Hello" }]
    })
    return [bill.used.output, 10_000 - RateLimiter.availableOf(model.rateLimiter!, "tokens")!]
  })

const cascadeOf = (model: Model): Effect.Effect<Model> =>
  Effect.orDie(ModelCascade.make({ models: [{ model }] } as never)) as Effect.Effect<Model>

const replaced = (model: Model): Model => Object.assign(model, { complete: spending(model) })

const wrapped = (model: Model): Model => ChatModel.of({ name: model.name, complete: spending(model) })

describe("the bill of an answer", () => {
  it.effect("is that of the reply where nobody has changed it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* billed(yield* client, Effect.succeed), [2, 7])
      assert.deepStrictEqual(yield* billed(yield* client, cascadeOf), [2, 7])
    }))

  it.effect("is that of the usage that a client of one's own has made of it, and so is what the limiter takes", () =>
    Effect.gen(function*() {
      const inner = yield* client
      const own: Client = { ...inner, complete: (request) => Effect.map(inner.complete(request), spend) }
      assert.deepStrictEqual(yield* billed(own, cascadeOf), [1000, 1005])
    }))

  it.effect("is that of the usage that a model of one's own has made of it, wherever that stands", () =>
    Effect.gen(function*() {
      for (
        const around of [
          (model: Model) => Effect.succeed(wrapped(model)),
          (model: Model) => Effect.succeed(replaced(model)),
          (model: Model) => cascadeOf(wrapped(model)),
          (model: Model) => cascadeOf(replaced(model)),
          (model: Model) => Effect.map(cascadeOf(model), wrapped),
          (model: Model) => Effect.map(cascadeOf(model), replaced)
        ]
      ) {
        assert.deepStrictEqual(yield* billed(yield* client, around), [1000, 7])
      }
    }))
})
