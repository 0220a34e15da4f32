import { Registry, Telemetry } from "@switchgear/core"
import { Cause, Effect, type Exit, Formatter, Layer, Logger, Metric, References, Tracer } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { inspect } from "node:util"

/** All that can be read about a run: log lines of every level, spans, metrics, the registry, and how it failed. */
export const watched = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const spans: Array<Tracer.Span> = []
    const loggers = [Logger.formatSimple, Logger.formatLogFmt, Logger.formatJson].map((logger) =>
      Logger.map(logger, (line) => void lines.push(line))
    )
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const { exit, shown } = yield* Effect.gen(function*() {
      const exit = yield* self.pipe(
        Effect.tapCause((cause) => Effect.logDebug("The call failed", cause)),
        Effect.withSpan("caller"),
        Effect.exit
      )
      const shown = [
        yield* PrometheusMetrics.format(),
        ...told(yield* Metric.snapshot),
        ...told(yield* Registry.snapshots),
        ...told(yield* Registry.history),
        ...told(yield* Registry.health)
      ]
      return { exit, shown }
    }).pipe(
      Effect.provide(
        Telemetry.layer().pipe(
          Layer.provideMerge(Layer.mergeAll(Registry.layer(), Logger.layer(loggers), emptyMetrics))
        )
      ),
      Effect.provideService(References.MinimumLogLevel, "Trace"),
      Effect.withTracer(tracer)
    )
    return { exit, seen: [...lines, ...spans.flatMap(ofSpan), ...shown, ...ofExit(exit)].join("\n") }
  })

const emptyMetrics = Layer.sync(Metric.MetricRegistry, () => new Map())

/** A value in all the ways in which programs show one. */
export const told = (value: unknown): ReadonlyArray<string> => [
  String(value),
  Formatter.format(value),
  Formatter.formatJson(value),
  inspect(value, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity })
]

/** How a run failed. What it succeeded with belongs to the caller, and nobody shows it. */
const ofExit = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> =>
  exit._tag === "Success"
    ? []
    : [
      Cause.pretty(exit.cause),
      ...told(exit),
      ...exit.cause.reasons.flatMap((reason) => Cause.isFailReason(reason) ? ofError(reason.error) : [])
    ]

/** An error with everything that hangs on it, hidden or not. */
export const ofError = (error: unknown): ReadonlyArray<string> => [
  ...told(error),
  ...(error instanceof Error ? [error.message, error.stack ?? ""] : []),
  inspect(error, {
    depth: Infinity,
    showHidden: true,
    getters: true,
    maxArrayLength: Infinity,
    maxStringLength: Infinity
  })
]

const ofSpan = (span: Tracer.Span): ReadonlyArray<string> => [
  span.name,
  ...told([...span.attributes]),
  ...told(span instanceof Tracer.NativeSpan ? span.events : []),
  ...(span.status._tag === "Started" || span.status.exit._tag === "Success"
    ? []
    : [Cause.pretty(span.status.exit.cause), ...told(span.status.exit)])
]
