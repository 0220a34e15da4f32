/** Metrics as OTLP has them: cumulative, under their names with dots. */
import type { MetricsData } from "effect/observability/OtlpMetrics"
import * as OtlpResource from "effect/observability/OtlpResource"
import type { Distribution, Family, Series } from "../admin/metrics/family.ts"

type Metric = MetricsData["resourceMetrics"][number]["scopeMetrics"][number]["metrics"][number]

/** Of the wall clock, in nanoseconds: when counting began, and now. */
export interface Times {
  readonly began: bigint
  readonly now: bigint
}

export const metricsData = (
  families: ReadonlyArray<Family>,
  resource: OtlpResource.Resource,
  times: Times
): MetricsData => ({
  resourceMetrics: [{
    resource,
    scopeMetrics: [{
      scope: { name: "@switchgear/http/gateway" },
      metrics: families.filter(({ series }) => series.length > 0).map((family) => metricOf(family, times))
    }]
  }]
})

const metricOf = (family: Family, times: Times): Metric => {
  const described = { name: family.meter, description: family.description, unit: unitOf(family.name) }
  switch (family.type) {
    case "gauge":
      return { ...described, gauge: { dataPoints: family.series.map((one) => numberOf(one, times)) } }
    case "counter":
      return {
        ...described,
        sum: {
          isMonotonic: true,
          aggregationTemporality: cumulative,
          dataPoints: family.series.map((one) => numberOf(one, times))
        }
      }
    case "timer":
      return {
        ...described,
        summary: {
          dataPoints: family.series.map((one) => ({
            ...placeOf(one, times),
            count: one.value.count,
            sum: one.value.sum ?? 0,
            quantileValues: []
          }))
        }
      }
    case "histogram":
      return {
        ...described,
        histogram: {
          aggregationTemporality: cumulative,
          dataPoints: family.series.map((one: Series<Distribution>) => ({
            ...placeOf(one, times),
            ...distributionOf(one.value)
          }))
        }
      }
  }
}

const cumulative = 2

const placeOf = ({ labels }: Series<unknown>, { began, now }: Times) => ({
  attributes: OtlpResource.entriesToAttributes(Object.entries(labels)),
  startTimeUnixNano: String(began),
  timeUnixNano: String(now)
})

const numberOf = (one: Series<number>, times: Times) => ({ ...placeOf(one, times), asDouble: one.value })

/** Here a bucket counts what is in it alone, where Prometheus adds up those before it. */
const distributionOf = ({ buckets, count, max, sum }: Distribution) => {
  const finite = buckets.filter(([bound]) => bound !== Infinity)
  let before = 0
  const bucketCounts = finite.map(([, upTo]) => {
    const own = upTo - before
    before = upTo
    return own
  })
  return {
    count,
    sum,
    ...max !== undefined && count > 0 && { max },
    explicitBounds: finite.map(([bound]) => bound),
    bucketCounts: [...bucketCounts, count - before]
  }
}

/** By the suffix that Prometheus has for it. */
const unitOf = (name: string): string =>
  name.endsWith("_seconds") ? "s" : name.endsWith("_usd") ? "USD" : name.endsWith("_tokens") ? "{token}" : "1"
