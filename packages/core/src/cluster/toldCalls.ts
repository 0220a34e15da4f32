/**
 * The calls of a circuit that its fleet is told of: which were told, and how many of those the window of the fleet has.
 *
 * Invariant: what was told is never told again, also where no answer came: the store may have counted it.
 */
import type { LinkedCircuit } from "../circuitBreaker/linkedCircuit.ts"
import type { CircuitMessage, Counts } from "../ClusterStore.ts"

/** Of messages that were not answered: older ones count for no window. */
const longestHistory = 200

export class ToldCalls {
  private readonly circuit: LinkedCircuit
  private told: Counts
  /** What was told lately: when, and the totals before. The first is as old as the window of the fleet, or older. */
  private history: Array<Counts & { readonly at: number }> = []

  constructor(circuit: LinkedCircuit) {
    this.circuit = circuit
    // What it counted before it was part of the fleet is nobody's business.
    this.told = totalsOf(circuit)
  }

  get areUntold(): boolean {
    return hasAny(difference(totalsOf(this.circuit), this.told))
  }

  /** What is told now, and all of its own in the window of the fleet. It counts as told from here on. */
  tell(now: number): Pick<CircuitMessage, "counts" | "own"> {
    const { history, told } = this
    const totals = totalsOf(this.circuit)
    const counts = difference(totals, told)
    if (hasAny(counts)) history.push({ at: now, ...told })
    if (history.length > longestHistory) history.shift()
    this.told = totals
    return { counts, own: history.length > 0 ? difference(totals, history[0]!) : counts }
  }

  /** What is not told by now never is: tells nothing. */
  skip(): Pick<CircuitMessage, "counts" | "own"> {
    this.told = totalsOf(this.circuit)
    return nothing
  }

  /** The window of the fleet begins at `from`. */
  windowBegins(from: number): void {
    const { history } = this
    while (history.length > 1 && history[1]!.at <= from) history.shift()
  }

  /** The window of the fleet is empty. */
  windowIsEmpty(): void {
    this.history = []
  }
}

const none: Counts = { calls: 0, failures: 0, slow: 0 }

const nothing = { counts: none, own: none }

/** A failure alone is of a call that was slow before. */
const hasAny = ({ calls, failures }: Counts): boolean => calls > 0 || failures > 0

const totalsOf = ({ told: { allCalls, allFailures, allSlow } }: LinkedCircuit): Counts => ({
  calls: allCalls,
  failures: allFailures,
  slow: allSlow
})

const difference = (now: Counts, before: Counts): Counts => ({
  calls: now.calls - before.calls,
  failures: now.failures - before.failures,
  slow: now.slow - before.slow
})
