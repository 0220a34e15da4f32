/**
 * The probes of its fleet that a node asks for and holds, and what became of them, until that is told.
 *
 * Invariants
 * - What became of a probe is told once, and not any more once the fleet has changed.
 * - A probe that no call waits for any more goes back: another node may have it.
 */
import * as Effect from "effect/Effect"
import type { ProbeCounts } from "../ClusterStore.ts"

/** How long a node does not ask for a probe after one was refused, in milliseconds. */
const pauseAfterRefusal = 50

export class FleetProbes {
  /** Those that no call has taken. */
  held = 0
  private results = noResults()
  private asking: Array<() => void> = []
  private nextAsk = -Infinity
  /** There is something to tell, or to ask for. */
  private readonly wake: () => void

  constructor(wake: () => void) {
    this.wake = wake
  }

  /** Whether a call waits for one. */
  get areAskedFor(): boolean {
    return this.asking.length > 0
  }

  /** Whether others wait for what is to be told of them. */
  get arePressing(): boolean {
    const { results, voided } = this.results
    return this.areAskedFor || results + voided > 0
  }

  mayBeAskedFor(now: number): boolean {
    return !this.areAskedFor && now >= this.nextAsk
  }

  /** Ends with the answer. */
  get ask(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const answered = () => resume(Effect.void)
      this.asking.push(answered)
      this.wake()
      return Effect.sync(() => {
        const at = this.asking.indexOf(answered)
        if (at >= 0) this.asking.splice(at, 1)
      })
    })
  }

  take(): void {
    this.held--
  }

  probed(failed: boolean, slow: boolean, retryAfter: number | undefined): void {
    const { results } = this
    results.results++
    results.failuresInRow = failed ? results.failuresInRow + 1 : 0
    if (failed) results.failures++
    if (slow) results.slow++
    results.retryAfter = Math.max(results.retryAfter, Math.ceil(retryAfter ?? 0))
    this.mayAskAgain()
  }

  voided(): void {
    this.results.voided++
    this.mayAskAgain()
  }

  /** A place is free that was not when the last question was refused. */
  private mayAskAgain(): void {
    this.nextAsk = -Infinity
    this.wake()
  }

  /** The store has given one out. */
  granted(): void {
    if (this.areAskedFor) this.held++
    else this.voided()
  }

  /** Whoever waits for one waits no more. */
  answered(): void {
    const { asking } = this
    this.asking = []
    for (const answered of asking) answered()
  }

  /** The same, and no call asks again at once. */
  refused(now: number): void {
    if (!this.areAskedFor) return
    this.nextAsk = now + pauseAfterRefusal
    this.answered()
  }

  giveBack(): void {
    this.results.voided += this.held
    this.held = 0
  }

  /** What is told now, where so many run. It counts as told from here on. */
  tell(running: number): ProbeCounts {
    if (!this.areAskedFor) this.giveBack()
    const { results } = this
    this.results = noResults()
    return { ...results, held: this.held + running }
  }

  /** The fleet has changed: what was of the epoch before means nothing. */
  forget(): void {
    this.held = 0
    this.results = noResults()
  }
}

const noResults = () => ({ results: 0, failures: 0, slow: 0, failuresInRow: 0, voided: 0, retryAfter: 0 })
