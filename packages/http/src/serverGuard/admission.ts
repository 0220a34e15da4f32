/**
 * What a server takes in while it has as much as it is meant to have at once: requests, or bytes of bodies.
 *
 * Below the limit, anything of anyone is taken. Beyond it, a client is taken from only up to its share. Its share is what the
 * clients of a higher priority leave of the limit, in parts for the clients of its own priority that have something in flight:
 * equal ones, unless a client is given several. So a client that floods the server is shed itself, and the lowest priority is shed first.
 *
 * What is in flight is never ended for others. That is why there can be more than the limit, and never twice as much: while a
 * client that had more than its share is left with it, the others get theirs beside it.
 *
 * It takes as long for any number of requests and clients; a sum goes over the priorities that are in use.
 */

/** What is in flight of one priority, by client. */
interface Level {
  inFlight: number
  /** Of all its clients. */
  parts: number
  readonly byClient: Map<string, Held>
}

interface Held {
  amount: number
  /** As many as the client was given when it was last taken from. */
  parts: number
}

export class Admission {
  private readonly limit: number
  private readonly levels = new Map<number, Level>()
  private total = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get inFlight(): number {
    return this.total
  }

  /** Whether it is taken. What is taken is given back once, with the same client and priority. */
  take(client: string, priority: number, amount: number, parts = 1): boolean {
    if (amount === 0) return true
    if (this.total + amount > this.limit && !this.isWithinShare(client, priority, amount, parts)) return false
    let level = this.levels.get(priority)
    if (level === undefined) this.levels.set(priority, level = { inFlight: 0, parts: 0, byClient: new Map() })
    let held = level.byClient.get(client)
    if (held === undefined) level.byClient.set(client, held = { amount: 0, parts: 0 })
    this.total += amount
    level.inFlight += amount
    level.parts += parts - held.parts
    held.amount += amount
    held.parts = parts
    return true
  }

  giveBack(client: string, priority: number, amount: number): void {
    if (amount === 0) return
    const level = this.levels.get(priority)!
    this.total -= amount
    level.inFlight -= amount
    const held = level.byClient.get(client)!
    held.amount -= amount
    if (held.amount === 0) {
      level.parts -= held.parts
      level.byClient.delete(client)
    }
    if (level.inFlight === 0) this.levels.delete(priority)
  }

  private isWithinShare(client: string, priority: number, amount: number, parts: number): boolean {
    if (this.total + amount >= 2 * this.limit) return false
    let left = this.limit
    for (const [other, { inFlight }] of this.levels) if (other > priority) left -= inFlight
    const level = this.levels.get(priority)
    const held = level?.byClient.get(client)
    const all = (level?.parts ?? 0) - (held?.parts ?? 0) + parts
    // Where there are more clients than places, each may have one, while there is any.
    return left > 0 && (held?.amount ?? 0) + amount <= Math.max(1, Math.floor(left * parts / all))
  }
}
