/** The two names of a metric: Prometheus' own, and that of Micrometer, from which the first is made. */

/** `switchgear.gateway.requests` for `switchgear_gateway_requests_total`. */
export const meterOf = (name: string): string => name.replace(/_(total|seconds)$/, "").replaceAll("_", ".")

/** `resilience4j_circuitbreaker_failure_rate` for `resilience4j.circuitbreaker.failure.rate`. */
export const prometheusOf = (meter: string): string => meter.replace(/[^A-Za-z0-9]/g, "_")
