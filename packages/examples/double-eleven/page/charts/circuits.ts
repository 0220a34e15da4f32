/** The circuits of a lane as bands: a thin rail where a circuit is closed, a bar where it is open, a tick where it asks again. */
import * as Plot from "@observablehq/plot"
import type { ChangeData, CircuitData, LaneData, NightData } from "../../replay/reportData.ts"
import { draw, type Size } from "../drawing.ts"
import { ink } from "../parts.ts"

const rowHeight = 46

/** A stretch of the night in which a circuit was in one state. */
interface Stretch {
  readonly state: ChangeData["from"]
  readonly from: number
  readonly to: number
}

/** How a state is drawn: its colour, and how much of the row it fills, from below the middle to above it. */
const looks = {
  rail: { fill: ink("closed"), half: 0.045 },
  bar: { fill: ink("open"), half: 0.17 },
  tick: { fill: ink("halfOpen"), half: 0.27 }
} as const

const lookOf: Record<ChangeData["from"], keyof typeof looks> = {
  Closed: "rail",
  Disabled: "rail",
  MetricsOnly: "rail",
  Open: "bar",
  ForcedOpen: "bar",
  HalfOpen: "tick"
}

/** A row a model. */
export const circuits = (night: NightData, lane: LaneData, { font, phases, width }: Size): string => {
  const rows = lane.circuits
  // A state of a moment would be too thin to see.
  const visible = (2 * night.seconds) / width
  const bands = (look: keyof typeof looks) =>
    rows.flatMap((circuit, row) =>
      stretches(circuit, night.seconds).filter(({ state }) => lookOf[state] === look).flatMap(({ from, to }) => {
        const end = Math.min(night.seconds, Math.max(to, from + visible))
        const [low, high] = [middleOf(row) - looks[look].half, middleOf(row) + looks[look].half]
        return [{ at: from, low, high }, { at: end, low, high }, { at: end, low: NaN, high: NaN }]
      })
    )
  return draw({
    size: { width, height: 50 + rowHeight * Math.max(1, rows.length), font, phases },
    night,
    label: `The circuits of the lane ${lane.title} over the night: ${rows.map(told).join("; ")}.`,
    marginLeft: 14,
    y: { domain: [Math.max(1, rows.length), 0], axis: null },
    marks: [
      (["rail", "bar", "tick"] as const).map((look) =>
        Plot.areaY(bands(look), { x: "at", y1: "low", y2: "high", fill: looks[look].fill })
      ),
      Plot.text(rows, {
        x: 0,
        y: (_, row) => row + 0.2,
        text: "model",
        textAnchor: "start",
        fill: ink("ink")
      })
    ]
  })
}

const middleOf = (row: number): number => row + 0.66

const stretches = ({ changes }: CircuitData, end: number): ReadonlyArray<Stretch> => [
  { state: changes[0]?.from ?? "Closed", from: 0, to: changes[0]?.at ?? end },
  ...changes.map(({ at, to }, index) => ({ state: to, from: at, to: changes[index + 1]?.at ?? end }))
]

const told = ({ changes, model }: CircuitData): string => {
  const openings = changes.filter(({ to }) => to === "Open").length
  return `${model} ${openings === 0 ? "never opened" : openings === 1 ? "opened once" : `opened ${openings} times`}`
}
