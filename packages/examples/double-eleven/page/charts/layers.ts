/** Series stacked upon each other as areas, in numbers a second. */
import * as Plot from "@observablehq/plot"
import type { NightData } from "../../replay/reportData.ts"

export interface Layer {
  readonly name: string
  readonly fill: string
  readonly counts: ReadonlyArray<number>
}

/** The first layer lies at the bottom. A layer of nothing is left out. */
export const stacked = (layers: ReadonlyArray<Layer>, { interval }: NightData): Plot.Markish =>
  Plot.areaY(
    layers.filter(({ counts }) => counts.some((count) => count > 0)).flatMap(({ counts, fill }) =>
      counts.map((count, index) => ({ at: middle(index, interval), rate: count / interval, fill }))
    ),
    { x: "at", y: "rate", z: "fill", fill: "fill" }
  )

/** A series as a line, in numbers a second. */
export const line = (
  counts: ReadonlyArray<number>,
  { interval }: NightData,
  options: Plot.LineYOptions
): Plot.Markish =>
  Plot.lineY(counts.map((count, index) => ({ at: middle(index, interval), rate: count / interval })), {
    x: "at",
    y: "rate",
    ...options
  })

/** A count is shown at the middle of its interval. */
export const middle = (index: number, interval: number): number => (index + 0.5) * interval

/** The highest sum of an interval of any of the stacks, a second; at least 1, so that there is an axis. */
export const highest = (
  stacks: ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>,
  { interval }: NightData
): number => {
  let most = interval
  for (const series of stacks) {
    for (let index = 0; index < (series[0]?.length ?? 0); index++) {
      most = Math.max(most, series.reduce((sum, counts) => sum + (counts[index] ?? 0), 0))
    }
  }
  return most / interval
}
