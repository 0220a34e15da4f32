/** Which bounds of the address for clients have made the gateway refuse requests in the last seconds. */
import type { Counts } from "../../server/counts.ts"
import { Ring } from "./ring.ts"

type Shed = Readonly<Counts["shed"]>

/** Bounds of the file. A gateway that is being stopped is told otherwise. */
const bounds = [["requests", "listen.maxRequests"], ["bytes", "listen.maxBodiesSize"]] as const

export class Shedding {
  /** The last two samples: so that what was shed is told for as long as the time between them at least. */
  private readonly ring = new Ring<Shed>(2)

  /** To be called at each sample. */
  add(shed: Shed): void {
    this.ring.add({ ...shed })
  }

  /** The names of the bounds. */
  of(shed: Shed): ReadonlyArray<string> {
    const before = this.ring.all[0]
    return bounds.flatMap(([reason, bound]) => shed[reason] > (before?.[reason] ?? 0) ? [bound] : [])
  }
}
