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
import type * as Bulkhead from "./Bulkhead.ts"
import type * as CircuitBreaker from "./CircuitBreaker.ts"
import { callBack } from "./internal/runtime/callBack.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { Publisher, type Series } from "./telemetry/publisher.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import type * as RateLimiter from "./RateLimiter.ts"
import * as Registry from "./Registry.ts"
import type * as RetryBudget from "./RetryBudget.ts"
import type * as StaleCache from "./StaleCache.ts"

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

/** {@link Options} as they are written in YAML or JSON. A field that is wrong or unknown is refused by name. */
export const OptionsSchema = codec.schema

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

type SnapshotOf<K extends Registry.Kind> = Extract<Registry.Snapshot, { readonly _tag: K }>["snapshot"]

const open = (maxNames: number, context: Context.Context<never>): () => void => {
  const registry = Context.get(context, Registry.CurrentRegistry)
  const publishers = new Map<Registry.Kind, Publisher<any>>(
    Object.entries(series).map(([kind, series]) => [
      kind as Registry.Kind,
      new Publisher<any>(series, maxNames, context)
    ])
  )
  const runSync = Effect.runSyncWith(context)
  const runSyncExit = Effect.runSyncExitWith(context)
  const retractions = new Map<Registry.Registered, () => void>()
  const warned = new Set<string>()
  const enter = (entry: Registry.Registered): void => {
    const snapshot = Effect.map(Registry.read(entry), ({ snapshot }) => snapshot)
    retractions.set(entry, publishers.get(entry._tag)!.publish(entry.id, () => runSync(snapshot)))
    const pair = `${entry._tag} ${JSON.stringify(entry.name)}`
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
    happened: (event) => {
      addToSpan(event)
      // A logger that throws must not reach the call whose result moved the circuit.
      runSyncExit(logLine(event))
    }
  })
  for (const entry of registry.entries()) callBack(() => enter(entry))
  return () => {
    stop()
    for (const publisher of publishers.values()) publisher.close()
  }
}

const duplicate = ({ _tag, id, name }: Registry.Registered): Effect.Effect<void> =>
  Effect.logWarning(
    `There is more than one ${_tag} named ${JSON.stringify(name)}: calls through one do not count for the other. ` +
      "Make it once and share it."
  ).pipe(Effect.annotateLogs({ kind: _tag, name, id }))

const told = (event: Registry.Event): Record<string, string> => ({
  circuit: event.circuit,
  from: event.from,
  to: event.to,
  reason: event.reason,
  ...(event.openFor === undefined ? {} : { openFor: Duration.format(event.openFor) })
})

const logLine = (event: Registry.Event): Effect.Effect<void> => {
  const { circuit, from, openFor, reason, to } = event
  const wait = openFor === undefined ? "" : ` for ${Duration.format(openFor)}`
  const line = `Circuit ${JSON.stringify(circuit)}: ${from} → ${to}${wait} (${reason})`
  const isRecovery = to === "HalfOpen" || to === "Closed"
  return (isRecovery ? Effect.logInfo(line) : Effect.logWarning(line)).pipe(Effect.annotateLogs(told(event)))
}

// The change happens in a step of the call that caused it, whose span is therefore the current fiber's.
const addToSpan = (event: Registry.Event): void => {
  const fiber = Fiber.getCurrent()
  if (fiber === undefined) return
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  if (span?._tag !== "Span" || span.status._tag !== "Started") return
  const now = fiber.getRef(Clock.Clock).currentTimeNanosUnsafe()
  span.event("switchgear.circuitbreaker.transition", now, told(event))
}

const metric = (type: Series<never>["type"]) =>
<Snapshot>(
  id: string,
  description: string,
  read: Series<Snapshot>["read"],
  labels: Series<Snapshot>["labels"] = {}
): Series<Snapshot> => ({ id: `switchgear_${id}`, description, labels, type, read })
const gauge = metric("gauge-by-sum")
const highest = metric("gauge-by-maximum")
const counter = metric("counter")

const states: { readonly [S in CircuitBreaker.State]: string } = {
  Closed: "closed",
  Open: "open",
  HalfOpen: "half_open",
  ForcedOpen: "forced_open",
  Disabled: "disabled",
  MetricsOnly: "metrics_only"
}

const circuitBreaker: ReadonlyArray<Series<CircuitBreaker.Snapshot>> = [
  ...Object.entries(states).map(([state, label]) =>
    gauge<CircuitBreaker.Snapshot>(
      "circuitbreaker_state",
      "1 for the state the circuit is in, 0 for the others.",
      (circuit) => circuit.state === state ? 1 : 0,
      { state: label }
    )
  ),
  gauge("circuitbreaker_window_calls", "Calls in the window, by outcome.", ({ failed }) => failed, {
    outcome: "failure"
  }),
  gauge("circuitbreaker_window_calls", "Calls in the window, by outcome.", ({ calls, failed }) => calls - failed, {
    outcome: "success"
  }),
  gauge("circuitbreaker_window_slow_calls", "Slow calls in the window.", ({ slow }) => slow),
  highest(
    "circuitbreaker_failure_rate",
    "Share of failures in the window, from 0 to 1; NaN while there are too few calls.",
    ({ failureRate }) => failureRate ?? NaN
  ),
  highest(
    "circuitbreaker_slow_call_rate",
    "Share of slow calls in the window, from 0 to 1; NaN while there are too few calls.",
    ({ slowRate }) => slowRate ?? NaN
  ),
  gauge("circuitbreaker_in_flight", "Calls admitted and not ended yet.", ({ inFlight }) => inFlight),
  counter("circuitbreaker_not_permitted_total", "Calls the circuit refused.", ({ rejected }) => rejected),
  counter("circuitbreaker_openings_total", "Times the circuit opened.", ({ openings }) => openings),
  counter("circuitbreaker_late_total", "Results that came too late to count.", ({ late }) => late)
]

