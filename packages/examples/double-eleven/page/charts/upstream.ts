/** The calls of a lane that reached its provider, by model, against the customers who asked. */
import * as Figures from "../../figures.ts"
import type { LaneData, ReportData } from "../../replay/reportData.ts"
import * as Amounts from "../amounts.ts"
import { draw, scaleOfValues, type Size } from "../drawing.ts"
import { ink, modelInk } from "../parts.ts"
import { highest, type Layer, line, stacked } from "./layers.ts"

/** All lanes are drawn to one scale. What rises above the line was asked more than once. */
export const upstream = ({ lanes, models, night }: ReportData, lane: LaneData, size: Size): string =>
  draw({
    size,
    night,
    label: `Calls of the lane ${lane.title} that reached the provider over the night: ${
      models.map((model) => `${Figures.whole(lane.upstreamByModel[model] ?? 0)} to ${model}`).join(", ")
    }; ${Figures.whole(lane.calls)} customers asked.`,
    y: {
      domain: [
        0,
        highest([
          ...lanes.map((lane) => layersOf(models, lane).map(({ counts }) => counts)),
          ...lanes.map(({ series }) => [series.arrivals])
        ], night)
      ]
    },
    marks: [
      scaleOfValues(Amounts.tick, 4),
      stacked(layersOf(models, lane), night),
      // Seen on the areas as well.
      line(lane.series.arrivals, night, { stroke: ink("paper"), strokeWidth: 2.6, strokeOpacity: 0.75 }),
      line(lane.series.arrivals, night, { stroke: ink("ink"), strokeWidth: 1.2, strokeDasharray: "3 2" })
    ]
  })

const layersOf = (models: ReadonlyArray<string>, { series }: LaneData): ReadonlyArray<Layer> =>
  models.map((name, place) => ({ name, fill: modelInk(place), counts: series.upstream[name] ?? [] }))
