/** What was asked so far. */

/**
 * What a model, or the whole provider, has been asked so far: `started = answered + cut + aborted + inFlight`.
 *
 * @category snapshots
 * @since 0.1.0
 */
export interface Stats {
  /** Requests that arrived. */
  readonly started: number
  /** Responses that were sent to their end, errors included. */
  readonly answered: number
  /** Connections the provider closed by script. */
  readonly cut: number
  /** Requests whose client left before the end of the response. */
  readonly aborted: number
  /** Requests being worked on, waiting or hanging now, also without their client where work goes on. */
  readonly inFlight: number
  /** The most that were in flight at any time. */
  readonly maxInFlight: number
}

export type Counters = { -readonly [K in keyof Stats]: Stats[K] }

export const counters = (): Counters => ({
  started: 0,
  answered: 0,
  cut: 0,
  aborted: 0,
  inFlight: 0,
  maxInFlight: 0
})
