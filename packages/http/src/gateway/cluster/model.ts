/** The fleet as a gateway sees it. */
import type * as Cluster from "@switchgear/core/Cluster"
import type { Fleet } from "@switchgear/core/runtime"
import type * as Effect from "effect/Effect"

/** What there is to see of the fleet at this moment. */
export interface Seen extends Cluster.Status {
  /** The name of the fleet. */
  readonly fleet: string
  /** When Redis answered last, in wall-clock milliseconds. */
  readonly lastSync: number | undefined
  /** Why the last message was not answered, in one word; undefined where it was, or where nothing is heard at all. */
  readonly because: string | undefined
}

/** A gateway as a node of its fleet. */
export interface FleetNode {
  /** For the making of what is shared. Limits of clients will join it as circuits do. */
  readonly fleet: Fleet
  /** Commands for a circuit on all gateways. */
  readonly control: Cluster.Cluster["Service"]["control"]
  readonly seen: Effect.Effect<Seen>
  /** Ends when the fleet was heard of for all circuits that have joined, or is away; after a moment in any case. */
  readonly settled: Effect.Effect<void>
}
