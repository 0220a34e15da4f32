/** The results as a plain aligned table for people, and as one JSON value for programs. */
import { cpus } from "node:os"
import type { Comparison, Grid, Missing, Row, Section } from "./section.ts"
import type { Settings } from "./settings.ts"

export interface Report {
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly mode: Settings["mode"]
  readonly sections: ReadonlyArray<Section>
  readonly targets: { readonly met: number; readonly missed: number }
}

export const makeReport = (mode: Settings["mode"], sections: ReadonlyArray<Section>): Report => {
  const verdicts = sections.flatMap(({ rows }) => rows.flatMap(({ comparisons }) => comparisons.map(({ met }) => met)))
  return {
    ...machine(),
    mode,
    sections,
    targets: {
      met: verdicts.filter((met) => met === true).length,
      missed: verdicts.filter((met) => met === false).length
    }
  }
}

const machine = () => {
  const cores = cpus()
  return { node: process.version, cpu: cores[0]?.model.trim() ?? "unknown", cores: cores.length }
}

/** The line above the tables. */
export const heading = (mode: Settings["mode"]): string => {
  const { cores, cpu, node } = machine()
  return `Node ${node}, ${cpu}, ${cores} cores, ${mode} run\n` +
    "Overhead is what a call costs more than the same call bare, in the same run; medians over interleaved rounds."
}

/** The line below the tables. */
export const summary = ({ targets: { met, missed } }: Report): string =>
  `${met} of ${met + missed} targets met` + (missed > 0 ? `, ${missed} missed` : "")

const columns = ["", "measured", "overhead", "ratio", "to", "target", ""] as const
type Line = readonly [string, string, string, string, string, string, string]

export const table = ({ grid, notes, rows, title }: Section): string =>
  [
    title,
    ...grid === undefined ? [] : gridLines(grid),
    ...grid === undefined || rows.length === 0 ? [] : [""],
    ...rows.length === 0 ? [] : aligned([columns, ...rows.flatMap(toLines)], (column) => column === 0 || column >= 4),
    ...notes.map((note) => `  * ${note}`)
  ]
    .join("\n")

const gridLines = ({ columns, lines }: Grid): ReadonlyArray<string> => {
  const shown = lines.map((line) => line.map((cell) => typeof cell === "number" ? cell.toLocaleString("en-US") : cell))
  return aligned([columns, ...shown], (column) => column === 0)
}

const aligned = (
  lines: ReadonlyArray<ReadonlyArray<string>>,
  isText: (column: number) => boolean
): ReadonlyArray<string> => {
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)))
  const align = (cell: string, i: number) => isText(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
  return lines.map((line) => `  ${line.map(align).join("  ")}`.trimEnd())
}

const toLines = (row: Row | Missing): ReadonlyArray<Line> => {
  if ("missing" in row) return [[row.what, row.missing, "", ...none]]
  const overhead = row.overhead === undefined ? "" : amount(row.overhead, row.unit)
  const [first, ...further] = row.comparisons.map(comparisonCells)
  return [
    [row.what, amount(row.value, row.unit), overhead, ...(first ?? none)],
    ...further.map((cells): Line => ["", "", "", ...cells])
  ]
}

type Cells = readonly [ratio: string, peer: string, target: string, verdict: string]
const none: Cells = ["", "", "", ""]

const comparisonCells = ({ atLeast, atMost, met, peer, ratio }: Comparison): Cells => [
  fraction(ratio),
  peer,
  atMost !== undefined ? `at most ${fraction(atMost)}` : atLeast !== undefined ? `at least ${fraction(atLeast)}` : "",
  met === undefined ? "" : met ? "met" : "MISSED"
]

const amount = (value: number, unit: Row["unit"]): string => {
  switch (unit) {
    case "ns":
      return `${Math.round(value).toLocaleString("en-US")} ns`
    case "ms":
      return `${value.toFixed(value < 100 ? 2 : 0)} ms`
    case "per second":
      return `${Math.round(value).toLocaleString("en-US")} /s`
    case "count":
      return Math.round(value).toLocaleString("en-US")
    case "MB":
      return `${value.toFixed(1)} MB`
    case "exponent":
      return `n^${value.toFixed(2)}`
  }
}

/** Shares below a half as fractions, as people say them. */
const fraction = (ratio: number): string => {
  if (ratio <= 0) return "0"
  if (ratio > 0.5) return `${Number(ratio.toFixed(2))}`
  const parts = 1 / ratio
  return `1/${Number(parts.toFixed(parts < 10 ? 1 : 0))}`
}
