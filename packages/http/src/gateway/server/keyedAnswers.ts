/**
 * The answers to requests with an `Idempotency-Key`: those of one key that are in flight together have one call.
 *
 * Each waits as long as its own client does. One whose time is over is answered as one that has no time left to ask a model. Where the
 * call has ended because its own client waits no longer, another one is made for those who do.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import { degradationHeader } from "./answerHeaders.ts"
import { patienceOf } from "./chatRequest.ts"
import type { Exchange } from "./exchange.ts"
import * as Refusals from "./refusals.ts"
import type { Answering } from "./route.ts"
import { type Keyed, SingleFlight } from "./singleFlight.ts"

/** A request with a key, and how it is answered. */
export interface Request {
  readonly exchange: Exchange
  /** Reads the body, for the time that is left. */
  readonly prepare: () => Answering | Refusals.Reply
  /** `ended` is called when the answer is there, or nobody waits for it. */
  readonly answer: (prepared: Answering, ended?: () => void) => void
  /** Answers with what is no call's. */
  readonly reply: (reply: Refusals.Reply) => void
}

interface Again {
  readonly request: Request
  readonly keyed: Keyed
}

const leftOf = ({ request: { exchange } }: Again): number => patienceOf(exchange) ?? Number.MAX_VALUE

export class KeyedAnswers {
  private readonly flights = new SingleFlight()
  /** Those whose call was cut short in this step. */
  private again: Array<Again> = []
  private readonly context: Context.Context<never>

  constructor(context: Context.Context<never>) {
    this.context = context
  }

  /** `prepared` is for now. */
  begin(request: Request, keyed: Keyed, prepared: Answering): void {
    const { answer, exchange, reply } = request
    let endWait = constVoid
    const joined = this.flights.join(keyed, exchange, (shared, first) => {
      endWait()
      if (isCutShort(shared, first) && patienceOf(exchange) !== 0) this.beginAgain({ request, keyed })
      else exchange.reply(shared)
    })
    switch (joined._tag) {
      case "OtherBody":
        return reply(Refusals.otherBodyOfKey)
      case "First":
        return answer(prepared, joined.end)
      case "Joined":
        endWait = this.atTheEnd(exchange, () => {
          exchange.shareNoMore()
          prepareAnd(request, answer)
        })
    }
  }

  /** The call is that of the one who waits longest, so that it is the last one for all of them. */
  private beginAgain(one: Again): void {
    if (this.again.push(one) > 1) return
    queueMicrotask(() => {
      const all = this.again
      this.again = []
      for (const { keyed, request } of all.sort((a, b) => leftOf(b) - leftOf(a))) {
        prepareAnd(request, (prepared) => this.begin(request, keyed, prepared))
      }
    })
  }

  /** Runs when the client of a request waits no longer. Returns how to leave that out. */
  private atTheEnd(exchange: Exchange, run: () => void): () => void {
    if (patienceOf(exchange) === undefined) return constVoid
    // A timer may be early, and no model is to be asked for a part of a millisecond.
    const wait: Effect.Effect<void> = Effect.suspend(() => {
      const left = patienceOf(exchange)!
      return left > 0 ? Effect.delay(wait, Math.ceil(left)) : Effect.sync(run)
    })
    const fiber = Effect.runForkWith(this.context)(wait)
    const end = () => fiber.interruptUnsafe()
    exchange.whenOver(end)
    return end
  }
}

const prepareAnd = ({ prepare, reply }: Request, go: (prepared: Answering) => void): void => {
  const prepared = prepare()
  if ("send" in prepared) go(prepared)
  else reply(prepared)
}

/** Whether an answer is none of a model because the client of its request waits no longer. Timers count whole milliseconds. */
const isCutShort = ({ headers, status }: Refusals.Reply, exchange: Exchange): boolean => {
  const patience = patienceOf(exchange)
  return patience !== undefined && patience <= 1 && (status >= 400 || withoutModel.has(headers[degradationHeader]))
}

const withoutModel: ReadonlySet<unknown> = new Set(["stale", "canned"])
