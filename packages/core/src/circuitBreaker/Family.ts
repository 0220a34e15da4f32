/**
 * Many circuits under one set of options: one for each key, made when the key is first used.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Random from "effect/Random"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Transition } from "./model.ts"
import type { Family, FamilyOptions } from "./familyModel.ts"
import { kind } from "./familyObserve.ts"
import * as Registry from "../Registry.ts"
import { clockOf, guard } from "../internal/runtime/guard.ts"
import { type KeyOf, keyOf, type LayerClass, layerClass, protectBy } from "../internal/runtime/serviceClass.ts"
import { OptionsOf } from "../internal/config/checks.ts"
import { type Judge, judgeWith } from "./circuit.ts"
import { beginAt, type CircuitRef, facade } from "./facade.ts"
import { LocalMember, SharedMember } from "./familyMember.ts"
import { CurrentFleet, joining } from "./fleet.ts"
import { Members } from "./members.ts"
import type { CircuitOpen } from "./CircuitOpen.ts"
import { OpeningListeners } from "./openingListeners.ts"
import { toBounds, toJudge, toRules } from "./rules.ts"
import { publishTransitions } from "./publishTransitions.ts"
import { noteFamily } from "./saving.ts"
import { familyCodec } from "./codec.ts"

export { kind }
export type { Family, FamilyOptions as Options, FamilySnapshot as Snapshot } from "./familyModel.ts"

/**
 * What {@link OptionsSchema} reads: {@link FamilyOptions} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof familyCodec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON; `classify` is added in code. A wrong or unknown field is refused by
 * name.
 *
 * @since 0.1.0
 * @category options
 */
export const OptionsSchema: Schema.Codec<FamilyOptions, WrittenOptions> = familyCodec.schema

/**
 * Makes a family of circuit breakers. A call costs the same however many keys there are. A forgotten key begins again as
 * Closed; a circuit in a state set by hand is never forgotten. Dies with a `RangeError` that names the field when an option
 * is out of range.
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* CircuitBreaker.Family.make({ name: "tenants", minimumCalls: 1 })
 *   yield* Effect.exit(Effect.fail("503").pipe(tenants.protect("acme")))
 *   const acme = yield* tenants.get("acme")
 *   const globex = yield* tenants.get("globex")
 *   return [yield* acme.state, yield* globex.state]
 * })
 *
 * await Effect.runPromise(program) // => ["Open", "Closed"]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (options: FamilyOptions) => Effect.Effect<Family> = Effect.fnUntraced(
  function*(options: FamilyOptions) {
    const context = yield* Effect.context<never>()
    const registry = yield* Registry.CurrentRegistry
    const hub = yield* PubSub.sliding<Transition>(128)
    const check = new OptionsOf("CircuitBreaker.Family.make")
    const listeners = new OpeningListeners()
    const heard = (transition: Transition) => {
      listeners.tell(transition)
      registry.announce(family, transition, transition.breaker.slice(options.name.length + 1))
    }
    const rules = toRules(options, check, publishTransitions(hub, context, heard), context)
    const fleet = options.shared === true ? yield* joining(yield* CurrentFleet) : undefined
    const random = yield* Random.Random
    const members = new Members(
      options.name,
      rules,
      toBounds(options, check),
      fleet === undefined
        ? (name, clock) => new LocalMember(name, rules, clock)
        : (name, clock) => new SharedMember(name, rules, clock, random, fleet)
    )
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
    noteFamily(family, fleet === undefined ? members : "fleet")
    yield* Registry.register({ kind, name: family.name, guard: family, critical: options.critical })
    return family
  }
)

/**
 * Makes a family with the options under a path of the configuration; what is not found there is as in `options`. Options
 * out of range are a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<FamilyOptions> = {}
): Effect.Effect<Family, Config.ConfigError> => Effect.flatMap(familyCodec.config(path, options), make)

/**
 * The class that {@link Service} makes: the service key of one family, with its layers and its `protect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string>
  extends Context.ServiceClass<Self, KeyOf<"CircuitBreaker.Family", Id>, Family>, LayerClass<Self, FamilyOptions>
{
  /** Wraps an effect with the circuit of the key; the family becomes one of the services it needs. */
  readonly protect: (
    key: string
  ) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R | Self>
}

/**
 * A class that is the service key of one family, with its `layer` and its `protect`. The name of the family is the
 * identifier unless given.
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * class Tenants extends CircuitBreaker.Family.Service<Tenants>()("app/Tenants", { failureRate: 0.3 }) {}
 *
 * const program = Effect.succeed("answered").pipe(Tenants.protect("acme"))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(Tenants.layer))) // => "answered"
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options?: Partial<FamilyOptions> | undefined
): ServiceClass<Self, Id> => {
  const key = layerClass<Self, KeyOf<"CircuitBreaker.Family", Id>, Family, FamilyOptions>(
    keyOf("CircuitBreaker.Family", id),
    { name: id, ...options },
    make,
    familyCodec
  )
  return Object.assign(key, {
    protect: (ofKey: string) => protectBy<Self, Family, CircuitOpen>(key, ({ protect }) => protect(ofKey))
  })
}
