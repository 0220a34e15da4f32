/** One circuit as its users see it. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { CircuitBreaker, Snapshot, State, Transition } from "../CircuitBreaker.ts"
import type { BreakerMachine } from "../internal/breakerMachine.ts"
import { Call, type Circuit, type Judge, judgeWith } from "./circuit.ts"
import type { CircuitOpen } from "./open.ts"
import { type Begin, clockOf, gate, guard, type Refuse } from "../internal/guard.ts"
import { OptionsOf } from "../internal/options.ts"
import { monotonicMillis } from "../internal/time.ts"

export const handle = (
  circuit: Circuit,
  judge: Judge,
  transitions: Stream.Stream<Transition>
): CircuitBreaker => {
  const { name } = circuit
  const protect = (judge: Judge) => {
    const begin: Begin = (fiber, self, moment) => new Call(circuit, self, judge, clockOf(fiber, moment))
    return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | CircuitOpen, R> => guard(self, begin)
  }
  const refuse: Refuse = (fiber, moment) => circuit.wouldAdmit(clockOf(fiber, moment)) ? undefined : circuit.reject()
  const settled = Effect.map(Clock.Clock, (clock) => {
    const now = monotonicMillis(clock)
    circuit.settle(now, clock)
    return now
  })
  const byHand = (change: (clock: Clock.Clock) => void) => Effect.map(Clock.Clock, change)
  const moveTo = (state: State) => byHand((clock) => circuit.moveTo(state, clock, "by-hand"))
  return {
    name,
    protect: protect(judge),
    protectWith: (options) => protect(judgeWith(judge, options)),
    gate: (self) => gate(self, refuse),
    state: Effect.map(settled, () => circuit.state),
    snapshot: Effect.map(settled, (now) => snapshot(circuit, now)),
    transitions,
    control: {
      trip: (duration) =>
        byHand((clock) =>
          circuit.open(
            monotonicMillis(clock),
            clock,
            "by-hand",
            duration === undefined
              ? undefined
              : new OptionsOf("CircuitBreaker.control.trip").wait("duration", duration)
          )
        ),
      forceOpen: moveTo("ForcedOpen"),
      disable: moveTo("Disabled"),
      metricsOnly: moveTo("MetricsOnly"),
      close: moveTo("Closed"),
      reset: byHand((clock) => circuit.reset(clock))
    }
  }
}

const snapshot = (machine: BreakerMachine, now: number): Snapshot => {
  const { calls, failures, slow } = machine.counts(now)
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
    inFlight: machine.inFlight,
    rejected: machine.rejected,
    openings: machine.openings,
    openingsInRow: machine.openingsInRow,
    late: machine.late,
    rampUp: machine.rampShare(now),
    nextRetry: retryIn === undefined ? undefined : Duration.millis(retryIn)
  }
}
