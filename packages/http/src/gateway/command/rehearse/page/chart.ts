/** Draws a chart of a night: a static SVG that says in words what it shows. */
import { ReportPage } from "@switchgear/core/testing"
import type { Change, Spell } from "../model.ts"
import { clock } from "../words.ts"

const { escape, ink } = ReportPage

/** In units of the drawing, which the reader's screen scales. */
const [width, height] = [310, 170]
const [left, right, top, bottom] = [42, 300, 14, 144]

export interface Layer {
  readonly fill: string
  readonly values: ReadonlyArray<number | null>
}

export interface Chart {
  /** What it shows, for those who cannot see it. */
  readonly label: string
  readonly seconds: number
  /** Seconds of each value. */
  readonly interval: number
  readonly spells: ReadonlyArray<Spell>
  /** The first lies at the bottom. */
  readonly layers: ReadonlyArray<Layer>
  readonly style: "stacked" | "line"
  readonly print: (value: number) => string
  /** A value that the others are held against. */
  readonly level?: number | undefined
  /** Changes of circuits, as marks at the top. */
  readonly changes?: ReadonlyArray<Change> | undefined
}

export const draw = (chart: Chart): string => {
  const { changes = [], interval, label, layers, level, print, seconds, spells, style } = chart
  const tops = style === "stacked" ? sums(layers) : layers.map(({ values }) => values)
  const most = niceAbove(Math.max(0, ...tops.flat().map((value) => value ?? 0), level ?? 0))
  const x = (at: number) => round(left + (right - left) * Math.min(1, at / seconds))
  const y = (value: number) => round(bottom - (bottom - top) * value / most)
  const spell = ({ from, state, to }: Spell) =>
    `<rect x="${x(from)}" y="${top}" width="${round(x(to) - x(from))}" height="${bottom - top}" fill="${
      ink(state === "down" ? "down" : "slow")
    }"/>`
  const line = (value: number) =>
    `<path d="M${left} ${y(value)}H${right}" stroke="${ink("line")}"/><text x="${left - 5}" y="${
      y(value) + 4
    }" text-anchor="end" fill="${ink("quiet")}">${escape(print(value))}</text>`
  const tick = (at: number) =>
    `<text x="${x(at)}" y="${bottom + 18}" text-anchor="middle" fill="${ink("quiet")}">${clock(at)}</text>`
  const drawn = style === "stacked"
    ? layers.map(({ fill }, i) => area(tops[i]!, tops[i - 1], fill, interval, x, y))
    : layers.map(({ fill, values }) => steps(values, fill, interval, x, y))
  return `<svg role="img" aria-label="${escape(label)}" viewBox="0 0 ${width} ${height}" font-size="13" fill="none">${
    [
      ...spells.map(spell),
      ...[0, most / 2, most].map(line),
      ...drawn,
      ...level === undefined
        ? []
        : [`<path d="M${left} ${y(level)}H${right}" stroke="${ink("errors")}" stroke-dasharray="6 3"/>`],
      ...changes.map((change) => mark(change, x(change.at))),
      ...ticksOf(seconds).map(tick)
    ].join("")
  }</svg>`
}

/** Each layer with all below it. */
const sums = (layers: ReadonlyArray<Layer>): ReadonlyArray<ReadonlyArray<number>> => {
  const tops: Array<ReadonlyArray<number>> = []
  for (const { values } of layers) {
    const below = tops.at(-1)
    tops.push(values.map((value, i) => (value ?? 0) + (below?.[i] ?? 0)))
  }
  return tops
}

type Scale = (value: number) => number

/** From the layer below up, a step an interval. */
const area = (
  tops: ReadonlyArray<number | null>,
  below: ReadonlyArray<number | null> | undefined,
  fill: string,
  interval: number,
  x: Scale,
  y: Scale
): string => {
  const there = tops.map((top, i) => `H${x(i * interval)}V${y(top ?? 0)}H${x((i + 1) * interval)}`).join("")
  const back = tops.map((_, i) => i).toReversed()
    .map((i) => `H${x((i + 1) * interval)}V${y(below?.[i] ?? 0)}H${x(i * interval)}`).join("")
  return tops.every((top, i) => (top ?? 0) === (below?.[i] ?? 0))
    ? ""
    : `<path d="M${x(0)} ${y(0)}${there}${back}Z" fill="${fill}"/>`
}

/** A line with a gap where there is no value. */
const steps = (
  values: ReadonlyArray<number | null>,
  stroke: string,
  interval: number,
  x: Scale,
  y: Scale
): string => {
  const path = values.map((value, i) =>
    value === null ? "" : `${i === 0 || values[i - 1] === null ? "M" : "L"}${x((i + 0.5) * interval)} ${y(value)}`
  ).join("")
  return `<path d="${path}" stroke="${stroke}" stroke-width="1.8" stroke-linejoin="round"/>`
}

/** A square where a circuit opens, a ring where it probes, a dot where it closes. */
const mark = ({ to }: Change, at: number): string =>
  to === "Open"
    ? `<rect x="${at - 4}" y="2" width="8" height="8" fill="${ink("open")}"/>`
    : to === "HalfOpen"
    ? `<circle cx="${at}" cy="6" r="3" stroke="${ink("halfOpen")}" stroke-width="2"/>`
    : `<circle cx="${at}" cy="6" r="3.5" fill="${ink("closed")}"/>`

/** One, two or five of a power of ten, which is not less. */
const niceAbove = (value: number): number => {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value)!
}

/** Full minutes, at most five of them. */
const ticksOf = (seconds: number): ReadonlyArray<number> => {
  const minutes = Math.ceil(seconds / 60 / 5)
  return Array.from({ length: Math.floor(seconds / (60 * minutes)) + 1 }, (_, i) => i * 60 * minutes)
    .filter((at) => at <= 0.94 * seconds)
}

/** A tenth of a unit is less than an eye can tell. */
const round = (value: number): number => Number(value.toFixed(1))
