/**
 * Every caller gets an answer: the steps of a chain are tried in order, and the answer says which step gave it and which
 * errors came before.
 *
 * A step is a call to a target, a read of the last good answer, or a constant. `when` says which errors of a call move on
 * to the next step. The others fail the run at once, unchanged: a bad request would fail at every target. A chain whose
 * last step has no answer fails with {@link CascadeExhausted}, which holds the error of every step. A chain that ends in a
 * constant cannot run out, and its type says so.
 *
 * **Order.** Outermost, around targets that each have their own breaker, bulkhead, retry and attempt time-out. A further
 * target takes an attempt from the budget of `Attempts`, and is passed over when none is left. Reads and constants are
 * free.
 *
 * **Slow targets.** With `overtakeAfter`, the next target is asked as well after that time, while the first runs on. The
 * first that answers wins, and the others are interrupted. A failure that moves on leaves those that run; one that does not
 * fails the run when they have not answered either.
 *
 * **Waiting.** With {@link orAgain}, the targets are asked again when all of them have failed, as long as a function of yours
 * says so.
 *
 * **A cascade as a step.** With `provenance`, an answer keeps the step, the degradation and the failures that it has from
 * a cascade inside. One that is stale or canned is set aside, and served at the end if nothing better comes.
 *
 * **Gotchas.** Defects and interruption do not move on. Give `when` a type guard to have errors told apart in the type:
 * those that move on are gone from the error type of a chain that ends in a constant. With a plain predicate all errors of
 * the step stay in it.
 *
 * **To be seen.** {@link run} counts nothing. {@link make} gives a {@link Runner}, whose `run` does the same and counts: its
 * answers are in registry, metrics and log.
 *
 * ```ts
 * import { Cascade } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const answer = Cascade.first("gpt", Effect.fail("503")).pipe(
 *   Cascade.orElse("claude", Effect.succeed("Hello!")),
 *   Cascade.orConstant("canned", "Please try again in a minute.")
 * )
 *
 * const { degradation, failures, step, value } = await Effect.runPromise(Cascade.run(answer))
 * value // => "Hello!"
 * step // => "claude"
 * degradation // => "fallback"
 * failures // => [{ step: "gpt", error: "503" }]
 * ```
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { CascadeExhausted, type RunsOut } from "./cascade/CascadeExhausted.ts"
import { Counts } from "./cascade/counts.ts"
import { DegradationLog } from "./cascade/degradation.ts"
import type { AnyStep, Cascade, Served } from "./cascade/model.ts"
import { kind } from "./cascade/observe.ts"
import { type Book, runCounted } from "./cascade/runner.ts"
import type { Options, Runner } from "./cascade/runnerModel.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import { type KeyOf, keyOf } from "./internal/runtime/serviceClass.ts"
import * as Registry from "./Registry.ts"

export { first, orAgain, orConstant, orElse, orLastGood } from "./cascade/chain.ts"
export type { Cascade, Degradation, Failure, Found, Provenance, Served, Step, StepOptions } from "./cascade/model.ts"
export { type Provided, type Provider, toExecutionPlan } from "./cascade/plan.ts"
export { run } from "./cascade/run.ts"
export type { Options, Runner, Snapshot, StepCounts } from "./cascade/runnerModel.ts"
export { CurrentTurn, type Turn } from "./cascade/turn.ts"
export { CascadeExhausted, kind, type RunsOut }

const toRules = (options: Options, check: OptionsOf) => ({
  name: check.name(options.name),
  recoveredAfter: check.positive("recoveredAfter", options.recoveredAfter ?? "1 minute")
})

const codec = optionsCodec<Options>()({
  name: Schema.optionalKey(Schema.String),
  recoveredAfter: Schema.optionalKey(NumberOrDuration)
}, { read: (given) => given as Partial<Options>, check: toRules })

/**
 * {@link Options} as they are written in YAML or JSON. A field that is wrong or unknown is refused by name.
 *
 * @since 0.1.0
 * @category options
 */
export const OptionsSchema = codec.schema

