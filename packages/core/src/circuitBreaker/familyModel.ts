/** The public types of a family of circuit breakers. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Stream from "effect/Stream"
import type * as Outcome from "../Outcome.ts"
import type { CircuitOpen } from "./CircuitOpen.ts"
import type { CircuitBreaker, Durations, Options, State, Totals, Transition } from "./model.ts"

/**
 * The options of every circuit of a family, and how many circuits it keeps. `name` is the name of the family; a circuit is
 * called `name/key`.
 *
 * @since 0.1.0
 * @category options
 */
export interface FamilyOptions extends Options {
  /**
   * Whether each circuit is one with those of the same name, `name/key`, on other nodes. Without a `Cluster` around they are
   * those of this process.
   *
   * The key is then part of a key of the store: a secret, such as the key of a provider, must be hashed before. A circuit whose
   * `name/key` is longer than 512 characters, or is no well-formed text, is that of this process. A circuit that is forgotten
   * leaves the fleet with its last counts; one that is made again hears at once what the fleet has decided.
   * @default false
   */
  readonly shared?: boolean | undefined
  /**
   * Circuits kept, at most 1,000,000. Above that, the least recently used one (to a second) is forgotten. A circuit that is
   * open or half-open, has calls in flight or is in a state set by hand is not forgotten. If all are like that, one that
   * has been idle since its opening ended is replaced; if there is none, the circuit of the new key is not kept. A command
   * always makes its circuit kept.
   * @default 10_000
   */
  readonly capacity?: number | undefined
  /**
   * A circuit that is not used for this long is forgotten, unless it is open or half-open, has calls in flight or is in a
   * state set by hand. It is exact to a second or a hundredth of the time. @default "1 hour"
   */
  readonly idleTimeToLive?: Duration.Input | undefined
}

/**
 * The numbers of a family at one moment. Counters include those of forgotten circuits.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface FamilySnapshot {
  readonly name: string
  /** Circuits kept now, by state. */
  readonly circuits: { readonly [S in State]: number }
  /** Circuits that can be kept. */
  readonly capacity: number
  /** Calls that passed unguarded, because there was no room for the circuit of their key. */
  readonly notKept: number
  /** Results since the beginning. A `control.reset` takes out those of its circuit. */
  readonly totals: Totals
  /** Durations since the beginning, as for `totals`; undefined where `measureDurations` is off. */
  readonly durations: Durations | undefined
  /** Calls admitted and not ended yet. */
  readonly inFlight: number
  /** Calls refused since the beginning. */
  readonly rejected: number
  /** Times that a circuit opened since the beginning. */
  readonly openings: number
  /** Calls that ended after the state that admitted them. */
  readonly late: number
}

/**
 * A circuit breaker for each key: a tenant, a host, a model.
 *
 * @since 0.1.0
 * @category models
 */
export interface Family {
  readonly name: string
  /** Wraps an effect with the circuit of the key. */
  readonly protect: (key: string) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /**
   * Like `protect`, with its own `classify` and `slowCallDuration` for this kind of call. With `slowCallDuration:
   * "Infinity"` the call is never slow.
   */
  readonly protectWith: <A, E>(key: string, options: {
    readonly classify?: ((exit: Exit.Exit<A, E>) => Outcome.Outcome) | undefined
    readonly slowCallDuration?: Duration.Input | undefined
  }) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /**
   * The circuit of the key, made if there is none: to read and to control it. The handle looks the circuit up at each use,
   * so that it stays valid after the circuit was forgotten. Reading is no use of the key.
   */
  readonly get: (key: string) => Effect.Effect<CircuitBreaker>
  /** Keys that have a circuit, least recently used first. */
  readonly keys: Effect.Effect<ReadonlyArray<string>>
  /** Changes of state of all circuits of the family. */
  readonly transitions: Stream.Stream<Transition>
  /** The numbers of all circuits together. Reading them is no use of a key. */
  readonly snapshot: Effect.Effect<FamilySnapshot>
}
