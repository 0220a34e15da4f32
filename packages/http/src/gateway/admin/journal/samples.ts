/** The last 15 minutes in samples, and since when the gateway has been as well as it is. */
import type * as Schemas from "../api/schemas.ts"
import { Ring } from "./ring.ts"

type Sample = typeof Schemas.Sample.Type
type Status = (typeof Schemas.Health.Type)["status"]

/** Between two samples. */
export const everyMillis = 5000

const kept = 15 * 60_000 / everyMillis

export class Samples {
  private readonly ring = new Ring<Sample>(kept)
  private status: Status | undefined
  private began = 0

  add(sample: Sample): void {
    this.ring.add(sample)
  }

  /** Oldest first. */
  get all(): ReadonlyArray<Sample> {
    return this.ring.all
  }

  /** When the status that is there now was first seen. Both times are wall-clock milliseconds. */
  since(status: Status, now: number): number {
    if (status !== this.status) {
      this.status = status
      this.began = now
    }
    return this.began
  }
}
