import { assert, describe, it } from "@effect/vitest"
import { Canned, ChatClient, ChatModel, ChatSchema, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { ConfigProvider, Effect, Layer } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { hello } from "./support/fourModels.ts"

const hosts = SimulatedProvider.layerHosts({
  "https://api.openai.com/v1": { models: { "gpt-4.1": { outcome: Behaviour.ok("gpt") } } },
  "api.deepseek.com": { models: { "deepseek-chat": { outcome: Behaviour.ok("deepseek") } } }
})

// All providers of the application in one file, and their keys in the environment.
const file = `
openai:
  provider: openai
  baseUrl: https://api.openai.com/v1
deepseek:
  provider: deepseek
  baseUrl: https://api.deepseek.com
  timeout: 20 seconds
gpt:
  model: gpt-4.1
  attemptTimeout: 10 seconds
  retry: { maxAttempts: 1 }
  breaker: { window: { lastCalls: 20 }, openFor: 30 seconds }
chat:
  model: deepseek-chat
  bulkhead: { concurrency: 100 }
  retry: { maxAttempts: 1 }
assistant:
  deadline: 15 seconds
  canned: { default: Please come back later., de: Bitte später. }
`
const configuration = ConfigProvider.orElse(
  ConfigProvider.fromEnv({ env: { OPENAI_API_KEY: "sk-openai-1", DEEPSEEK_API_KEY: "sk-deepseek-1" } }),
  ConfigProvider.fromUnknown(Yaml.parse(file))
)

class Gpt extends ChatModel.Service<Gpt>()("gpt", { model: "m", client: ChatClient.layerConfig("openai") }) {}
class Chat extends ChatModel.Service<Chat>()("chat", { model: "m", client: ChatClient.layerConfig("deepseek") }) {}
class Assistant extends ModelCascade.Service<Assistant>()("assistant", {
  models: [{ model: Gpt }, { model: Chat }],
  canned: Canned.sentences
}) {}

const app = Assistant.layerConfig("assistant").pipe(
  Layer.provideMerge(Layer.mergeAll(Gpt.layerConfig("gpt"), Chat.layerConfig("chat"))),
  Layer.provide(ConfigProvider.layer(configuration)),
  Layer.provideMerge(hosts)
)

describe("two providers, a cascade and a floor from one file", () => {
  it.effect("answer from the first, then the second, then with the sentence of the file", () =>
    Effect.gen(function*() {
      const { at } = yield* SimulatedProvider.SimulatedProviders
      const ask = Effect.map(Assistant.complete(hello), ({ step, value }) => `${step}: ${ChatSchema.text(value)}`)
      assert.strictEqual(yield* ask, "gpt: gpt")
      yield* at("api.openai.com").set("gpt-4.1", { outcome: Behaviour.unavailable })
      assert.strictEqual(yield* ask, "chat: deepseek")
      yield* at("https://api.deepseek.com").set("deepseek-chat", { outcome: Behaviour.unavailable })
      yield* Assistant.use(({ cache }) => cache.clear)
      assert.strictEqual(yield* ask, "canned: Please come back later.")
      assert.strictEqual((yield* at("api.openai.com").keyStats("sk-openai-1")).started, 3)
      assert.strictEqual((yield* at("api.deepseek.com").keyStats("sk-deepseek-1")).started > 0, true)
      assert.strictEqual((yield* at("api.deepseek.com").keyStats("sk-openai-1")).started, 0)
    }).pipe(Effect.provide(app)))
})

describe("hosts", () => {
  it.effect("that are not there are unknown to the client, and to whoever asks for their provider", () =>
    Effect.gen(function*() {
      const client = yield* ChatClient.make({ provider: "p", baseUrl: "http://elsewhere.test" })
      const error = yield* Effect.flip(client.complete({ model: "m", messages: [] }))
      assert.deepStrictEqual([error._tag, error.code], ["ConnectFailed", "ENOTFOUND"])
      const { at } = yield* SimulatedProvider.SimulatedProviders
      assert.throws(() => at("elsewhere.test"), /there is no "elsewhere.test", only api.openai.com, api.deepseek.com/)
    }).pipe(Effect.provide(hosts)))
})
