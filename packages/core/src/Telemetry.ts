/**
 * What the guards do can be seen on a dashboard, in the log and in traces, without a call paying for it.
 *
 * {@link layer} publishes the registry as Effect metrics, which the platform's `PrometheusMetrics` and OTLP exporters
 * pick up. Numbers are read when somebody looks; between two looks nothing happens. What is entered later is published
 * from then on, what leaves is removed, and when the layer closes everything is removed.
 *
 * Every change of state of a circuit becomes one log line, a warning when protection steps in or is taken away (Open,
 * ForcedOpen, Disabled, MetricsOnly), information when things return to normal (HalfOpen, Closed), and an event of the
 * span in which the call ran that caused it. The last ones are kept in `Registry.history`.
 *
 * **Cardinality.** A family of circuits is published as a whole, its keys are no labels. Labels are names given in code, the numbers of namesakes, and the words of this library: no key and
 * no text of a caller. Each kind has at most `maxNames` names; what comes when all are taken is published under the name
 * `other`, where counters are sums, states are numbers of circuits, and rates are the highest. It stays there until it
 * leaves.
 *
 * **Metrics.** All begin with `switchgear_` and have the label `name`.
 *
 * | Metric | Type | More labels |
 * | --- | --- | --- |
 * | `circuitbreaker_state` | gauge, 1 for the present state | `state` |
 * | `circuitbreaker_window_calls` | gauge | `outcome` |
 * | `circuitbreaker_window_slow_calls` | gauge | |
 * | `circuitbreaker_failure_rate`, `circuitbreaker_slow_call_rate` | gauge, NaN while there are too few calls | |
 * | `circuitbreaker_in_flight` | gauge | |
 * | `circuitbreaker_not_permitted_total`, `circuitbreaker_openings_total`, `circuitbreaker_late_total` | counter | |
 * | `circuitbreaker_family_circuits` | gauge | `state` |
 * | `circuitbreaker_family_in_flight` | gauge | |
 * | `circuitbreaker_family_not_permitted_total`, `circuitbreaker_family_openings_total`, `circuitbreaker_family_late_total` | counter | |
 * | `bulkhead_concurrency`, `bulkhead_in_flight`, `bulkhead_queue_capacity`, `bulkhead_queued` | gauge | |
 * | `bulkhead_rejected_total` | counter | `reason` |
 * | `ratelimiter_available`, `ratelimiter_capacity` | gauge | `resource` |
 * | `ratelimiter_waiting`, `ratelimiter_paused_seconds` | gauge | |
 * | `ratelimiter_admitted_total`, `ratelimiter_rejected_total` | counter | |
 * | `retry_budget_available`, `retry_budget_window_successes`, `retry_budget_window_retries` | gauge | |
 * | `retry_budget_refused_total` | counter | |
 * | `cache_size`, `cache_capacity`, `cache_bytes` | gauge | |
 * | `cache_served_total` | counter | `freshness` |
 * | `cache_store_failures_total` | counter | |
 *
 * **Gotchas.** Provide one `Registry.layer`, if any, to the guards and to this layer together. Two applications that
 * share one `Metric.MetricRegistry` and use equal names replace each other's series: tell them apart with
 * `Metric.CurrentMetricAttributes` around this layer. `control.reset` begins the counters anew, which a scraper takes
 * for a restart.
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
 */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { callBack } from "./internal/runtime/callBack.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { Publisher } from "./telemetry/publisher.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import * as Registry from "./Registry.ts"

/** How much is published. */
export interface Options {
  /** Names of each kind that have series of their own; zero for none. @default 200 */
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

/** {@link Options} as they are written in YAML or JSON. A field that is wrong or unknown is refused by name. */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Publishes the registry in force, for as long as the layer lives. Dies with a `RangeError` when an option is out of
 * range.
 */
export const layer = (options: Options = {}): Layer.Layer<never> =>
  Layer.effectDiscard(
    Effect.acquireRelease(
      Effect.map(Effect.context<never>(), (context) => {
        const maxNames = toMaxNames(options, new OptionsOf("Telemetry.layer"))
        // The log lines belong to no call, and nothing here may end with the build of the layer.
        return open(maxNames, Context.omit(Tracer.ParentSpan, Scope.Scope)(context) as Context.Context<never>)
      }),
      (close) => Effect.sync(close)
    )
  )

/** Like {@link layer}, with the options under a path of the configuration; what is not found there is as in `options`. */
export const layerConfig = (
  path: string | ConfigProvider.Path,
  options: Options = {}
): Layer.Layer<never, Config.ConfigError> => Layer.unwrap(Effect.map(codec.config(path, options), layer))

const open = (maxNames: number, context: Context.Context<never>): () => void => {
  const registry = Context.get(context, Registry.CurrentRegistry)
  const runSync = Effect.runSyncWith(context)
  const runSyncExit = Effect.runSyncExitWith(context)
  const publishers = new Map<string, Publisher<any>>()
  const publisherOf = ({ kind }: Registry.Registered): Publisher<any> => {
    const publisher = publishers.get(kind.tag) ?? new Publisher<any>(kind, maxNames, context)
    publishers.set(kind.tag, publisher)
    return publisher
  }
  const retractions = new Map<Registry.Registered, () => void>()
  const warned = new Set<string>()
  const enter = (entry: Registry.Registered): void => {
    const snapshot = Effect.suspend(() => entry.kind.snapshot(entry.guard))
    retractions.set(entry, publisherOf(entry).publish(entry.id, () => runSync(snapshot)))
    const pair = `${entry.kind.tag} ${JSON.stringify(entry.name)}`
    if (entry.id === entry.name || warned.has(pair) || warned.size >= maxNames) return
    warned.add(pair)
    runSyncExit(duplicate(entry))
  }
  const stop = registry.observe({
    entered: enter,
    left: (entry) => {
      retractions.get(entry)?.()
      retractions.delete(entry)
    },
    happened: (event, { kind }) => {
      addToSpan(event)
      // A logger that throws must not reach the call whose result moved the circuit.
      runSyncExit(logLine(event, kind))
    }
  })
  for (const entry of registry.entries()) callBack(() => enter(entry))
  return () => {
    stop()
    for (const publisher of publishers.values()) publisher.close()
  }
}

const duplicate = ({ id, kind: { tag }, name }: Registry.Registered): Effect.Effect<void> =>
  Effect.logWarning(
    `There is more than one ${tag} named ${JSON.stringify(name)}: calls through one do not count for the other. ` +
      "Make it once and share it."
  ).pipe(Effect.annotateLogs({ kind: tag, name, id }))

const attributesOf = (event: Registry.Event): Record<string, string> => ({
  kind: event.kind,
  subject: event.subject,
  from: event.from,
  to: event.to,
  reason: event.reason,
  ...(event.openFor === undefined ? {} : { openFor: Duration.format(event.openFor) })
})

const logLine = (event: Registry.Event, kind: Registry.Kind<any, any>): Effect.Effect<void> => {
  const { from, openFor, reason, subject, to } = event
  const wait = openFor === undefined ? "" : ` for ${Duration.format(openFor)}`
  const line = `${kind.title ?? kind.tag} ${JSON.stringify(subject)}: ${from} → ${to}${wait} (${reason})`
  return (kind.isRecovery?.(event) ? Effect.logInfo(line) : Effect.logWarning(line)).pipe(
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
