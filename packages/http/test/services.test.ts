import { assert, describe, it } from "@effect/vitest"
import type { Cascade } from "@switchgear/core"
import { Canned, ChatClient, ChatError, ChatModel, ChatSchema, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Config, ConfigProvider, Effect, Layer, type Scope, Stream } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { HttpClient } from "effect/http"
import { expectTypeOf } from "vitest"
import { hello } from "./support/fourModels.ts"

const openai = ChatClient.layer({ provider: "openai", baseUrl: "https://openai.test/v1" })
const deepseek = ChatClient.layerConfig("deepseek", { provider: "deepseek" })

class Gpt extends ChatModel.Service<Gpt>()("gpt", { model: "gpt-4.1", client: openai }) {}
class Reasoner extends ChatModel.Service<Reasoner>()("reasoner", { model: "deepseek-chat", client: deepseek }) {}
class Plain extends ChatModel.Service<Plain>()("plain", { model: "gpt-4.1" }) {}

class Support extends ModelCascade.Service<Support>()("support", {
  models: [{ model: Gpt }, { model: Reasoner }],
  canned: Canned.sentences
}) {}
class Search extends ModelCascade.Service<Search>()("search", { models: [{ model: Reasoner }, { model: Gpt }] }) {}

const hosts = SimulatedProvider.layerHosts({
  "openai.test": { models: { "gpt-4.1": { outcome: Behaviour.ok("gpt") } } },
  "deepseek.test": { models: { "deepseek-chat": { outcome: Behaviour.ok("deepseek") } } }
})

const file = ConfigProvider.fromUnknown(Yaml.parse(`
  deepseek: { baseUrl: https://deepseek.test }
  support: { deadline: 5 seconds, models: [{ contextWindow: 1000 }] }
  gpt: { bulkhead: { concurrency: 7 } }
`))

const app = Layer.mergeAll(Support.layerConfig("support"), Search.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(Gpt.layerConfig("gpt"), Reasoner.layer)),
  Layer.provideMerge(hosts),
  Layer.provide(ConfigProvider.layer(file))
)

const told = ({ step, value }: ChatModel.Answer) => `${step}: ${ChatSchema.text(value)}`

describe("models and cascades as services", () => {
  it.effect("two cascades of the same models are two services, with clients that live as long as the layers", () =>
    Effect.gen(function*() {
      assert.strictEqual(told(yield* Support.complete(hello)), "gpt: gpt")
      assert.strictEqual(told(yield* Search.complete(hello)), "reasoner: deepseek")
      assert.strictEqual(told(yield* Gpt.complete(hello)), "gpt: gpt")
      assert.strictEqual(ChatSchema.text(yield* collected(Support.stream(hello))), "gpt")
      assert.deepStrictEqual([(yield* Support).name, (yield* Search).name], ["support", "search"])
      assert.strictEqual((yield* (yield* Gpt).bulkhead.snapshot).concurrency, 7)
      assert.notStrictEqual(Support.key as string, Search.key)
    }).pipe(Effect.provide(app)))

  it.effect("what is wrong in the configuration is an error of the layer", () =>
    Effect.gen(function*() {
      const wrong = ConfigProvider.fromUnknown({ deepseek: { baseUrl: "deepseek.test" } })
      const error = yield* Layer.build(Reasoner.layer).pipe(
        Effect.scoped,
        Effect.provide(Layer.mergeAll(hosts, ConfigProvider.layer(wrong))),
        Effect.flip
      )
      assert.instanceOf(error, Config.ConfigError)
      assert.include(error.message, "baseUrl must be a URL that begins with http:// or https://, got \"deepseek.test\"")
    }))

  it.effect("models that name the same layer share its client, by their layers and in one cascade", () =>
    Effect.gen(function*() {
      let built = 0
      const counted = Layer.unwrap(Effect.sync(() => {
        built++
        return openai
      }))
      class First extends ChatModel.Service<First>()("first", { model: "a", client: counted }) {}
      class Second extends ChatModel.Service<Second>()("second", { model: "b", client: counted }) {}
      yield* Effect.scoped(Layer.build(Layer.mergeAll(First.layer, Second.layer)))
      assert.strictEqual(built, 1)
      const model = (model: string) => ({ model: ChatModel.make({ model, client: counted }) })
      yield* Effect.scoped(ModelCascade.make({ models: [model("a"), model("b")] }))
      assert.strictEqual(built, 2)
    }).pipe(Effect.provide(hosts)))

  it("keep in their types what errors are left, and what their models need", () => {
    expectTypeOf(Gpt.layer).toEqualTypeOf<Layer.Layer<Gpt, never, HttpClient.HttpClient>>()
    expectTypeOf(Gpt.layerConfig("gpt")).toEqualTypeOf<Layer.Layer<Gpt, Config.ConfigError, HttpClient.HttpClient>>()
    expectTypeOf(Reasoner.layer).toEqualTypeOf<Layer.Layer<Reasoner, Config.ConfigError, HttpClient.HttpClient>>()
    expectTypeOf(Plain.layer).toEqualTypeOf<Layer.Layer<Plain, never, ChatClient.ChatClient>>()
    expectTypeOf(Support.layer).toEqualTypeOf<Layer.Layer<Support, never, Gpt | Reasoner>>()
    expectTypeOf(Search.layerConfig("search")).toEqualTypeOf<
      Layer.Layer<Search, Config.ConfigError, Gpt | Reasoner>
    >()
    expectTypeOf(Support.complete(hello)).toEqualTypeOf<
      Effect.Effect<ChatModel.Answer, ModelCascade.CallerError, Support>
    >()
    expectTypeOf(Search.complete(hello)).toEqualTypeOf<
      Effect.Effect<
        ChatModel.Answer,
        ModelCascade.CallerError | Cascade.CascadeExhausted<ChatModel.ModelError>,
        Search
      >
    >()
    expectTypeOf(Gpt.complete(hello)).toEqualTypeOf<Effect.Effect<ChatModel.Answer, ChatModel.ModelError, Gpt>>()
  })

  it("a model without a client does not compile, and one of a layer needs a scope", () => {
    // @ts-expect-error: the client is missing, which the context cannot give for long enough
    const without = () => ChatModel.make({ model: "gpt-4.1" })
    assert.throws(
      () => Effect.runSync(without() as never),
      "ChatModel.make: client must be a ChatClient, or a layer of one, got none"
    )
    const client = ChatClient.make({ provider: "p", baseUrl: "http://a" })
    // @ts-expect-error: an effect that makes a client is not yet one
    const unmade = () => ChatModel.make({ model: "gpt-4.1", client })
    assert.throws(() => Effect.runSync(unmade() as never), "got an effect that makes one: write yield* before it")
    const made = ChatModel.make({ model: "gpt-4.1", client: openai })
    expectTypeOf(made).toEqualTypeOf<
      Effect.Effect<ChatModel.GuardedModel, never, HttpClient.HttpClient | Scope.Scope>
    >()
  })
})

