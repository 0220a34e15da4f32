/** A run of the chain of a cascade, and what becomes of its end: what is logged, and what is kept. */
import * as Cascade from "@switchgear/core/Cascade"
import { Handler } from "@switchgear/core/runtime"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { AttemptCounter } from "../chatModel/attemptCounter.ts"
import type * as ChatModel from "../ChatModel.ts"
import type { Answered } from "./chain.ts"
import type { OperatorLog } from "./operatorLog.ts"

/** Keeps an answer under a key. */
export type KeepAt<A> = (key: string, answer: Answered<A>) => Effect.Effect<void>

/** What a run is made with. */
interface Made<A> {
  readonly operatorLog: OperatorLog
  readonly counter: AttemptCounter
  readonly clock: Clock.Clock
  /** Milliseconds of the wall clock. */
  readonly now: number
  readonly key: string
  /** Undefined where its answer is not kept. */
  readonly keep: KeepAt<A> | undefined
}

export class ChainRun<A> extends Handler {
  private readonly made: Made<A>

  constructor(made: Made<A>, fiber: Fiber.Fiber<any, any>) {
    super(fiber)
    this.made = made
  }

  failed(cause: Cause.Cause<unknown>): Effect.Effect<never, unknown> {
    const { counter, now, operatorLog } = this.made
    const error = cause.reasons.find(Cause.isFailReason)?.error
    const log = error instanceof Cascade.CascadeExhausted
      ? operatorLog.tell(error.failures, counter, "and no other step did", now)
      : undefined
    return log === undefined ? Effect.failCause(cause) : Effect.andThen(log, Effect.failCause(cause))
  }

  succeeded(
    { degradation, failures, step, value: { value } }: Cascade.Served<Answered<A>, ChatModel.ModelError>
  ): Effect.Effect<Answered<A>> {
    const { clock, counter, keep, key, operatorLog } = this.made
    const { attempts, possiblyBilledAttempts } = counter
    const answer = { value, step, degradation, failures, attempts, possiblyBilledAttempts }
    const kept = keep === undefined ? Effect.succeed(answer) : Effect.as(keep(key, answer), answer)
    const log = failures.length === 0
      ? undefined
      : operatorLog.tell(failures, counter, `and ${step} answered instead`, clock.currentTimeMillisUnsafe())
    return log === undefined ? kept : Effect.andThen(log, kept)
  }
}
