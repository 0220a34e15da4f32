/** How long customers of a lane waited, by when their wait ended: half of them, 95 and 99 of 100. */
import * as Plot from "@observablehq/plot"
import type { LaneData, ReportData } from "../../replay/reportData.ts"
import * as Amounts from "../amounts.ts"
import { draw, scaleOfValues, type Size } from "../drawing.ts"
import { ink } from "../parts.ts"
import { middle } from "./layers.ts"

/** The percentiles and how they are drawn. */
export const percentiles = [
  { series: "p99", name: "99 of 100", stroke: ink("errors"), strokeWidth: 1.2, strokeDasharray: "2 2" },
  { series: "p95", name: "95 of 100", stroke: ink("stale"), strokeWidth: 1.4, strokeDasharray: "6 2" },
  { series: "p50", name: "half", stroke: ink("none"), strokeWidth: 2, strokeDasharray: "" }
] as const

const decades = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]

/** All lanes are drawn to one scale, each tenfold as high as the last. A wait of less than 1 ms is drawn as 1 ms. */
export const latency = ({ lanes, night }: ReportData, lane: LaneData, size: Size): string => {
  const most = Math.max(10, ...lanes.flatMap(({ series }) => series.p99.map((millis) => millis ?? 0)))
  return draw({
    size,
    night,
    label: `How long customers of the lane ${lane.title} waited over the night: in all, half of them at most ${
      Amounts.wait(lane.latency.p50)
    }, 95 of 100 at most ${Amounts.wait(lane.latency.p95)}, 99 of 100 at most ${Amounts.wait(lane.latency.p99)}.`,
    marginLeft: 60,
    y: { type: "log", domain: [1, 1.5 * most] },
    marks: [
      scaleOfValues(
        (millis) => millis < 1000 ? `${millis} ms` : `${millis / 1000} s`,
        decades.filter((millis) => millis <= most)
      ),
      percentiles.map(({ series, stroke, strokeDasharray, strokeWidth }) =>
        Plot.lineY(
          lane.series[series].map((millis, index) => ({
            at: middle(index, night.interval),
            millis: millis === null ? NaN : Math.max(1, millis)
          })),
          { x: "at", y: "millis", stroke, strokeWidth, strokeDasharray }
        )
      )
    ]
  })
}
