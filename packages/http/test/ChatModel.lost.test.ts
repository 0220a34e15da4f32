import { assert, describe, it } from "@effect/vitest"
import { VirtualClock } from "@switchgear/core/testing"
import { ChatClient, ChatError, ChatModel, ChatSchema, ChatStream, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Layer } from "effect"
import { modelOf } from "./support/modelOf.ts"

const hello: ChatModel.Request = { messages: [{ role: "user", content: "Hello" }] }

type Ask = (model: ChatModel.ChatModel<any>) => Effect.Effect<ChatModel.Answer, unknown>

const deliveries: Record<string, Ask> = {
  whole: (model) => model.complete(hello),
  streamed: (model) =>
    Effect.scoped(
      Effect.flatMap(model.open(hello), ({ value, ...told }) =>
        Effect.map(ChatStream.collect(value), (value) => ({ ...told, value })))
    )
}

/** How a call is lost, for how long the model had worked, and how often it is asked. */
const wholes: ReadonlyArray<readonly [string, Behaviour.Behaviour, ChatError.ChatError["_tag"], asked: number]> = [
  ["a connection lost after a minute", lost("60 seconds", Behaviour.cut("before-headers")), "ConnectFailed", 1],
  ["a connection lost after 5 seconds", lost("5 seconds", Behaviour.cut("before-headers")), "ConnectFailed", 1],
  ["a connection lost after 4 seconds", lost("4 seconds", Behaviour.cut("before-headers")), "ConnectFailed", 2],
  ["a connection lost at once", lost("0 millis", Behaviour.cut("before-headers")), "ConnectFailed", 2],
  ["an answer cut after a minute", lost("60 seconds", Behaviour.cut("mid-body")), "Truncated", 1],
  ["an answer cut at once", lost("0 millis", Behaviour.cut("mid-body")), "Truncated", 2],
  ["an empty answer after a minute", lost("60 seconds", Behaviour.respond(200, "")), "MalformedReply", 1],
  ["an empty answer at once", lost("0 millis", Behaviour.respond(200, "")), "MalformedReply", 2],
  ["504 after a minute", lost("60 seconds", Behaviour.htmlError(504)), "ProviderFault", 1],
  ["504 at once", lost("0 millis", Behaviour.htmlError(504)), "ProviderFault", 1],
  ["524 of Cloudflare", lost("100 seconds", Behaviour.htmlError(524)), "ProviderFault", 1],
  ["502 at once", lost("0 millis", Behaviour.htmlError(502)), "ProviderFault", 2]
]

const silent = (end: Behaviour.StreamEnd, latency: "0 millis" | "60 seconds") =>
  lost(latency, Behaviour.stream({ text: "Good day", chunks: 2, end }))

const streams: typeof wholes = [
  ["a connection lost after a minute", lost("60 seconds", Behaviour.cut("before-headers")), "ConnectFailed", 1],
  ["a connection lost at once", lost("0 millis", Behaviour.cut("before-headers")), "ConnectFailed", 2],
  ["a stream cut before it speaks, after a minute", silent(Behaviour.cutAfter(0), "60 seconds"), "Truncated", 1],
  ["a stream cut before it speaks, at once", silent(Behaviour.cutAfter(0), "0 millis"), "Truncated", 2],
  ["504 after a minute", lost("60 seconds", Behaviour.htmlError(504)), "ProviderFault", 1]
]

function lost(
  latency: "0 millis" | "4 seconds" | "5 seconds" | "60 seconds" | "100 seconds",
  outcome: Behaviour.Outcome
) {
  return { latency: Behaviour.constant(latency), outcome }
}

for (const [delivery, ask] of Object.entries(deliveries)) {
  describe(`${delivery}: what may be billed after long work goes to the next model and not to the same one`, () => {
    for (const [name, behaviour, tag, asked] of delivery === "whole" ? wholes : streams) {
      it.live(name, () =>
        VirtualClock.play(
          Effect.gen(function*() {
            const { stats } = yield* SimulatedProvider.SimulatedProvider
            const patient = { attemptTimeout: "3 minutes", deadline: "10 minutes" } as const
            const first = yield* modelOf({ model: "first", ...patient })
            const error = yield* Effect.flip(ask(first))
            assert.isTrue(ChatError.isChatError(error) && error._tag === tag, String(error))
            assert.isTrue(ChatError.possiblyBilled(error as ChatError.ChatError))
            assert.strictEqual(ChatError.movesOn(error as ChatError.ChatError), "yes")
            assert.isTrue(ChatError.countsOnBreaker(error as ChatError.ChatError))
            assert.strictEqual((yield* stats("first")).started, asked)

            const next = yield* modelOf({ model: "next" })
            const cascade = yield* ModelCascade.make({ models: [{ model: first }, { model: next }] })
            const { possiblyBilledAttempts, step, value } = yield* ask(cascade)
            assert.deepStrictEqual([step, ChatSchema.text(value)], ["next", "Hello from next."])
            assert.strictEqual(possiblyBilledAttempts, asked + 1)
          }).pipe(
            Effect.provide(
              ChatClient.layer({
                provider: "p",
                baseUrl: "http://simulated.test/v1",
                timeout: "5 minutes",
                firstContentTimeout: "5 minutes"
              }).pipe(
                Layer.provide(SimulatedProvider.layerHttpClient),
                Layer.provideMerge(SimulatedProvider.layer({ models: { first: behaviour, next: {} } }))
              )
            ),
            Effect.scoped
          )
        ))
    }
  })
}
