/** The types of a concurrency limit. */
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Bulkhead from "../bulkhead/model.ts"
import type { Algorithm, AlgorithmRules, Name, Reason } from "./algorithm.ts"

/**
 * The rule by which the limit moves.
 *
 * - `"gradient"`: how much slower than usual each class of calls answers, and the share of drops. For language models.
 * - `"aimd"`: drops alone. For calls of which no time is known, and where a slow answer is no sign of overload.
 * - `"vegas"` and `"gradient2"`: those of Netflix, to compare with. They take long answers for overload: not for language
 *   models.
 *
 * @since 0.1.0
 * @category options
 */
export type AlgorithmName = Name

/**
 * Makes an algorithm of one's own: a synchronous machine that is told of the calls and says the limit. `now` is in
 * monotonic milliseconds, as all its times. What it throws is logged; a limit beyond `min` and `max` is cut to them.
 *
 * @since 0.1.0
 * @category options
 */
export type MakeAlgorithm = (rules: Omit<AlgorithmRules, "algorithm">, now: number) => Algorithm

/**
 * What is measured of a call.
 *
 * - `"firstToken"`: the time to its `firstToken`. A call that marks none, but tells its `outputTokens`, gives its time per
 *   token; any other call gives no time.
 * - `"perToken"`: its duration divided by 40 plus its `outputTokens`.
 * - `"duration"`: its duration. For calls that all do about the same work.
 *
 * @since 0.1.0
 * @category options
 */
export type Sample = "firstToken" | "perToken" | "duration"

/**
 * What the end of a call says about the capacity of its target: it coped, it had too much to do, or nothing.
 *
 * @since 0.1.0
 * @category models
 */
export type Signal = "success" | "drop" | "ignore"

/**
 * How the limit moves, and how many calls may wait. Only `name` is required.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends Omit<Bulkhead.Options, "concurrency"> {
  /** The rule by which the limit moves: one of the four, or one of your own. @default "gradient" */
  readonly algorithm?: AlgorithmName | MakeAlgorithm | undefined
  /**
   * The limit at the beginning, a whole number from `min` to `max`. In a fleet, what all nodes together may have, divided
   * by their number. @default 20, or the nearest that `min` and `max` allow
   */
  readonly initial?: number | undefined
  /**
   * The lowest limit, a whole number of at least 1. In a fleet, divided by the number of nodes. @default 4, or `max` if
   * that is less
   */
  readonly min?: number | undefined
  /** The highest limit, a whole number of at least `min`. @default 200 */
  readonly max?: number | undefined
  /**
   * `"gradient"`: how many times slower than its baseline a class may answer before the limit is lowered; above 1.
   * @default 2
   */
  readonly tolerance?: number | undefined
  /** `"gradient"`, `"gradient2"`: the shortest time from one move to the next, a duration above zero. @default "1 second" */
  readonly window?: Duration.Input | undefined
  /** `"gradient"`, `"gradient2"`: the fewest judged calls from one move to the next, at least 1. @default 20 */
  readonly minimumCalls?: number | undefined
  /**
   * `"gradient"`: how much of the share of drops is taken off the limit, above 0 and at most 1: of 20 % drops, 0.5 takes
   * a tenth. @default 0.5
   */
  readonly backoff?: number | undefined
  /**
   * The class of a call, by its context. Calls of a class take about as long as each other where the target has nothing
   * else to do. Eight classes are known; all others share one. @default the `CurrentClass` of the caller
   */
  readonly classOf?: ((context: Context.Context<never>) => string | undefined) | undefined
  /** `"gradient"`, and one of your own: what is measured of a call. @default "firstToken" */
  readonly sample?: Sample | undefined
  /** What the end of a call says about the capacity. What it throws counts as the default. @default `signalOf` */
  readonly signal?: ((exit: Exit.Exit<any, any>) => Signal) | undefined
}

/**
 * What the answers of a class usually take.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Baseline {
  /** The class; undefined for calls without a class, and for the class that all others share. */
  readonly class: string | undefined
  readonly sample: Sample
  /** In milliseconds; of `"perToken"`, for one token. */
  readonly millis: number
}

/**
 * The state of a limit at one moment.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot extends Bulkhead.Snapshot {
  readonly algorithm: AlgorithmName | "own"
  /** The limit of the algorithm, with fractions. Calls are admitted up to `concurrency`: the whole number below it. */
  readonly limit: number
  readonly min: number
  readonly max: number
  /** The number that `control.pin` has set instead; undefined where the limit moves. */
  readonly pinned: number | undefined
  /** Why the limit is where it is, by its last move. */
  readonly reason: Reason
  /** How many times slower than usual the last answers were; 1 without samples. */
  readonly stretch: number
  /** The share of drops among the last judged calls, from 0 to 1. */
  readonly dropRate: number
  readonly baselines: ReadonlyArray<Baseline>
  /** Calls since the limit was made that ended as a success, as a drop, and without a signal. */
  readonly successes: number
  readonly drops: number
  readonly ignored: number
}

/**
 * Commands of an operator.
 *
 * @since 0.1.0
 * @category models
 */
export interface Control {
  /**
   * Holds the number of slots at a whole number of at least 1, which may be outside of `min` and `max`. Calls that begin
   * or end meanwhile move nothing.
   */
  readonly pin: (concurrency: number) => Effect.Effect<void>
  /** Lets the limit move again, from where it was before `pin`. */
  readonly unpin: Effect.Effect<void>
  /** Forgets everything learnt: the limit is `initial` again. Calls that run count as in flight, and move nothing. */
  readonly reset: Effect.Effect<void>
}

/**
 * A bulkhead whose `concurrency` moves. Make it once and share it: it limits only the calls that go through it. `resize`
 * is `control.pin`.
 *
 * @since 0.1.0
 * @category guards
 */
export interface ConcurrencyLimit extends Bulkhead.Bulkhead {
  readonly snapshot: Effect.Effect<Snapshot>
  readonly control: Control
}
