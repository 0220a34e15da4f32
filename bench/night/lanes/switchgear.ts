/** Switchgear as in the demo: four guarded models, a cache, a sentence at the end, and a deadline. */
import { CircuitBreaker } from "@switchgear/core"
import { Canned, type ChatModel, ChatModel as Model, ModelCascade } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Effect, Scope } from "effect"
import type { Got, MakeLane } from "../answers.ts"
import { circuit, limits } from "../guards.ts"
import { models, patience } from "../script.ts"

const guarded = (model: string, i: number, baseUrl: string) => {
  const { atOnce, attempt, openFor } = limits[i]!
  return Model.make({
    model,
    client: NodeTransport.layerChatClient({ provider: model, baseUrl, proxy: "none" }),
    attemptTimeout: attempt,
    // The next model is the second try.
    retry: { maxAttempts: 1 },
    bulkhead: { concurrency: atOnce, queue: atOnce, maxWait: 50 },
    breaker: {
      window: CircuitBreaker.lastCalls(circuit.calls),
      minimumCalls: circuit.minimumCalls,
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

export const laneOf =
  (options: Pick<ModelCascade.CascadeOptions, "cache" | "cacheKey" | "deadline" | "queue">): MakeLane =>
  async (
    urls
  ) => {
    const cascade = await Effect.runPromise(
      ModelCascade.make({
        models: [
          { model: guarded(models[0], 0, urls[0]!) },
          ...models.slice(1).map((model, i) => ({ model: guarded(model, i + 1, urls[i + 1]!) }))
        ],
        canned: Canned.sentences,
        deadline: patience,
        ...options
      }).pipe(Scope.provide(Scope.makeUnsafe()))
    )
    return (content) => Effect.runPromise(Effect.map(cascade.complete({ messages: [{ role: "user", content }] }), got))
  }

export const make = laneOf({ cache: { timeToLive: "2 seconds" } })
