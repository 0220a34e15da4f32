/**
 * Switchgear as in the demo: four guarded models, a sentence at the end, and a deadline. The address of the module says what
 * is different: `?with=cache&without=circuit`.
 */
import { CircuitBreaker } from "@switchgear/core"
import { Canned, ChatModel, ModelCascade } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Effect, Scope } from "effect"
import type { Got, MakeLane } from "../answers.ts"
import { circuit, limits } from "../guards.ts"
import { models, patience } from "../script.ts"

const { searchParams } = new URL(import.meta.url)
const has = (part: Part): boolean => searchParams.getAll("with").includes(part)
const lacks = (part: Guard): boolean => searchParams.getAll("without").includes(part)

/** What is not there unless it is asked for. */
export type Part = "cache" | "hedge" | "limit" | "queue"
/** What is there. */
export type Guard = "attempt time-out" | "bulkhead" | "circuit" | "next models" | "sentence"

const guarded = (model: string, i: number, baseUrl: string) => {
  const { atOnce, attempt, openFor } = limits[i]!
  return ChatModel.make({
    model,
    client: NodeTransport.layerChatClient({ provider: model, baseUrl, proxy: "none" }),
    attemptTimeout: lacks("attempt time-out") ? "1 minute" : attempt,
    // The next model is the second try.
    retry: { maxAttempts: 1 },
    ...has("limit")
      // The night is ten times faster than it was.
      ? { concurrencyLimit: { initial: atOnce, min: 2, queue: atOnce, maxWait: 50, window: 100 } }
      : { bulkhead: lacks("bulkhead") ? { concurrency: 10_000 } : { concurrency: atOnce, queue: atOnce, maxWait: 50 } },
    breaker: {
      window: CircuitBreaker.lastCalls(lacks("circuit") ? 10_000 : circuit.calls),
      minimumCalls: lacks("circuit") ? 10_000 : circuit.minimumCalls,
      failureRate: circuit.failureRate,
      openFor,
      halfOpen: { calls: circuit.probes }
    }
  })
}

const got = ({ degradation, failures, step }: ChatModel.Answer): Got => ({
  from: degradation === "stale" ? "stale" : step,
  because: degradation === "canned" ? failures.map(({ error }) => error._tag).join(", ") : undefined
})

let asked = 0

/** Without the cache, no two questions are alike. */
const keeping = has("cache")
  ? { cache: { timeToLive: "2 seconds" } } as const
  : { cacheKey: () => `${++asked}` }

/** Who waits has the sentence a moment before the customer leaves. */
const waiting = has("queue") ? { queue: 500, deadline: patience - 100 } : { deadline: patience }

export const make: MakeLane = async (urls) => {
  const [first, ...others] = models.map((model, i) => ({ model: guarded(model, i, urls[i]!) }))
  const options = {
    models: [first!, ...lacks("next models") ? [] : others],
    ...keeping,
    ...waiting,
    ...has("hedge") ? { hedge: { on: "result" } } as const : {},
    ...lacks("sentence") ? {} : { canned: Canned.sentences }
  } as const
  const { complete } = await Effect.runPromise(Scope.provide(ModelCascade.make(options), Scope.makeUnsafe()))
  return (content) => Effect.runPromise(Effect.map(complete({ messages: [{ role: "user", content }] }), got))
}
