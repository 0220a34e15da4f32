/**
 * The main chart as a picture that stands alone: what customers got in the bare lane and behind switchgear.
 *
 * It lies on paper of its own, since whoever shows it may be lighter or darker than the reader's scheme. Colours are
 * written out, those of the dark scheme as a style, so that a viewer without styles shows the light one.
 */
import * as Figures from "../figures.ts"
import type { LaneData, ReportData } from "../replay/reportData.ts"
import { answers, kinds } from "./charts/answers.ts"
import type { Size } from "./drawing.ts"
import { type Colour, colours, hatching, ink, type Markup, markup, trusted } from "./parts.ts"

const width = 880
const margin = 24
const chart: Size = { width: width - 2 * margin, height: 210, font: 13.5, phases: "names" }
const heading = 58
const panel = heading + chart.height + 14
const key = 46

/** The same night gives the same bytes. */
export const picture = (data: ReportData): string => {
  const lanes = data.lanes.filter(({ name }) => name === "bare" || name === "full")
  const height = lanes.length * panel + key
  return written(
    markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${
      lanes.map(title).join(" ")
    }" font-family="system-ui, sans-serif" font-size="13.5">
<style>${trusted(dark)}</style>
<defs>${trusted(hatching)}</defs>
<rect width="${width}" height="${height}" rx="10" fill="${ink("paper")}"/>
${lanes.map((lane, place) => panelOf(data, lane, lanes, place * panel))}
${keyAt(lanes.length * panel + 10)}
</svg>
`
  )
}

const title = ({ calls, errors, title }: LaneData): string =>
  `${title}: ${errors === 0 ? "nobody" : Figures.whole(errors)} of ${Figures.whole(calls)} customers saw an error.`

const panelOf = (data: ReportData, lane: LaneData, lanes: ReadonlyArray<LaneData>, top: number): Markup =>
  markup`<text x="${margin}" y="${top + 36}" fill="${ink("ink")}" font-size="17" font-weight="650">${title(lane)}</text>
<text x="${width - margin}" y="${top + 36}" fill="${ink("quiet")}" text-anchor="end">customers a second</text>
${
    trusted(
      answers(data, lane, lanes, chart).replace(
        "<svg ",
        `<svg x="${margin}" y="${top + heading}" width="${chart.width}" height="${chart.height}" `
      )
    )
  }
`

const keyAt = (top: number): Markup => {
  let left = margin
  return markup`${
    kinds.map(({ fill, name }) => {
      const entry = markup`<rect x="${left}" y="${top}" width="22" height="14" rx="2" fill="${fill}"/><text x="${
        left + 27
      }" y="${top + 12}" fill="${ink("ink")}" font-size="13">${name}</text>`
      left += 27 + 7.2 * name.length + 14
      return entry
    })
  }`
}

/** The light colours in place of their names. */
const written = ({ markup }: Markup): string =>
  markup.replace(/var\(--(\w+)\)/g, (_, name: string) => colours[name as Colour][0])

/** Whatever has a light colour gets the dark one of the same meaning. */
const dark = `@media (prefers-color-scheme:dark){${
  Object.values(colours).map(([light, dark]) => `[fill="${light}"]{fill:${dark}}[stroke="${light}"]{stroke:${dark}}`)
    .join("")
}}`
