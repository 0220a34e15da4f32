/**
 * A service to call in tests that can be overloaded: each call takes time, and only some run at full speed at once.
 * Above that, calls wait, slow each other down, or are refused.
 *
 * A retry storm, a queue that never empties and a breaker that saves a service can only be seen against a service that
 * suffers from its load. A call holds its slot until its answer has ended. Times follow the Effect clock and are exact to
 * a microsecond, so they can be compared with queueing theory.
 *
 * **Semantics.** The latency of a call is drawn when its work begins, from a random stream of the service's own, which
 * begins anew under another clock. `answer` runs after the latency, in the slot.
 *
 * **Gotchas.** A queue without `waiting` has no limit: with `abandoned: "goes on"`, it can only shrink by work. An
 * `answer` that never ends keeps its slot. A service belongs to one clock: make one for each run.
 *
 * ```ts
 * import { SimulatedService, VirtualClock } from "@switchgear/core/testing"
 * import { Clock, Effect } from "effect"
 *
 * // Four calls of one second at once, against two slots.
 * const ends = (above: "queue" | "slows" | "refuses") =>
 *   Effect.gen(function*() {
 *     const model = yield* SimulatedService.make({
 *       latency: "1 second",
 *       capacity: { concurrency: 2, above },
 *       answer: Clock.currentTimeMillis
 *     })
 *     const call = Effect.catchTag(model.call(), "ServiceRefused", () => Effect.succeed("refused"))
 *     return yield* Effect.all([call, call, call, call], { concurrency: "unbounded" })
 *   }).pipe(VirtualClock.play, Effect.runPromise)
 *
 * await ends("queue") // => [1000, 1000, 2000, 2000]
 * await ends("slows") // => [2000, 2000, 2000, 2000]
 * await ends("refuses") // => [1000, 1000, "refused", "refused"]
 * ```
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { OptionsOf } from "../internal/config/checks.ts"
import { RunSeed, seedOf } from "./chaos/seeds.ts"
import { drawOf } from "./latency/drawOf.ts"
import type { Latency } from "./latency/model.ts"
import { type Capacity, limitsOf } from "./simulatedService/capacity.ts"
import { inSlot } from "./simulatedService/inSlot.ts"
import type { Workplace } from "./simulatedService/model.ts"
import type { ServiceRefused } from "./simulatedService/ServiceRefused.ts"
import { SlotPool } from "./simulatedService/slotPool.ts"

export type { Capacity } from "./simulatedService/capacity.ts"
export type { Slot, Workplace } from "./simulatedService/model.ts"
export { ServiceRefused } from "./simulatedService/ServiceRefused.ts"

/**
 * How long the calls of a service take, and how many it can do at once.
 *
 * @since 0.1.0
 * @category options
 */
export interface Behaviour<in Request = void> {
  /** The time that a call takes at full speed, or a function of the request. @default none */
  readonly latency?: Duration.Input | Latency | ((request: Request) => Duration.Input | Latency) | undefined
  /** What it can do at once. @default no limit */
  readonly capacity?: Capacity | undefined
}

/**
 * The options of a service.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options<in Request, out A, out E, out R> extends Behaviour<Request> {
  /** Names the service in its errors. @default "service" */
  readonly name?: string | undefined
  /** The answer to a call, or a function of the request. */
  readonly answer: Effect.Effect<A, E, R> | ((request: Request) => Effect.Effect<A, E, R>)
  /**
   * The seed of the latencies. In a scenario, the seed of the run counts as well. @default drawn from the `Random` of the
   * fiber that makes the service
   */
  readonly seed?: string | number | undefined
}

/**
 * What a service does now, and has done.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot {
  /** Calls that have a slot, with work that goes on without its caller. */
  readonly working: number
  /** Calls that wait for a slot. */
  readonly waiting: number
  /** Calls that were refused. */
  readonly refused: number
  /** Calls that have ended in any other way. */
  readonly ended: number
}

