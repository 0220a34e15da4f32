/**
 * A chat service: two models at two providers, a canned reply when both fail, metrics and health.
 *
 * ```sh
 * OPENAI_API_KEY=… DEEPSEEK_API_KEY=… node packages/examples/07_http_service/server.ts
 * ```
 *
 * `clients.ts` runs it with two simulated providers instead.
 */
import { NodeHttpServer, NodeRuntime, NodeServices } from "@effect/platform-node"
import { Telemetry } from "@switchgear/core"
import { Canned, ChatError, ChatModel, ChatSchema, ChatStream, ModelCascade } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Config, ConfigProvider, Effect, FileSystem, Layer, Stream } from "effect"
import * as Yaml from "effect/encoding/Yaml"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"

// Each model has the layer of its client, whose options are those under the path of the configuration.
class Gpt extends ChatModel.Service<Gpt>()("gpt", {
  model: "gpt-4.1",
  client: NodeTransport.layerChatClientConfig("openai")
}) {}

class Chat extends ChatModel.Service<Chat>()("chat", {
  model: "deepseek-chat",
  client: NodeTransport.layerChatClientConfig("deepseek")
}) {}

// The models in order, then a stale cached answer, then a canned reply. Only mistakes of the caller are errors.
class Assistant extends ModelCascade.Service<Assistant>()("assistant", {
  models: [{ model: Gpt }, { model: Chat }],
  canned: Canned.sentences
}) {}

// Which model answered, and how well. The name of a step may have any letters, and the value of a header may not.
const provenance = ({ degradation, step }: Pick<ChatModel.Answer, "degradation" | "step">) => ({
  "x-step": encodeURI(step),
  "x-degradation": degradation
})

// The errors that are left answer the request: 400 and an OpenAI body for a conversation that is too long, and so on.
const complete = Effect.fnUntraced(function*(request: ChatModel.Request) {
  const answer = yield* Assistant.complete(request)
  return yield* HttpServerResponse.json(answer.value, { headers: provenance(answer) })
})

// What is wrong before the first content is an error like above; later, it is the last event of the stream.
const stream = Effect.fnUntraced(function*(request: ChatModel.Request) {
  const answer = yield* Assistant.open(request)
  const events = answer.value.pipe(
    Stream.filter((chunk) => !ChatStream.isUsageOnly(chunk)),
    Stream.map((chunk) => JSON.stringify(chunk)),
    Stream.concat(Stream.make("[DONE]")),
    Stream.catch((error) => Stream.make(ChatError.toResponse(error).body)),
    Stream.map((data) => `data: ${data}\n\n`),
    Stream.encodeText
  )
  return HttpServerResponse.stream(events, { contentType: "text/event-stream", headers: provenance(answer) })
})

const chat = HttpRouter.add(
  "POST",
  "/v1/chat/completions",
  Effect.flatMap(
    HttpServerRequest.schemaBodyJson(ChatSchema.ChatRequest),
    ({ model: _, ...request }) => request.stream === true ? stream(request) : complete(request)
  )
)

// 503 when every circuit is open. While answers are stale or canned, the status is "degraded", with the reason.
const health = HttpRouter.add(
  "GET",
  "/health",
  Telemetry.View.use((view) =>
    Effect.flatMap(
      view.health,
      (health) => HttpServerResponse.json(health, { status: health.status === "down" ? 503 : 200 })
    )
  )
)

const services = Assistant.layerConfig("assistant").pipe(
  Layer.provide(Layer.mergeAll(Gpt.layerConfig("gpt"), Chat.layerConfig("chat"))),
  Layer.provideMerge(Telemetry.layer())
)

// SIGTERM: the server takes no more requests, and the open ones have 20 seconds to end. Then connections are closed.
const server = NodeHttpServer.layerConfig(createServer, {
  port: Config.Int("PORT").pipe(Config.withDefault(3000)),
  gracefulShutdownTimeout: Config.succeed("20 seconds")
})

// The environment over the file.
const configuration = Layer.unwrap(Effect.gen(function*() {
  const files = yield* FileSystem.FileSystem
  const text = yield* files.readFileString(`${import.meta.dirname}/switchgear.yaml`)
  const file = ConfigProvider.fromUnknown(Yaml.parse(text))
  return ConfigProvider.layer(ConfigProvider.orElse(ConfigProvider.fromEnv(), file))
}))

HttpRouter.serve(Layer.mergeAll(chat, health, PrometheusMetrics.layerHttp())).pipe(
  Layer.provide([services, server]),
  Layer.provide(Layer.provide(configuration, NodeServices.layer)),
  Layer.launch,
  NodeRuntime.runMain
)