const circuitFamily: ReadonlyArray<Series<CircuitBreaker.FamilySnapshot>> = [
  ...Object.entries(states).map(([state, label]) =>
    gauge<CircuitBreaker.FamilySnapshot>(
      "circuitbreaker_family_circuits",
      "Circuits of the family, by state.",
      ({ circuits }) => circuits[state as CircuitBreaker.State],
      { state: label }
    )
  ),
  gauge("circuitbreaker_family_in_flight", "Calls admitted and not ended yet.", ({ inFlight }) => inFlight),
  counter("circuitbreaker_family_not_permitted_total", "Calls the circuits refused.", ({ rejected }) => rejected),
  counter("circuitbreaker_family_openings_total", "Times a circuit opened.", ({ openings }) => openings),
  counter("circuitbreaker_family_late_total", "Results that came too late to count.", ({ late }) => late)
]

const bulkhead: ReadonlyArray<Series<Bulkhead.Snapshot>> = [
  gauge("bulkhead_concurrency", "Calls that may run at once.", ({ concurrency }) => concurrency),
  gauge("bulkhead_in_flight", "Calls that run.", ({ inFlight }) => inFlight),
  gauge("bulkhead_queue_capacity", "Calls that may wait for a slot.", ({ queue }) => queue),
  gauge("bulkhead_queued", "Calls that wait for a slot.", ({ queued }) => queued),
  ...(["queue-full", "wait-timeout", "deadline"] satisfies ReadonlyArray<Bulkhead.Reason>).map((reason) =>
    counter<Bulkhead.Snapshot>(
      "bulkhead_rejected_total",
      "Calls the bulkhead refused, by reason.",
      ({ rejected }) => rejected[reason],
      { reason: reason.replace("-", "_") }
    )
  )
]

const limitSeries = (resource: RateLimiter.Resource): ReadonlyArray<Series<RateLimiter.Snapshot>> => {
  const limit = ({ limits }: RateLimiter.Snapshot) => limits.find((limit) => limit.resource === resource)
  return [
    gauge("ratelimiter_available", "What can be taken now; negative in debt.", (limiter) => limit(limiter)?.available, {
      resource
    }),
    gauge("ratelimiter_capacity", "What can be taken when nothing was used.", (limiter) => limit(limiter)?.capacity, {
      resource
    })
  ]
}

const rateLimit: ReadonlyArray<Series<RateLimiter.Snapshot>> = [
  ...(["requests", "tokens", "cost"] as const).flatMap(limitSeries),
  gauge("ratelimiter_waiting", "Calls that wait for their turn.", ({ waiting }) => waiting),
  highest(
    "ratelimiter_paused_seconds",
    "Time until the limiter grants anything; 0 when it is not paused.",
    ({ pausedFor }) => pausedFor === undefined ? 0 : Duration.toSeconds(pausedFor)
  ),
  counter("ratelimiter_admitted_total", "Calls that got their turn.", ({ admitted }) => admitted),
  counter("ratelimiter_rejected_total", "Calls the limiter refused.", ({ rejected }) => rejected)
]

const retryBudget: ReadonlyArray<Series<RetryBudget.Snapshot>> = [
  gauge("retry_budget_available", "Retries that could be made now.", ({ available }) => available),
  gauge("retry_budget_window_successes", "Successes in the window.", ({ successes }) => successes),
  gauge("retry_budget_window_retries", "Retries in the window.", ({ retries }) => retries),
  counter("retry_budget_refused_total", "Retries the budget refused.", ({ refused }) => refused)
]

const staleCache: ReadonlyArray<Series<StaleCache.Snapshot>> = [
  gauge("cache_size", "Values kept.", ({ size }) => size),
  gauge("cache_capacity", "Values that can be kept.", ({ capacity }) => capacity),
  gauge("cache_bytes", "Bytes kept; 0 when they are not measured.", ({ bytes }) => bytes),
  ...(["loaded", "fresh", "stale"] satisfies ReadonlyArray<StaleCache.Freshness>).map((freshness) =>
    counter<StaleCache.Snapshot>(
      "cache_served_total",
      "Values served: loaded by a call, fresh from the cache, or stale.",
      ({ served }) => served[freshness],
      { freshness }
    )
  ),
  counter(
    "cache_store_failures_total",
    "Times the store of the cache failed or took too long.",
    ({ storeFailures }) => storeFailures
  )
]

const series: { readonly [K in Registry.Kind]: ReadonlyArray<Series<SnapshotOf<K>>> } = {
  CircuitBreaker: circuitBreaker,
  CircuitFamily: circuitFamily,
  Bulkhead: bulkhead,
  RateLimiter: rateLimit,
  RetryBudget: retryBudget,
  StaleCache: staleCache
}
