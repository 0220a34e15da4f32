/** Three charts of the last 15 minutes, with one cursor. */
import { html, type TemplateResult } from "lit"
import { ref } from "lit/directives/ref.js"
import * as Format from "../format.ts"
import type { Shown } from "../screen.ts"
import { type Interval, outcomes } from "../series.ts"
import type { Words } from "../words.ts"
import { cursor, type Drawing, drawingOf } from "./drawing.ts"
import type { Sample } from "../readings.ts"

type Point = readonly [at: Sample, since: Interval]

interface Line {
  /** The name of its colour. */
  readonly colour: string
  readonly name: (words: Words) => string
  readonly value: (point: Point) => number | null
}

interface Chart {
  readonly id: "arrivals" | "latency" | "load"
  readonly lines: ReadonlyArray<Line>
  readonly print: (value: number) => string
  readonly drawing: Drawing
}

const quantile = (q: number, colour: string): Line => ({
  colour,
  name: () => `p${q * 100}`,
  value: ([, since]) => since.quantile(q) ?? null
})

const chartOf = (
  id: Chart["id"],
  style: "stacked" | "lines",
  lines: ReadonlyArray<Line>,
  print: (value: number) => string,
  steps: "whole" | "any" = "any"
): Chart => ({ id, lines, print, drawing: drawingOf(style, lines.map(({ colour }) => colour), print, steps) })

const all: ReadonlyArray<Chart> = [
  chartOf(
    "arrivals",
    "stacked",
    outcomes.map((outcome) => ({
      colour: outcome,
      name: (words) => words.outcome[outcome],
      value: ([, { counts, seconds }]) => counts[outcome] / seconds
    })),
    Format.rate
  ),
  chartOf("latency", "lines", [quantile(0.5, "low"), quantile(0.95, "middle"), quantile(0.99, "high")], Format.seconds),
  chartOf(
    "load",
    "stacked",
    [
      { colour: "low", name: (words) => words.inFlight, value: ([{ inFlight }]) => inFlight },
      { colour: "middle", name: (words) => words.queued, value: ([{ queued }]) => queued }
    ],
    Format.count,
    "whole"
  )
]

export const charts = (
  { overview: { promise: { p95Millis } }, screen: { events, timeline }, words }: Shown
): TemplateResult => {
  const promised = p95Millis === null ? undefined : p95Millis / 1000
  const points = timeline?.intervals ?? []
  const marks = events.flatMap((event) =>
    event._tag === "Transition" && event.kind === "CircuitBreaker" ? [{ at: event.at / 1000, to: event.to }] : []
  )
  const times = points.map(([{ at }]) => at / 1000)
  return html`<section class="charts">${
    all.map(({ drawing, id, lines, print }) => {
      const values = lines.map(({ value }) => points.map(value))
      const level = id === "latency" ? promised : undefined
      drawing.update(times, values, marks, level)
      const at = cursor.index ?? times.length - 1
      const told = lines.map(({ colour, name }, i) => ({ colour, name: name(words), value: values[i]?.[at] ?? null }))
      const textOf = (value: number | null) => value === null ? words.nothingYet : print(value)
      const hasNews = told.filter(({ value }) => value !== null && value > 0)
      return html`<figure data-chart=${id}>
        <figcaption><h2>${words.charts[id]}</h2>${
        cursor.index === undefined || times[at] === undefined
          ? ""
          : html`<time>${Format.clock(times[at] * 1000)}</time>`
      }<ul class="keys">${
        told.map(({ colour, name, value }) =>
          html`<li><i class="swatch ${colour}"></i>${name} <b>${textOf(value)}</b></li>`
        )
      }${
        level === undefined
          ? ""
          : html`<li><i class="swatch promise"></i>${words.promise} <b>${Format.seconds(level)}</b></li>`
      }</ul></figcaption>
        <div class="plot" role="img" aria-label="${words.charts[id]}: ${
        hasNews.map(({ name, value }) => `${name} ${textOf(value)}`).join(", ")
      }" ${ref(drawing.mount)}></div>
      </figure>`
    })
  }</section>`
}
