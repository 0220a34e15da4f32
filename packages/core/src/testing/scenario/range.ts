/** The time of a run that a claim is about, or why there is none. */
import * as Duration from "effect/Duration"
import { formatDuration } from "../../internal/data/formatDuration.ts"
import { present } from "../words.ts"
import type { Window } from "./claims.ts"
import type { Span } from "./figures.ts"

/** A time to judge, in milliseconds since the start of the load. */
export interface Range {
  readonly from: number
  readonly to: number
  /** The time from which durations are reported, if any. */
  readonly since: number | undefined
  /** The provider, for a phase of one. */
  readonly provider: string | undefined
  /** The time in words: `during "down"`. */
  readonly told: string
}

/** The time that a window names, or why there is none. */
export const rangeOf = (window: Window, phases: ReadonlyArray<Span>): Range | { readonly reason: string } => {
  const find = (name: string) => phases.find((phase) => phase.name === name)
  const unknown = (name: string) => ({
    reason: `there is no phase "${name}"; ${present(phases.map((phase) => phase.name))}`
  })
  switch (window._tag) {
    case "Run":
      return { from: 0, to: Infinity, since: undefined, provider: undefined, told: "at all" }
    case "During": {
      const phase = find(window.phase)
      if (phase === undefined) return unknown(window.phase)
      return { ...phase, since: undefined, told: `during "${phase.name}"` }
    }
    case "AfterLoad": {
      const from = Math.max(...phases.filter(({ of }) => of === "load").map(({ to }) => to))
      return { from: from + window.millis, to: Infinity, since: from, provider: undefined, told: "at all" }
    }
    case "After": {
      const phase = find(window.phase)
      if (phase === undefined) return unknown(window.phase)
      const until = window.until === undefined ? undefined : find(window.until)
      if (window.until !== undefined && until === undefined) return unknown(window.until)
      if (phase.to === Infinity)
        return {
          reason: `"${phase.name}" lasts until the end, ` +
            (phase.of === "fault" ? "because nothing ends it" : "as the last phase of a provider does")
        }
      const before = until === undefined ? "" : ` and before "${until.name}"`
      return {
        from: phase.to + window.millis,
        to: until?.from ?? Infinity,
        since: phase.to,
        provider: undefined,
        told: `later than ${formatDuration(Duration.millis(window.millis))} after "${phase.name}" had ended${before}`
      }
    }
  }
}
