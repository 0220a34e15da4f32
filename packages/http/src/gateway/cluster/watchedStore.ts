/** A store that remembers how it went lately, for operators. */
import type * as ClusterStore from "@switchgear/core/ClusterStore"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { reasonOf } from "../../fleetRedis/client.ts"

type Store = ClusterStore.ClusterStore["Service"]

export interface WatchedStore {
  readonly store: Store
  /** When it answered last, in wall-clock milliseconds. */
  readonly lastAnswer: () => number | undefined
  /** Why it did not answer last, in one word; undefined once there was an answer after that. */
  readonly lastError: () => string | undefined
}

export const watched = (store: Store, clock: Clock.Clock): WatchedStore => {
  let lastAnswer: number | undefined
  let lastError: string | undefined
  const asked = <A>(asking: Effect.Effect<A, ClusterStore.StoreFailed>) =>
    asking.pipe(
      // It was given up.
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          lastError = "timeout"
        })
      ),
      Effect.tap(() =>
        Effect.sync(() => {
          lastAnswer = clock.currentTimeMillisUnsafe()
          lastError = undefined
        })
      ),
      Effect.tapError(({ cause, reason }) =>
        Effect.sync(() => {
          lastError = reason === "failed" ? reasonOf(cause) : reason
        })
      )
    )
  return {
    store: {
      circuits: (call) => asked(store.circuits(call)),
      limits: (call) => asked(store.limits(call)),
      budgets: (call) => asked(store.budgets(call)),
      subscribe: store.subscribe
    },
    lastAnswer: () => lastAnswer,
    lastError: () => lastError
  }
}
