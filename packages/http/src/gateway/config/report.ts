/** A checked file as plain text: what is wrong with it, and what became of the keys of resilience4j. */
import { partedPlace, placeOf, type Problem } from "./problem.ts"
import type { Became } from "./resilience4j.ts"

/** One line for each problem: its place, and what must stand there. */
export const problemLines = (problems: ReadonlyArray<Problem>): ReadonlyArray<string> =>
  problems.map(({ message, path }) => `${path.length === 0 ? "" : `${placeOf(path)}: `}${message}.`)

/** The keys of each instance or config below its place, in columns: the key, its value, and what it is here. */
export const becameLines = (rows: ReadonlyArray<Became>): ReadonlyArray<string> => {
  const byPlace = new Map<string, Array<readonly [key: string, value: string, here: string]>>()
  for (const row of rows) {
    const [holder, key] = partedPlace(row.path)
    const place = placeOf(holder)
    const lines = byPlace.get(place) ?? []
    lines.push([key, valueOf(row), `${row.effect === "none" ? "no effect: " : ""}${row.became}`])
    byPlace.set(place, lines)
  }
  const all = [...byPlace.values()].flat()
  const widths = [Math.max(0, ...all.map(([key]) => key.length)), Math.max(0, ...all.map(([, value]) => value.length))]
  return [...byPlace].flatMap(([place, lines]) => [
    place,
    ...lines.map(([key, value, here]) => `  ${key.padEnd(widths[0]!)}  ${value.padEnd(widths[1]!)}  ${here}`)
  ])
}

const valueOf = ({ source, value }: Became): string => {
  const text = value === undefined ? source === "default" ? "none" : "" : plain(value)
  const short = text.length > longest ? `${text.slice(0, longest - 1)}…` : text
  return source === "default" ? `${short} (default)` : short
}

const longest = 32

const plain = (value: unknown): string =>
  Array.isArray(value)
    ? value.map((item) =>
      String(item).slice(Math.max(String(item).lastIndexOf("."), String(item).lastIndexOf("$")) + 1)
    )
      .join(", ")
    : typeof value === "string"
    ? value.replace(/\s+/g, " ")
    : JSON.stringify(value)
