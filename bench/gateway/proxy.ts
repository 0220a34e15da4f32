/** What can be measured, and what cannot. */
import type { Child } from "./child.ts"
import type { Target } from "./load/orders.ts"

/** A process that clients ask. */
export interface Proxy {
  readonly name: string
  readonly child: Child
  readonly target: Omit<Target, "port" | "model">
  /** What clients ask for. */
  readonly model: string
}

/** A proxy that is not there, and why. */
export interface Absent {
  readonly name: string
  readonly why: string
}
