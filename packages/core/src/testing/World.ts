/**
 * Several nodes in one process, with everything that can happen between them: messages that are late, lost or
 * duplicated, partitions, crashes, pauses and wrong clocks.
 *
 * A node is a layer. Each node builds its own, with a run queue, a clock and random numbers of its own, and shares
 * nothing with the others. A program gets its {@link Node} as a service, through which it calls services of other nodes
 * and keeps values on its disk. Faults come from a script or from {@link World.inject}. Invariants are checked after
 * every event.
 *
 * {@link run} runs a world in virtual time. {@link check} runs many, each with random faults, and shortens the faults of
 * one that breaks an invariant. {@link make} makes a world on the clock of a program of your own. `Scenario.inWorld` shows
 * what its customers see. One seed gives one run, to the last message.
 *
 * **Gotchas.** Nodes are apart as long as their layers share no state: make mutable values in the layer, not around it.
 * Values travel as they are, without encoding: do not change what was sent. A call whose message is lost never ends, as
 * in a real network: give it a time-out.
 *
 * ```ts
 * import { World } from "@switchgear/core/testing"
 * import { Context, Effect, Layer, Ref } from "effect"
 *
 * class Counter extends Context.Service<Counter, { readonly add: Effect.Effect<number> }>()("Counter") {}
 *
 * const counter = Layer.effect(
 *   Counter,
 *   Effect.gen(function*() {
 *     const node = yield* World.Node
 *     const count = yield* node.disk("count", 0)
 *     return { add: Ref.updateAndGet(count, (n) => n + 1) }
 *   })
 * )
 *
 * // Adds one after ten seconds, and tries again when no reply comes.
 * const client = Layer.effectDiscard(Effect.gen(function*() {
 *   const node = yield* World.Node
 *   yield* Effect.sleep("10 seconds")
 *   const add = node.call("store", Counter, (counter) => counter.add).pipe(Effect.timeout("1 second"))
 *   yield* Effect.forkScoped(Effect.retry(add, { times: 3 }))
 * }))
 *
 * const addedOnce = World.invariant("one addition counts once", (view) => () => {
 *   const count = view.disk("store", "count", 0)
 *   return count > 1 ? `it counted ${count} times` : undefined
 * })
 *
 * const world = { nodes: { store: counter, client }, invariants: [addedOnce], for: "1 minute" } as const
 * const quiet = await Effect.runPromise(World.run(world))
 * quiet.last // => ["00:10.001  client → store: request #1 arrives (Counter)", "00:10.002  store → client: reply #1 arrives (Counter)"]
 *
 * const found = await Effect.runPromise(Effect.flip(World.check({ ...world, runs: 1000, faults: { nodes: ["store"] } })))
 * found.problem.split("\n").slice(1, 5) // => ["it counted 2 times", "", "Faults:", "00:10.000  pause store, for 1s"]
 * ```
 *
 * @since 0.1.0
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { OptionsOf } from "../internal/config/checks.ts"
import * as VirtualClock from "./VirtualClock.ts"
import type { InvariantBroken } from "./world/invariantBroken.ts"
import { makeWorld } from "./world/make.ts"
import type { Invariant, Script } from "./world/model.ts"
import { type FaultOptions, type Night, nights } from "./world/randomScript.ts"
import { checkScript } from "./world/rules.ts"
import { lines } from "./world/sentence.ts"
import { type Span, spansOf } from "./world/spans.ts"
import type { FailureOf, NeedsOf, Nodes, Options, Report, World } from "./world/world.ts"

export { ConnectionRefused } from "./world/connectionRefused.ts"
export { InvariantBroken } from "./world/invariantBroken.ts"
export type {
  Crash,
  Degrade,
  Fault,
  Heal,
  Invariant,
  LinkOptions,
  Names,
  NodeShape,
  Partition,
  Pause,
  Restart,
  Resume,
  Script,
  Skew,
  SkewOptions,
  Stop,
  TimedFault,
  View
} from "./world/model.ts"
export { Node } from "./world/node.ts"
export type { FaultKind, FaultOptions } from "./world/randomScript.ts"
export type { Span } from "./world/spans.ts"
export type { FailureOf, NeedsOf, Nodes, Options, Report, World } from "./world/world.ts"

/**
 * Makes a world that lives on the clock on which it is made, until the scope closes. That is the end of all nodes, as in
 * a crash: no finalizer runs. Dies with a `RangeError` that names the field if an option is out of range.
 *
 * In a run of a `Scenario`, the seed is that of the run as well.
 *
 * **Gotchas.** The clock should be a `VirtualClock`, as in a `Scenario`. Effect's `TestClock` moves before the nodes have
 * done all that they have to do. A live clock works, and does not repeat itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <const Programs extends Nodes>(
  options: Options<Programs>
): Effect.Effect<World<FailureOf<Programs>>, never, NeedsOf<Programs> | Scope.Scope> =>
  Effect.map(makeWorld(new OptionsOf("World.make"), options), ({ world }) => world)

/**
 * How long a world runs.
 *
 * @since 0.1.0
 * @category options
 */
