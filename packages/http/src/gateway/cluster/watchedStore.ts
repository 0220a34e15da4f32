/** A store that remembers how it went lately, for operators. */
import type * as ClusterStore from "@switchgear/core/ClusterStore"
import { failureWord, monotonicMillis } from "@switchgear/core/runtime"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

type Store = ClusterStore.ClusterStore["Service"]

export interface WatchedStore {
  readonly store: Store
  /** When it answered last, in wall-clock milliseconds. */
  readonly lastAnswer: () => number | undefined
  /** Why it did not answer last, in one word; undefined once there was an answer to the same after that. */
  readonly lastError: () => string | undefined
}

/** What is not asked again is not known to fail any more. What is, is asked again sooner, in milliseconds. */
const forgottenAfter = 20_000

export const watched = (store: Store, clock: Clock.Clock): WatchedStore => {
  let lastAnswer: number | undefined
  /** By what was asked: a store may answer one thing and not another. The last is the last. */
  const errors = new Map<string, { readonly reason: string; readonly at: number }>()
  const failed = (operation: string, reason: string) => {
    errors.delete(operation)
    errors.set(operation, { reason, at: monotonicMillis(clock) })
  }
  const asked = <A>(operation: string, asking: Effect.Effect<A, ClusterStore.StoreFailed>) =>
    asking.pipe(
      // It was given up.
      Effect.onInterrupt(() => Effect.sync(() => failed(operation, "timeout"))),
      Effect.tap(() =>
        Effect.sync(() => {
          lastAnswer = clock.currentTimeMillisUnsafe()
          errors.delete(operation)
        })
      ),
      Effect.tapError(({ cause, reason }) =>
        Effect.sync(() => failed(operation, reason === "failed" ? failureWord(cause) : reason))
      )
    )
  return {
    store: {
      circuits: (call) => asked("circuits", store.circuits(call)),
      limits: (call) => asked("limits", store.limits(call)),
      budgets: (call) => asked("budgets", store.budgets(call)),
      subscribe: store.subscribe
    },
    lastAnswer: () => lastAnswer,
    lastError: () => {
      const last = [...errors.values()].at(-1)
      return last === undefined || monotonicMillis(clock) - last.at > forgottenAfter ? undefined : last.reason
    }
  }
}
