/** The night in four numbers: with switchgear, and against what. */
import * as Figures from "../figures.ts"
import type { LaneData, LaneName, ReportData } from "../replay/reportData.ts"
import * as Amounts from "./amounts.ts"
import { type Markup, markup } from "./parts.ts"

/** Nothing where the lanes to compare were not played. */
export const tiles = ({ lanes, models: [primary = "the first model"] }: ReportData): Markup => {
  const lane = (name: LaneName) => lanes.find((lane) => lane.name === name)
  const full = lane("full")
  const worst = lane("retry") ?? lane("bare")
  if (full === undefined || worst === undefined) return markup``
  const bare = lane("bare") ?? worst
  const tile = (name: string, against: LaneData, of: (lane: LaneData) => string): Markup =>
    markup`<div class="tile"><dt>${name}</dt><dd><div class="figure">${
      of(full)
    }</div><div class="against">${against.title}: ${of(against)}</div></dd></div>`
  return markup`<dl class="tiles">${[
    tile("customers saw an error", bare, ({ errors }) => Figures.whole(errors)),
    tile("99 of 100 waited at most", bare, ({ latency }) => Amounts.wait(latency.p99)),
    tile(
      `calls to ${primary} while it was slow or down`,
      worst,
      ({ primaryCallsWhileDown }) => Figures.whole(primaryCallsWhileDown)
    ),
    tile("billed for answers that nobody got", worst, ({ cost }) => Amounts.money(cost.wasted))
  ]}</dl>`
}
