/** What each client has asked for in the last minute. */
import type { ClientCounts } from "../../server/counts.ts"
import { Ring } from "./ring.ts"
import { everyMillis } from "./samples.ts"

/** One more than fit, so that the oldest is a minute old. */
const kept = 60_000 / everyMillis + 1

type ByClient = ReadonlyMap<string, Readonly<ClientCounts>>

const none: Readonly<ClientCounts> = { requests: 0, shed: 0, limited: 0 }

export class ClientMinute {
  private readonly ring = new Ring<ByClient>(kept)

  /** To be called at each sample. */
  add(counts: ByClient): void {
    this.ring.add(new Map(Array.from(counts, ([name, counts]) => [name, { ...counts }])))
  }

  /** Of a client, since the oldest sample that is kept. */
  of(client: string, counts: ByClient): Readonly<ClientCounts> {
    const now = counts.get(client) ?? none
    const before = this.ring.all[0]?.get(client) ?? none
    return {
      requests: now.requests - before.requests,
      shed: now.shed - before.shed,
      limited: now.limited - before.limited
    }
  }
}
