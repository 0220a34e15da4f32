/** The night in a small panel that is drawn again several times a second. */
import { Duration, Effect, Terminal } from "effect"
import * as Figures from "./figures.ts"
import {
  answered,
  beginsAt,
  type Circuit,
  type Counts,
  type Glimpse,
  glimpse,
  type LaneGlimpse,
  names,
  phaseOf,
  type Result,
  results
} from "./glimpse.ts"
import type { Night } from "./night.ts"
import type { Paint } from "./paint.ts"
import { phases, primary, speed } from "./scenario.ts"

/** The lines a panel takes, and the columns. A terminal with less is told the night in plain lines. */
export const height = 16
export const width = 78

/** Draws until it is interrupted, and leaves the terminal as it was. */
export const watch = (night: Night, paint: Paint): Effect.Effect<never, never, Terminal.Terminal> =>
  Effect.gen(function*() {
    const terminal = yield* Terminal.Terminal
    const write = (text: string) => Effect.ignore(terminal.display(text))
    let drawn = 0
    const draw = Effect.gen(function*() {
      const lines = panel(yield* glimpse(night), paint)
      const up = drawn === 0 ? "" : `\x1b[${drawn}A`
      drawn = lines.length
      yield* write(up + lines.map((line) => `${line}\x1b[K\n`).join(""))
    })
    // Without a cursor nothing flickers, and a line that is cut keeps its place where one that wraps would not.
    return yield* Effect.acquireUseRelease(
      write("\x1b[?25l\x1b[?7l"),
      () => Effect.forever(Effect.andThen(draw, Effect.sleep("150 millis"))),
      () => Effect.andThen(draw, write("\x1b[?7h\x1b[?25h"))
    )
  })

/** What is seen at one moment. */
export const panel = (seen: Glimpse, paint: Paint): ReadonlyArray<string> => {
  const end = beginsAt(phases.length)
  const title = "Double Eleven, replayed"
  const clock = `${Figures.seconds(Math.min(seen.at, end))} of ${
    Figures.seconds(end)
  }, ${speed} times faster than the night`
  return [
    "",
    `  ${paint("bold", title)}${paint("dim", clock.padStart(width - 2 - title.length))}`,
    `  ${
      phases.map(({ name }, i) => paint(i === seen.phase ? "bold" : "dim", i === seen.phase ? `▶ ${name}` : name)).join(
        paint("dim", " ─ ")
      )
    }`,
    `  ${paint("dim", phaseOf(seen).tells)}`,
    "",
    paint(
      "dim",
      `  ${"".padEnd(10)}${"answered".padStart(10)}${"errors".padStart(8)}${"answers/s".padStart(11)}   the last second`
    ),
    lane("bare", seen.bare, paint),
    lane("protected", seen.protected, paint),
    `  ${"".padEnd(22)}${results.map((result) => `${paint(result, glyphs[result])} ${names[result]}`).join("  ")}`,
    "",
    paint(
      "dim",
      `  ${"protected: circuits".padEnd(22)}${"".padEnd(22)}${"failing".padStart(8)}${"refused".padStart(10)}`
    ),
    ...seen.circuits.map((snapshot) => circuit(snapshot, paint)),
    ""
  ]
}

/** A share of the last second is told by shape as well as by colour. */
const glyphs: Record<Result, string> = { none: "█", fallback: "▓", stale: "▒", canned: "░", error: "×" }

const lane = (name: string, { now, soFar }: LaneGlimpse, paint: Paint): string => {
  const errors = Figures.whole(soFar.error).padStart(8)
  return `  ${paint("bold", name.padEnd(10))}${Figures.whole(answered(soFar)).padStart(10)}${
    soFar.error > 0 ? paint("bad", errors) : errors
  }${Figures.whole(answered(now)).padStart(11)}   ${bar(now, 32, paint)}`
}

/** All results of the last second, as parts of a bar. */
export const bar = (now: Counts, cells: number, paint: Paint): string => {
  const all = answered(now) + now.error
  if (all === 0) return paint("dim", "·".repeat(cells))
  let sum = 0
  let filled = 0
  return results.map((result) => {
    sum += now[result]
    const length = Math.round((cells * sum) / all) - filled
    filled += length
    return paint(result, glyphs[result].repeat(length))
  }).join("")
}

const circuit = (seen: Circuit, paint: Paint): string => {
  const { failureRate, inFlight, name, nextRetry, rejected, state } = seen
  const look = state === "Closed" ? "good" : state === "HalfOpen" ? "warning" : "bad"
  const word = state === "HalfOpen" ? "half-open" : state.toLowerCase()
  const does = nextRetry !== undefined
    ? `asks in ${Figures.seconds(Duration.toMillis(nextRetry))}`
    : `${inFlight} in flight`
  const failing = state === "Closed" && failureRate !== undefined ? `${Math.round(100 * failureRate)} %` : ""
  return `  ${name.padEnd(20)}${paint(look, "●")} ${paint(look, word.padEnd(10))}${does.padEnd(12)}${
    failing.padStart(8)
  }${Figures.whole(rejected).padStart(10)}${name === primary ? paint("dim", "  ← collapses") : ""}`
}
