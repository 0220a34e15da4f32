/** What the registry and metrics see of a cascade. */
import type { Kind } from "../registry/kind.ts"
import { counter, gauge, type Series } from "../registry/series.ts"
import { type Degradation, isDegraded } from "./model.ts"
import type { Runner, Snapshot, StepCounts } from "./runnerModel.ts"

const served = ({ degradation, step }: StepCounts): Series<Snapshot> =>
  counter(
    "switchgear_cascade_served_total",
    "Answers, by the step that gave them and what they are marked with.",
    ({ steps }) => steps.find((one) => one.step === step && one.degradation === degradation)?.served,
    { step, degradation }
  )

const failed = (step: string): Series<Snapshot> =>
  counter(
    "switchgear_cascade_failed_total",
    "Errors of a step after which the next one was tried, or with which the chain ran out.",
    ({ steps }) => steps.filter((one) => one.step === step).reduce((sum, one) => sum + one.failed, 0),
    { step }
  )

/** The names of the targets: reads and constants do not fail. */
const targetsOf = ({ steps }: Snapshot): ReadonlyArray<string> => [
  ...new Set(steps.filter(({ degradation }) => !isDegraded(degradation)).map(({ step }) => step))
]

/**
 * Cascades, to the registry.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<Runner, Snapshot> = {
  tag: "Cascade",
  snapshot: (runner) => runner.snapshot,
  health: ({ degraded }) => ({ conditions: degraded === undefined ? [] : [{ reason: degraded, count: 1 }] }),
  nameLabel: "cascade",
  isRecovery: ({ to }) => !isDegraded(to as Degradation),
  metrics: (snapshot) => [
    ...snapshot.steps.map(served),
    ...targetsOf(snapshot).map(failed),
    counter("switchgear_cascade_exhausted_total", "Runs in which no step had an answer.", ({ exhausted }) => exhausted),
    gauge(
      "switchgear_cascade_waiting",
      "Runs that wait before they ask their targets again.",
      ({ waiting }) => waiting
    ),
    counter(
      "switchgear_cascade_rounds_total",
      "How often targets were asked again after a wait.",
      ({ rounds }) => rounds
    )
  ]
}
