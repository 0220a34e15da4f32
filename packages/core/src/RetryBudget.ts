/**
 * Caps the extra load that retries cause, for all callers of a target together: at most a `ratio` of the calls that
 * succeeded, and a small `floor`.
 *
 * `maxAttempts` limits one caller. When everything fails, every caller uses all of its attempts, and a target that was
 * about to recover gets three times its load. A budget is shared by all callers of a target: successes pay into it,
 * retries are paid from it. While most calls succeed, the budget covers the retries of the others. When they stop
 * succeeding, it is soon spent, and retries return the last error at once.
 *
 * Retries inside of {@link within}, or with the budget among their options, spend from it. A success is counted once, by
 * the innermost retry, however many retries are nested.
 *
 * **Order.** Around the retry, or in its options. With many targets, one budget for each.
 *
 * **Gotchas.** A budget limits those who share it: make it once. The `floor` is for callers with little traffic. It is
 * granted again in every window, so keep it small compared with the calls of a window. A retry that is interrupted
 * while it waits stays paid for until it leaves the window.
 *
 * ```ts
 * import { Retry, RetryBudget } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * let calls = 0
 * const down = Effect.suspend(() => Effect.fail(++calls)).pipe(Retry.retry({ maxAttempts: 3, baseDelay: "1 millis" }))
 *
 * const program = Effect.gen(function*() {
 *   const budget = yield* RetryBudget.make({ name: "model", floor: 10 })
 *   yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.ignore(down)).pipe(RetryBudget.within(budget))
 * })
 *
 * await Effect.runPromise(program)
 * calls // => 110
 * ```
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { through } from "./internal/runtime/guard.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import { SLICES, SpendingWindow } from "./retryBudget/spendingWindow.ts"
import { monotonicMillis } from "./internal/runtime/time.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import * as Registry from "./Registry.ts"
import { accounts } from "./retryBudget/account.ts"
import { CurrentBudget } from "./retryBudget/current.ts"
import type { Options, RetryBudget } from "./retryBudget/model.ts"
import { kind } from "./retryBudget/observe.ts"

export { CurrentBudget, kind }

export type { Options, RetryBudget, Snapshot } from "./retryBudget/model.ts"

const toRules = (options: Options, check: OptionsOf) => ({
  name: check.name(options.name),
  ratio: check.amount("ratio", options.ratio ?? 0.2),
  floor: check.integer("floor", options.floor ?? 10, 0),
  millis: toWindow(options.window ?? "10 seconds", check)
})

const toWindow = (window: Duration.Input, check: OptionsOf): number => {
  const millis = check.positive("window", window)
  // The finest slice that the clock can tell apart, however long it has run.
  return millis / SLICES >= 0.001 ? millis : check.refuse("window", `a duration of at least ${SLICES} micros`, window)
}

const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  ratio: Schema.optionalKey(NumberOrDuration),
  floor: Schema.optionalKey(NumberOrDuration),
  window: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Partial<Options>, check: toRules })

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * A schema of {@link Options} as written in YAML or JSON. A field that is wrong or unknown is refused by name.
 *
 * @since 0.1.0
 * @category options
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Makes a budget. At first its `floor` is available. Dies with a `RangeError` that names the field when an option is out
 * of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<RetryBudget> =>
  Effect.sync((): RetryBudget => {
    const { name, ...rules } = toRules(options, new OptionsOf("RetryBudget.make"))
    const account = new SpendingWindow(rules)
    const atNow = <A>(step: (now: number) => A) => Effect.map(Clock.Clock, (clock) => step(monotonicMillis(clock)))
    const budget: RetryBudget = {
      name,
      take: atNow((now) => account.take(now)),
      deposit: atNow((now) => account.deposit(now)),
      snapshot: atNow((now) => ({ name, ...account.read(now) }))
    }
    accounts.set(budget, account)
    return budget
  }).pipe(Effect.tap((budget) => Registry.register({ kind, name: budget.name, guard: budget })))

/**
 * Makes a budget with the options under a path of the configuration, such as `["model", "retryBudget"]`. Options that are
 * not found there are taken from `options`. Options out of range fail with a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<RetryBudget, Config.ConfigError> => Effect.flatMap(codec.config(path, options), make)

/**
 * Makes the retries inside spend from this budget, unless their options name another. It replaces a budget further out.
 *
 * @since 0.1.0
 * @category combinators
 */
export const within = (budget: RetryBudget) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  through(self, Effect.provideService(CurrentBudget, budget))

/**
 * The class that {@link Service} makes: the service key of one budget, with its layers and its `within`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string>
  extends Context.ServiceClass<Self, KeyOf<"RetryBudget", Id>, RetryBudget>
{
  /** Makes the budget once for everything the layer is provided to. */
  readonly layer: Layer.Layer<Self>
  /** Like `layer`, with some options replaced: for tests and for a second environment. */
  readonly layerWith: (options: Partial<Options>) => Layer.Layer<Self>
  /** Like `layer`, with the options under a path of the configuration: see {@link fromConfig}. */
  readonly layerConfig: (path: string | ConfigProvider.Path) => Layer.Layer<Self, Config.ConfigError>
  /** Makes the retries inside spend from the budget, which becomes one of the services that the effect needs. */
  readonly within: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Self>
}

/**
 * A class that is the service key of one budget, with its `layer` and its `within`. The id is its name unless the options
 * say otherwise.
 *
 * ```ts
 * import { Retry, RetryBudget } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * class ModelBudget extends RetryBudget.Service<ModelBudget>()("model", { floor: 1 }) {}
 *
 * let attempts = 0
 * const failing = Effect.suspend(() => Effect.fail(`503 number ${++attempts}`)).pipe(Retry.retry({ baseDelay: 0 }))
 *
 * await Effect.runPromise(Effect.flip(failing).pipe(ModelBudget.within, Effect.provide(ModelBudget.layer))) // => "503 number 2"
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Omit<Options, "name"> & { readonly name?: string | undefined } = {}
): ServiceClass<Self, Id> => {
  const key = Context.Service<Self, RetryBudget>()(keyOf("RetryBudget", id))
  const named = { ...options, name: options.name ?? id }
  return Object.assign(key, {
    layer: Layer.effect(key, make(named)),
    layerWith: (replaced: Partial<Options>) => Layer.effect(key, make({ ...named, ...replaced })),
    layerConfig: (path: string | ConfigProvider.Path) => Layer.effect(key, fromConfig(path, named)),
    within: <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Self> =>
      through(self, (self, fiber) => within(Context.getUnsafe(fiber.context, key))(self))
  })
}
