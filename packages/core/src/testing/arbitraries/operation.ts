/** The operations of a history, as plain data. */
import * as Formatter from "effect/Formatter"

/**
 * How the work of a call ends, unless a history is given its own endings.
 *
 * @since 0.1.0
 * @category models
 */
export type Ending = "success" | "failure" | "defect"

/**
 * One step of a history. `index` selects one of the calls that wait or run at that moment, in the order in which they
 * began, and wraps around: with two of them, 3 is the second. An operation without such a call does nothing.
 *
 * @since 0.1.0
 * @category models
 */
export type Operation<Call = undefined, End = Ending, Control = never> =
  /** A call whose work ends in its first step. */
  | { readonly _tag: "Call"; readonly call: Call; readonly ending: End }
  /** A call whose work runs until a later operation ends it. */
  | { readonly _tag: "Begin"; readonly call: Call }
  | { readonly _tag: "End"; readonly index: number; readonly ending: End }
  | { readonly _tag: "Interrupt"; readonly who: "waiting" | "running"; readonly index: number }
  | { readonly _tag: "Advance"; readonly millis: number }
  | { readonly _tag: "Control"; readonly control: Control }

/**
 * The operations on calls that go through a subject, in order.
 *
 * @since 0.1.0
 * @category models
 */
export type History<Call = undefined, End = Ending, Control = never> = ReadonlyArray<Operation<Call, End, Control>>

/** Shows data as short as possible; nothing for `undefined`. */
export const shown = (data: unknown): string => {
  if (data === undefined) return ""
  return ` ${typeof data === "string" ? data : Formatter.format(data)}`
}

/** One operation as a line of text. */
export const line = (operation: Operation<unknown, unknown, unknown>): string => {
  switch (operation._tag) {
    case "Call":
      return `begin a call${shown(operation.call)}, which ends at once with${shown(operation.ending)}`
    case "Begin":
      return `begin a call${shown(operation.call)}`
    case "End":
      return `end a call that is running [${operation.index}] with${shown(operation.ending)}`
    case "Interrupt":
      return `interrupt a call that is ${operation.who} [${operation.index}]`
    case "Advance":
      return `wait ${operation.millis} ms`
    case "Control":
      return `control:${shown(operation.control)}`
  }
}

/** Numbered lines. */
export const numbered = (lines: ReadonlyArray<string>): string => {
  const width = String(lines.length).length
  return lines.map((line, i) => `${String(i + 1).padStart(width + 2)}. ${line}`).join("\n")
}
