/** Formats times, numbers and tables in reports of loads and scenarios. */

/** A time since the start, as minutes, seconds and milliseconds. */
export const moment = (millis: number): string => {
  const whole = Math.round(millis)
  const digits = (value: number, length: number) => String(value).padStart(length, "0")
  return `${digits(Math.floor(whole / 60_000), 2)}:${digits(Math.floor(whole / 1000) % 60, 2)}.${
    digits(whole % 1000, 3)
  }`
}

/** A duration; a dash for NaN. */
export const span = (millis: number): string =>
  Number.isNaN(millis)
    ? "–"
    : millis < 999.5
    ? `${Math.round(millis)} ms`
    : millis < 119_950
    ? `${(millis / 1000).toFixed(1)} s`
    : `${Math.floor(Math.round(millis / 1000) / 60)} min ${Math.round(millis / 1000) % 60} s`

export const count = (value: number): string => value.toLocaleString("en-US")

/** A number with its noun, in the singular or plural. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`

/** A share in percent: exact if three decimals are enough, and never rounded to 0 or 100. */
export const share = (value: number): string => {
  const percent = value * 100
  const rounded = (digits: number) => Number(percent.toFixed(digits))
  const exact = [0, 1, 2, 3].find((digits) => Math.abs(rounded(digits) - percent) < 1e-9)
  return `${rounded(exact ?? [1, 3, 6].find((digits) => rounded(digits) % 100 !== 0) ?? 12)}%`
}

/**
 * A share beside the limit that it is compared with: with as many digits as it takes to see which of them is larger, if
 * one of both cannot be told exactly in a few.
 */
export const shareBeside = (value: number, limit: number | undefined): string => {
  if (limit === undefined || isOrdered(share(value), share(limit), value - limit)) return share(value)
  const digits = [4, 6, 9, 12].find((digits) => isOrdered(fixed(value, digits), fixed(limit, digits), value - limit))
  return `${fixed(value, digits ?? 15)}, and the limit is ${fixed(limit, digits ?? 15)}`
}

const fixed = (value: number, digits: number): string => `${(value * 100).toFixed(digits)}%`

const isOrdered = (one: string, other: string, difference: number): boolean =>
  Math.sign(parseFloat(one) - parseFloat(other)) === Math.sign(difference)

/** A duration beside the limit that it is compared with: in whole milliseconds, if rounded it could be taken for it. */
export const spanBeside = (millis: number, limit: number): string => {
  const step = millis < 999.5 ? 1 : millis < 119_950 ? 100 : 1000
  const rounded = Math.round(millis / step) * step
  const whole = Math.floor(millis)
  return (rounded > limit) === (whole > limit) ? span(millis) : `${count(whole)} ms`
}

/** The existing names, as the end of a sentence: there is "a", there are "a" and "b". */
export const present = (names: ReadonlyArray<string>): string =>
  `there ${names.length === 1 ? "is" : "are"} ${quoted(names)}`

export const quoted = (names: ReadonlyArray<string>): string => {
  const all = names.map((name) => `"${name}"`)
  return all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} and ${all.at(-1)}`
}

/** How often each outcome occurred, most frequent first. */
export const formatCounts = (outcomes: Readonly<Record<string, number>>): string =>
  Object.entries(outcomes)
    .sort(([a, times], [b, others]) => others - times || (a < b ? -1 : 1))
    .map(([outcome, times]) => `${outcome} ${count(times)}`)
    .join(", ")

/** Rows in columns: text columns are left-aligned, number columns right-aligned. */
export const table = (words: ReadonlyArray<number>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    []
  )
  return rows
    .map((row) =>
      row.map((cell, column) => words.includes(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))
        .join("  ").trimEnd()
    )
    .join("\n")
}
