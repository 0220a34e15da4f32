/**
 * Plays a history on a subject: forks calls, ends and interrupts them, moves the clock, and describes what happened.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { line, type Operation, shown } from "./operation.ts"

/**
 * The state of one call of a history.
 *
 * @since 0.1.0
 * @category models
 */
export interface Played<Call> {
  /** Its number, from 0, in the order in which calls began. */
  readonly id: number
  readonly call: Call
  /** Whether the work has not started, is running, or the call has ended. */
  readonly state: "waiting" | "running" | "over"
  /** The exit of a call that has ended. */
  readonly exit: Exit.Exit<unknown, unknown> | undefined
}

/**
 * The state of all calls of a history after a step.
 *
 * @since 0.1.0
 * @category models
 */
export interface Scene<Call> {
  /** Milliseconds on the clock. */
  readonly now: number
  readonly calls: ReadonlyArray<Played<Call>>
  /** The starts of work in order; work that is retried starts again. */
  readonly started: ReadonlyArray<{ readonly id: number; readonly at: number }>
}

/**
 * An operation after its call has been selected.
 *
 * @since 0.1.0
 * @category models
 */
export type Event<Call, End, Control> =
  /** With an `ending`, the work ends in its first step. */
  | {
    readonly _tag: "Began"
    readonly id: number
    readonly call: Call
    readonly ending: End | undefined
    readonly now: number
  }
  | { readonly _tag: "Ended"; readonly id: number; readonly ending: End; readonly now: number }
  | { readonly _tag: "Interrupted"; readonly id: number; readonly now: number }
  /** `now` is the new time. */
  | { readonly _tag: "Advanced"; readonly millis: number; readonly now: number }
  | { readonly _tag: "Controlled"; readonly control: Control; readonly now: number }

/** What a history is played on. */
export interface Stage<Call, End, Control> {
  readonly call: (work: Effect.Effect<End>, call: Call, id: number) => Effect.Effect<unknown, unknown>
  readonly control?: ((control: Control) => Effect.Effect<unknown, unknown>) | undefined
}

// A turn of the scheduler runs the fibers that are ready; adjusting the clock by 0 wakes the fibers that are due.
// Finalizers may take a few turns.
const settled = Effect.andThen(
  Effect.forEach(Array.from({ length: 4 }), () => Effect.yieldNow, { discard: true }),
  TestClock.adjust(0)
)

export const everybodyLeaves = "interrupt those who are left"

/** A subject, and all calls that went to it. */
export class Player<Call, End, Control> implements Scene<Call> {
  now = 0
  readonly calls: Array<Caller<Call, End>> = []
  readonly started: Array<{ readonly id: number; readonly at: number }> = []
  private readonly stage: Stage<Call, End, Control>
  private readonly tell: (event: Event<Call, End, Control>) => void

  constructor(stage: Stage<Call, End, Control>, tell: (event: Event<Call, End, Control>) => void) {
    this.stage = stage
    this.tell = tell
  }

  /** Reports the event, performs it, and returns a description of what happened. */
  perform(operation: Operation<Call, End, Control>): Effect.Effect<string, unknown> {
    return Effect.gen({ self: this }, function*() {
      this.now = yield* Clock.currentTimeMillis
      const before = this.calls.map((call) => call.told)
      const words = yield* this.act(operation)
      yield* settled
      const changes = this.calls.flatMap(({ told }, id) => told === before[id] ? [] : [`call ${id} ${told}`])
      return changes.length === 0 ? words : `${words}: ${changes.join(", ")}`
    })
  }

  /** Interrupts the remaining calls one after the other. */
  get leave(): Effect.Effect<string> {
    return Effect.gen({ self: this }, function*() {
      for (const call of this.calls) if (call.state !== "over") yield* Effect.andThen(this.interrupt(call), settled)
      return everybodyLeaves
    })
  }

  /** Interrupts all calls without waiting for them. */
  abandon(): void {
    for (const call of this.calls) call.fiber?.interruptUnsafe()
  }

