/** A virtual time, and how it is used. */
import type { VirtualTime } from "./virtualTime.ts"

export interface Made {
  readonly time: VirtualTime
  /** In milliseconds of real time. */
  readonly stuckAfter: number
  /** What to do when no fiber runs or sleeps: wait for the real world, or give up. */
  readonly whenStill: "wait" | "give-up"
  /** Starts to watch what the program does outside of its fibers. Returns how to stop it. */
  readonly watchOutside: () => () => void
}