export interface RunOptions<Programs extends Nodes> extends Options<Programs> {
  /** The time of the world: finite and above zero. */
  readonly for: Duration.Input
  /** Whether programs use promises. "none" is several times faster: see `VirtualClock.play`. @default "settle" */
  readonly promises?: VirtualClock.Options["promises"]
  /**
   * In which order fibers of a node run that are ready at the same time: see `VirtualClock.play`. With a seed, each seed
   * of the world has an order of its own. The order of the nodes among each other is always drawn. @default "fifo"
   */
  readonly order?: VirtualClock.Options["order"]
}

/**
 * Runs a world in virtual time of its own. Fails with {@link InvariantBroken} at the first event after which an
 * invariant does not hold, and with the error of a node whose layer fails.
 *
 * @since 0.1.0
 * @category runtime
 */
export const run = <const Programs extends Nodes>(
  options: RunOptions<Programs>
): Effect.Effect<Report, FailureOf<Programs> | InvariantBroken, NeedsOf<Programs>> =>
  Effect.catch(played(options), Effect.failCause)

/** Runs a world in its own time; fails with the cause of its end if it breaks. */
const played = <Programs extends Nodes>(
  options: RunOptions<Programs>
): Effect.Effect<Report, Cause.Cause<FailureOf<Programs> | InvariantBroken>, NeedsOf<Programs>> =>
  Effect.suspend(() => {
    const of = new OptionsOf("World.run")
    const millis = of.positive("for", options.for)
    const night = Effect.gen(function*() {
      const { world } = yield* makeWorld(of, options)
      yield* Effect.raceFirst(Effect.sleep(millis), Effect.sandbox(world.broken))
      return yield* world.report
    })
    return VirtualClock.play(Effect.scoped(night), clockOf(options)) as Effect.Effect<
      Report,
      Cause.Cause<FailureOf<Programs> | InvariantBroken>,
      NeedsOf<Programs>
    >
  })

const clockOf = ({ order, promises, seed = 1 }: RunOptions<any>): VirtualClock.Options => ({
  promises,
  order: typeof order === "object" ? { ...order, seed: JSON.stringify([order.seed, seed]) } : order
})

/**
 * What to check, and how often.
 *
 * @since 0.1.0
 * @category options
 */
export interface CheckOptions<Programs extends Nodes> extends Omit<RunOptions<Programs>, "script"> {
  /** The number of worlds, each with a seed and with faults of its own. @default 100 */
  readonly runs?: number | undefined
  /** The seed of the worlds' seeds and faults. @default 1 */
  readonly seed?: string | number | undefined
  /** Which faults may happen. @default all kinds, to all nodes, at most 10 */
  readonly faults?: FaultOptions | undefined
}

