/**
 * Answers slow calls sooner: a call that takes longer than 95 of 100 usually do gets a second run, and the first of them
 * that succeeds gives the result. The other one is interrupted.
 *
 * A hedge is never started without need, and never without means. It waits until the call has taken longer than its class
 * usually does. A call that fails starts none: that is for a retry or a cascade. Each call pays a twentieth of a hedge into
 * the {@link Budget}, so that hedges add at most 5 % to the load, and 10 at once. It is not started when the target has no
 * free slot or its circuit is not closed, when too little time is left, or when less than a quarter of the last hedges have
 * won: see {@link Reason}. A hedge also takes one of the `Attempts` of the request and one from the `RetryBudget` around it.
 *
 * **Semantics.** The first success wins. A hedge that fails does not end a call whose first run goes on. When all runs have
 * failed, the error is that of the first one. The losers are interrupted, which no circuit counts. The result does not
 * wait for their end; the fiber of the call does not end before it. With `on: "firstToken"` a run that calls
 * {@link firstToken} wins at that moment, whatever becomes of it.
 *
 * **Order.** Inside the retry, outside of limiter, bulkhead and breaker: each run is admitted by itself, and a hedge waits for
 * no slot and no turn. In a `Pipeline` it is the part `hedge`.
 *
 * **Gotchas.** A hedge costs money: a loser that has begun may be billed. Hedge the first token, not the whole answer: how
 * long an answer takes depends on its length, and a second run takes just as long. Hedge another target where there is one,
 * with `protectWith({ backup })`. What must not happen twice needs {@link CurrentRepetition}.
 *
 * ```ts
 * import { Hedge } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const hedge = yield* Hedge.make({ name: "model", delay: "10 millis" })
 *   let run = 0
 *   // The first run hangs, as one in a hundred does.
 *   const call = Effect.suspend(() => ++run === 1 ? Effect.never : Effect.succeed(`answered by run ${run}`))
 *   return yield* hedge.protect(call)
 * })
 *
 * await Effect.runPromise(program) // => "answered by run 2"
 * ```
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { hedged } from "./hedge/hedged.ts"
import { HedgeMachine } from "./hedge/machine.ts"
import { machines } from "./hedge/machines.ts"
import type { CallOptions, Hedge, Options } from "./hedge/model.ts"
import { kind } from "./hedge/observe.ts"
import { toRules } from "./hedge/rules.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { group, NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import type { AnyEffect } from "./internal/runtime/primitive.ts"
import { type GuardClass, guardClass, type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import * as Registry from "./Registry.ts"

export { kind }
export { CurrentRepetition, firstToken } from "./hedge/current.ts"
export type {
  Budget,
  Call,
  CallOptions,
  ClassSnapshot,
  Hedge,
  Options,
  Quantile,
  Reason,
  Snapshot,
  Target
} from "./hedge/model.ts"

const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  delay: Schema.optionalKey(
    Schema.Union([NumberOrDuration, group({ quantile: NumberOrDuration })]).annotate({
      expected: "a duration or { quantile }"
    })
  ),
  on: Schema.optionalKey(Schema.String),
  maxHedges: Schema.optionalKey(NumberOrDuration),
  budget: Schema.optionalKey(
    group({ ratio: Schema.optionalKey(NumberOrDuration), burst: Schema.optionalKey(NumberOrDuration) })
  ),
  minimumWinRate: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Partial<Options>, check: toRules })

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * A schema of {@link Options} as written in YAML or JSON, without `classOf`, which is added in code. A field that is wrong
 * or unknown is refused by name.
 *
 * @since 0.1.0
 * @category options
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

const optionNames: ReadonlyArray<keyof Options> = [
  "name",
  "delay",
  "on",
  "maxHedges",
  "budget",
  "minimumWinRate",
  "classOf"
]

/**
 * Makes a hedge. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Hedge> =>
  Effect.sync((): Hedge => {
    const check = new OptionsOf("Hedge.make")
    check.known(options, optionNames)
    const machine = new HedgeMachine(toRules(options, check))
    const protectWith = ({ backup, target }: CallOptions<any, any, any>) => (self: AnyEffect): any =>
      hedged({ machine, primary: self, hedge: backup ?? self, isElsewhere: backup !== undefined, target })
    machines.set(protectWith, machine)
    return {
      name: machine.rules.name,
      protect: protectWith({}),
      protectWith,
      snapshot: Effect.sync(() => machine.read())
    }
  }).pipe(Effect.tap((hedge) => Registry.register({ kind, name: hedge.name, guard: hedge })))

/**
 * Makes a hedge with the options under a path of the configuration, such as `["model", "hedge"]`. Options that are missing
 * there are taken from `options`. An option out of range is a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<Hedge, Config.ConfigError> => Effect.flatMap(codec.config(path, options), make)

/**
 * The class that {@link Service} makes: the service key of one hedge, with its layers and its `protect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string>
  extends Context.ServiceClass<Self, KeyOf<"Hedge", Id>, Hedge>, GuardClass<Self, never, Options>
{}

/**
 * A class that is the service key of one hedge, with its `layer` and its `protect`. The id is its name unless the options
 * say otherwise.
 *
 * @since 0.1.0
 * @category guards
 */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Omit<Options, "name"> & { readonly name?: string | undefined } = {}
): ServiceClass<Self, Id> => guardClass(keyOf("Hedge", id), { ...options, name: options.name ?? id }, make, codec)
