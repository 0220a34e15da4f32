/** The metrics of all guards, as `Telemetry` of core publishes them. */
import type * as Metric from "effect/Metric"
import type { Family } from "./family.ts"
import { meterOf } from "./names.ts"

export const telemetryFamilies = (snapshots: ReadonlyArray<Metric.Metric.Snapshot>): ReadonlyArray<Family> => {
  return [...Map.groupBy(snapshots, ({ id }) => id)].flatMap(([id, ofName]) => familyOf(id, ofName) ?? [])
}

const familyOf = (id: string, ofName: ReadonlyArray<Metric.Metric.Snapshot>): Family | undefined => {
  const described = { meter: meterOf(id), description: ofName[0]!.description ?? "" }
  switch (ofName[0]!.type) {
    case "Counter":
      return {
        ...described,
        type: "counter",
        name: id.replace(/_total$/, ""),
        series: ofName.flatMap(({ attributes, state, type }) =>
          type === "Counter" ? [{ labels: { ...attributes }, value: Number(state.count) }] : []
        )
      }
    case "Gauge":
      return {
        ...described,
        type: "gauge",
        name: id,
        series: ofName.flatMap(({ attributes, state, type }) =>
          type === "Gauge" ? [{ labels: { ...attributes }, value: Number(state.value) }] : []
        )
      }
    case "Histogram":
      return {
        ...described,
        type: "histogram",
        name: id,
        series: ofName.flatMap(({ attributes, state, type }) =>
          type === "Histogram" ? [{ labels: { ...attributes }, value: state }] : []
        )
      }
    default:
      return undefined
  }
}