/**
 * Runs many worlds with random faults, until one of them breaks an invariant. Then it looks for the smallest script
 * of faults that still does, and fails with the {@link Counterexample}. A layer that fails or dies is a counterexample,
 * too, and so is an invariant that throws.
 *
 * @since 0.1.0
 * @category runtime
 */
export const check = <const Programs extends Nodes>(
  options: CheckOptions<Programs>
): Effect.Effect<{ readonly runs: number }, Counterexample, NeedsOf<Programs>> =>
  Effect.suspend(() => {
    const of = new OptionsOf("World.check")
    const { faults = {}, runs = 100, seed = 1 } = options
    of.integer("runs", runs, 1)
    const all = nights(
      of.within("faults"),
      Object.keys(options.nodes),
      of.positive("for", options.for),
      faults
    )
    // A defect of the nodes or of an invariant is one of this seed and this script, which must not be lost.
    const property = (night: Night) =>
      Effect.as(Effect.mapError(played<Programs>({ ...options, ...night }), Cause.squash), true)
    return Effect.flatMap(Arbitrary.checkEffect(all, property, { runs, seed, size, maxShrinks }), (result) => {
      if (result._tag === "Passed") return Effect.succeed({ runs: result.runs })
      if (result._tag !== "Falsified" || result.failure._tag !== "PropertyError") return Effect.die(result)
      const { script, seed } = result.shrunkInput
      const { error } = result.failure
      return Effect.fail(new Counterexample({ seed, script, problem: messageOf(error), error, runs: result.runs }))
    })
  })

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

// Enough for scripts of any length that is allowed, and for many more candidates than it takes to shorten one.
const size = 100
const maxShrinks = 5000

/**
 * A world with random faults in which an invariant breaks. {@link check} has shortened the faults as far as possible.
 *
 * @since 0.1.0
 * @category errors
 */
export class Counterexample
  extends Schema.TaggedError<Counterexample>("@switchgear/core/testing/World/Counterexample")("Counterexample", {
    /** The seed and the script, for {@link run}. */
    seed: Schema.Number,
    script: Schema.Array(Schema.Any) as unknown as Schema.Schema<Script>,
    /** The message of `error`. */
    problem: Schema.String,
    /** What {@link run} fails with. */
    error: Schema.Unknown,
    /** The number of worlds up to the one that broke. */
    runs: Schema.Number
  })
{
  override get message(): string {
    const again = `seed: ${this.seed}, script: ${JSON.stringify(this.script)}`
    return `${this.problem}\n\nTo see it again: World.run({ ..., ${again} })`
  }
}

/**
 * Writes an invariant. `make` is called once for each world, and returns the check, which is called after every event
 * and says what is wrong, if something is. What the check remembers belongs to the world.
 *
 * @since 0.1.0
 * @category constructors
 */
export const invariant = (name: string, make: Invariant["make"]): Invariant => ({
  name: new OptionsOf("World.invariant").name(name),
  make
})

/**
 * Writes a script, and checks it where it is written. Throws a `RangeError` that names the fault, the field, the value
 * and the range. That its nodes exist is checked by {@link make} and {@link run}.
 *
 * ```ts
 * import { World } from "@switchgear/core/testing"
 *
 * const night = World.script([
 *   { at: "10 seconds", crash: "b", for: "5 seconds" },
 *   { at: "12 seconds", partition: "a", from: ["b", "c"], direction: "outgoing" },
 *   { at: "20 seconds", heal: "a" }
 * ])
 *
 * World.render(night).split("\n")[0] // => "00:10.000  crash b, for 5s"
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const script = (faults: Script): Script => {
  checkScript(new OptionsOf("World.script"), faults)
  return faults
}

/**
 * When each fault of a script begins and ends, in order, with its name or else in words.
 *
 * @since 0.1.0
 * @category conversions
 */
export const spans = (script: Script): ReadonlyArray<Span> => spansOf(new OptionsOf("World.spans"), script)

/**
 * Formats a script, one line for each fault.
 *
 * @since 0.1.0
 * @category conversions
 */
export const render = (script: Script): string => lines(script).join("\n")
