/**
 * Tells the operator of models that cannot answer until somebody acts: of wrong keys and names, spent money, addresses where
 * nobody answers, and released clients. Without it, a cascade that is configured wrongly looks like one that works.
 *
 * Invariant: a cause is told once in `quiet` milliseconds, whatever the traffic.
 */
import type * as Cascade from "@switchgear/core/Cascade"
import * as Effect from "effect/Effect"
import * as ChatError from "../ChatError.ts"
import type { AttemptCounter } from "../chatModel/attemptCounter.ts"

type Failures = Cascade.Served<unknown>["failures"]

const quiet = 600_000

/** Causes that are remembered: names of steps may be calculated. */
const most = 100

export class OperatorLog {
  private readonly cascade: string
  private readonly told = new Map<string, number>()

  constructor(cascade: string) {
    this.cascade = cascade
  }

  /** The log lines of causes that were not told for a while; undefined if there are none. `instead` has answered. */
  tell(
    failures: Failures,
    counter: AttemptCounter,
    instead: string,
    now: number
  ): Effect.Effect<void> | undefined {
    // Many calls that fail at once open the circuit, which rejects their retries: then no step has the error of its provider.
    const steps = failures.map(({ step }) => step)
    const causes = failures.map(({ error, step }) => ({
      step,
      error: ChatError.isChatError(error) ? error : counter.lastErrorOf(step, steps)
    }))
    const news = causes.filter(({ error, step }) =>
      needsOperator(error) && this.isNew(`${step} ${causeOf(error)}`, now)
    )
    return news.length === 0 ? undefined : Effect.forEach(
      news,
      ({ error, step }) =>
        Effect.logWarning(
          `Cascade "${this.cascade}": ${step} cannot answer, ${instead}. ${(error as ChatError.ChatError).message}`
        ),
      { discard: true }
    )
  }

  private isNew(cause: string, now: number): boolean {
    const last = this.told.get(cause)
    if (last !== undefined && now - last < quiet) return false
    this.told.delete(cause)
    this.told.set(cause, now)
    const [oldest] = this.told.keys()
    if (this.told.size > most) this.told.delete(oldest!)
    return true
  }
}

// Not by the words of the provider: reading them has them searched for the prompt, for every error.
const causeOf = (error: unknown): string => {
  const { _tag, status } = error as ChatError.ChatError
  return `${_tag} ${status}`
}

/** Whether the failure will be the same until somebody changes something. */
const needsOperator = (error: unknown): boolean => {
  if (!ChatError.isChatError(error)) return false
  switch (error._tag) {
    case "Unauthorized":
    case "Forbidden":
    case "ModelNotFound":
    case "QuotaExhausted":
    case "ClientReleased":
    case "ConnectFailed":
    case "MalformedReply":
      return true
    default:
      return false
  }
}
