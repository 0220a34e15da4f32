/**
 * Publishes the state of every guard as metrics, log lines and span events. A call pays nothing for it.
 *
 * {@link layer} publishes the registry as Effect metrics, for Effect's `PrometheusMetrics` and OTLP exporters. Values
 * are read only when an exporter scrapes. A guard that is registered later is published from then on. A guard that
 * leaves the registry is removed, and everything is removed when the layer closes.
 *
 * Every state change of a circuit becomes one log line and one event `switchgear.transition` of the span of the call
 * that caused it. Changes to Open, ForcedOpen, Disabled and MetricsOnly are warnings; changes to HalfOpen and Closed
 * are information. `Registry.history` keeps the last changes.
 *
 * A cascade that begins or ceases to serve stale or canned answers is logged in the same way: see `Cascade.Runner`.
 *
 * **Cardinality.** Labels are names given in code, the numbers of guards with equal names, and fixed words of this
 * library: never a key or a text of a caller. A family of circuits is published as a whole, without its keys. Each kind
 * has at most `maxNames` names. Guards beyond that are published together under the name `other`, until they leave the
 * registry: the sum of counters, the number of circuits per state, and the highest rate. Histograms are left out. Cascades
 * that share the name keep the names of their steps, up to 200 series; beyond that, `step` and `degradation` are `other`
 * as well.
 *
 * **Guards that cannot be read.** A guard whose first snapshot fails is logged, and has metrics from the scrape after the
 * one that can read it. Until then it is counted in `switchgear_unpublished_guards`, which has the label `kind`.
 *
 * **Metrics.** All names start with `switchgear_`. All series have the label `name`. Those of a cascade have the label
 * `cascade` instead, and one series for each step from its first run on.
 *
 * | Metric | Type | More labels |
 * | --- | --- | --- |
 * | `circuitbreaker_state` | gauge, 1 for the present state | `state` |
 * | `circuitbreaker_window_calls` | gauge | `outcome` |
 * | `circuitbreaker_window_slow_calls` | gauge | |
 * | `circuitbreaker_failure_rate`, `circuitbreaker_slow_call_rate` | gauge, NaN while there are too few calls | |
 * | `circuitbreaker_in_flight` | gauge | |
 * | `circuitbreaker_calls_total` | counter | `outcome` |
 * | `circuitbreaker_slow_calls_total` | counter | |
 * | `circuitbreaker_call_duration_seconds` | histogram, where `measureDurations` is on | `outcome` |
 * | `circuitbreaker_not_permitted_total`, `circuitbreaker_openings_total`, `circuitbreaker_late_total` | counter | |
 * | `circuitbreaker_family_circuits` | gauge | `state` |
 * | `circuitbreaker_family_in_flight` | gauge | |
 * | `circuitbreaker_family_calls_total` | counter | `outcome` |
 * | `circuitbreaker_family_slow_calls_total` | counter | |
 * | `circuitbreaker_family_call_duration_seconds` | histogram, where `measureDurations` is on | `outcome` |
 * | `circuitbreaker_family_not_permitted_total`, `circuitbreaker_family_openings_total`, `circuitbreaker_family_late_total` | counter | |
 * | `bulkhead_concurrency`, `bulkhead_in_flight`, `bulkhead_queue_capacity`, `bulkhead_queued` | gauge | |
 * | `bulkhead_rejected_total` | counter | `reason` |
 * | `ratelimiter_available`, `ratelimiter_capacity` | gauge | `resource` |
 * | `ratelimiter_waiting`, `ratelimiter_paused_seconds` | gauge | |
 * | `ratelimiter_admitted_total`, `ratelimiter_rejected_total` | counter | |
 * | `retry_calls_total`, `retry_attempts_total`, `retry_recovered_total` | counter | |
 * | `retry_gave_up_total` | counter | `reason` |
 * | `retry_not_retried_total` | counter | |
 * | `retry_budget_available`, `retry_budget_window_successes`, `retry_budget_window_retries` | gauge | |
 * | `retry_budget_refused_total` | counter | |
 * | `pipeline_family_keys`, `pipeline_family_capacity`, `pipeline_family_in_flight` | gauge | |
 * | `cache_size`, `cache_capacity`, `cache_bytes` | gauge | |
 * | `cache_served_total` | counter | `freshness` |
 * | `cache_store_failures_total` | counter | |
 * | `timeout_calls_total`, `timeout_exceeded_total` | counter | |
 * | `cascade_exhausted_total` | counter | |
 * | `cascade_waiting` | gauge | |
 * | `cascade_rounds_total` | counter | |
 * | `cascade_served_total` | counter | `step`, `degradation` |
 * | `cascade_failed_total` | counter | `step` |
 *
 * **Gotchas.** Provide one `Registry.layer`, if any, to the guards and to this layer together. Where two of these
 * layers share one `Metric.MetricRegistry` and their guards have equal names, as in two applications in one process,
 * only the series of the layer built last are shown, until it closes: set `Metric.CurrentMetricAttributes` around each
 * layer to keep them apart. Of several layers with one registry and the same loggers, one logs each change.
 * `control.reset` restarts the counters of a circuit, which a scraper takes for a restart of the process.
 *
 * ```ts
 * import { Bulkhead, Registry, Telemetry } from "@switchgear/core"
 * import { Effect, Layer, Metric } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   yield* Bulkhead.make({ name: "model", concurrency: 8 })
 *   const metrics = yield* Metric.snapshot
 *   return metrics.find(({ id }) => id === "switchgear_bulkhead_concurrency")?.state
 * })
 *
 * const observed = Telemetry.layer().pipe(Layer.provideMerge(Registry.layer()))
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(observed))) // => { value: 8 }
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { callBack } from "./internal/runtime/callBack.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { formatDuration } from "./internal/data/formatDuration.ts"
import { type Publication, Publisher } from "./telemetry/publisher.ts"
import * as TransitionLog from "./telemetry/transitionLog.ts"
import { Unreadable } from "./telemetry/unreadable.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import * as Registry from "./Registry.ts"

/**
 * How much is published.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The number of names of each kind that have series of their own, from 0. @default 200 */
  readonly maxNames?: number | undefined
}

