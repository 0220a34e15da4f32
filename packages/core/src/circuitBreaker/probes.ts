/**
 * What the probes of a circuit have answered since its last decision. A period whose probes outlast it leaves what they
 * answered to the next one.
 */
import { makeWatch, type Watch } from "./slowCalls.ts"
import { WaitQueue } from "../internal/data/waitQueue.ts"

export class Probes {
  /** Probes in flight; the one whose patience ends first is first. */
  private inFlight = new WaitQueue<Watch>()
  results = 0
  failures = 0
  failuresInRow = 0
  slow = 0
  slowFailures = 0
  /** The longest wait that a failed probe asked for, in milliseconds. */
  retryAfter = 0

  get taken(): number {
    return this.inFlight.size + this.results
  }

  /** When a probe has been in flight for too long. */
  get due(): number {
    return this.inFlight.peek()?.due ?? Infinity
  }

  begin(due: number): Watch {
    const probe = makeWatch(due)
    this.inFlight.push(probe)
    return probe
  }

  /** Waits for a probe longer; all of them are waited for equally long, so that it is last now. */
  prolong(probe: Watch, due: number): void {
    this.inFlight.remove(probe)
    probe.due = due
    this.inFlight.push(probe)
  }

  forget(probe: Watch): void {
    this.inFlight.remove(probe)
  }

  /** Waits for none of the probes in flight any longer. */
  outlast(): void {
    this.inFlight = new WaitQueue()
  }

  record(failed: boolean, slow: boolean, retryAfter: number | undefined): void {
    this.results++
    if (slow) this.slow++
    if (!failed) {
      this.failuresInRow = 0
      return
    }
    this.failures++
    this.failuresInRow++
    if (slow) this.slowFailures++
    if (retryAfter !== undefined) this.retryAfter = Math.max(this.retryAfter, retryAfter)
  }
}
