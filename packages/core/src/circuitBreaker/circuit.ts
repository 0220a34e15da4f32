/** A circuit at work: what its calls share, and one call on its way through. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { CurrentDeadline, timeContextOf } from "../deadline/current.ts"
import * as Outcome from "../Outcome.ts"
import { BreakerMachine } from "./machine.ts"
import type { BreakerLease, BreakerRules } from "./machineModel.ts"
import { Admission, clockOf, goOn, type TimeContext } from "../internal/runtime/guard.ts"
import { holds } from "../internal/data/holds.ts"
import { onlyFailure } from "../internal/runtime/onlyFailure.ts"
import { OptionsOf } from "../internal/config/checks.ts"
import type { Watch } from "./slowCalls.ts"
import { cutOff, exceeded, judge, type Judgement } from "./judgement.ts"
import { type CircuitOpen, circuitOpen, isCircuitOpen } from "./CircuitOpen.ts"
import { Patience } from "./patience.ts"
import { asProbe, isInProbe } from "./probe.ts"

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
): Judge => {
  const check = new OptionsOf("CircuitBreaker.protectWith")
  return {
    classify: options.classify === undefined ? judge.classify : check.callback("classify", options.classify),
    slowMillis: options.slowCallDuration === undefined
      ? judge.slowMillis
      : check.limit("slowCallDuration", options.slowCallDuration)
  }
}

/** What the calls of one circuit share. */
export class Circuit extends BreakerMachine {
  private readonly patience: Patience
  // What every call asks of the patience lies here.
  private untilLesson = 1
  /** Whether callers have waited in vain since the last answer. */
  private isSilent = false

  constructor(name: string, rules: BreakerRules, clock: Clock.Clock) {
    super(name, rules, clock)
    this.patience = new Patience(rules.patience)
  }

  /** Refuses a call, which is counted. Each rejection is an error of its own: reporters mark those they have seen. */
  reject(): Exit.Exit<never, CircuitOpen> {
    this.rejected++
    const retryIn = this.retryIn(this.askedAt)
    const retryAfter = retryIn === undefined ? undefined : Duration.millis(Math.ceil(retryIn))
    return Exit.fail(circuitOpen(this.name, this.state as CircuitOpen["state"], retryAfter))
  }

  /** Whether it is to be learnt how long the call takes that begins now. */
  teachesNext(): boolean {
    if (--this.untilLesson > 0) return false
    this.untilLesson = this.patience.lessonEvery
    return !this.patience.isSet
  }

  /** A call was answered; it is learnt from if the moment of its beginning is given. */
  answered(began: TimeContext | undefined): void {
    if (this.isSilent) {
      this.isSilent = false
      this.patience.answered()
    }
    if (began !== undefined) this.patience.learn(began.now, began.deadline?.at ?? Infinity, began.clock)
  }

  /** Whether a call that its caller's deadline ended had been given enough time, in milliseconds, to count as a failure. */
  hadEnough(given: number, began: number): boolean {
    this.isSilent = true
    return this.patience.isEnough(given, began)
  }
}

export class Call extends Admission implements BreakerLease {
  generation = -1
  isCounted = false
  start = 0
  watch: Watch | undefined
  private readonly circuit: Circuit
  private readonly self: Effect.Effect<any, any, any>
  private readonly judge: Judge
  private readonly fiber: Fiber.Fiber<any, any>
  /** What is known of the time at which the call began; undefined where nobody wants to know. */
  private time: TimeContext | undefined
  private teaches = false

  constructor(
    circuit: Circuit,
    self: Effect.Effect<any, any, any>,
    judge: Judge,
    fiber: Fiber.Fiber<any, any>,
    time: TimeContext | undefined
  ) {
    super()
    if (judge.slowMillis !== Infinity) circuit.watchSlow()
    this.circuit = circuit
    this.self = self
    this.judge = judge
    this.fiber = fiber
    this.time = time
  }

  get clock(): Clock.Clock {
    return clockOf(this.fiber, this.time)
  }

  get slowMillis(): number {
    return this.judge.slowMillis
  }

  acquire(fiber: Fiber.Fiber<any, any>): Effect.Effect<any, any, any> {
    const { circuit, self } = this
    if (circuit.tryAcquire(this)) {
      this.teaches = circuit.teachesNext()
      if (this.time === undefined && (this.teaches || fiber.getRef(CurrentDeadline) !== undefined)) {
        this.time = timeContextOf(fiber)
      }
      return circuit.state === "HalfOpen"
        ? asProbe(Effect.withFiber((fiber) => goOn(this, self, fiber)), circuit, this, fiber)
        : goOn(this, self, fiber)
    }
    // A probe that calls its own circuit once more is that probe, and no further one.
    return isInProbe(circuit, fiber) ? goOn(this, self, fiber) : circuit.reject()
  }

  release(exit: Exit.Exit<any, any>): void {
    if (this.generation < 0) return
    const { circuit } = this
    if (exit._tag === "Success" && this.judge.classify === Outcome.fromExit) {
      this.learn()
      return circuit.record(this, false, undefined, undefined)
    }
    if (exit._tag === "Failure" && !this.begun) {
      // A guard inside refused to try again what had failed.
      if (this.hasFailed && Outcome.isRejected(exit)) return circuit.record(this, true, undefined, undefined)
      if (!isOpenInside(exit)) return circuit.release(this)
    }
    const judged = this.judgement(exit)
    if (judged === undefined) return circuit.release(this)
    if (!judged.failed) this.learn()
    circuit.record(this, judged.failed, judged.retryAfter, judged.tripFor)
  }

  /** Undefined for a call that says nothing about the callee. */
  private judgement(exit: Exit.Exit<any, any>): Judgement | undefined {
    if (exit._tag === "Failure") {
      const given = cutOff(exit, this.time)
      if (given !== undefined) {
        // A caller without patience is no sick callee, and what was given no time was not begun.
        if (given <= 0 || !this.circuit.hadEnough(given, this.time!.now)) return undefined
        return judge(this.judge.classify, exceeded(exit, given))
      }
    }
    return judge(this.judge.classify, exit)
  }

  private learn(): void {
    this.circuit.answered(this.teaches ? this.time : undefined)
  }
}

// Another circuit directly inside is part of what this one guards: that it is open is no reason to wait for a probe.
const isOpenInside = ({ cause }: Exit.Failure<any, any>): boolean => holds(onlyFailure(cause)?.failure, isCircuitOpen)
