/** One call for all requests of a client that come with the same `Idempotency-Key` while the first of them is in flight. */
import type { Exchange } from "./exchange.ts"

interface Flight {
  readonly body: string
  readonly first: Exchange
}

/** What becomes of a request with a key: it makes the call, it gets the answer of another one, or it asks for something else. */
export type Joined =
  | { readonly _tag: "First"; readonly end: () => void }
  | { readonly _tag: "Joined" }
  | { readonly _tag: "OtherBody" }

export class SingleFlight {
  private readonly flights = new Map<string, Flight>()

  /** The first ends its flight when its call has ended or nobody waits for it any more. */
  join(name: string, body: string, exchange: Exchange): Joined {
    const there = this.flights.get(name)
    if (there !== undefined) {
      if (there.body !== body) return otherBody
      there.first.share(exchange)
      return joined
    }
    const flight: Flight = { body, first: exchange }
    this.flights.set(name, flight)
    const end = () => {
      if (this.flights.get(name) === flight) this.flights.delete(name)
    }
    return { _tag: "First", end }
  }
}

const joined: Joined = { _tag: "Joined" }
const otherBody: Joined = { _tag: "OtherBody" }
