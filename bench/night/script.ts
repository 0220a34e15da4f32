/**
 * The night in numbers: who answers how fast, and how many customers come. It is played ten times faster than it was, and all
 * times are the milliseconds of the play.
 */
import { Latency } from "@switchgear/core/testing"

/** The chain, best first. The first is the one that collapses. */
export const models = ["gpt-4.1", "claude-sonnet-4.5", "gemini-2.5-flash", "deepseek-v3.2"] as const

/** A customer goes away after this time. */
export const patience = 1500

/** What a model does in one phase. */
export interface Act {
  /** The time to an answer; undefined where there is never one. */
  readonly takes: Latency.Latency | undefined
  /** Calls at once at full speed, and what becomes of those above: all of them slow down, or a refusal of this status. */
  readonly room?: number
  readonly above?: "slow down" | 503 | 529
  /** The part of the calls that is refused at once, whoever else is there. */
  readonly refuses?: { readonly share: number; readonly status: number; readonly retryAfter?: number }
}

export interface Phase {
  readonly name: string
  readonly millis: number
  /** Customers a second. */
  readonly rate: number
  readonly isFirstUp: boolean
  /** One for each of the models, in their order. */
  readonly acts: ReadonlyArray<Act>
}

const about = (median: number, p95: number) => ({ takes: Latency.logNormal({ median, p95 }) })

const first: Act = about(80, 130)
const claude = (room: number): Act => ({ ...about(100, 150), room, above: 529 })
const gemini = (room: number): Act => ({ ...about(60, 90), room, above: "slow down" })
const deepseek: Act = { ...about(120, 180), room: 8, above: 503 }
const others = [claude(8), gemini(6), deepseek]

/** Everybody whose first model is down goes to the others as well. */
const overrun = [claude(2), gemini(1), { ...deepseek, refuses: { share: 0.75, status: 429, retryAfter: 1 } }]

const refusing: Act = { takes: undefined, refuses: { share: 1, status: 503 } }

export const phases: ReadonlyArray<Phase> = [
  { name: "calm", millis: 4000, rate: 8, isFirstUp: true, acts: [first, ...others] },
  { name: "slow", millis: 5000, rate: 120, isFirstUp: false, acts: [about(1500, 1900), ...others] },
  { name: "hangs", millis: 4000, rate: 120, isFirstUp: false, acts: [{ takes: undefined }, ...overrun] },
  { name: "dark", millis: 1500, rate: 120, isFirstUp: false, acts: models.map(() => refusing) },
  { name: "slow recovery", millis: 1500, rate: 48, isFirstUp: true, acts: [about(200, 330), ...others] },
  { name: "recovery", millis: 2000, rate: 48, isFirstUp: true, acts: [first, ...others] },
  { name: "calm again", millis: 3000, rate: 8, isFirstUp: true, acts: [first, ...others] }
]

/** The time at which each phase begins, and last the one at which the night is over. */
export const beginnings: ReadonlyArray<number> = phases.reduce((all, { millis }) => [...all, all.at(-1)! + millis], [0])

/** The place of the phase at a time; the first before the night, and the last after it. */
export const phaseAt = (millis: number): number =>
  Math.min(phases.length - 1, Math.max(0, beginnings.findLastIndex((begin) => begin <= millis)))
