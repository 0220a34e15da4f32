/** Circuit breakers in registry, health and metrics. */
import type { Kind } from "../registry/kind.ts"
import { counter, gauge, highest, histogram, type Series } from "../registry/series.ts"
import { circuitSaving } from "./saving.ts"
import type { CircuitBreaker, Durations, Snapshot, State, Totals } from "./model.ts"

/** How metrics call the states. */
export const stateLabels: { readonly [S in State]: string } = {
  Closed: "closed",
  Open: "open",
  HalfOpen: "half_open",
  ForcedOpen: "forced_open",
  Disabled: "disabled",
  MetricsOnly: "metrics_only"
}

/** Whether a change lets calls pass again. */
export const isRecovery = ({ to }: { readonly to: string }): boolean => to === "HalfOpen" || to === "Closed"

interface Counted {
  readonly totals: Totals
  readonly durations: Durations | undefined
}

/** The results of calls since the beginning, and how long they took. */
export const totalsSeries = <S extends Counted>(prefix: string): ReadonlyArray<Series<S>> => {
  const calls = (outcome: string, read: (totals: Totals) => number) =>
    counter<S>(
      `${prefix}_calls_total`,
      "Calls that ended, by outcome, in whatever state of the circuit.",
      ({ totals }) => read(totals),
      { outcome }
    )
  const took = (outcome: "success" | "failure") =>
    histogram<S>(
      `${prefix}_call_duration_seconds`,
      "Time from the admission of a call to its end, by outcome.",
      ({ durations }) => durations?.[outcome],
      { outcome }
    )
  return [
    calls("success", ({ successes }) => successes),
    calls("failure", ({ failures }) => failures),
    calls("ignored", ({ ignored }) => ignored),
    counter(`${prefix}_slow_calls_total`, "Calls that were slow.", ({ totals }) => totals.slow),
    took("success"),
    took("failure")
  ]
}

/**
 * The kind of circuit breakers: for `Registry.find`, health and metrics.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<CircuitBreaker, Snapshot> = {
  tag: "CircuitBreaker",
  title: "Circuit",
  snapshot: (breaker) => breaker.snapshot,
  saving: circuitSaving,
  isRecovery,
  health: ({ nextRetry, state }) => ({
    conditions: [
      { reason: "open", count: state === "Open" ? 1 : 0, retryAfter: nextRetry },
      { reason: "forced-open", count: state === "ForcedOpen" ? 1 : 0 },
      { reason: "recovering", count: state === "HalfOpen" ? 1 : 0 }
    ],
    targets: { all: 1, unreachable: state === "Open" || state === "ForcedOpen" ? 1 : 0 }
  }),
  metrics: [
    ...Object.entries(stateLabels).map(([state, label]) =>
      gauge<Snapshot>(
        "switchgear_circuitbreaker_state",
        "1 for the state the circuit is in, 0 for the others.",
        (circuit) => circuit.state === state ? 1 : 0,
        { state: label }
      )
    ),
    gauge("switchgear_circuitbreaker_window_calls", "Calls in the window, by outcome.", ({ failed }) => failed, {
      outcome: "failure"
    }),
    gauge(
      "switchgear_circuitbreaker_window_calls",
      "Calls in the window, by outcome.",
      ({ calls, failed }) => calls - failed,
      { outcome: "success" }
    ),
    gauge("switchgear_circuitbreaker_window_slow_calls", "Slow calls in the window.", ({ slow }) => slow),
    highest(
      "switchgear_circuitbreaker_failure_rate",
      "Share of failures in the window, from 0 to 1; NaN while there are too few calls.",
      ({ failureRate }) => failureRate ?? NaN
    ),
    highest(
      "switchgear_circuitbreaker_slow_call_rate",
      "Share of slow calls in the window, from 0 to 1; NaN while there are too few calls.",
      ({ slowRate }) => slowRate ?? NaN
    ),
    gauge("switchgear_circuitbreaker_in_flight", "Calls admitted and not ended yet.", ({ inFlight }) => inFlight),
    ...totalsSeries("switchgear_circuitbreaker"),
    counter("switchgear_circuitbreaker_not_permitted_total", "Calls the circuit refused.", ({ rejected }) => rejected),
    counter("switchgear_circuitbreaker_openings_total", "Times the circuit opened.", ({ openings }) => openings),
    counter(
      "switchgear_circuitbreaker_late_total",
      "Calls that ended after the state that admitted them.",
      ({ late }) => late
    )
  ]
}
