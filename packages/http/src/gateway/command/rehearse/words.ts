/** Numbers of a night as people read them. */
import { type Endings, endings, sumOf } from "./model.ts"

export const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 && share > 0 ? 2 : 1)}%`

export const seconds = (millis: number): string =>
  millis < 100 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(1)} s`

/** Minutes and seconds of the night. */
export const clock = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`

export const shares = (counts: Endings): string =>
  endings.filter((ending) => counts[ending] > 0)
    .map((ending) => `${percent(counts[ending] / sumOf(counts))} ${ending}`).join(", ")

/** What was of a promise. */
export const valueText = (figure: string, value: number): string =>
  figure === "p95" ? seconds(value) : figure === "cost" ? `$${value.toFixed(2)}` : percent(value)

/** A broken promise with what was, and from when on. */
export const brokenText = (
  { figure, promise, since, value }: {
    readonly figure: string
    readonly promise: string
    readonly since: number | null
    readonly value: number
  }
): string => `${promise}, was ${valueText(figure, value)}${since === null ? "" : `, from ${clock(since)} on`}`