/**
 * Makes a {@link Runner}, by which chains are seen: its answers are in the metrics of `Telemetry.layer`, by step and
 * degradation, and it is logged when they begin and cease to be stale or canned. The chains may be built for each call;
 * the runner is made once, in a scope or by its layer. Like every guard, one that is made outside a scope is not in the
 * registry: it counts, and has no metrics and no log lines, of which `Telemetry.layer` warns. Dies with a `RangeError`
 * that names the field when an option is out of range.
 *
 * ```ts
 * import { Cascade } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const answers = yield* Cascade.make({ name: "answers" })
 *   const ask = (question: string) =>
 *     answers.run(
 *       Cascade.first("gpt", question === "Hello?" ? Effect.succeed("Hello!") : Effect.fail("503")).pipe(
 *         Cascade.orConstant("canned", "Please try again in a minute.")
 *       )
 *     )
 *   yield* ask("Hello?")
 *   yield* ask("Why?")
 *   return yield* answers.snapshot
 * })
 *
 * const { servingFrom, steps } = await Effect.runPromise(program)
 * servingFrom // => "canned"
 * steps.map(({ failed, served, step }) => `${step}: ${served} answers, ${failed} errors`) // => ["gpt: 1 answers, 1 errors", "canned: 1 answers, 0 errors"]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (options: Options) => Effect.Effect<Runner> = Effect.fnUntraced(function*(options: Options) {
  const { name, recoveredAfter } = toRules(options, new OptionsOf("Cascade.make"))
  const registry = yield* Registry.CurrentRegistry
  const counts = new Counts()
  const book: Book = {
    counts,
    degradation: new DegradationLog(recoveredAfter),
    grew: () => registry.grew(runner),
    announce: (change) => registry.announce(runner, change)
  }
  const runner: Runner = {
    name,
    run: ({ steps }) => runCounted(steps as ReadonlyArray<AnyStep>, book) as Effect.Effect<any, any, any>,
    snapshot: Effect.sync(() => counts.read(name))
  }
  yield* Registry.register({ kind, name, guard: runner })
  return runner
})

/**
 * Makes a runner with the options under a path of the configuration, such as `["answers", "cascade"]`. Options that are not
 * found there are taken from `options`. Options out of range fail with a `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<Runner, Config.ConfigError> => Effect.flatMap(codec.config(path, options), make)

/**
 * The class that {@link Service} makes: the service key of one runner, with its layers and its `run`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServiceClass<in out Self, in out Id extends string> extends Context.ServiceClass<Self, Id, Runner> {
  /** Makes the runner once for everything the layer is provided to. */
  readonly layer: Layer.Layer<Self>
  /** Like `layer`, with some options replaced: for tests and for a second environment. */
  readonly layerWith: (options: Partial<Options>) => Layer.Layer<Self>
  /** Like `layer`, with the options under a path of the configuration: see {@link fromConfig}. */
  readonly layerConfig: (path: string | ConfigProvider.Path) => Layer.Layer<Self, Config.ConfigError>
  /** Runs a chain by the runner, which becomes one of the services that the run needs. */
  readonly run: <A, Moved, Failed, R, Left>(
    self: Cascade<A, Moved, Failed, R, never, Left>
  ) => Effect.Effect<Served<A, Moved>, Failed | RunsOut<Left>, R | Self>
}

/**
 * A class that is the service key of one runner, with its `layer` and its `run`. The id is its name unless the options say
 * otherwise.
 *
 * ```ts
 * import { Cascade } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * class Answers extends Cascade.Service<Answers>()("answers") {}
 *
 * const program = Cascade.first("gpt", Effect.fail("503")).pipe(
 *   Cascade.orConstant("canned", "Please try again in a minute."),
 *   Answers.run
 * )
 *
 * const { step } = await Effect.runPromise(Effect.provide(program, Answers.layer))
 * step // => "canned"
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Partial<Options> = {}
): ServiceClass<Self, KeyOf<"Cascade", Id>> => {
  const key = Context.Service<Self, Runner>()(keyOf("Cascade", id))
  const named = { ...options, name: options.name ?? id }
  return Object.assign(key, {
    layer: Layer.effect(key, make(named)),
    layerWith: (replaced: Partial<Options>) => Layer.effect(key, make({ ...named, ...replaced })),
    layerConfig: (path: string | ConfigProvider.Path) => Layer.effect(key, fromConfig(path, named)),
    run: <A, Moved, Failed, R, Left>(
      self: Cascade<A, Moved, Failed, R, never, Left>
    ): Effect.Effect<Served<A, Moved>, Failed | RunsOut<Left>, R | Self> => Effect.flatMap(key, ({ run }) => run(self))
  })
}
