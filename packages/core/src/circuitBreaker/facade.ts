/** The public interface of one circuit. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Stream from "effect/Stream"
import type { CircuitBreaker, Snapshot, State, Transition } from "./model.ts"
import type { BreakerMachine } from "./machine.ts"
import type { Timed } from "./machineModel.ts"
import { Call, type Circuit, type Judge, judgeWith } from "./circuit.ts"
import type { CircuitOpen } from "./CircuitOpen.ts"
import { type Check, gateBy, guardBy, type StartAdmission, type TimeContext } from "../internal/runtime/guard.ts"
import { OptionsOf } from "../internal/config/checks.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { longestMillis } from "./bounds.ts"
import { isInProbe } from "./probe.ts"

/** How a handle finds its circuit at each use. */
export interface CircuitRef {
  readonly name: string
  /** The circuit to call through. */
  readonly called: (fiber: Fiber.Fiber<any, any>, time: TimeContext | undefined) => Circuit
  /** The circuit to ask whether it would reject a call. */
  readonly asked: (fiber: Fiber.Fiber<any, any>, time: TimeContext | undefined) => Circuit
  /** The circuit to read. */
  readonly seen: (clock: Clock.Clock) => Circuit
  /** Runs a command on the circuit. */
  readonly changed: (clock: Clock.Clock, change: (circuit: Circuit) => void) => void
}

/** For a circuit that is always the same. */
export const placeOf = (circuit: Circuit): CircuitRef => ({
  name: circuit.name,
  called: () => circuit,
  asked: () => circuit,
  seen: () => circuit,
  changed: (_, change) => change(circuit)
})

/** Starts a call through the circuit. */
export const beginAt = (place: CircuitRef, judge: Judge): StartAdmission => (fiber, self, time) =>
  new Call(place.called(fiber, time), self, judge, fiber, time)

/** Rejects calls to an open circuit before anything is allocated for them. */
const refuseOpen = (place: CircuitRef): Check => (fiber) => {
  const circuit = place.asked(fiber, undefined)
  return circuit.isOpen && circuit.staysOpen(fiber.getRef(Clock.Clock)) ? circuit.reject() : undefined
}

const timeOf = (fiber: Fiber.Fiber<any, any>): Timed => ({ clock: fiber.getRef(Clock.Clock) })

export const facade = (place: CircuitRef, judge: Judge, transitions: Stream.Stream<Transition>): CircuitBreaker => {
  const isOpen = refuseOpen(place)
  const protect = (judge: Judge) => {
    return guardBy<CircuitOpen>(beginAt(place, judge), isOpen)
  }
  const refuse: Check = (fiber, time) => {
    const circuit = place.asked(fiber, time)
    return circuit.wouldAdmit(time ?? timeOf(fiber)) || isInProbe(circuit, fiber) ? undefined : circuit.reject()
  }
  const look = <A>(read: (circuit: Circuit, now: number) => A) =>
    Effect.map(Clock.Clock, (clock) => {
      const circuit = place.seen(clock)
      const now = monotonicMillis(clock)
      circuit.settle(now, clock)
      return read(circuit, now)
    })
  const byHand = (change: (circuit: Circuit, clock: Clock.Clock) => void) =>
    Effect.map(Clock.Clock, (clock) => place.changed(clock, (circuit) => change(circuit, clock)))
  const moveTo = (state: State) => byHand((circuit, clock) => circuit.command(state, clock))
  return {
    name: place.name,
    protect: protect(judge),
    protectWith: (options) => protect(judgeWith(judge, options)),
    gate: gateBy<CircuitOpen>(refuse),
    state: look(({ state }) => state),
    snapshot: look(snapshot),
    transitions,
    control: {
      trip: (duration) =>
        Effect.suspend(() => {
          const millis = duration === undefined ? undefined : toLength(duration)
          return byHand((circuit, clock) => circuit.trip(millis, clock))
        }),
      forceOpen: moveTo("ForcedOpen"),
      disable: moveTo("Disabled"),
      metricsOnly: moveTo("MetricsOnly"),
      close: moveTo("Closed"),
      reset: byHand((circuit, clock) => circuit.reset(clock))
    }
  }
}

const toLength = (duration: Duration.Input): number => {
  const check = new OptionsOf("CircuitBreaker.control.trip")
  const millis = check.delay("duration", duration)
  return millis <= longestMillis ? millis : check.refuse("duration", "a duration of at most 100 years", duration)
}

const snapshot = (machine: BreakerMachine, now: number): Snapshot => {
  const { calls, failures, slow, slowFailures } = machine.counts(now)
  const enough = calls >= machine.enough
  const retryIn = machine.retryIn(now)
  return {
    name: machine.name,
    state: machine.state,
    since: machine.since,
    failureRate: enough ? failures / calls : undefined,
    slowRate: enough ? slow / calls : undefined,
    calls,
    failed: failures,
    slow,
    slowFailed: slowFailures,
    thresholds: machine.thresholds,
    totals: machine.totals,
    durations: machine.durations,
    inFlight: machine.inFlight,
    rejected: machine.rejected,
    openings: machine.openings,
    openingsInRow: machine.openingsInRow,
    late: machine.late,
    rampUp: machine.rampShare(now),
    nextRetry: retryIn === undefined ? undefined : Duration.millis(Math.ceil(retryIn))
  }
}
