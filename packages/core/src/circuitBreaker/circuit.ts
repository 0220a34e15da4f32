/** A circuit at work: what its calls share, and one call on its way through. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Outcome from "../Outcome.ts"
import { type BreakerLease, BreakerMachine } from "../internal/breakerMachine.ts"
import { CircuitOpen, circuitOpen } from "./open.ts"
import { Admission, type AnyFiber, goOn } from "../internal/guard.ts"
import { onlyFailure } from "../internal/onlyFailure.ts"
import type { Watch } from "../internal/overdue.ts"
import { OptionsOf } from "../internal/options.ts"

/** How a kind of call is judged. */
export interface Judge {
  readonly classify: Outcome.Classify<any, any>
  readonly slowMillis: number
}

/** Another way to judge, in what is given. */
export const judgeWith = (
  judge: Judge,
  options: {
    readonly classify?: Outcome.Classify<any, any> | undefined
    readonly slowCallDuration?: Duration.Input | undefined
  }
): Judge => ({
  classify: options.classify ?? judge.classify,
  slowMillis: options.slowCallDuration === undefined
    ? judge.slowMillis
    : new OptionsOf("CircuitBreaker.protectWith").limit("slowCallDuration", options.slowCallDuration)
})

/** What the calls of one circuit share. */
export class Circuit extends BreakerMachine {
  // Each rejection is an object of its own: what a reporter marks on one is not seen on another.
  reject(): Exit.Exit<never, CircuitOpen> {
    const retryIn = this.retryIn(this.askedAt)
    const retryAfter = retryIn === undefined ? undefined : Duration.millis(Math.ceil(retryIn))
    return Exit.fail(circuitOpen(this.name, this.state as CircuitOpen["state"], retryAfter))
  }
}

export class Call extends Admission implements BreakerLease {
  generation = -1
  start = 0
  watch: Watch | undefined
  private readonly circuit: Circuit
  private readonly self: Effect.Effect<any, any, any>
  private readonly judge: Judge
  private readonly clock: Clock.Clock

  constructor(circuit: Circuit, self: Effect.Effect<any, any, any>, judge: Judge, clock: Clock.Clock) {
    super()
    if (judge.slowMillis !== Infinity) circuit.watchesSlow = true
    this.circuit = circuit
    this.self = self
    this.judge = judge
    this.clock = clock
  }

  get slowMillis(): number {
    return this.judge.slowMillis
  }

  enter(fiber: AnyFiber): Effect.Effect<any, any, any> {
    return this.circuit.tryAcquire(this, this.clock) ? goOn(this, this.self, fiber) : this.circuit.reject()
  }

  leave(exit: Exit.Exit<any, any>): void {
    if (this.generation < 0) return
    const { circuit } = this
    if (!this.begun && wasRefused(exit)) return circuit.release(this)
    const outcome = judge(this.judge.classify, exit)
    if (outcome._tag === "Ignored") return circuit.release(this)
    if (outcome._tag === "Success") return circuit.record(this, false, this.clock, undefined, undefined)
    const retryAfter = (outcome._tag === "Failure" ? outcome.retryAfter : undefined) ?? Outcome.retryAfterOf(exit)
    circuit.record(
      this,
      true,
      this.clock,
      retryAfter && Duration.toMillis(retryAfter),
      outcome._tag === "TripFor" ? Duration.toMillis(outcome.duration) : undefined
    )
  }
}

// Another circuit directly inside is part of what this one guards: that it is open is no reason to wait for a probe.
const wasRefused = (exit: Exit.Exit<any, any>): boolean =>
  Outcome.isRejected(exit) && !(onlyFailure((exit as Exit.Failure<any, any>).cause)?.failure instanceof CircuitOpen)

// A judge that throws must neither change the result of the call nor leak its lease.
const judge = (classify: Outcome.Classify<any, any>, exit: Exit.Exit<any, any>): Outcome.Outcome => {
  try {
    return classify(exit)
  } catch {
    return Outcome.fromExit(exit)
  }
}
