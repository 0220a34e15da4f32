/** The fleet as a gateway sees it. */
import type * as Cluster from "@switchgear/core/Cluster"
import type * as Effect from "effect/Effect"

/** What there is to see of the fleet at this moment. */
export interface Seen extends Cluster.Status {
  /** The name of the fleet. */
  readonly fleet: string
  /** What limits are while Redis does not answer. */
  readonly away: "local" | "open" | "closed"
  /** When Redis answered last, in wall-clock milliseconds. */
  readonly lastSync: number | undefined
  /** Why the last message of a kind was not answered, in one word; undefined where all were, or where nothing is heard at all. */
  readonly because: string | undefined
}

/** Where what is shared joins. It is here without a module of the fleet, which is loaded where a file has one. */
export interface FleetPlace {
  readonly join: Cluster.Fleet["join"]
  /** What is made within the fleet. Its circuits join this place, which may have them wait. */
  readonly within: (
    place: Cluster.Fleet
  ) => <A, E, R>(making: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** A gateway as a node of its fleet. */
export interface FleetNode {
  readonly fleet: FleetPlace
  /** Commands for a circuit on all gateways. */
  readonly control: Cluster.Cluster["Service"]["control"]
  readonly seen: Effect.Effect<Seen>
  /** Ends when the fleet was heard of for all circuits that have joined, or is away; after a moment in any case. */
  readonly settled: Effect.Effect<void>
}
