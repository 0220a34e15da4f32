/**
 * A program that knows only the platform's `LanguageModel`, and two models behind it: what it gets when one is down, when
 * the model calls a tool, when a stream breaks off, and when nobody answers.
 *
 * ```sh
 * node packages/examples/04_language_model.ts
 * ```
 *
 * A simulated provider answers, so no key is needed and nothing leaves this machine.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Pipeline } from "@switchgear/core"
import { ChatClient, ChatModel, LanguageModels } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Console, Duration, Effect, Layer, Schema, Stream } from "effect"
import { type AiError, LanguageModel, type Response, Tool, Toolkit } from "effect/ai"

const Refund = Tool.make("refund", {
  description: "Gives the money for an order back",
  parameters: Schema.Struct({ order: Schema.String }),
  success: Schema.String
})
const Desk = Toolkit.make(Refund)

const desk = Desk.toLayer({
  refund: ({ order }) => Effect.as(Console.log(`  refunds ${order}`), `${order} is refunded`)
})

const from = (content: ReadonlyArray<Response.AnyPart>) => {
  const { failures = [], step = "?" } = LanguageModels.provenance(content) ?? {}
  return [...failures.map(({ error, step }) => `${step}: ${error}`), step].join(" ▸ ")
}

const why = ({ message, retryAfter }: AiError.AiError) =>
  retryAfter === undefined ? message : `${message} (in ${Math.ceil(Duration.toSeconds(retryAfter))} s)`

// Nothing in here knows of guards. It would run over any model of the platform.
const ask = (prompt: string) =>
  LanguageModel.generateText({ prompt, toolkit: Desk }).pipe(
    Effect.flatMap(({ content, text, toolResults }) =>
      Console.log(`  ${text || toolResults.map(({ result }) => result).join()}\n  from ${from(content)}`)
    ),
    Effect.catch((error) => Console.log(`  ${why(error)}`))
  )

const listen = (prompt: string) =>
  Effect.suspend(() => {
    let heard = ""
    return LanguageModel.streamText({ prompt }).pipe(
      Stream.runForEach((part) =>
        Effect.sync(() => {
          if (part.type === "text-delta") heard += part.delta
        })
      ),
      Effect.match({ onSuccess: () => "whole", onFailure: why }),
      Effect.flatMap((end) => Console.log(`  ${heard}\n  ${end}`))
    )
  })

const down = { outcome: Behaviour.serverError }
const text = "Your parcel leaves tonight."
const calling = Behaviour.respond(200, {
  choices: [{
    index: 0,
    message: { tool_calls: [{ id: "call-1", function: { name: "refund", arguments: "{\"order\":\"A-1\"}" } }] },
    finish_reason: "tool_calls"
  }]
})

const program = Effect.gen(function*() {
  const { set } = yield* SimulatedProvider.SimulatedProvider

  yield* Console.log("The first model is down:")
  yield* ask("Where is my parcel?")

  yield* Console.log("The second one calls a tool:")
  yield* set("deepseek-v3.2", { outcome: calling })
  yield* ask("I want my money back.")

  yield* Console.log("A stream breaks off:")
  yield* set("deepseek-v3.2", { outcome: Behaviour.stream({ text, end: Behaviour.cutAfter(3) }) })
  yield* listen("Where is my parcel?")

  yield* Console.log("Nobody answers:")
  yield* set("deepseek-v3.2", down)
  yield* ask("Where is my parcel?")
})

// Each model behind guards of its own, in a cascade, and the whole of it within the time that a customer waits. `protect`
// and `cascade` take any `LanguageModel`; these are made of chat models.
const model = Layer.effect(
  LanguageModel.LanguageModel,
  Effect.gen(function*() {
    const client = yield* ChatClient.ChatClient
    const of = (model: string) =>
      Effect.map(
        Effect.flatMap(
          ChatModel.make({
            model,
            client,
            retry: { maxAttempts: 1 },
            breaker: { consecutiveFailures: 2, openFor: "30 seconds" }
          }),
          LanguageModels.make
        ),
        (made) => ({ name: model, model: made })
      )
    const cascade = yield* LanguageModels.cascade([yield* of("gpt-4.1"), yield* of("deepseek-v3.2")])
    return yield* LanguageModels.protect(cascade, yield* Pipeline.make({ deadline: "20 seconds" }))
  })
)

const provider = SimulatedProvider.layer({
  models: { "gpt-4.1": down, "deepseek-v3.2": { outcome: Behaviour.ok(text) } }
})

const client = ChatClient.layer({ provider: "simulated", baseUrl: "http://simulated.test/v1" }).pipe(
  Layer.provide(SimulatedProvider.layerHttpClient)
)

program.pipe(
  Effect.provide([model.pipe(Layer.provide(client), Layer.provideMerge(provider)), desk]),
  NodeRuntime.runMain
)
