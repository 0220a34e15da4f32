/** What tells a collector: of calls, and now and then of all metrics. */
import { readFileSync } from "node:fs"
import * as Clock from "effect/Clock"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as OtlpExporter from "effect/observability/OtlpExporter"
import * as OtlpResource from "effect/observability/OtlpResource"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Family } from "../admin/metrics/family.ts"
import type { Otlp } from "../config/model.ts"
import type { Watch } from "../service/watched.ts"
import { watched } from "./attempts.ts"
import * as Collector from "./collector.ts"
import { GenAi } from "./genAi.ts"
import { metricsData } from "./metricsData.ts"
import { Tracing } from "./tracing.ts"

export interface Telling {
  /** Undefined where the file wants no traces. */
  readonly tracing: Tracing | undefined
  /** Tells of the calls of a client. */
  readonly watch: Watch
  /** Tells these metrics, read anew each time, until the scope ends; nothing where the file wants no metrics. */
  readonly tellMetrics: (families: Effect.Effect<ReadonlyArray<Family>>) => Effect.Effect<void, never, Scope.Scope>
}

/** What is gathered is told when the scope ends, for as long as that takes at most {@link farewell}. */
export const open = (otlp: Otlp): Effect.Effect<Telling, never, Scope.Scope> =>
  Effect.gen(function*() {
    const services = yield* Layer.build(servicesOf(otlp))
    const clock = yield* Clock.Clock
    const began = clock.currentTimeNanosUnsafe()
    const resource = { serviceName: otlp.serviceName, serviceVersion: version, attributes: { ...otlp.attributes } }
    const common = {
      headers: Object.fromEntries(
        Object.entries(otlp.headers).map(([name, value]) => [name, Redacted.value(value) as string])
      ),
      shutdownTimeout: farewell
    }
    const random = yield* Random.Random
    const tracing = otlp.signals.includes("traces")
      ? new Tracing(
        yield* OtlpTracer.make({
          ...common,
          url: `${otlp.endpoint}/v1/traces`,
          exportInterval: otlp.tracesInterval,
          resource
        }).pipe(Effect.provideContext(services), Effect.provideService(ConfigProvider.ConfigProvider, noEnvironment)),
        clock,
        otlp.sampleRatio,
        () => random.nextDoubleUnsafe()
      )
      : undefined
    const genAi = otlp.signals.includes("metrics") ? new GenAi() : undefined
    const serialization = Context.get(services, OtlpSerialization.OtlpSerialization)
    return {
      tracing,
      watch: watched({ tracing, genAi }),
      tellMetrics: (families) =>
        genAi === undefined ? Effect.void : OtlpExporter.make({
          ...common,
          label: "OtlpMetrics",
          url: `${otlp.endpoint}/v1/metrics`,
          exportInterval: otlp.metricsInterval,
          maxBatchSize: "disabled",
          exportEmpty: true,
          body: () => {
            const read = Effect.runSyncExit(families)
            const all = [...Exit.isSuccess(read) ? read.value : [], ...genAi.families]
            const data = metricsData(all, OtlpResource.make(resource), { began, now: clock.currentTimeNanosUnsafe() })
            return [serialization.metrics(data), Effect.void]
          }
        }).pipe(Effect.provideContext(services), Effect.asVoid)
    }
  })

const servicesOf = ({ encoding, endpoint }: Otlp) =>
  Layer.mergeAll(
    Collector.layer(endpoint),
    OtlpExporter.layerFlusher,
    encoding === "json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf
  )

/** A gateway that ends waits that long for its collector, with the rest of the spans, and again with the metrics. */
const farewell = Duration.seconds(2)

/** What a gateway is, the file says. */
const noEnvironment = ConfigProvider.fromUnknown({})

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
  readonly version: string
}
