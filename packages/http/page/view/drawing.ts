/** One chart on a canvas, in the colours of the page. */
import uPlot from "uplot"
import * as Format from "../format.ts"
import { shownMillis } from "../series.ts"

/** A change of a circuit. */
export interface Mark {
  /** Seconds. */
  readonly at: number
  readonly to: string
}

type Values = ReadonlyArray<ReadonlyArray<number | null>>

export interface Drawing {
  /** Draws in this element, until it is another one or none. */
  readonly mount: (element: Element | undefined) => void
  readonly update: (times: ReadonlyArray<number>, values: Values, marks: ReadonlyArray<Mark>, level?: number) => void
}

/** Where the pointer is, on all charts. */
export const cursor: { index: number | undefined; moved: () => void } = { index: undefined, moved: () => {} }

/** Seconds that a chart of a gateway that has just started shows. */
const leastShown = 180

const clamp = (value: number, least: number, most: number) => Math.min(most, Math.max(least, value))

/** Between the lines of an axis of things that are counted. */
const wholeSteps = Array.from({ length: 7 }, (_, i) => [1, 2, 5].map((step) => step * 10 ** i)).flat()

const colourOf = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()

/** From the first value up: each with all before it. */
const stacked = (values: Values): Values => {
  const sums: Array<Array<number>> = []
  for (const line of values) {
    const below = sums.at(-1)
    sums.push(line.map((value, i) => (value ?? 0) + (below?.[i] ?? 0)))
  }
  return sums
}

export const drawingOf = (
  style: "stacked" | "lines",
  colours: ReadonlyArray<string>,
  print: (value: number) => string,
  steps: "whole" | "any"
): Drawing => {
  let element: Element | undefined
  let plot: uPlot | undefined
  let data: uPlot.AlignedData = [[]]
  let marks: ReadonlyArray<Mark> = []
  /** A value that the others are held against. */
  let level: number | undefined
  const isStacked = style === "stacked"
  const isWhole = steps === "whole"
  // What is above is drawn first and covered by what is below.
  const drawn = isStacked ? colours.toReversed() : colours

  // A nought would lie on the first time of the other axis.
  const printed = (value: number) => value === 0 ? "" : print(value)

  const drawMarks = (u: uPlot) => {
    const { ctx, bbox: { height, left, top, width } } = u
    const size = 5 * devicePixelRatio
    ctx.save()
    for (const { at, to } of marks) {
      const x = u.valToPos(at, "x", true)
      if (x < left || x > left + width) continue
      const isBad = to === "Open" || to === "ForcedOpen"
      ctx.strokeStyle = ctx.fillStyle = colourOf(isBad ? "bad" : to === "Closed" ? "good" : "quiet")
      ctx.lineWidth = devicePixelRatio
      ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio])
      ctx.beginPath()
      ctx.moveTo(x, top)
      ctx.lineTo(x, top + height)
      ctx.stroke()
      ctx.setLineDash([])
      ctx.beginPath()
      if (isBad) ctx.rect(x - size / 2, top, size, size)
      else ctx.arc(x, top + size / 2, size / 2, 0, 2 * Math.PI)
      ctx.fill()
    }
    ctx.restore()
  }

  const drawLevel = (u: uPlot) => {
    const { ctx, bbox: { left, top, width } } = u
    const y = level === undefined ? -1 : u.valToPos(level, "y", true)
    if (y < top) return
    ctx.save()
    ctx.strokeStyle = colourOf("bad")
    ctx.lineWidth = devicePixelRatio
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio])
    ctx.beginPath()
    ctx.moveTo(left, y)
    ctx.lineTo(left + width, y)
    ctx.stroke()
    ctx.restore()
  }

  const axis = {
    stroke: () => colourOf("quiet"),
    font: "12px system-ui, sans-serif",
    grid: { stroke: () => colourOf("rule"), width: 1 },
    ticks: { show: false }
  } satisfies uPlot.Axis

  const make = (into: Element): uPlot =>
    new uPlot(
      {
        ...sizeOf(into),
        padding: [8, 10, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: "page" }, drag: { x: false, y: false }, points: { show: !isStacked }, y: false },
        scales: {
          x: { time: true, range: (_, min, max) => [max - clamp(max - min, leastShown, shownMillis / 1000), max] },
          y: { range: (_, __, max) => [0, Math.max(isStacked ? 1 : 0.1, max * 1.1)] }
        },
        axes: [
          {
            ...axis,
            size: 22,
            gap: 2,
            space: 70,
            values: (_, at) => at.map((second) => Format.clock(second * 1000).slice(0, 5))
          },
          {
            ...axis,
            size: 52,
            gap: 4,
            space: 40,
            values: (_, values) => values.map(printed),
            ...isWhole && { incrs: wholeSteps }
          }
        ],
        series: [
          {},
          ...drawn.map((colour): uPlot.Series => ({
            stroke: () => colourOf(colour),
            width: isStacked ? 0 : 1.5,
            ...isStacked && { fill: () => colourOf(colour) },
            points: { show: false },
            spanGaps: true
          }))
        ],
        hooks: {
          draw: [drawLevel, drawMarks],
          setCursor: [(u) => {
            const index = u.cursor.idx ?? undefined
            if (index === cursor.index) return
            cursor.index = index
            cursor.moved()
          }]
        }
      },
      data,
      into as HTMLElement
    )

  const resized = new ResizeObserver(() => {
    if (plot !== undefined && element !== undefined) plot.setSize(sizeOf(element))
  })
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot?.redraw())

  return {
    mount: (into) => {
      if (into === element) return
      resized.disconnect()
      plot?.destroy()
      element = into
      plot = into && make(into)
      if (into !== undefined) resized.observe(into)
    },
    update: (times, values, changed, against) => {
      const shown = isStacked ? stacked(values).toReversed() : values
      marks = changed
      level = against
      data = [[...times], ...shown.map((line) => [...line])]
      plot?.setData(data)
    }
  }
}

const sizeOf = (element: Element) => ({
  width: Math.max(100, Math.floor(element.clientWidth)),
  height: Math.max(60, Math.floor(element.clientHeight))
})
