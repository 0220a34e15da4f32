/** One call for all requests of a client that come with the same `Idempotency-Key` while the first of them is in flight. */
import type { Exchange } from "./exchange.ts"
import type { Reply } from "./refusals.ts"

/** Those of one key at one moment. */
interface Flights {
  readonly body: string
  /** By the language of the answer: a canned reply has other words in another one. */
  readonly firsts: Map<string | undefined, Exchange>
}

/** What becomes of a request with a key: it makes the call, it gets the answer of another one, or it asks for something else. */
export type Joined =
  | { readonly _tag: "First"; readonly end: () => void }
  | { readonly _tag: "Joined" }
  | { readonly _tag: "OtherBody" }

/** What a request asks for, and with which key. */
export interface Keyed {
  readonly name: string
  readonly body: string
  readonly language: string | undefined
}

export class SingleFlight {
  private readonly flights = new Map<string, Flights>()

  /**
   * The first ends its flight when its call has ended or nobody waits for it any more. What it is answered is given to the others, and to nobody who
   * comes later.
   */
  join({ body, language, name }: Keyed, exchange: Exchange, take: (reply: Reply, first: Exchange) => void): Joined {
    const flights: Flights = this.flights.get(name) ?? { body, firsts: new Map() }
    if (flights.body !== body) return otherBody
    const { firsts } = flights
    const there = firsts.get(language)
    if (there !== undefined && !there.isReplied) {
      there.share(exchange, (reply) => take(reply, there))
      return joined
    }
    firsts.set(language, exchange)
    this.flights.set(name, flights)
    const end = () => {
      if (firsts.get(language) !== exchange) return
      firsts.delete(language)
      if (firsts.size === 0) this.flights.delete(name)
    }
    return { _tag: "First", end }
  }
}

const joined: Joined = { _tag: "Joined" }
const otherBody: Joined = { _tag: "OtherBody" }
