/** How amounts of time and money, and ratios, are written for a reader. */
import * as Figures from "../figures.ts"

/** Seconds of the night as a time of it: 754 is `12:34`. */
export const clock = (seconds: number): string => {
  const whole = Math.floor(seconds)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`
}

/** Seconds as a length of time: `0.4 s`, `38 s`, `4 min 10 s`. */
export const span = (seconds: number): string => {
  if (seconds < 9.95) return `${Number(seconds.toFixed(1))} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  return whole % 60 === 0 ? `${whole / 60} min` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** Milliseconds of waiting: `5 ms`, `1.5 s`, `1 min 4 s`. */
export const wait = (millis: number): string =>
  Math.round(millis) < 1000 ? `${Math.round(millis)} ms` : span(millis / 1000)

/** Micro-dollars, as exactly as a reader wants them: `$1,234`, `$12.34`, `$0.0042`. */
export const money = (microDollars: number): string => {
  const dollars = microDollars / 1_000_000
  if (Math.abs(dollars) >= 99.995) return `$${Figures.whole(Math.round(dollars))}`
  if (dollars === 0) return "$0"
  if (Math.abs(dollars) >= 0.00995) return `$${dollars.toFixed(2)}`
  return `$${Number(dollars.toPrecision(2))}`
}

/** How many for each: `2.31`, `0.36`. Nothing for nobody is `0`. */
export const each = (count: number, of: number): string => {
  const ratio = of === 0 ? 0 : count / of
  return String(Number(ratio < 1 ? ratio.toPrecision(2) : ratio.toFixed(2)))
}

/** A number on an axis: `1,500` and `2 M`. */
export const tick = (value: number): string =>
  value >= 1_000_000
    ? `${Number((value / 1_000_000).toFixed(1))} M`
    : Number(value.toPrecision(6)).toLocaleString("en-US")