  private act(operation: Operation<Call, End, Control>): Effect.Effect<string, unknown> {
    const { now } = this
    switch (operation._tag) {
      case "Call":
        return this.begin(operation.call, operation)
      case "Begin":
        return this.begin(operation.call)
      case "End": {
        const call = this.pick("running", operation.index)
        if (call === undefined) return Effect.succeed("end nobody, since no call runs")
        return Effect.sync(() => {
          this.tell({ _tag: "Ended", id: call.id, ending: operation.ending, now })
          call.end!(operation.ending)
          return `end call ${call.id} with${shown(operation.ending)}`
        })
      }
      case "Interrupt": {
        const call = this.pick(operation.who, operation.index)
        return call === undefined
          ? Effect.succeed(`interrupt nobody, since no call is ${operation.who}`)
          : Effect.as(this.interrupt(call), `interrupt call ${call.id}`)
      }
      case "Advance":
        this.now += operation.millis
        this.tell({ _tag: "Advanced", millis: operation.millis, now: this.now })
        return Effect.as(TestClock.adjust(operation.millis), line(operation))
      case "Control":
        this.tell({ _tag: "Controlled", control: operation.control, now })
        return Effect.as(this.stage.control?.(operation.control) ?? Effect.void, line(operation))
    }
  }

  private pick(state: "waiting" | "running", index: number): Caller<Call, End> | undefined {
    const those = this.calls.filter((call) => call.state === state)
    return those[index % those.length]
  }

  private begin(call: Call, atOnce?: { readonly ending: End }): Effect.Effect<string> {
    return Effect.suspend(() => {
      const caller = new Caller<Call, End>(this.calls.length, call)
      this.tell({ _tag: "Began", id: caller.id, call, ending: atOnce?.ending, now: this.now })
      this.calls.push(caller)
      const lasting = Effect.callback<End>((resume) => {
        caller.end = (ending) => {
          caller.end = undefined
          resume(Effect.succeed(ending))
        }
        return Effect.sync(() => caller.end = undefined)
      })
      const work = Effect.flatMap(Clock.currentTimeMillis, (at) => {
        this.started.push({ id: caller.id, at })
        return atOnce ? Effect.succeed(atOnce.ending) : lasting
      })
      const words = `begin call ${caller.id}${shown(call)}${
        atOnce ? `, which ends at once with${shown(atOnce.ending)}` : ""
      }`
      const guarded = this.stage.call(work, call, caller.id)
      // Detached, because a child would be waited for, and an uninterruptible call may never end.
      return Effect.map(Effect.forkDetach(guarded, { startImmediately: true }), (fiber) => {
        caller.fiber = fiber
        return words
      })
    })
  }

  private interrupt(call: Caller<Call, End>): Effect.Effect<void> {
    return Effect.sync(() => {
      this.tell({ _tag: "Interrupted", id: call.id, now: this.now })
      call.fiber!.interruptUnsafe()
    })
  }
}

class Caller<Call, End> implements Played<Call> {
  readonly id: number
  readonly call: Call
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  /** Set while the work runs. */
  end: ((ending: End) => void) | undefined

  constructor(id: number, call: Call) {
    this.id = id
    this.call = call
  }

  get exit(): Exit.Exit<unknown, unknown> | undefined {
    return this.fiber?.pollUnsafe()
  }

  get state(): Played<Call>["state"] {
    if (this.exit) return "over"
    return this.end ? "running" : "waiting"
  }

  /** A description of the state. */
  get told(): string {
    const { exit, state } = this
    if (exit === undefined) return state === "running" ? "runs" : "waits"
    return Exit.isSuccess(exit) ? "answers" : toldCause(exit.cause)
  }
}

const toldCause = ({ reasons }: Cause.Cause<unknown>): string =>
  reasons.map((reason) =>
    Cause.isFailReason(reason)
      ? `fails${shown(nameOf(reason.error))}`
      : Cause.isDieReason(reason)
      ? `dies${shown(nameOf(reason.defect))}`
      : "is interrupted"
  ).join(" and ")

const nameOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : error