const collected = <E, R>(stream: Stream.Stream<ChatSchema.ChatChunk, E, R>) =>
  Effect.map(Stream.runCollect(stream), (chunks) => ({
    choices: [{ message: { content: chunks.map(({ choices }) => choices[0]?.delta?.content ?? "").join("") } }] as const
  }))

describe("a request", () => {
  const sent = Effect.fnUntraced(function*(request: ChatModel.Request) {
    const bodies: Array<unknown> = []
    const client = yield* ChatClient.make({ provider: "p", baseUrl: "http://p.test" }).pipe(
      Effect.provideService(
        HttpClient.HttpClient,
        HttpClient.make((request) => {
          const { body } = request
          bodies.push(body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(body.body)) : undefined)
          return Effect.die("sent")
        })
      )
    )
    const model = yield* ChatModel.make({ model: "m", client })
    yield* Effect.exit(model.complete(request))
    return bodies[0]
  })

  it.effect("that types refuse is passed on as it is", () =>
    Effect.gen(function*() {
      const messages = [{ role: "user", content: "Hello" }] as const
      const own = { mirostat: 2 }
      const cases: ReadonlyArray<ChatModel.Request> = [
        // @ts-expect-error: it is spelt temperature
        { messages, temprature: 1 },
        // @ts-expect-error: a number
        { messages, temperature: "warm" },
        // @ts-expect-error: a number
        { messages, max_tokens: "many" },
        // @ts-expect-error: no role
        { messages: [{ role: "usr", content: "Hello" }] },
        // @ts-expect-error: it is spelt content
        { messages: [{ role: "user", contnet: "Hello" }] },
        // @ts-expect-error: a list
        { messages, tools: {} },
        // Fields of a provider of its own.
        {
          messages: [...messages, { role: "assistant", content: "{", prefix: true, cache_control: {}, ...own }],
          repetition_penalty: 1.1,
          top_k: 3,
          ...own
        }
      ]
      for (const request of cases) assert.deepStrictEqual(yield* sent(request), { ...request, model: "m" })
    }))

  it("of a client is checked in the same way", () => {
    const asked: ReadonlyArray<ChatSchema.ChatRequest> = [
      // @ts-expect-error: it is spelt messages
      { model: "m", mesages: [] },
      // @ts-expect-error: a number
      { model: "m", messages: [], temperature: "warm" }
    ]
    assert.strictEqual(asked.length, 2)
  })
})

it("the errors of a model are one union of types with the same three facts", () => {
  type Facts = Pick<ChatModel.ModelError, "isRetryable" | "retryAfter" | "blame">
  expectTypeOf<ChatModel.ModelError["blame"]>().toEqualTypeOf<ChatError.Blame>()
  expectTypeOf<Facts["isRetryable"]>().toEqualTypeOf<boolean>()
})
