/** Colours where the terminal wants them: none in a pipe, and none where NO_COLOR is set to anything. */
import { Config, Effect, Option, Stdio } from "effect"
import type { Result } from "./glimpse.ts"

/** How a text looks. */
export type Look = "bold" | "dim" | "good" | "warning" | "bad" | Result

export type Paint = (look: Look, text: string) => string

/** Leaves every text as it is. */
export const plain: Paint = (_, text) => text

const codes: Record<Look, string> = {
  bold: "1",
  dim: "2",
  good: "32",
  warning: "33",
  bad: "31",
  none: "32",
  fallback: "36",
  stale: "33",
  canned: "35",
  error: "31"
}

const coloured: Paint = (look, text) => text === "" ? "" : `\x1b[${codes[look]}m${text}\x1b[0m`

/** The paint for standard output. */
export const paint: Effect.Effect<Paint, Config.ConfigError, Stdio.Stdio> = Effect.gen(function*() {
  const stdio = yield* Stdio.Stdio
  const noColor = yield* Config.option(Config.String("NO_COLOR"))
  return Option.exists(noColor, (value) => value !== "") || !(yield* stdio.stdoutIsTerminal) ? plain : coloured
})