const toMaxNames = (options: Options, check: OptionsOf): number => check.integer("maxNames", options.maxNames ?? 200, 0)

const codec = optionsCodec<Options>()({ maxNames: Schema.optionalKey(NumberOrDuration) }, {
  read: (given) => given as Options,
  check: toMaxNames
})

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON. A wrong or unknown field is rejected by name.
 *
 * @since 0.1.0
 * @category schemas
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * What `Registry.View` has, and the metrics of the layer, for the routes of a server. A route runs in a fiber of the server,
 * which may have another registry and other metrics than the guards. The type of the route says that it needs the view.
 * Without metrics, `Registry.View` is enough.
 *
 * ```ts
 * import { Bulkhead, Registry, Telemetry } from "@switchgear/core"
 * import { Effect, Layer, Metric } from "effect"
 * import { PrometheusMetrics } from "effect/observability"
 *
 * class Slots extends Bulkhead.Service<Slots>()("slots", { concurrency: 8 }) {}
 *
 * // Two routes: their types say that they need the view.
 * const metrics = Telemetry.View.use(({ within }) => within(PrometheusMetrics.format()))
 * const health = Telemetry.View.use((view) => view.health)
 *
 * const privately = Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map()))
 * const main = Layer.provide(Layer.provideMerge(Slots.layer, Telemetry.layer()), privately)
 *
 * const program = Effect.gen(function*() {
 *   const lines = (yield* metrics).split("\n")
 *   return { status: (yield* health).status, lines: lines.filter((line) => line.startsWith("switchgear_bulkhead_conc")) }
 * })
 *
 * await Effect.runPromise(Effect.provide(program, main)) // => { status: "up", lines: ["switchgear_bulkhead_concurrency{name=\"slots\"} 8"] }
 * ```
 *
 * @since 0.1.0
 * @category services
 */
export class View extends Context.Service<
  View,
  Registry.View["Service"] & {
    /** Runs the effect with the registry and the metrics of the layer. */
    readonly within: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  }
>()("@switchgear/core/Telemetry/View") {}

const viewOf = (context: Context.Context<never>): View["Service"] => {
  const registry = Context.get(context, Registry.CurrentRegistry)
  const captured = Context.mergeAll(
    Context.make(Registry.CurrentRegistry, registry),
    Context.make(Metric.MetricRegistry, Context.get(context, Metric.MetricRegistry)),
    Context.make(Metric.CurrentMetricAttributes, Context.get(context, Metric.CurrentMetricAttributes))
  )
  return {
    ...Registry.viewOf(registry),
    within: (self) => Effect.provideContext(self, captured) as typeof self
  }
}

