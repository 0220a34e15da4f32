/** What the command and the processes of the nodes tell each other. Times are those of `clock.ts`. */
import type { Night } from "./scenario.ts"

/** How a node guards its calls: alone, by the store of the platform, or in a fleet. */
export type Guarding = "local" | "store" | "fleet"

/** Where a night's Redis listens, and as whom a node comes to it. */
export interface RedisPlace {
  readonly port: number
  readonly username: string | undefined
}

/** A night as one node plays it. */
export interface Part {
  readonly name: string
  readonly guarding: Guarding
  readonly redis: RedisPlace | undefined
  readonly night: Night
  readonly provider: number
  /** Calls a second that come to this node. */
  readonly callsPerSecond: number
  /** For so long customers come on after the night where the circuit of the node is not closed. They are not counted. */
  readonly after: number
  /** All its chance comes from it. */
  readonly seed: string
}

/** What would be left if the command were killed: processes of Redis, and folders. */
export interface Estate {
  readonly pids: ReadonlyArray<number>
  readonly folders: ReadonlyArray<string>
}

export type Order =
  /** Build the guards of these nights, which are played at the same time. */
  | { readonly _tag: "prepare"; readonly parts: ReadonlyArray<Part> }
  | { readonly _tag: "play"; readonly startsAt: number }
  /** Clear this away when the command is gone. */
  | { readonly _tag: "inherit"; readonly estate: Estate }

export type State = "Open" | "HalfOpen" | "Closed"

/** A circuit has changed its state. */
export interface Change {
  readonly to: State
  readonly at: number
}

/** What a node has to tell of a night. */
export interface Played {
  /** Of the customers until the end of the night, as all of this. */
  readonly calls: number
  /** Customers who got neither an answer nor the canned reply in time. */
  readonly errors: number
  /** How much longer each call took than its work, in milliseconds. */
  readonly waits: ReadonlyArray<number>
  readonly changes: ReadonlyArray<Change>
  /** Messages to the fleet that were answered. */
  readonly answers: ReadonlyArray<{ readonly sentAt: number; readonly at: number }>
  /** For each epoch of the fleet: when the message was sent whose answer told of it first, and when the push came. */
  readonly epochs: ReadonlyArray<{ readonly epoch: number; readonly askedAt?: number; readonly pushedAt?: number }>
}

export type Report =
  | { readonly _tag: "ready" }
  | { readonly _tag: "prepared" }
  | { readonly _tag: "changed"; readonly night: string; readonly change: Change }
  | { readonly _tag: "played"; readonly nights: ReadonlyArray<Played> }
  | { readonly _tag: "failed"; readonly message: string }
