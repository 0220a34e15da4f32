/** The ways to answer a customer, from the client as it comes out of the box to everything there is. */
import { CircuitBreaker } from "@switchgear/core"
import { Canned, ChatClient, ChatModel, CostLedger, ModelCascade } from "@switchgear/http"
import { Duration, Effect, type Scope } from "effect"
import type { HttpClient } from "effect/http"
import { type Model, models, type Night, primary } from "./night.ts"
import { prices } from "./prices.ts"
import type { LaneName } from "./reportData.ts"

/** What a customer got. */
export type Got = Pick<ChatModel.Answer, "step" | "degradation">

/** A lane that is set up. */
export interface Lane {
  /** Gives an answer, or the error that the customer sees. */
  readonly ask: (question: string) => Effect.Effect<Got, { readonly _tag: string }>
  readonly breakers: ReadonlyArray<CircuitBreaker.CircuitBreaker>
  /** Micro-dollars that the ledger says were saved; 0 where there is none. */
  readonly saved: Effect.Effect<number>
}

/** How a lane is told, and how it is set up. */
export interface Plan {
  readonly name: LaneName
  readonly title: string
  readonly tells: string
  /** How long its client waits. @default the client's own default of a minute */
  readonly patience?: Duration.Input | undefined
  /** Whether it has circuits, which nodes can share. */
  readonly hasCircuits?: true
  readonly make: (client: ChatClient.ChatClient["Service"], night: Night) => Effect.Effect<Lane, never, Scope.Scope>
}

/** By when every customer of the full lane has an answer. */
export const promise = Duration.seconds(15)

/** How long the lanes between bare and full wait for their provider. */
const patience = Duration.seconds(10)

const asked = (question: string) => ({ messages: [{ role: "user" as const, content: question }] })

const fromPrimary: Got = { step: primary, degradation: "none" }

/** One model without anything around it. */
const askPrimary = (client: ChatClient.ChatClient["Service"]) => (question: string) =>
  Effect.as(client.complete({ ...asked(question), model: primary }), fromPrimary)

const unguarded = (ask: Lane["ask"]): Lane => ({ ask, breakers: [], saved: Effect.succeed(0) })

/** What all circuits have in common. */
const circuit = {
  window: CircuitBreaker.lasting("10 seconds"),
  minimumCalls: 10,
  failureRate: 0.5,
  // On one node there is no fleet, and nothing to share.
  shared: true
} as const

const bare: Plan = {
  name: "bare",
  title: "Bare",
  tells: "One model, and a client that waits for a minute.",
  make: (client) => Effect.succeed(unguarded(askPrimary(client)))
}

const timeout: Plan = {
  name: "timeout",
  title: "Time-out only",
  tells: "One model, and ten seconds of patience.",
  patience,
  make: (client) => Effect.succeed(unguarded(askPrimary(client)))
}

const retry: Plan = {
  name: "retry",
  title: "Naive retry",
  tells: "One model, ten seconds of patience, and three more tries at once.",
  patience,
  make: (client) => {
    const ask = askPrimary(client)
    return Effect.succeed(unguarded((question) => Effect.retry(ask(question), { times: 3 })))
  }
}

const breaker: Plan = {
  name: "breaker",
  hasCircuits: true,
  title: "Breaker only",
  tells: "One model, ten seconds of patience, and a circuit that fails fast.",
  patience,
  make: (client) =>
    Effect.gen(function*() {
      const ask = askPrimary(client)
      const breaker = yield* CircuitBreaker.make({ ...circuit, name: primary })
      return { ...unguarded((question) => breaker.protect(ask(question))), breakers: [breaker] }
    })
}

/** Four models behind what `guard` puts around each, the last good answer, and a sentence as the floor. */
const cascadeOf = (guard: Guard): Plan["make"] => (client, night) =>
  Effect.gen(function*() {
    const [first, ...others] = yield* Effect.forEach(models, (model) => guard(model, client, night))
    const cascade = yield* ModelCascade.make({
      models: [{ model: first! }, ...others.map((model) => ({ model }))],
      cache: { timeToLive: "1 minute" },
      canned: Canned.sentences,
      deadline: promise
    })
    const ledger = yield* Effect.orDie(CostLedger.make({ prices, primary }))
    const { complete } = ledger.protect(cascade)
    return {
      ask: (question) => complete(asked(question)),
      breakers: [first!, ...others].map(({ breaker }) => breaker),
      saved: Effect.map(ledger.snapshot, ({ total }) => total.saved)
    }
  })

type Guard = (
  model: Model,
  client: ChatClient.ChatClient["Service"],
  night: Night
) => Effect.Effect<ChatModel.GuardedModel, never, Scope.Scope>

/** The first model may take five times what it takes on a calm day; the others get what is left of the promise. */
const guards = {
  first: { attempt: "4 seconds", slow: "3 seconds", atOnce: 1000, openFor: "30 seconds" },
  other: { attempt: "3 seconds", slow: "2 seconds", atOnce: 100, openFor: "10 seconds" }
} as const

const guardsOf = (model: Model) => model === primary ? guards.first : guards.other

/** What the models of both lanes have in common. */
const around = (model: Model) => {
  const { attempt, openFor, slow } = guardsOf(model)
  return {
    model,
    attemptTimeout: attempt,
    // The next model is the second try.
    retry: { maxAttempts: 1 },
    breaker: { ...circuit, slowCallDuration: slow, slowCallRate: 0.5, openFor }
  }
}

const full: Plan = {
  name: "full",
  hasCircuits: true,
  title: "Switchgear",
  tells: "Four guarded models, the last good answer, and a sentence as the floor, within fifteen seconds.",
  make: cascadeOf((model, client, { scaled }) => {
    const { atOnce } = guardsOf(model)
    return ChatModel.make({
      ...around(model),
      client,
      bulkhead: { concurrency: scaled(atOnce), queue: scaled(atOnce / 2), maxWait: "500 millis" }
    })
  })
}

const adaptive: Plan = {
  name: "adaptive",
  hasCircuits: true,
  title: "Adaptive limits",
  tells: "The same, but nobody knows how much the models can do: each has a limit that finds it.",
  make: cascadeOf((model, client, { scaled }) => {
    const { atOnce } = guardsOf(model)
    return ChatModel.make({
      ...around(model),
      client,
      concurrencyLimit: {
        initial: scaled(100),
        min: scaled(50),
        max: scaled(2000),
        queue: scaled(atOnce / 2),
        maxWait: "500 millis"
      }
    })
  })
}

/** All of them, in the order in which they are told. */
export const plans: ReadonlyArray<Plan> = [bare, timeout, retry, breaker, full, adaptive]

/** How a client reaches the provider of its lane. */
export type Connect = Effect.Effect<ChatClient.ChatClient["Service"], never, HttpClient.HttpClient>

export const connect = ({ patience }: Plan): Connect =>
  ChatClient.make({ provider: "simulated", baseUrl: "http://simulated.test/v1", timeout: patience })
