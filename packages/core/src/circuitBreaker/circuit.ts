/** A circuit, and one call through it: the state machine joined with the frame that admits and releases calls. */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { CurrentDeadline, timeContextOf } from "../deadline/current.ts"
import { asExceeded, cutOff } from "../deadline/cutOff.ts"
import * as Outcome from "../Outcome.ts"
import { BreakerMachine } from "./machine.ts"
import type { BreakerLease, BreakerRules } from "./machineModel.ts"
import { Admission, clockOf, goOn, type TimeContext } from "../internal/runtime/guard.ts"
import { holds } from "../internal/data/holds.ts"
import type { CallEvent, CallSource } from "../internal/runtime/callListeners.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { onlyFailure } from "../internal/runtime/onlyFailure.ts"
import { OptionsOf } from "../internal/config/checks.ts"
import type { Watch } from "./slowCalls.ts"
import { judge, type Judgement } from "./judgement.ts"
import { type CircuitOpen, circuitOpen, isCircuitOpen } from "./CircuitOpen.ts"
import { Patience } from "./patience.ts"
import { asProbe, isInProbe } from "./probe.ts"

/** How calls of one kind are judged. */
export interface Judge {
  readonly classify: Outcome.Classify<any, any>
  readonly slowMillis: number
}

/** The same judge with the given options replaced. */
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

/** The state that all calls of one circuit share. */
export class Circuit extends BreakerMachine implements CallSource {
  onCall: CallSource["onCall"] = undefined
  private readonly patience: Patience
  // Every call reads these two; the rest of the patience is read seldom.
  private untilLesson = 1
  /** Whether a call has ended by its caller's deadline since the last answer. */
  private isSilent = false

  constructor(name: string, rules: BreakerRules, clock: Clock.Clock) {
    super(name, rules, clock)
    this.patience = new Patience(rules.patience)
  }

  /** An effect after which a call that is not admitted may be; undefined where it is rejected at once. */
  get askForProbe(): Effect.Effect<void> | undefined {
    return undefined
  }

  /** Rejects a call and counts that. Each rejection is a new error object: reporters mark those that they have seen. */
  reject(): Exit.Exit<never, CircuitOpen> {
    this.rejected++
    this.onCall?.({ type: "not-permitted" })
    const retryIn = this.retryIn(this.askedAt)
    const retryAfter = retryIn === undefined ? undefined : Duration.millis(Math.ceil(retryIn))
    return Exit.fail(circuitOpen(this.name, this.state as CircuitOpen["state"], retryAfter))
  }

  /** Whether the call that begins now is measured for the default of `patience`. */
  teachesNext(): boolean {
    if (--this.untilLesson > 0) return false
    this.untilLesson = this.patience.lessonEvery
    return !this.patience.isSet
  }

  /** A call was answered. If the time of its beginning is given, its length is learnt. */
  answered(began: TimeContext | undefined): void {
    if (this.isSilent) {
      this.isSilent = false
      this.patience.answered()
    }
    if (began !== undefined) this.patience.learn(began.now, began.deadline?.at ?? Infinity, began.clock)
  }

  /** Whether a call that ended by its caller's deadline had enough time, in milliseconds, to count as a failure. */
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
  /** Clock, time and deadline at the beginning of the call; undefined where no rule needs them. */
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
    if (circuit.tryAcquire(this)) return this.passed(fiber)
    // A probe that calls its own circuit again takes no second probe.
    if (isInProbe(circuit, fiber)) return goOn(this, self, fiber)
    const asking = circuit.askForProbe
    return asking === undefined ? circuit.reject() : Effect.flatMap(asking, () => this.afterAsking(fiber))
  }

  /** Goes on with a call that was admitted. */
  private passed(fiber: Fiber.Fiber<any, any>): Effect.Effect<any, any, any> {
    const { circuit, self } = this
    this.teaches = circuit.teachesNext()
    if (this.time === undefined && (this.teaches || fiber.getRef(CurrentDeadline) !== undefined)) {
      this.time = timeContextOf(fiber)
    }
    return circuit.state === "HalfOpen"
      ? asProbe(Effect.withFiber((fiber) => goOn(this, self, fiber)), circuit, this, fiber)
      : goOn(this, self, fiber)
  }

  /** What was asked for may have come. */
  private afterAsking(fiber: Fiber.Fiber<any, any>): Effect.Effect<any, any, any> {
    const { circuit } = this
    return circuit.tryAcquire(this) ? this.passed(fiber) : circuit.reject()
  }

  release(exit: Exit.Exit<any, any>): void {
    if (this.generation < 0) return
    const { circuit } = this
    if (exit._tag === "Success" && this.judge.classify === Outcome.fromExit) {
      this.learn()
      this.tell("success", exit)
      return circuit.record(this, false, undefined, undefined)
    }
    if (exit._tag === "Failure" && !this.begun) {
      // The work failed in an earlier attempt, and a guard inside then refused the next one.
      if (this.hasFailed && Outcome.isRejected(exit)) {
        this.tell("failure", exit)
        return circuit.record(this, true, undefined, undefined)
      }
      if (!isOpenInside(exit)) return this.ignore(exit)
    }
    const judged = this.judgement(exit)
    if (judged === undefined) return this.ignore(exit)
    if (!judged.failed) this.learn()
    this.tell(judged.failed ? "failure" : "success", exit)
    circuit.record(this, judged.failed, judged.retryAfter, judged.tripFor)
  }

  private ignore(exit: Exit.Exit<any, any>): void {
    this.tell("ignored", exit)
    this.circuit.release(this)
  }

  /** Before the result counts: it may move the circuit, which is told after it. */
  private tell(type: CallEvent["type"], exit: Exit.Exit<any, any>): void {
    const { circuit: { onCall }, isCounted, start } = this
    onCall?.({
      type,
      millis: isCounted && start > 0 ? monotonicMillis(this.clock) - start : undefined,
      error: exit._tag === "Failure" ? onlyFailure(exit.cause)?.failure : undefined
    })
  }

  /** Undefined for a call that is ignored. */
  private judgement(exit: Exit.Exit<any, any>): Judgement | undefined {
    if (exit._tag === "Failure") {
      const given = cutOff(exit, this.time)
      if (given !== undefined) {
        // A deadline that was too short says nothing about the target; a call without any time was not begun.
        if (given <= 0 || !this.circuit.hadEnough(given, this.time!.now)) return undefined
        return judge(this.judge.classify, asExceeded(exit, given))
      }
    }
    return judge(this.judge.classify, exit)
  }

  private learn(): void {
    this.circuit.answered(this.teaches ? this.time : undefined)
  }
}

// Another circuit directly inside is part of the target: that it is open is a result to judge, not a call to ignore.
const isOpenInside = ({ cause }: Exit.Failure<any, any>): boolean => holds(onlyFailure(cause)?.failure, isCircuitOpen)
