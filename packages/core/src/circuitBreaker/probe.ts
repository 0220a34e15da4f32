/** The probes that the running fiber is part of; there are some only while a circuit around it is half-open. */
import * as Context from "effect/Context"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { BreakerMachine } from "./machine.ts"
import type { BreakerLease } from "./machineModel.ts"

interface Probe {
  readonly circuit: BreakerMachine
  readonly lease: BreakerLease
  /** The probe of another circuit around this one. */
  readonly outer: Probe | undefined
}

const CurrentProbe = Context.Reference<Probe | undefined>("@switchgear/core/CircuitBreaker/CurrentProbe", {
  defaultValue: () => undefined
})

/** Runs the effect as a probe. */
export const asProbe = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  circuit: BreakerMachine,
  lease: BreakerLease,
  fiber: Fiber.Fiber<any, any>
): Effect.Effect<A, E, R> =>
  Effect.provideService(self, CurrentProbe, { circuit, lease, outer: inFlight(fiber.getRef(CurrentProbe)) })

// Detached work that starts itself again must not make the chain longer with every probe that has ended.
const inFlight = (probe: Probe | undefined): Probe | undefined => {
  while (probe !== undefined && probe.lease.generation < 0) probe = probe.outer
  return probe
}

/** Whether the fiber is part of a probe of the circuit that is in flight in this half-open period. */
export const isInProbe = (circuit: BreakerMachine, fiber: Fiber.Fiber<any, any>): boolean => {
  if (circuit.state !== "HalfOpen") return false
  for (let probe = fiber.getRef(CurrentProbe); probe !== undefined; probe = probe.outer) {
    if (probe.circuit === circuit && probe.lease.generation === circuit.generation) return true
  }
  return false
}

const prolong = (innermost: Probe, clock: Clock.Clock): void => {
  for (let probe: Probe | undefined = innermost; probe !== undefined; probe = probe.outer) {
    probe.circuit.prolong(probe.lease, clock)
  }
}

export const stillAlive: Effect.Effect<void> = Effect.withFiber((fiber) => {
  const probe = fiber.getRef(CurrentProbe)
  if (probe !== undefined) prolong(probe, fiber.getRef(Clock.Clock))
  return Effect.void
})

/** The effect that prolongs the running probe from any fiber; undefined when the running call is not a probe. */
export const signOfLife: Effect.Effect<Effect.Effect<void> | undefined> = Effect.withFiber((fiber) => {
  const probe = fiber.getRef(CurrentProbe)
  return Effect.succeed(probe && Effect.map(Clock.Clock, (clock) => prolong(probe, clock)))
})
