/** What a retry counts about its calls. The first attempt of a call costs one increment; all else is counted in failures. */
import type { CallSource } from "../internal/runtime/callListeners.ts"
import type { Snapshot } from "./model.ts"

/** Why a call ends with an error: `notRetried` when `while` does not allow another attempt, or else why there is none. */
export type Stop = "notRetried" | keyof Snapshot["gaveUp"]

export class Counts implements CallSource {
  onCall: CallSource["onCall"] = undefined
  calls = 0
  retries = 0
  recovered = 0
  private notRetried = 0
  private readonly gaveUp = { attempts: 0, deadline: 0, budget: 0, retryAfter: 0 }

  /** Another attempt is made after an error. */
  again(error: unknown, attempts: number): void {
    this.onCall?.({ type: "retry", error, attempts })
  }

  /** A call succeeded after these attempts. */
  succeeded(attempts: number): void {
    this.recovered++
    this.onCall?.({ type: "success", attempts })
  }

  stopped(stop: Stop, error: unknown, attempts: number): void {
    this.onCall?.({ type: stop === "notRetried" ? "ignored" : "failure", error, attempts })
    if (stop === "notRetried") this.notRetried++
    else this.gaveUp[stop]++
  }

  read(name: string): Snapshot {
    const { calls, gaveUp, notRetried, recovered, retries } = this
    return { name, calls, attempts: calls + retries, retries, recovered, gaveUp: { ...gaveUp }, notRetried }
  }
}
