/**
 * The first program to read: one question, asked through a model that is guarded, with something to say if it fails.
 *
 * ```sh
 * node packages/examples/01_quickstart.ts
 * ```
 *
 * Without settings it talks to a simulated provider on a real loopback socket. With `SWITCHGEAR_BASE_URL` and
 * `SWITCHGEAR_API_KEY` it talks to that endpoint; `SWITCHGEAR_MODEL` chooses the model there.
 */
import { NodeRuntime } from "@effect/platform-node"
import { CircuitBreaker } from "@switchgear/core"
import { Canned, ChatModel, ChatSchema, ModelCascade } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Config, Console, Effect, Layer, Option, Schema } from "effect"

class Misconfigured extends Schema.TaggedError<Misconfigured>("examples/Misconfigured")("Misconfigured", {
  message: Schema.String
}) {}

// The key stays Redacted: it appears in no log line, no error and no span.
const settings = Config.all({
  baseUrl: Config.option(Config.String("SWITCHGEAR_BASE_URL")),
  apiKey: Config.option(Config.Redacted("SWITCHGEAR_API_KEY")),
  model: Config.withDefault(Config.NonEmptyString("SWITCHGEAR_MODEL"), "gpt-4.1")
})

// A real HTTP server on a free port of this machine. It runs as long as the client is used.
const simulated = (model: string) =>
  Layer.unwrap(Effect.gen(function*() {
    yield* Console.log("No endpoint is set, so a simulated provider answers.\n")
    const provider = yield* SimulatedProvider.make({
      models: { [model]: { outcome: Behaviour.ok("A circuit breaker stops calling what is down.") } }
    })
    const { url } = yield* SimulatedProvider.serve(provider)
    return NodeTransport.layerChatClient({ provider: "simulated", baseUrl: url, proxy: "none" })
  }))

// Where the questions go: the endpoint that is set, or the simulated one if none is.
const client = Layer.unwrap(Effect.gen(function*() {
  const { apiKey, baseUrl, model } = yield* settings
  if (Option.isNone(baseUrl) && Option.isNone(apiKey)) return simulated(model)
  if (Option.isNone(baseUrl) || Option.isNone(apiKey)) {
    return yield* new Misconfigured({
      message: "Set both SWITCHGEAR_BASE_URL and SWITCHGEAR_API_KEY to ask a real endpoint, or neither of them."
    })
  }
  return NodeTransport.layerChatClient({ provider: "the endpoint", baseUrl: baseUrl.value, apiKey: apiKey.value })
}))

const program = Effect.gen(function*() {
  const { model } = yield* settings

  // One model behind guards of its own. When half of its last ten calls fail, it is left alone for half a minute.
  const first = yield* ChatModel.make({
    model,
    client,
    attemptTimeout: "20 seconds",
    breaker: { window: CircuitBreaker.lastCalls(10), minimumCalls: 5, failureRate: 0.5, openFor: "30 seconds" }
  })

  // Models in order, then the last good answer, then a sentence in the customer's language. Add models to the list.
  const assistant = yield* ModelCascade.make({
    models: [{ model: first }],
    canned: Canned.sentences
  })

  const { degradation, failures, step, value } = yield* assistant.complete({
    messages: [{ role: "user", content: "In one sentence: what does a circuit breaker do?" }]
  })

  yield* Console.log(ChatSchema.text(value))
  yield* Console.log(`\nstep:        ${step}\ndegradation: ${degradation}`)
  for (const failure of failures) yield* Console.log(`before:      ${failure.step}: ${failure.error.message}`)
})

program.pipe(
  // The connections are those of the model, and are closed when the program ends.
  Effect.scoped,
  // An option out of range is a defect, as it is the program's mistake; here, some come from outside.
  Effect.catchDefect((defect) =>
    defect instanceof RangeError ? Effect.fail(new Misconfigured({ message: defect.message })) : Effect.die(defect)
  ),
  Effect.catchTag(
    ["Misconfigured", "ConfigError"],
    ({ message }) => Effect.andThen(Console.error(message), Effect.sync(() => (process.exitCode = 1)))
  ),
  NodeRuntime.runMain
)
