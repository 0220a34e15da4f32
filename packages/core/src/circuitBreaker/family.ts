/** Many circuits under one set of options: one for each key, made when the key is first asked for. */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { CircuitBreaker, Options, State, Transition } from "../CircuitBreaker.ts"
import type * as Outcome from "../Outcome.ts"
import * as Registry from "../Registry.ts"
import { clockOf, guard } from "../internal/runtime/guard.ts"
import { OptionsOf } from "../internal/config/checks.ts"
import { type Judge, judgeWith } from "./circuit.ts"
import { beginAt, type CircuitRef, facade } from "./facade.ts"
import { Members } from "./members.ts"
import type { CircuitOpen } from "./CircuitOpen.ts"
import { OpeningListeners } from "./openingListeners.ts"
import { toBounds, toJudge, toRules } from "./rules.ts"
import { publishTransitions } from "./publishTransitions.ts"
import { familyCodec } from "./codec.ts"

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

/**
 * {@link FamilyOptions} as they are written in YAML or JSON; `classify` is added in code. A field that is wrong or unknown
 * is refused by name.
 */
export const FamilyOptionsSchema = familyCodec.schema

/** What there is to read about a family at one moment. Counters include what forgotten circuits had counted. */
export interface FamilySnapshot {
  readonly name: string
  /** Circuits there are, by state. */
  readonly circuits: { readonly [S in State]: number }
  /** Circuits there may be. */
  readonly capacity: number
  /** Calls of new keys that passed unguarded, because there was no room for a circuit. */
  readonly notKept: number
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

/**
 * Makes a family of circuit breakers. Asking costs the same however many keys there are. A forgotten key begins anew,
 * Closed; what is set by hand is never forgotten. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* CircuitBreaker.family({ name: "tenants", minimumCalls: 1 })
 *   yield* Effect.exit(Effect.fail("503").pipe(tenants.protect("acme")))
 *   const acme = yield* tenants.get("acme")
 *   const globex = yield* tenants.get("globex")
 *   return [yield* acme.state, yield* globex.state]
 * })
 *
 * await Effect.runPromise(program) // => ["Open", "Closed"]
 * ```
 */
export const family = (options: FamilyOptions): Effect.Effect<Family> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const registry = yield* Registry.CurrentRegistry
    const hub = yield* PubSub.sliding<Transition>(128)
    const check = new OptionsOf("CircuitBreaker.family")
    const listeners = new OpeningListeners()
    const heard = (transition: Transition) => {
      listeners.tell(transition)
      registry.announce(family, transition)
    }
    const rules = toRules(options, check, publishTransitions(hub, context, heard), context)
    const members = new Members(options.name, rules, toBounds(options, check))
    const judge = toJudge(options, check)
    const transitions = Stream.fromPubSub(hub)
    const placeOf = (key: string): CircuitRef => ({
      name: members.nameOf(key),
      called: (fiber, time) => members.call(key, clockOf(fiber, time)),
      asked: (fiber, time) => members.get(key, clockOf(fiber, time)),
      seen: (clock) => members.peek(key, clock),
      changed: (clock, change) => members.command(key, clock, change)
    })
    const protect = (key: string, judge: Judge) => {
      const begin = beginAt(placeOf(key), judge)
      return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | CircuitOpen, R> => guard(self, begin)
    }
    const family: Family = {
      name: options.name,
      protect: (key) => protect(key, judge),
      protectWith: (key, own) => protect(key, judgeWith(judge, own)),
      get: (key) =>
        Effect.map(Clock.Clock, (clock) => {
          members.get(key, clock)
          const place = placeOf(key)
          return listeners.offer(
            facade(place, judge, Stream.filter(transitions, ({ breaker }) => breaker === place.name))
          )
        }),
      keys: Effect.sync(() => members.keys()),
      transitions,
      snapshot: Effect.map(Clock.Clock, (clock) => members.snapshot(clock))
    }
    yield* Registry.register({ _tag: "CircuitFamily", name: family.name, family })
    return family
  })

/**
 * Makes a family with the options under a path of the configuration; what is not found there is as in `options`. Options
 * out of range are a `ConfigError`.
 */
export const familyFromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<FamilyOptions> = {}
): Effect.Effect<Family, Config.ConfigError> => Effect.flatMap(familyCodec.config(path, options), family)
