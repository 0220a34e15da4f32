/**
 * The guards of one thing that is made from a file. They enter the registry, and join the fleet, when the file takes over. In the
 * registry those that they replace have left before: so a guard of a name keeps its id, and its metrics and its place on a page
 * with it. From the fleet those part after it: so a circuit goes on with what the one before has heard.
 */
import type * as Registry from "@switchgear/core/Registry"
import type { Fleet } from "@switchgear/core/Cluster"
import type { FleetPlace } from "../cluster/model.ts"

export class HeldEntries {
  /** For the making of the guards. */
  readonly registry: Registry.Registry
  /** For the making of what is shared; undefined where there is no fleet. */
  readonly fleet: Fleet | undefined
  private readonly entries: Held<Registry.Entry>
  private readonly circuits: Held<Parameters<Fleet["join"]>[0]> | undefined

  constructor(around: Registry.Registry, fleet: FleetPlace | undefined) {
    const entries = this.entries = new Held(around.enter)
    this.registry = { ...around, enter: entries.hold }
    const circuits = this.circuits = fleet && new Held(fleet.join)
    this.fleet = circuits && { join: circuits.hold }
  }

  /** The guards are now in the registry and in the fleet. */
  enter(): void {
    this.entries.enter()
    this.circuits?.enter()
  }

  /** They are no longer in the registry, though calls in flight still go through them. */
  leave(): void {
    this.entries.leave()
  }

  /** Nor in the fleet. */
  part(): void {
    this.circuits?.leave()
  }
}

/** Things that enter somewhere together, and leave it one by one or together. */
class Held<A> {
  private readonly admit: (thing: A) => () => void
  /** Each with what ends that it is in, where it is. */
  private readonly things = new Map<A, (() => void) | undefined>()
  private isIn = false

  constructor(admit: (thing: A) => () => void) {
    this.admit = admit
  }

  enter(): void {
    this.isIn = true
    for (const [thing, leave] of this.things) this.things.set(thing, leave ?? this.admit(thing))
  }

  leave(): void {
    this.isIn = false
    for (const leave of this.things.values()) leave?.()
    this.things.clear()
  }

  readonly hold = (thing: A): () => void => {
    this.things.set(thing, this.isIn ? this.admit(thing) : undefined)
    return () => {
      const leave = this.things.get(thing)
      this.things.delete(thing)
      leave?.()
    }
  }
}
