/** What a retry counts about its calls. The first attempt of a call costs one increment; all else is counted in failures. */
import type { Snapshot } from "./model.ts"

/** Why a call ends with an error: `notRetried` when `while` does not allow another attempt, or else why there is none. */
export type Stop = "notRetried" | keyof Snapshot["gaveUp"]

export class Counts {
  calls = 0
  retries = 0
  recovered = 0
  private notRetried = 0
  private readonly gaveUp = { attempts: 0, deadline: 0, budget: 0, retryAfter: 0 }

  stopped(stop: Stop): void {
    if (stop === "notRetried") this.notRetried++
    else this.gaveUp[stop]++
  }

  read(name: string): Snapshot {
    const { calls, gaveUp, notRetried, recovered, retries } = this
    return { name, calls, attempts: calls + retries, retries, recovered, gaveUp: { ...gaveUp }, notRetried }
  }
}
