/**
 * Rejects a share of the calls to a target that refuses many, before they are sent: the client-side throttling of Google's
 * SRE book. A target that answers an overload with fast errors spends its time on those; with fewer calls it answers more.
 *
 * The share is `(requests - factor * accepts) / (requests + 1)` over a sliding window, at least 0 and at most
 * `maxRejectionRate`. `accepts` are the calls that were answered. With the default factor of 2, nothing is rejected while at
 * least half of the calls are answered. Below `minimumCalls` nothing is rejected. Calls count when they end: a call that
 * runs is not a call that was refused. Rejections of its own count at once, unless `countRejections` is false.
 *
 * **Order.** Around each attempt, outside of the limiter: `guards: { perAttempt: throttle }` in a `Pipeline`. It is not
 * part of any default.
 *
 * **Gotchas.** It is good against a target that refuses fast and weak against one that becomes slow: for that, use a
 * bulkhead. A rejection is drawn by chance, from the `Random` service. After an outage, about `window * 3.3` pass until
 * everything is admitted again with the defaults; longer with a longer window, a smaller factor or a higher
 * `maxRejectionRate`. A target that fails half of its calls for a reason other than overload is throttled as well, when it
 * fails more than half.
 *
 * ```ts
 * import { AdaptiveThrottle } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const throttle = yield* AdaptiveThrottle.make({ name: "model", minimumCalls: 10 })
 *   const down = Effect.fail("503").pipe(throttle.protect)
 *   yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.exit(down))
 *   return (yield* throttle.snapshot).rejectionRate
 * })
 *
 * // 10 calls, none of which was answered: 10 / 11, but at most 0.9.
 * await Effect.runPromise(program) // => 0.9
 * ```
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Shared, ThrottledCall } from "./adaptiveThrottle/call.ts"
import { ThrottleMachine } from "./adaptiveThrottle/machine.ts"
import type { AdaptiveThrottle, Options } from "./adaptiveThrottle/model.ts"
import { kind } from "./adaptiveThrottle/observe.ts"
import { toRules } from "./adaptiveThrottle/rules.ts"
import { Throttled } from "./adaptiveThrottle/Throttled.ts"
import { noteThrottle } from "./adaptiveThrottle/saving.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import { offerCalls } from "./internal/runtime/callListeners.ts"
import { guardBy } from "./internal/runtime/guard.ts"
import { type GuardClass, guardClass, type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import { monotonicMillis } from "./internal/runtime/time.ts"
import type * as Outcome from "./Outcome.ts"
import * as Registry from "./Registry.ts"

export { kind, Throttled }
export type { AdaptiveThrottle, Options, Snapshot } from "./adaptiveThrottle/model.ts"

/** What is no such text is refused by the check. */
const toBoolean = (given: boolean | string): boolean | string =>
  given === "true" ? true : given === "false" ? false : given

const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  factor: Schema.optionalKey(NumberOrDuration),
  window: Schema.optionalKey(NumberOrDuration),
  minimumCalls: Schema.optionalKey(NumberOrDuration),
  maxRejectionRate: Schema.optionalKey(NumberOrDuration),
  // An environment has only texts.
  countRejections: Schema.optionalKey(
    Schema.Union([Schema.Boolean, Schema.String]).annotate({ expected: "true or false" })
  )
}, {
  read: ({ countRejections, ...given }) => ({
    ...given as Partial<Options>,
    ...countRejections !== undefined && { countRejections: toBoolean(countRejections) as boolean }
  }),
  check: toRules
})

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * A schema of {@link Options} as written in YAML or JSON, without `classify`, which is added in code. A field that is wrong
 * or unknown is refused by name.
 *
 * @since 0.1.0
 * @category options
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Makes a throttle. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<AdaptiveThrottle> =>
  Effect.sync(() => {
    const { classify, name, ...rules } = toRules(options, new OptionsOf("AdaptiveThrottle.make"))
    const machine = new ThrottleMachine(rules)
    const shared: Shared = { onCall: undefined, name, machine }
    const protect = (classify: Outcome.Classify<any, any>) =>
      guardBy<Throttled>((_fiber, self) => new ThrottledCall(shared, self, classify))
    const throttle = offerCalls<AdaptiveThrottle>({
      name,
      protect: protect(classify),
      protectWith: ({ classify }) =>
        protect(new OptionsOf("AdaptiveThrottle.protectWith").callback("classify", classify)),
      snapshot: Effect.clockWith((clock: Clock.Clock) =>
        Effect.sync(() => {
          const rejectionRate = machine.rejectionRate(monotonicMillis(clock))
          const { accepts, rejected, requests } = machine
          return { name, rejectionRate, requests, accepts, rejected }
        })
      )
    }, shared)
    return noteThrottle(throttle, machine)
  }).pipe(Effect.tap((throttle) => Registry.register({ kind, name: throttle.name, guard: throttle })))

/**
 * Makes a throttle with the options under a path of the configuration, such as `["model", "throttle"]`. Options that are
 * missing there are taken from `options`. An option out of range is a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<AdaptiveThrottle, Config.ConfigError> => Effect.flatMap(codec.config(path, options), make)

/**
 * The class that {@link Service} makes: the service key of one throttle, with its layers and its `protect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string>
  extends
    Context.ServiceClass<Self, KeyOf<"AdaptiveThrottle", Id>, AdaptiveThrottle>,
    GuardClass<Self, Throttled, Options>
{}

/**
 * A class that is the service key of one throttle, with its `layer` and its `protect`. The id is its name unless the options
 * say otherwise.
 *
 * @since 0.1.0
 * @category guards
 */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Omit<Options, "name"> & { readonly name?: string | undefined } = {}
): ServiceClass<Self, Id> =>
  guardClass(keyOf("AdaptiveThrottle", id), { ...options, name: options.name ?? id }, make, codec)
