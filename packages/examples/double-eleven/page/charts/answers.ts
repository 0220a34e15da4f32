/** What customers of a lane got when: answers by how far they are from what was asked for, and errors on top. */
import * as Figures from "../../figures.ts"
import type { LaneData, ReportData } from "../../replay/reportData.ts"
import * as Amounts from "../amounts.ts"
import { draw, letter, scaleOfValues, type Size } from "../drawing.ts"
import { hatched, ink } from "../parts.ts"
import { inPlace, type Named } from "./inPlace.ts"
import { highest, stacked } from "./layers.ts"

/** What a customer can get, best first, and how it is drawn. */
export const kinds = [
  { kind: "none", name: "what was asked for", fill: ink("none"), solid: ink("none"), on: ink("onDark") },
  {
    kind: "fallback",
    name: "another model’s answer",
    fill: ink("fallback"),
    solid: ink("fallback"),
    on: ink("onLight")
  },
  { kind: "stale", name: "the last good answer", fill: ink("stale"), solid: ink("stale"), on: ink("onLight") },
  { kind: "canned", name: "a polite sentence", fill: ink("canned"), solid: ink("canned"), on: ink("onLight") },
  { kind: "errors", name: "an error", fill: hatched, solid: ink("errors"), on: ink("onDark") }
] as const

/** All lanes that stand together are drawn to one scale. */
export const answers = (
  { night }: ReportData,
  lane: LaneData,
  together: ReadonlyArray<LaneData>,
  size: Size
): string => {
  const most = highest(together.map((lane) => layersOf(lane).map(({ counts }) => counts)), night)
  return draw({
    size,
    night,
    label: `What customers of the lane ${lane.title} got over the night: ${counted(lane).join(", ")}.`,
    y: { domain: [0, most] },
    marks: [
      scaleOfValues(Amounts.tick, 4),
      stacked(layersOf(lane), night),
      inPlace(layersOf(lane), night, {
        letter: (letter * size.font * night.seconds) / size.width,
        line: (1.3 * size.font * most) / size.height
      })
    ]
  })
}

const layersOf = ({ series }: LaneData): ReadonlyArray<Named> =>
  kinds.map(({ kind, ...look }) => ({ ...look, counts: series[kind] }))

const counted = (lane: LaneData): ReadonlyArray<string> =>
  kinds.map(({ kind, name }) =>
    `${name} ${Figures.whole(kind === "errors" ? lane.errors : lane.degradation[kind])} times`
  )
