/** How many customers of a lane waited at once: each holds a connection, a fiber and memory of the caller. */
import * as Plot from "@observablehq/plot"
import * as Figures from "../../figures.ts"
import type { LaneData, ReportData } from "../../replay/reportData.ts"
import * as Amounts from "../amounts.ts"
import { draw, scaleOfValues, type Size } from "../drawing.ts"
import { ink } from "../parts.ts"
import { middle } from "./layers.ts"

/** All lanes are drawn to one scale. */
export const inFlight = ({ lanes, night }: ReportData, lane: LaneData, size: Size): string => {
  const points = lane.series.inFlight.map((waiting, index) => ({ at: middle(index, night.interval), waiting }))
  return draw({
    size,
    night,
    label: `Customers of the lane ${lane.title} who waited at once over the night: ${
      Figures.whole(lane.maxInFlight)
    } at most.`,
    marginLeft: 58,
    y: { domain: [0, Math.max(1, ...lanes.flatMap(({ series }) => series.inFlight))] },
    marks: [
      scaleOfValues(Amounts.tick, 4),
      Plot.areaY(points, { x: "at", y: "waiting", fill: ink("closed") }),
      Plot.lineY(points, { x: "at", y: "waiting", stroke: ink("ink"), strokeWidth: 1.5 })
    ]
  })
}
