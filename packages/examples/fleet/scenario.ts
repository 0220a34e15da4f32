/**
 * The night of the fleet: the provider collapses and recovers, under traffic that is skewed over the nodes.
 *
 * It is a short one. Traffic, windows and latencies are those of the night in `docs/fleet.md`: only the collapse (45 seconds
 * there) and the opening (10 seconds there) are shorter.
 */

/** When what happens, in milliseconds since the beginning of the night. */
export interface Night {
  /** The provider is down from here. */
  readonly from: number
  /** And well again from here. */
  readonly to: number
  readonly until: number
  /** How long a circuit stays open. */
  readonly openFor: number
}

export const nightOf = (seconds: number): Night => ({
  from: 125 * seconds,
  to: 575 * seconds,
  until: 1000 * seconds,
  openFor: (1000 * seconds) / 6
})

/** The settings of all circuits. The breaker of the platform has them under other names. */
export const settings = { window: 100, minimumCalls: 10, failureRate: 0.5 }

/** Calls a second, of all nodes together. */
export const callsPerSecond = 100

/** The share of calls that fail while the provider is well. While it is down, all fail. */
export const failing = 0.01

/** How long an answer takes on average and at most, and a failure, in milliseconds. */
export const latency = { mean: 200, most: 1000, failure: 50 }

/** A customer who was not served by then saw an error, in milliseconds. */
export const patience = 3000

/** How long, in milliseconds, the recovery of all nodes is waited for after the night. */
export const longestAfter = 10_000

/** Of a message that is older, in milliseconds, the store counts nothing. */
export const longestWay = 2000

/** A node that is away tries again after that long at most, in milliseconds; then its fault is over. */
export const longestAway = 6000

/** The share of the calls that each node gets: the first has most (Zipf). */
export const shares = (nodes: number): ReadonlyArray<number> => {
  const weights = Array.from({ length: nodes }, (_, i) => 1 / (i + 1))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}
