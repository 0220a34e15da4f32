/** The state of a circuit as plain JSON, and a circuit that has not been used yet with the state of an earlier process. */
import type * as Clock from "effect/Clock"
import * as Schema from "effect/Schema"
import { SavedWindow } from "../internal/data/savedWindow.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { longestMillis } from "./bounds.ts"
import { RampUp } from "./rampUp.ts"
import { States } from "./states.ts"

const count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

/** The wall-clock times that a date can have. */
const wall = Schema.Finite.check(Schema.isBetween({ minimum: -8.64e15, maximum: 8.64e15 }))

/** A circuit that is half-open is saved as one that is open with nothing left: its probes end with the process. */
export const SavedCircuit = Schema.Struct({
  state: Schema.Literals(["Closed", "Open", "ForcedOpen", "Disabled", "MetricsOnly"]),
  /** Wall-clock milliseconds. */
  since: wall,
  /** Of an opening: milliseconds until it ends; below zero since it has ended. */
  left: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: -8.64e15, maximum: longestMillis }))),
  /** The whole length of that opening. */
  openFor: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: longestMillis }))),
  failuresInRow: count,
  openingsInRow: count,
  window: SavedWindow,
  /** Milliseconds since its beginning, and the credit of the calls that it has refused. */
  rampUp: Schema.optionalKey(Schema.Struct({
    elapsed: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: longestMillis })),
    credit: Schema.Finite
  }))
})

export type SavedCircuit = typeof SavedCircuit.Type

/** A schedule of openings is stepped so many times at most, to where it was. */
const mostSteps = 100

export class SavedStates extends States {
  /** Whether nothing but the making of the circuit has happened to it. */
  get isFresh(): boolean {
    return this.state === "Closed" && this.generation === 0 && this.inFlight === 0 && !this.hasCalls &&
      this.window.calls === 0
  }

  /** Whether a new circuit would be the same. */
  get isUntouched(): boolean {
    return this.state === "Closed" && this.ramp === undefined && this.window.calls === 0 && this.failuresInRow === 0
  }

  save(clock: Clock.Clock): SavedCircuit {
    const now = monotonicMillis(clock)
    this.settle(now, clock)
    this.window.expire(now)
    const { failuresInRow, openedFor, openingsInRow, ramp, since, state } = this
    return {
      state: state === "HalfOpen" ? "Open" : state,
      since,
      ...state === "Open" && { left: Math.min(openedFor, this.openUntil - now), openFor: openedFor },
      ...state === "HalfOpen" && {
        left: Math.min(0, since - clock.currentTimeMillisUnsafe()),
        openFor: openedFor
      },
      failuresInRow,
      openingsInRow,
      window: this.window.save(now),
      ...ramp !== undefined && { rampUp: { elapsed: Math.max(0, now - ramp.start), credit: ramp.credit } }
    }
  }

  /** Whether the state can be one of this circuit, with its options. */
  accepts({ left, openFor, state, window }: SavedCircuit): boolean {
    const isOpening = left !== undefined && openFor !== undefined && left <= openFor
    const isNone = left === undefined && openFor === undefined
    return (state === "Open" ? isOpening : isNone) && this.window.accepts(window)
  }

  /** Goes on with a state that it accepts, which was saved `age` milliseconds ago. Returns whether it was unused. */
  restore(saved: SavedCircuit, age: number, clock: Clock.Clock): boolean {
    if (!this.isFresh) return false
    const openingsInRow = saved.state === "Open" ? saved.openingsInRow : 0
    for (let opening = 1; opening <= Math.min(openingsInRow, mostSteps); opening++) this.lengthOf(opening)
    // The user's schedule may have used the circuit.
    if (!this.isFresh) return false
    const at = monotonicMillis(clock) - age
    const { failuresInRow, left = 0, openFor = 0, rampUp: ramp, state, window } = saved
    const from = this.state
    if (state !== from) this.enter(state, "restored")
    this.window.restore(window, at)
    this.failuresInRow = failuresInRow
    this.openingsInRow = openingsInRow
    this.openedFor = openFor
    this.openUntil = at + left
    // A clock that went back has nothing in its future.
    this.since = Math.min(saved.since, clock.currentTimeMillisUnsafe())
    const { name: breaker, rules: { onTransition, rampUp } } = this
    if (state === "Closed" && ramp !== undefined && rampUp !== undefined) {
      const credit = Math.min(1, Math.max(0, ramp.credit))
      this.ramp = new RampUp(at - ramp.elapsed, rampUp.over, rampUp.from, credit)
    }
    if (state === from) return true
    onTransition({
      breaker,
      from,
      to: state,
      reason: "restored",
      at: clock.currentTimeMillisUnsafe(),
      openFor: state === "Open" ? Math.max(0, left - age) : undefined,
      askedFor: undefined,
      openingsInRow
    })
    return true
  }
}
