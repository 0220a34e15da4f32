/** What a node of a fleet and the store tell each other about a circuit. Times are in milliseconds, and relative. */
import { termIn } from "./bounds.ts"

/**
 * A state of the fleet's circuit. Nodes have others of their own, of which the fleet knows nothing.
 *
 * @since 0.1.0
 * @category models
 */
export type FleetState = "Closed" | "Open" | "HalfOpen" | "ForcedOpen"

/**
 * Results of calls, and how many of them failed or were slow. A call that becomes slow counts then. If it fails later, the failure comes
 * without a call.
 *
 * @since 0.1.0
 * @category models
 */
export interface Counts {
  readonly calls: number
  readonly failures: number
  readonly slow: number
}

/**
 * Results of probes since the last message, and how many the node has.
 *
 * @since 0.1.0
 * @category models
 */
export interface ProbeCounts {
  readonly results: number
  readonly failures: number
  readonly slow: number
  /** Those that failed in a row at the end. */
  readonly failuresInRow: number
  /** Leases that come back without a result: the call was interrupted or ignored. */
  readonly voided: number
  /** The longest wait that the target asked for; zero for none. */
  readonly retryAfter: number
  /** Leases that the node knows that it has. It never heard of others: the answers were lost. */
  readonly held: number
}

/**
 * The rules by which a circuit is judged. A rate that is off is 2: no share reaches it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitTerms {
  /** The calls of the window; zero where it goes by time alone. */
  readonly size: number
  /** How long a call counts at least; where `size` is zero, exactly. */
  readonly span: number
  readonly minimumCalls: number
  readonly failureRate: number
  readonly slowCallRate: number
  readonly probes: number
  readonly probeFailureRate: number
  readonly probeFailuresInRow: number
  /** `agreed`: the fleet opens when the nodes together say so, also without the one that reports most failures. */
  readonly spread: "agreed" | "any"
}

/**
 * What a node asks for beside telling its counts: nothing; that the fleet opens because its own circuit has opened by a rate
 * (`tripped`) or by failures in a row (`failedInRow`); that it opens in any case (`open`), until somebody closes it
 * (`forceOpen`), or closes (`close`); a probe.
 *
 * @since 0.1.0
 * @category models
 */
export type Wish = "nothing" | "tripped" | "failedInRow" | "open" | "forceOpen" | "close" | "probe"

/**
 * What a node tells of a circuit.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitMessage {
  /** What it last heard of the fleet: counts and results belong to this epoch. */
  readonly epoch: number
  readonly state: FleetState
  /** What is left of the opening. */
  readonly remaining: number
  readonly openings: number
  /** Since the last message. */
  readonly counts: Counts
  /** Its own since the beginning of the fleet's window. */
  readonly own: Counts
  readonly wish: Wish
  /** How long the next opening lasts, or the one that is wished for. */
  readonly openFor: number
  readonly terms: CircuitTerms
  readonly probes: ProbeCounts
}

/**
 * What the store answers.
 *
 * @since 0.1.0
 * @category models
 */
export type CircuitAnswer =
  & {
    /** The terms of another node, where they are not those of the message. */
    readonly otherTerms: string | undefined
  }
  & (
    | {
      /** The fleet is closed, and in the epoch of the message. */
      readonly _tag: "Closed"
      /** How far its window reaches back. */
      readonly age: number
    }
    | {
      readonly _tag: "State"
      readonly epoch: number
      readonly state: FleetState
      readonly remaining: number
      readonly openings: number
      /** Whether the node may send a probe. */
      readonly isGranted: boolean
    }
  )

/**
 * Why the fleet has changed the state.
 *
 * @since 0.1.0
 * @category models
 */
export type FleetReason = "rates" | "tripped" | "command" | "elapsed" | "probes"

/**
 * What all nodes are told of a change.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitEvent {
  readonly circuit: string
  readonly epoch: number
  readonly state: FleetState
  readonly remaining: number
  readonly openings: number
  readonly reason: FleetReason
  /** Counts the changes of all circuits: who misses one has missed an event. */
  readonly sequence: number
}

/** The terms as a text: the same for the same terms. */
export const writtenTerms = (terms: CircuitTerms): string =>
  [
    terms.size,
    terms.span,
    terms.minimumCalls,
    terms.failureRate,
    terms.slowCallRate,
    terms.probes,
    terms.probeFailureRate,
    terms.probeFailuresInRow,
    terms.spread
  ].join(":")

/** Whether a text is written terms. */
export const areCircuitTerms = (text: string): boolean => {
  const terms = text.split(":")
  const spread = terms.pop()
  return terms.length === 8 && terms.every((term) => termIn(term) !== undefined) &&
    (spread === "agreed" || spread === "any")
}
