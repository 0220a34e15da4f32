/** What the end of a call says about the capacity of its target. */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import { atOnce } from "../internal/data/atOnce.ts"
import * as Outcome from "../Outcome.ts"
import type { Signal } from "./model.ts"

/**
 * The default `signal`: a success is a success, a failure with an error of which `Outcome.isOverload` is true is a drop, and
 * everything else is ignored, also an interruption, a defect and the rejection of a guard.
 *
 * @since 0.1.0
 * @category conversions
 */
export const signalOf = (exit: Exit.Exit<unknown, unknown>): Signal => {
  if (exit._tag === "Success") return "success"
  let signal: Signal = "ignore"
  for (const reason of exit.cause.reasons) {
    if (Cause.isDieReason(reason)) return "ignore"
    if (Cause.isFailReason(reason) && Outcome.isOverload(reason.error)) signal = "drop"
  }
  return signal
}

/** What a function of the user answers; the default where it throws or answers something else. */
export const signalBy = (signal: (exit: any) => Signal, exit: Exit.Exit<unknown, unknown>): Signal => {
  if (signal === signalOf) return signalOf(exit)
  try {
    const given = atOnce(signal(exit))
    if (given === "success" || given === "drop" || given === "ignore") return given
  } catch {
    // The default judges below.
  }
  return signalOf(exit)
}
