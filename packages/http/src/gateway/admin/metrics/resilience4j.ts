/**
 * The metrics of all guards under resilience4j's names, for its Grafana boards.
 *
 * - A rate is a percentage, and -1 while there are too few calls.
 * - `circuitbreaker.calls` has a sum and a maximum where `measureDurations` is on, and none for ignored calls, which are
 *   not measured.
 * - `retry.calls` counts as `successful_without_retry` what the circuit of the same name counts as a success, without
 *   the calls that succeeded after a retry.
 * - Permissions are those of the limit of requests.
 */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Deadline from "@switchgear/core/Deadline"
import * as RateLimiter from "@switchgear/core/RateLimiter"
import * as Retry from "@switchgear/core/Retry"
import type { Guards } from "../guards.ts"
import type { Family, Series, Timed } from "./family.ts"
import { prometheusOf } from "./names.ts"

export const resilience4jFamilies = (guards: Guards): ReadonlyArray<Family> => {
  const circuits = guards.of(CircuitBreaker.kind)
  const retries = guards.of(Retry.kind)
  const bulkheads = [...guards.of(Bulkhead.kind), ...guards.of(ConcurrencyLimit.kind)]
  const limiters = guards.of(RateLimiter.kind)
  const timeouts = guards.of(Deadline.kind)
  return [
    gauge(
      "resilience4j.circuitbreaker.state",
      "The states of the circuit breaker",
      circuits.flatMap(({ id, snapshot }) =>
        Object.entries(states).map(([state, label]) => one(id, snapshot.state === state ? 1 : 0, { state: label }))
      )
    ),
    gauge(
      "resilience4j.circuitbreaker.buffered.calls",
      "The number of buffered calls stored in the ring buffer",
      circuits.flatMap(({ id, snapshot: { calls, failed } }) => [
        one(id, failed, { kind: "failed" }),
        one(id, calls - failed, { kind: "successful" })
      ])
    ),
    gauge(
      "resilience4j.circuitbreaker.slow.calls",
      "The number of slow calls which were slower than a certain threshold",
      circuits.flatMap(({ id, snapshot: { slow, slowFailed } }) => [
        one(id, slowFailed, { kind: "failed" }),
        one(id, slow - slowFailed, { kind: "successful" })
      ])
    ),
    gauge(
      "resilience4j.circuitbreaker.failure.rate",
      "The failure rate of the circuit breaker",
      circuits.map(({ id, snapshot }) => one(id, percentOf(snapshot.failureRate)))
    ),
    gauge(
      "resilience4j.circuitbreaker.slow.call.rate",
      "The slow call of the circuit breaker",
      circuits.map(({ id, snapshot }) => one(id, percentOf(snapshot.slowRate)))
    ),
    {
      type: "timer",
      meter: "resilience4j.circuitbreaker.calls",
      name: "resilience4j_circuitbreaker_calls_seconds",
      description: "Total number of calls which were successful, failed or ignored",
      series: circuits.flatMap(({ id, snapshot: { durations, totals } }): ReadonlyArray<Series<Timed>> => [
        timed(id, "successful", totals.successes, durations?.success),
        timed(id, "failed", totals.failures, durations?.failure),
        timed(id, "ignored", totals.ignored, undefined)
      ])
    },
    counter(
      "resilience4j.circuitbreaker.not.permitted.calls",
      "Total number of not permitted calls",
      circuits.map(({ id, snapshot }) => one(id, snapshot.rejected, { kind: "not_permitted" }))
    ),
    counter(
      "resilience4j.retry.calls",
      "The number of calls, by whether they succeeded and were retried",
      retries.flatMap(({ id, snapshot: { gaveUp, notRetried, recovered } }) => {
        const circuit = circuits.find((circuit) => circuit.id === id)
        const atOnce = circuit && Math.max(0, circuit.snapshot.totals.successes - recovered)
        return [
          ...atOnce === undefined ? [] : [one(id, atOnce, { kind: "successful_without_retry" })],
          one(id, recovered, { kind: "successful_with_retry" }),
          one(id, notRetried, { kind: "failed_without_retry" }),
          one(id, Object.values(gaveUp).reduce((sum, count) => sum + count, 0), { kind: "failed_with_retry" })
        ]
      })
    ),
    gauge(
      "resilience4j.bulkhead.available.concurrent.calls",
      "The number of available concurrent calls",
      bulkheads.map(({ id, snapshot }) => one(id, Math.max(0, snapshot.concurrency - snapshot.inFlight)))
    ),
    gauge(
      "resilience4j.bulkhead.max.allowed.concurrent.calls",
      "The maximum number of available concurrent calls",
      bulkheads.map(({ id, snapshot }) => one(id, snapshot.concurrency))
    ),
    gauge(
      "resilience4j.ratelimiter.available.permissions",
      "The number of available permissions",
      limiters.flatMap(({ id, snapshot }) => {
        const requests = permissionsOf(snapshot)
        return requests === undefined ? [] : [one(id, requests)]
      })
    ),
    gauge(
      "resilience4j.ratelimiter.waiting_threads",
      "The number of waiting threads",
      limiters.map(({ id, snapshot }) => one(id, snapshot.waiting))
    ),
    counter(
      "resilience4j.timelimiter.calls",
      "The number of timed out calls",
      timeouts.map(({ id, snapshot }) => one(id, snapshot.timeouts, { kind: "timeout" }))
    )
  ]
}

/** What of the limit of requests can be taken now. In debt it is none. */
export const permissionsOf = ({ limits }: RateLimiter.Snapshot): number | undefined => {
  const requests = limits.find(({ resource }) => resource === "requests")
  return requests && Math.max(0, Math.floor(requests.available))
}

/** As resilience4j tells a rate: -1 while there are too few calls. */
const percentOf = (rate: number | undefined): number => rate === undefined ? -1 : rate * 100

const states: { readonly [S in CircuitBreaker.State]: string } = {
  Closed: "closed",
  Open: "open",
  HalfOpen: "half_open",
  ForcedOpen: "forced_open",
  Disabled: "disabled",
  MetricsOnly: "metrics_only"
}

const one = (name: string, value: number, labels: Readonly<Record<string, string>> = {}): Series<number> => ({
  labels: { ...labels, name },
  value
})

const timed = (name: string, kind: string, count: number, measured: Timed | undefined): Series<Timed> => ({
  labels: { kind, name },
  value: { count, sum: measured?.sum, max: measured?.max }
})

const familyOf = (type: "gauge" | "counter") =>
(
  meter: string,
  description: string,
  series: ReadonlyArray<Series<number>>
): Family => ({
  type,
  meter,
  name: prometheusOf(meter),
  description,
  series
})

const gauge = familyOf("gauge")
const counter = familyOf("counter")
