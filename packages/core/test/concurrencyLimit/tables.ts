/**
 * The tables of docs/adaptive-limits.md: the calls that were answered in time, in percent, by what stands in front of the
 * provider. Each number is the mean of the runs.
 */
import { Effect } from "effect"
import { admissions } from "./admissions.ts"
import { play } from "./play.ts"
import { checks, type Scenario, scenarios } from "./scenarios.ts"

export interface Table {
  readonly scenarios: { readonly [name: string]: Scenario }
  /** Of the first run; each run has one more. */
  readonly seed: number
  /** The rows as they are in the documentation. */
  readonly rows: string
}

export const tuned: Table = {
  scenarios,
  seed: 1,
  rows: `
| no limit | 100 | 13 | 14 | 42 | 15 | 67 | 13 | 80 | 96 | 100 | 89 | 45 |
| fixed, the capacity | 100 | 49 | 49 | 49 | 30 | 57 | 51 | 74 | 88 | 82 | 70 | 53 |
| circuit breaker alone | 100 | 35 | 30 | 44 | 24 | 54 | 34 | 61 | 94 | 100 | 89 | 39 |
| aimd | 100 | 47 | 30 | 50 | 25 | 77 | 38 | 66 | 95 | 100 | 86 | 52 |
| vegas | 31 | 8 | 8 | 8 | 5 | 10 | 15 | 15 | 18 | 14 | 11 | 10 |
| gradient2 | 79 | 31 | 31 | 31 | 16 | 37 | 48 | 52 | 62 | 59 | 37 | 27 |
| gradient, four brakes | 100 | 50 | 47 | 50 | 32 | 69 | 44 | 63 | 92 | 100 | 57 | 56 |
| gradient | 100 | 50 | 48 | 51 | 34 | 72 | 47 | 67 | 93 | 100 | 86 | 57 |
| gradient, timed out | 0 | 2 | 0 | 5 | 1 | 1 | 4 | 8 | 2 | 0 | 11 | 1 |
`
}

export const untuned: Table = {
  scenarios: checks,
  seed: 21,
  rows: `
| no limit | 99 | 15 | 15 | 46 | 14 | 20 | 85 | 97 | 99 | 87 |
| fixed, the capacity | 99 | 48 | 48 | 48 | 24 | 53 | 75 | 92 | 70 | 58 |
| aimd | 99 | 46 | 37 | 54 | 21 | 48 | 65 | 97 | 99 | 85 |
| vegas | 44 | 13 | 13 | 13 | 6 | 27 | 24 | 33 | 19 | 14 |
| gradient2 | 97 | 40 | 40 | 40 | 20 | 55 | 69 | 86 | 60 | 49 |
| gradient, four brakes | 99 | 53 | 50 | 52 | 28 | 52 | 72 | 95 | 99 | 48 |
| gradient | 99 | 52 | 50 | 53 | 26 | 54 | 76 | 95 | 99 | 86 |
| gradient, timed out | 1 | 2 | 0 | 6 | 1 | 5 | 13 | 1 | 1 | 13 |
`
}

/** A limit that moves differs more from run to run than one that does not. */
const runsOf = (row: string, { runs }: Scenario): number => row.startsWith("gradient") ? Math.max(3, runs) : runs

export interface Row {
  readonly answered: string
  readonly timedOut: string
}

/** Measures a row, and what timed out of it, as they are written. */
export const measure = ({ scenarios, seed }: Table, row: string): Effect.Effect<Row> =>
  Effect.map(
    Effect.forEach(
      Object.values(scenarios),
      (scenario) =>
        Effect.forEach(
          Array.from({ length: runsOf(row, scenario) }, (_, run) => seed + run),
          (seed) => play(scenario, admissions[row]!, seed)
        )
    ),
    (cells) => ({
      answered: render(row, cells.map((scores) => mean(scores.map(({ answered }) => answered)))),
      timedOut: render(`${row}, timed out`, cells.map((scores) => mean(scores.map(({ timedOut }) => timedOut))))
    })
  )

/** The rows that are measured, as they are written. */
export const rowsOf = ({ rows }: Table): ReadonlyArray<string> => rows.trim().split("\n")

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** The numbers of a table, by the name of the row and of the scenario. */
export const numbersOf = (table: Table): { readonly [row: string]: { readonly [scenario: string]: number } } =>
  Object.fromEntries(
    rowsOf(table).map((line) => {
      const [name, ...cells] = line.split("|").slice(1, -1).map((cell) => cell.trim())
      return [
        name!,
        Object.fromEntries(Object.keys(table.scenarios).map((scenario, i) => [scenario, Number(cells[i])]))
      ]
    })
  )

const render = (name: string, cells: ReadonlyArray<number>): string =>
  `| ${[name, ...cells.map(Math.round)].join(" | ")} |`
