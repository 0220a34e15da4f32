/** How many customers came when; the same to every lane. */
import type { ReportData } from "../../replay/reportData.ts"
import * as Amounts from "../amounts.ts"
import { draw, scaleOfValues, type Size } from "../drawing.ts"
import { ink } from "../parts.ts"
import { highest, line, stacked } from "./layers.ts"

export const arrivals = ({ lanes, night }: ReportData, size: Size): string => {
  const counts = lanes[0]?.series.arrivals ?? []
  const most = highest([[counts]], night)
  return draw({
    size,
    night,
    label: `Customers a second over the night: ${Amounts.tick(Math.round(most))} at most.`,
    y: { domain: [0, most] },
    marks: [
      scaleOfValues(Amounts.tick, 4),
      stacked([{ name: "customers", fill: ink("closed"), counts }], night),
      line(counts, night, { stroke: ink("ink"), strokeWidth: 1.5 })
    ]
  })
}
