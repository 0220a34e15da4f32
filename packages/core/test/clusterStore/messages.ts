/** A circuit by its default terms, and what a node tells of it that has nothing to tell. */
import type * as ClusterStore from "@switchgear/core/ClusterStore"

export const terms: ClusterStore.CircuitTerms = {
  size: 100,
  span: 1000,
  minimumCalls: 10,
  failureRate: 0.5,
  slowCallRate: 1,
  probes: 5,
  probeFailureRate: 0.5,
  probeFailuresInRow: 1e9,
  spread: "agreed"
}

const none = { calls: 0, failures: 0, slow: 0 }

export const message: ClusterStore.CircuitMessage = {
  epoch: 0,
  state: "Closed",
  remaining: 0,
  openings: 0,
  counts: none,
  own: none,
  wish: "nothing",
  openFor: 10_000,
  terms,
  probes: { results: 0, failures: 0, slow: 0, failuresInRow: 0, voided: 0, retryAfter: 0, held: 100 }
}
