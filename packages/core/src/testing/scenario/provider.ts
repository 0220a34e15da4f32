/** A provider of a scenario: an effect that does what its phase says, and an injector for other effects. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { monotonicMillis } from "../../internal/runtime/time.ts"
import * as Chaos from "../Chaos.ts"
import { roundToMicros } from "../load/times.ts"
import { seedOf } from "../chaos/seeds.ts"
import { inSlot } from "../simulatedService/inSlot.ts"
import { SlotPool } from "../simulatedService/slotPool.ts"
import type { Wrapping } from "../world/outside.ts"
import type { ProviderPlan } from "./plan.ts"
import type { Recorder } from "./recorder.ts"
import { CurrentVisit } from "./visit.ts"

/**
 * A provider that succeeds with its name, or does what its phase says.
 *
 * If the app has a stack of its own, inject the provider at the bottom of it: `inject` around an effect, or
 * `Chaos.httpClient(provider)` around a client.
 *
 * @since 0.1.0
 * @category models
 */
export interface Provider<out A, out E> extends Effect.Effect<string | A, E>, Chaos.Injector<A, E> {
  readonly name: string
}

/** The time since the start of the load, by the clock of the run; NaN before it. */
export class Stopwatch {
  /** The reading of the clock at the start. */
  begun = NaN
  private readonly clock: Clock.Clock

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  begin(): void {
    this.begun = monotonicMillis(this.clock)
  }

  // The clock of a fiber that calls a provider may be that of a node.
  read(): number {
    return roundToMicros(monotonicMillis(this.clock) - this.begun)
  }
}

/** A provider, and the names of its phases in which it did nothing to any call so far. */
export interface Made {
  readonly provider: Provider<any, any>
  readonly harmless: Effect.Effect<ReadonlyArray<string>>
}

/** Makes a provider that follows its phases and reports each call that reaches it. */
export const makeProvider = (
  plan: ProviderPlan,
  { onReached, seed, stopwatch, wrapping }: {
    readonly onReached: Recorder["reached"]
    /** Does what the provider does where the provider is, also to effects of nodes. */
    readonly wrapping: Wrapping
    readonly seed: string
    readonly stopwatch: Stopwatch
  }
): Effect.Effect<Made> =>
  Effect.gen(function*() {
    const { name, phases } = plan
    const chaos = yield* Effect.forEach(phases, ({ rules, span }) =>
      Chaos.make({ name, rules, seed: seedOf("phase", seed, span.name) }))
    const phaseAt = (at: number) =>
      Math.max(0, phases.findIndex(({ span }) => at < span.to))
    const limited = plan.isLimited
      ? yield* limitedBy(plan, { seed, stopwatch, phaseAt, inject: (phase) => chaos[phase]!.injectAs })
      : undefined
    const injectAs: Provider<any, any>["injectAs"] = (about) => (self) =>
      wrapping(self, (self) =>
        Effect.withFiber((fiber) => {
          const at = stopwatch.read()
          // Calls that the policy makes while it is made belong to no customer.
          if (!Number.isNaN(at)) onReached(name, at, fiber.getRef(CurrentVisit))
          return limited === undefined ? chaos[phaseAt(at)]!.injectAs(about)(self) : limited(about)(self)
        }))
    const inject = injectAs({})
    const answer = inject(Effect.succeed(name))
    const countsOfPhases = Effect.all(chaos.map((phase) => phase.counts))
    const counts = Effect.map(countsOfPhases, (all) => all.reduce(sum))
    return {
      provider: Object.assign(Effect.suspend(() => answer), { name, inject, injectAs, counts }),
      harmless: plan.isLimited
        ? Effect.succeed([])
        : Effect.map(countsOfPhases, (all) =>
          phases.flatMap(({ span }, index) =>
            isHarmless(all[index]!) ? [span.name] : []
          ))
    }
  })

/** Calls take a slot of the provider, and in it the time and the rules of the phase in which their work begins. */
const limitedBy = (
  { name, phases }: ProviderPlan,
  { inject, phaseAt, seed, stopwatch }: {
    readonly seed: string
    readonly stopwatch: Stopwatch
    readonly phaseAt: (at: number) => number
    readonly inject: (phase: number) => Provider<any, any>["injectAs"]
  }
): Effect.Effect<Provider<any, any>["injectAs"]> =>
  Effect.map(Random.withSeed(Random.Random, seedOf("service", seed, name)), (random) => {
    const pool = new SlotPool(name, phases[0]!.limits)
    let isScheduled = false
    return (about) => (self) =>
      Effect.suspend(() => {
        if (!isScheduled && !Number.isNaN(stopwatch.begun)) {
          isScheduled = true
          pool.schedule(phases.map(({ limits, span }) => ({ at: stopwatch.begun + span.from, limits })))
        }
        return inSlot(pool, name, (slot) =>
          Effect.suspend(() => {
            const phase = phaseAt(stopwatch.read())
            return Effect.flatMap(slot.work(phases[phase]!.draw(random)), () => inject(phase)(about)(self))
          }))
      })
  })

const isHarmless = ({ calls: _, passed: __, ...injected }: Chaos.Counts): boolean =>
  Object.values(injected).every((count) => count === 0)

const sum = (one: Chaos.Counts, other: Chaos.Counts): Chaos.Counts => ({
  calls: one.calls + other.calls,
  passed: one.passed + other.passed,
  latency: one.latency + other.latency,
  fault: one.fault + other.fault,
  outcome: one.outcome + other.outcome,
  defect: one.defect + other.defect,
  hang: one.hang + other.hang,
  after: one.after + other.after
})
