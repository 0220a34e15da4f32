/** Draws a chart: a static SVG that says in words what it shows. */
import * as Plot from "@observablehq/plot"
import { parseHTML } from "linkedom"
import type { NightData } from "../replay/reportData.ts"
import { escape, ink } from "./parts.ts"

/** How large a chart is drawn, in its own units; the reader's screen scales it. */
export interface Size {
  readonly width: number
  readonly height: number
  readonly font: number
  /** How phases are called: by their names where these have room, else by their numbers. */
  readonly phases: "names" | "numbers"
}

/** For a desk, for a phone, and for one of many small ones side by side. */
export const wide: Size = { width: 920, height: 250, font: 13, phases: "names" }
export const narrow: Size = { width: 400, height: 240, font: 13, phases: "numbers" }
export const small: Size = { width: 310, height: 180, font: 13, phases: "numbers" }

/** The width of a letter, as a part of its height, at its widest. */
export const letter = 0.65

const { document } = parseHTML("<!doctype html><html></html>")

/** What a chart of the night is made of, besides its marks. */
export interface Chart {
  readonly size: Size
  readonly night: NightData
  /** What it shows, for those who cannot see it. */
  readonly label: string
  readonly marginLeft?: number | undefined
  readonly marginRight?: number | undefined
  readonly y: Plot.ScaleOptions
  readonly marks: ReadonlyArray<Plot.Markish>
}

/** The marks on the shaded phases of the night, over the axis that all charts share. */
export const draw = ({ label, marginLeft = 48, marginRight = 26, marks, night, size, y }: Chart): string => {
  const { font, height, phases, width } = size
  const shaded = night.phases.filter(({ primary }) => primary !== "up")
  const svg = Plot.plot({
    document,
    width,
    height,
    marginLeft,
    marginRight,
    marginTop: 24,
    marginBottom: 26,
    x: { domain: [0, night.seconds], label: null },
    y: { label: null, ...y },
    marks: [
      Plot.rect(shaded, { x1: "from", x2: "to", fill: ({ primary }) => ink(primary) }),
      ...marks,
      Plot.axisX(ticks(night.seconds, (width - marginLeft - marginRight) / 70), {
        tickFormat: (at: number) => at % 60 === 0 ? `${at / 60} min` : `${at} s`,
        tickSize: 4,
        color: ink("quiet")
      }),
      Plot.text(night.phases, {
        x: ({ from, to }) => (from + to) / 2,
        text: ({ from, name, to }, index) => {
          const named = `${index + 1} ${name}`
          const room = ((to - from) / night.seconds) * (width - marginLeft - marginRight)
          return phases === "names" && named.length * letter * font < room ? named : String(index + 1)
        },
        frameAnchor: "top",
        dy: -16,
        fill: ink("quiet")
      })
    ]
  })
  svg.setAttribute("font-size", String(font))
  for (const name of ["width", "height", "class"]) svg.removeAttribute(name)
  svg.querySelector("style")?.remove()
  for (const part of svg.querySelectorAll("[aria-label],[aria-hidden]")) {
    part.removeAttribute("aria-label")
    part.removeAttribute("aria-hidden")
  }
  // Written by ourselves: the document would leave a `<` in an attribute as it is, which is no XML.
  return rounded(svg.outerHTML).replace("<svg ", `<svg role="img" aria-label="${escape(label)}" `)
}

/** Lines across the chart at the ticks of its upright axis, which is on the left. */
export const scaleOfValues = (format: (value: number) => string, ticks: number | ReadonlyArray<number>) => [
  Plot.gridY({ ticks: ticks as number, stroke: ink("line"), strokeOpacity: 1 }),
  Plot.axisY({ ticks: ticks as number, tickFormat: format, tickSize: 0, color: ink("quiet"), label: null })
]

const steps = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600]

/** The round times at which the axis says how late it is: at most so many steps. */
const ticks = (seconds: number, most: number): ReadonlyArray<number> => {
  const step = steps.find((step) => seconds / step <= most) ?? 3600 * Math.ceil(seconds / 3600 / most)
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, index) => index * step)
}

const coordinates = / (?:d|transform|x|y|x1|x2|y1|y2|width|height)="[^"]*"/g

/** A tenth of a unit is less than an eye can tell. */
const rounded = (svg: string): string =>
  svg.replace(
    coordinates,
    (attribute) => attribute.replace(/-?\d+\.\d+/g, (digits) => String(Number(Number(digits).toFixed(1))))
  )
