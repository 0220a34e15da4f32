/** What each lane had cost by when. */
import * as Plot from "@observablehq/plot"
import type { LaneData, LaneName, ReportData } from "../../replay/reportData.ts"
import * as Amounts from "../amounts.ts"
import { draw, scaleOfValues, type Size } from "../drawing.ts"
import { ink } from "../parts.ts"

const looks: Record<
  LaneName,
  { readonly stroke: string; readonly strokeWidth: number; readonly strokeDasharray: string }
> = {
  bare: { stroke: ink("ink"), strokeWidth: 1.6, strokeDasharray: "1 3" },
  timeout: { stroke: ink("quiet"), strokeWidth: 1.6, strokeDasharray: "6 3" },
  retry: { stroke: ink("errors"), strokeWidth: 2, strokeDasharray: "8 2 2 2" },
  breaker: { stroke: ink("canned"), strokeWidth: 1.6, strokeDasharray: "3 2" },
  full: { stroke: ink("none"), strokeWidth: 3, strokeDasharray: "" },
  adaptive: { stroke: ink("none"), strokeWidth: 1.6, strokeDasharray: "6 2" }
}

/** Each line bears its name at its end. */
export const cost = ({ lanes, night }: ReportData, size: Size): string => {
  const most = Math.max(1, ...lanes.map((lane) => lane.cost.spent))
  const height = size.height + 60
  return draw({
    size: { ...size, height },
    night,
    label: `What the provider billed: ${
      lanes.map(({ cost, title }) => `${title} ${Amounts.money(cost.spent)}`).join(", ")
    }.`,
    marginLeft: 62,
    marginRight: size.phases === "names" ? 190 : 150,
    y: { domain: [0, most] },
    marks: [
      scaleOfValues(Amounts.money, 4),
      lanes.map((lane) => Plot.lineY(soFar(lane, night.interval), { x: "at", y: "cost", ...looks[lane.name] })),
      Plot.text(apart(lanes, most, (most * 1.4 * size.font) / (height - 50)), {
        x: night.seconds,
        y: "height",
        text: ({ lane }) => `${lane.title} ${Amounts.money(lane.cost.spent)}`,
        fill: ink("ink"),
        textAnchor: "start",
        dx: 8
      })
    ]
  })
}

const soFar = ({ series }: LaneData, interval: number) => {
  let cost = 0
  return [{ at: 0, cost }, ...series.cost.map((more, index) => ({ at: (index + 1) * interval, cost: cost += more }))]
}

/** Where the names stand: at the ends of their lines, or as near to them as the other names let them. */
const apart = (lanes: ReadonlyArray<LaneData>, most: number, gap: number) => {
  const names: Array<{ readonly lane: LaneData; height: number }> = []
  for (const lane of lanes.toSorted((a, b) => a.cost.spent - b.cost.spent)) {
    names.push({ lane, height: Math.max(lane.cost.spent, (names.at(-1)?.height ?? -Infinity) + gap) })
  }
  let ceiling = most
  for (const name of names.toReversed()) {
    name.height = Math.min(name.height, ceiling)
    ceiling = name.height - gap
  }
  return names
}
