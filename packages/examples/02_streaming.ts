/**
 * An answer as it is written, and three streams that do not end well: what was heard, and what is said of the end.
 *
 * ```sh
 * node packages/examples/02_streaming.ts
 * ```
 *
 * It talks to a simulated provider on a real loopback socket.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatClient, ChatSchema, ChatStream } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Console, Effect, Layer, Stream } from "effect"

const text = "A stream either ends whole or says why it did not."

const models = {
  healthy: Behaviour.stream({ text, pause: "20 millis" }),
  cut: Behaviour.stream({ text, end: Behaviour.cutAfter(6) }),
  overloaded: Behaviour.stream({
    text,
    end: Behaviour.errorAfter(3, { error: { type: "overloaded_error", message: "Overloaded" } })
  }),
  "only alive": Behaviour.stream({ text, end: Behaviour.heartbeatAfter(2, "50 millis") })
}

const request = (model: string): ChatSchema.ChatRequest => ({
  model,
  messages: [{ role: "user", content: "What is a stream?" }]
})

const program = Effect.gen(function*() {
  const client = yield* ChatClient.ChatClient

  // Chunk by chunk. Some say nothing, so only text is printed.
  for (const model of Object.keys(models)) {
    const words: Array<string> = []
    const end = yield* client.stream(request(model)).pipe(
      Stream.filter(ChatStream.hasContent),
      Stream.runForEach((chunk) => Effect.sync(() => words.push(ChatStream.text(chunk)))),
      Effect.match({ onSuccess: () => "whole", onFailure: (error) => `${error._tag}: ${error.message}` })
    )
    yield* Console.log(`${model}: ${words.join("")}\n  ${end}`)
  }

  // Whole, as `complete` would have given it.
  const reply = yield* ChatStream.collect(client.stream(request("healthy")))
  yield* Console.log(`collected: ${ChatSchema.text(reply)}\n  ${reply.usage?.completion_tokens} tokens`)

  // A reader who has enough takes no more, and the provider is told at once.
  const first = yield* client.stream(request("healthy")).pipe(
    Stream.map(ChatStream.text),
    Stream.filter((text) => text !== ""),
    Stream.take(2),
    Stream.mkString
  )
  yield* Console.log(`enough: ${first}`)
})

const client = Layer.unwrap(Effect.gen(function*() {
  const provider = yield* SimulatedProvider.make({
    models: Object.fromEntries(Object.entries(models).map(([model, outcome]) => [model, { outcome }]))
  })
  const { url } = yield* SimulatedProvider.serve(provider)
  return NodeTransport.layerChatClient({
    provider: "simulated",
    baseUrl: url,
    proxy: "none",
    idleTimeout: "300 millis"
  })
}))

program.pipe(Effect.provide(client), NodeRuntime.runMain)
