/** Families of circuit breakers in registry, health and metrics: all circuits together, and no key. */
import type { Kind } from "../registry/kind.ts"
import { counter, gauge } from "../registry/series.ts"
import type { Family, FamilySnapshot } from "./familyModel.ts"
import type { State } from "./model.ts"
import { familySaving } from "./saving.ts"
import { isRecovery, stateLabels, totalsSeries } from "./observe.ts"

/**
 * The kind of families of circuit breakers: for `Registry.find`, health and metrics.
 *
 * @since 0.1.0
 * @category models
 */
export const kind: Kind<Family, FamilySnapshot> = {
  tag: "CircuitFamily",
  title: "Circuit",
  snapshot: (family) => family.snapshot,
  saving: familySaving,
  isRecovery,
  health: ({ circuits }) => ({
    conditions: [
      { reason: "open", count: circuits.Open },
      { reason: "forced-open", count: circuits.ForcedOpen },
      { reason: "recovering", count: circuits.HalfOpen }
    ],
    targets: {
      all: Object.values(circuits).reduce((sum, count) => sum + count, 0),
      unreachable: circuits.Open + circuits.ForcedOpen
    }
  }),
  metrics: [
    ...Object.entries(stateLabels).map(([state, label]) =>
      gauge<FamilySnapshot>(
        "switchgear_circuitbreaker_family_circuits",
        "Circuits of the family, by state.",
        ({ circuits }) => circuits[state as State],
        { state: label }
      )
    ),
    gauge(
      "switchgear_circuitbreaker_family_in_flight",
      "Calls admitted and not ended yet.",
      ({ inFlight }) => inFlight
    ),
    ...totalsSeries("switchgear_circuitbreaker_family"),
    counter(
      "switchgear_circuitbreaker_family_not_permitted_total",
      "Calls the circuits refused.",
      ({ rejected }) => rejected
    ),
    counter("switchgear_circuitbreaker_family_openings_total", "Times a circuit opened.", ({ openings }) => openings),
    counter(
      "switchgear_circuitbreaker_family_late_total",
      "Calls that ended after the state that admitted them.",
      ({ late }) => late
    )
  ]
}