/**
 * Publishes the current registry until the layer closes, and provides a {@link View} of it. Dies with a `RangeError` when an
 * option is out of range.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<View> =>
  Layer.effect(
    View,
    Effect.flatMap(Effect.context<never>(), (context) =>
      Effect.as(
        Effect.acquireRelease(
          Effect.sync(() => {
            const maxNames = toMaxNames(options, new OptionsOf("Telemetry.layer"))
            // The log lines belong to no call, and nothing here may end with the build of the layer.
            return open(maxNames, Context.omit(Tracer.ParentSpan, Scope.Scope)(context) as Context.Context<never>)
          }),
          (close) => Effect.sync(close)
        ),
        viewOf(context)
      ))
  )

/**
 * Like {@link layer}, with the options under a path of the configuration. Options that are missing there are taken from
 * `options`. An option out of range is a `ConfigError`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  path: string | ConfigProvider.Path,
  options: Options = {}
): Layer.Layer<View, Config.ConfigError> => Layer.unwrap(Effect.map(codec.config(path, options), layer))

const open = (maxNames: number, context: Context.Context<never>): () => void => {
  const registry = Context.get(context, Registry.CurrentRegistry)
  const share = TransitionLog.join(registry, context)
  const runSync = Effect.runSyncWith(context)
  const runSyncExit = Effect.runSyncExitWith(context)
  const publishers = new Map<Registry.Kind<any, any>, Publisher<any>>()
  const publisherOf = ({ kind }: Registry.Registered): Publisher<any> => {
    const publisher = publishers.get(kind) ?? new Publisher<any>(kind, maxNames, context)
    publishers.set(kind, publisher)
    return publisher
  }
  const unreadable = new Unreadable(context)
  const publications = new Map<Registry.Registered, Publication>()
  const publish = (entry: Registry.Registered): void => {
    const snapshot = Effect.suspend(() => entry.kind.snapshot(entry.guard))
    publications.set(entry, publisherOf(entry).publish(entry.id, entry.guard, () => runSync(snapshot)))
  }
  const warned = new Set<string>()
  const warnOnce = (what: string, { kind, name }: Registry.Entry, warning: Effect.Effect<void>): void => {
    const key = JSON.stringify([what, kind.tag, name])
    if (!share.logs() || warned.has(key) || warned.size >= maxNames) return
    warned.add(key)
    runSyncExit(warning)
  }
  const enter = (entry: Registry.Registered): void => {
    try {
      publish(entry)
    } catch (defect) {
      publications.set(entry, unreadable.add(entry.kind.tag, () => publish(entry)))
      runSyncExit(unpublished(entry, defect))
    }
    if (entry.id !== entry.name) warnOnce("duplicate", entry, duplicate(entry))
  }
  const stop = registry.observe({
    entered: enter,
    left: (entry) => {
      publications.get(entry)?.retract()
      publications.delete(entry)
    },
    passedOver: (entry) => warnOnce("outside a scope", entry, outsideScope(entry)),
    grew: (entry) => publications.get(entry)?.grow(),
    happened: (event, { kind }) => {
      if (share.addsToSpan()) addToSpan(event)
      // A logger that throws must not reach the call whose result moved the circuit.
      if (share.logs()) runSyncExit(logLine(event, kind))
    }
  })
  for (const entry of registry.entries()) callBack(() => enter(entry))
  return () => {
    stop()
    share.leave()
    for (const publisher of publishers.values()) publisher.close()
    unreadable.close()
  }
}

const outsideScope = ({ kind: { tag }, name }: Registry.Entry): Effect.Effect<void> =>
  Effect.logWarning(
    `${tag} ${
      JSON.stringify(name)
    } was made outside a scope: it has no metrics and no log lines, and does not affect the health. ` +
      "Make it in a scope, by its layer, or add it with Registry.register."
  ).pipe(Effect.annotateLogs({ kind: tag, name }))

const duplicate = ({ id, kind: { tag }, name }: Registry.Registered): Effect.Effect<void> =>
  Effect.logWarning(
    `There is more than one ${tag} named ${JSON.stringify(name)}: calls through one do not count for the other. ` +
      "Make it once and share it."
  ).pipe(Effect.annotateLogs({ kind: tag, name, id }))

const unpublished = ({ id, kind: { tag } }: Registry.Registered, defect: unknown): Effect.Effect<void> =>
  Effect.logError(
    `${tag} ${JSON.stringify(id)} cannot be read. It has metrics as soon as it can be.`,
    Cause.die(defect)
  )

const attributesOf = (event: Registry.Event): Record<string, string> => ({
  kind: event.kind,
  subject: event.subject,
  from: event.from,
  to: event.to,
  reason: event.reason,
  ...(event.openFor === undefined ? {} : { openFor: formatDuration(event.openFor) })
})

// A kind of a user's that throws must not take the line away.
const isGoodNews = (event: Registry.Event, { isRecovery }: Registry.Kind<any, any>): boolean => {
  try {
    return isRecovery?.(event) === true
  } catch {
    return false
  }
}

const logLine = (event: Registry.Event, kind: Registry.Kind<any, any>): Effect.Effect<void> => {
  const { from, openFor, reason, subject, to } = event
  const wait = openFor === undefined ? "" : ` for ${formatDuration(openFor)}`
  const line = `${kind.title ?? kind.tag} ${JSON.stringify(subject)}: ${from} → ${to}${wait} (${reason})`
  return (isGoodNews(event, kind) ? Effect.logInfo(line) : Effect.logWarning(line)).pipe(
    Effect.annotateLogs(attributesOf(event))
  )
}

// The change happens in a step of the call that caused it, whose span is therefore the current fiber's.
const addToSpan = (event: Registry.Event): void => {
  const fiber = Fiber.getCurrent()
  if (fiber === undefined) return
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  if (span?._tag !== "Span" || span.status._tag !== "Started") return
  const now = fiber.getRef(Clock.Clock).currentTimeNanosUnsafe()
  span.event("switchgear.transition", now, attributesOf(event))
}