/**
 * A service that can be overloaded.
 *
 * @since 0.1.0
 * @category models
 */
export interface SimulatedService<in out Request, out A, out E, out R> {
  readonly name: string
  /**
   * Calls the service. Fails with {@link ServiceRefused} if it is full. Interruption is the caller leaving: see
   * `abandoned`.
   */
  readonly call: (request: Request) => Effect.Effect<A, E | ServiceRefused, R>
  /**
   * Changes latency and capacity. Calls that wait meet both. Work that has begun keeps its size, and runs at the speed of
   * the new capacity. Dies with a `RangeError`, and changes nothing, when a value is out of range.
   */
  readonly set: (behaviour: Behaviour<Request>) => Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}

/**
 * Makes a service. Dies with a `RangeError` that names the field when a value is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: <A, E = never, R = never, Request = void>(
  options: Options<Request, A, E, R>
) => Effect.Effect<SimulatedService<Request, A, E, R>> = Effect.fnUntraced(
  function*<A, E, R, Request>(options: Options<Request, A, E, R>) {
    const { answer, capacity, latency, name = "service", seed } = options
    const made = new OptionsOf("SimulatedService.make")
    made.known(options, ["name", "latency", "capacity", "answer", "seed"])
    made.name(name)
    if (!Effect.isEffect(answer)) made.callback("answer", answer)
    const ownSeed = seed ?? (yield* Random.nextInt)
    const randomOf = (run: string | undefined) =>
      Effect.runSync(
        Random.withSeed(Random.Random, seedOf("simulated", ownSeed, name, ...run === undefined ? [] : [run]))
      )
    let random = randomOf(yield* RunSeed)
    const workOf = (check: OptionsOf, latency: Behaviour<Request>["latency"]): (request: Request) => number => {
      if (typeof latency === "function") return (request) => drawOf(check, "latency", latency(request))(random)
      const draw = drawOf(check, "latency", latency)
      return () => draw(random)
    }
    let work = workOf(made, latency)
    // Under another clock it is another run, to which the random numbers of the one before must not matter.
    const pool = new SlotPool(name, limitsOf(made, "capacity", capacity), (fiber) => {
      random = randomOf(fiber.getRef(RunSeed))
    })
    const answerTo = Effect.isEffect(answer) ? () => answer : answer
    const service: SimulatedService<Request, A, E, R> = {
      name,
      call: (request) =>
        inSlot(pool, name, (slot) => Effect.flatMap(slot.work(work(request)), () => answerTo(request))),
      set: (behaviour) =>
        Effect.sync(() => {
          const check = new OptionsOf("SimulatedService.set")
          check.known(behaviour, ["latency", "capacity"])
          const next = workOf(check, behaviour.latency)
          const limits = limitsOf(check, "capacity", behaviour.capacity)
          work = next
          pool.setLimits(limits)
        }),
      snapshot: Effect.sync(() => ({
        working: pool.inside,
        waiting: pool.waiting,
        refused: pool.refused,
        ended: pool.ended
      }))
    }
    return service
  }
)

/**
 * Makes the slots of a service without its calls: see {@link Workplace}. `where` and `field` name the capacity in errors.
 *
 * @since 0.1.0
 * @category constructors
 */
export const workplace = (
  name: string,
  capacity?: Capacity | undefined,
  { field = "capacity", where = "SimulatedService.workplace" }: { readonly where?: string; readonly field?: string } =
    {}
): Workplace => {
  const check = new OptionsOf(where)
  const pool = new SlotPool(name, limitsOf(check, field, capacity))
  return {
    get inside() {
      return pool.inside
    },
    get waiting() {
      return pool.waiting
    },
    goesOn: (fiber) => pool.goesOn(fiber),
    open: (fiber) => pool.open(fiber),
    setCapacity: (next) => pool.setLimits(limitsOf(check, field, next))
  }
}
