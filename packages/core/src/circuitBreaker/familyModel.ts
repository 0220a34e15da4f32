/** What a family of circuit breakers is. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Stream from "effect/Stream"
import type * as Outcome from "../Outcome.ts"
import type { CircuitOpen } from "./CircuitOpen.ts"
import type { CircuitBreaker, Durations, Options, State, Totals, Transition } from "./model.ts"

/** The options of every circuit, and how many there may be. `name` is the family's; a circuit is called `name/key`. */
export interface FamilyOptions extends Options {
  /**
   * Circuits kept, at most 1,000,000; above that, the least recently used, to a second, is forgotten. One that is open or
   * half-open, has calls in flight or is in a state set by hand is not: if all are so, one that has been idle since its
   * opening ended is replaced, and else the circuit of the new key is not kept. Commands have room beyond it.
   * @default 10_000
   */
  readonly capacity?: number | undefined
  /**
   * A circuit not used for so long, to a hundredth of it or a second, is forgotten, unless it is open or half-open, has
   * calls in flight or is in a state set by hand. @default "1 hour"
   */
  readonly idleTimeToLive?: Duration.Input | undefined
}

/** What there is to read about a family at one moment. Counters include what forgotten circuits had counted. */
export interface FamilySnapshot {
  readonly name: string
  /** Circuits there are, by state. */
  readonly circuits: { readonly [S in State]: number }
  /** Circuits there may be. */
  readonly capacity: number
  /** Calls of new keys that passed unguarded, because there was no room for a circuit. */
  readonly notKept: number
  /** Results since the beginning. A `control.reset` takes out those of its circuit. */
  readonly totals: Totals
  /** Durations since the beginning, as for `totals`; undefined where `measureDurations` is off. */
  readonly durations: Durations | undefined
  readonly inFlight: number
  readonly rejected: number
  readonly openings: number
  readonly late: number
}

/** A circuit breaker for each key: a tenant, a host, a model. */
export interface Family {
  readonly name: string
  /** Stands around an effect with the circuit of the key. */
  readonly protect: (key: string) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /** Like `protect`, judging this kind of call by rules of its own. With `slowCallDuration: "Infinity"` it is never slow. */
  readonly protectWith: <A, E>(key: string, options: {
    readonly classify?: ((exit: Exit.Exit<A, E>) => Outcome.Outcome) | undefined
    readonly slowCallDuration?: Duration.Input | undefined
  }) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /**
   * The circuit of the key, made if there is none: to read, to control, to judge by rules of its own. It is looked up
   * anew whenever it is used, so that it is the circuit of the key also after that was forgotten. Reading is no use.
   */
  readonly get: (key: string) => Effect.Effect<CircuitBreaker>
  /** Keys that have a circuit, least recently used first. */
  readonly keys: Effect.Effect<ReadonlyArray<string>>
  /** Changes of state of all circuits of the family. */
  readonly transitions: Stream.Stream<Transition>
  /** The numbers of all circuits together. Reading them is no use of a key. */
  readonly snapshot: Effect.Effect<FamilySnapshot>
}
