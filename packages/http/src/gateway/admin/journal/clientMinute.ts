/** What each client has asked for and spent in the last minute. */
import type { ClientCounts } from "../../server/counts.ts"
import { Ring } from "./ring.ts"
import { everyMillis } from "./samples.ts"

/** One more than fit, so that the oldest is a minute old. */
const kept = 60_000 / everyMillis + 1

/** What was counted of a client since the start of the gateway. */
export interface Counted extends Readonly<ClientCounts> {
  readonly dollars: number
}

interface Sample {
  /** Wall-clock milliseconds. */
  readonly at: number
  readonly clients: ReadonlyMap<string, Counted>
}

const none: Counted = { requests: 0, shed: 0, limited: 0, dollars: 0 }

export class ClientMinute {
  private readonly ring = new Ring<Sample>(kept)

  /** To be called at each sample. */
  add(at: number, clients: Iterable<readonly [name: string, counted: Counted]>): void {
    this.ring.add({ at, clients: new Map(clients) })
  }

  /** Of a client, since the oldest sample that is kept. `at` is now, in wall-clock milliseconds. */
  of(client: string, now: Counted, at: number): Counted & { readonly seconds: number } {
    const oldest = this.ring.all[0]
    const before = oldest?.clients.get(client) ?? none
    // A ledger that was made anew begins at nothing.
    const spent = now.dollars - before.dollars
    return {
      seconds: oldest === undefined ? 0 : Math.max(0, at - oldest.at) / 1000,
      requests: now.requests - before.requests,
      shed: now.shed - before.shed,
      limited: now.limited - before.limited,
      dollars: spent < 0 ? now.dollars : spent
    }
  }
}
