/** The time-outs that are made here, so that a pipeline can put one around an attempt in the step where it stands. */
import type { Counts } from "./limited.ts"
import type { Timeout } from "./timeoutModel.ts"

/** Milliseconds, and what is counted of the calls. */
export interface Limits {
  readonly millis: number
  readonly counts: Counts
}

export const timeouts = new WeakMap<Timeout["protect"], Limits>()
