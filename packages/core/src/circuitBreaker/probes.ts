/**
 * The results of the probes of a circuit since its last decision. A half-open period that its probes outlive leaves their
 * results to the next one.
 */
import { makeWatch, type Watch } from "./slowCalls.ts"
import { WaitQueue } from "../internal/data/waitQueue.ts"

/** The time at which a probe is due that is not waited for any more. */
const givenUp = -Infinity

export class Probes {
  /** Probes in flight; the one that is due first is first. */
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

  /** The time at which a probe has been in flight for too long. */
  get due(): number {
    return this.inFlight.peek()?.due ?? Infinity
  }

  begin(due: number): Watch {
    const probe = makeWatch(due)
    this.inFlight.push(probe)
    return probe
  }

  /** Waits longer for a probe. All are waited for equally long, so that it is the last now. */
  prolong(probe: Watch, due: number): void {
    if (probe.due === givenUp) return
    this.inFlight.remove(probe)
    probe.due = due
    this.inFlight.push(probe)
  }

  /** Whether it was still waited for. */
  forget(probe: Watch): boolean {
    if (probe.due === givenUp) return false
    this.inFlight.remove(probe)
    return true
  }

  /** Waits no longer for the probe that is due first, which counts as failed. */
  giveUp(): void {
    this.inFlight.shift()!.due = givenUp
    this.record(true, false, undefined)
  }

  /** Stops waiting for the probes in flight. */
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
