/** The two ways to answer a customer: as on the night, and behind switchgear. Each has a provider of its own. */
import { CircuitBreaker } from "@switchgear/core"
import { Canned, ChatClient, ChatModel, ModelCascade } from "@switchgear/http"
import { SimulatedProvider } from "@switchgear/http/testing"
import { Effect } from "effect"
import {
  bareTimeout,
  circuit,
  freshFor,
  guardOf,
  type Model,
  models,
  phases,
  played,
  primary,
  promise
} from "./scenario.ts"

/** A lane, as far as a customer and an onlooker can tell. */
export interface Lane {
  readonly provider: SimulatedProvider.SimulatedProvider["Service"]
  /** The models that are guarded, in order; none in the bare lane. */
  readonly guarded: ReadonlyArray<ChatModel.GuardedModel>
  /** Gives an answer, or the error that the customer sees. */
  readonly ask: (
    question: string
  ) => Effect.Effect<Pick<ChatModel.Answer, "step" | "degradation">, { readonly _tag: string }>
}

/** How a lane reaches its provider: over real sockets, or in memory in the tests. */
export type Connect<E, R> = (
  provider: SimulatedProvider.SimulatedProvider["Service"],
  timeout: ChatClient.Options["timeout"]
) => Effect.Effect<ChatClient.ChatClient["Service"], E, R>

/** As on the night: one model, and ten seconds of patience. */
export const bare = Effect.fnUntraced(function*<E, R>(connect: Connect<E, R>) {
  const provider = yield* SimulatedProvider.make({ models: phases[0]!.behaviours })
  const client = yield* connect(provider, played(bareTimeout))
  const lane: Lane = {
    provider,
    guarded: [],
    ask: (question) =>
      Effect.as(
        client.complete({ model: primary, messages: [{ role: "user", content: question }] }),
        { step: primary, degradation: "none" }
      )
  }
  return lane
})

/** Behind switchgear: four guarded models, the last good answer, and a sentence in the customer's language. */
export const guarded = Effect.fnUntraced(function*<E, R>(connect: Connect<E, R>) {
  const provider = yield* SimulatedProvider.make({ models: phases[0]!.behaviours })
  const client = yield* connect(provider, undefined)
  const [first, ...others] = yield* Effect.forEach(models, (model) => guard(model, client))
  const cascade = yield* ModelCascade.make({
    models: [{ model: first! }, ...others.map((model) => ({ model }))],
    cache: { timeToLive: played(freshFor) },
    canned: Canned.sentences,
    deadline: played(promise)
  })
  const lane: Lane = {
    provider,
    guarded: [first!, ...others],
    ask: (question) => cascade.complete({ messages: [{ role: "user", content: question }] })
  }
  return lane
})

const guard = (model: Model, client: ChatClient.ChatClient["Service"]) => {
  const { atOnce, attempt, maxWait, openFor, queue } = guardOf(model)
  return ChatModel.make({
    model,
    client,
    attemptTimeout: played(attempt),
    // The next model is the second try.
    retry: { maxAttempts: 1 },
    bulkhead: { concurrency: atOnce, queue, maxWait: played(maxWait) },
    breaker: {
      window: CircuitBreaker.lastCalls(circuit.window),
      minimumCalls: circuit.minimumCalls,
      failureRate: circuit.failureRate,
      openFor: played(openFor),
      halfOpen: { calls: circuit.probes }
    }
  })
}
