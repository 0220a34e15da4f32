/** What a customer's call is counted as: how far its answer is from what was asked for, or the error they saw. */
import type { Cascade } from "@switchgear/core"
import { Cause, type Exit } from "effect"
import type { Got } from "./lanes.ts"

/** How an answer was; `"cached"` is `"none"` without a call, and `"cachedFallback"` is `"fallback"` without one. */
export type Answered = Cascade.Degradation | "cached" | "cachedFallback"

/** An error is counted as its tag, which begins with a capital. */
export type Label = Answered | (string & {})

/** Whoever was still waiting when the replay was stopped. */
export const interrupted: Label = "Interrupted"

const answers: ReadonlySet<Label> = new Set<Answered>([
  "none",
  "cached",
  "fallback",
  "cachedFallback",
  "stale",
  "canned"
])

export const isAnswer = (label: Label): label is Answered => answers.has(label)

export const labelOf = (exit: Exit.Exit<Got, { readonly _tag: string }>): Label => {
  if (exit._tag === "Success") {
    const { degradation, step } = exit.value
    if (step !== "cache") return degradation
    return degradation === "none" ? "cached" : degradation === "fallback" ? "cachedFallback" : degradation
  }
  if (Cause.hasInterruptsOnly(exit.cause)) return interrupted
  return exit.cause.reasons.find(Cause.isFailReason)?.error._tag ?? "Defect"
}
