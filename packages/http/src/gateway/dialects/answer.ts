/** Answers in an API besides chat completions, whole or as a stream. */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import * as ModelCascade from "../../ModelCascade.ts"
import { toldIn, ToldUsage } from "../../pricing/toldUsage.ts"
import type { Listen } from "../config/model.ts"
import { type AskedFor, provenanceAtEnd, provenanceAtHead, provenanceOf } from "../server/answerHeaders.ts"
import { patienceOf } from "../server/chatRequest.ts"
import type { Exchange } from "../server/exchange.ts"
import { aliveAfter } from "../server/keepAlive.ts"
import { limitHeaders, limitHeadersOf } from "../server/limitHeaders.ts"
import type { Answering } from "../server/route.ts"
import { asking, within } from "../service/asking.ts"
import type { Caller } from "../service/callers.ts"
import type { Asked } from "./asked.ts"
import { CurrentSent } from "./sent.ts"
import type { TextReply } from "./decodeAnswer.ts"
import type { EventChunk } from "../../apis/eventDecoder.ts"
import { Ending } from "./ending.ts"
import type { Dialect } from "./model.ts"

export const of = (
  dialect: Dialect,
  asked: Asked,
  caller: Caller,
  exchange: Exchange,
  listen: Listen
): Answering => {
  const numbers: Numbers = { next: 0 }
  const ending = new Ending()
  const patience = patienceOf(exchange)
  const sent = asked.isStream
    ? stream(dialect, asked, caller, exchange, listen, numbers, ending, patience)
    : whole(dialect, asked, caller, exchange)
  const call = asking(
    {
      caller,
      request: asked.plain,
      calls: exchange,
      // Clients wait that long for a head, or for the next bytes: a stream that has begun may take its time.
      patience: asked.isStream ? undefined : patience
    },
    sent,
    identity
  )
  return {
    model: asked.target.name,
    headers: asked.headers,
    send: Effect.provideService(call, CurrentSent, asked),
    failed: (reply) => ending.rest() + dialect.words.event(reply, exchange.id, numbers.next),
    delivery: asked.isStream ? "stream" : "reply"
  }
}

/** The number of the next event. */
interface Numbers {
  next: number
}

const whole = ({ words }: Dialect, { model, plain, target }: Asked, caller: Caller, exchange: Exchange) =>
  Effect.map(model.complete(plain), (answer) => {
    exchange.answered()
    exchange.reply({
      status: 200,
      headers: {
        "content-type": "application/json",
        ...words.headers(exchange.id),
        ...limitHeaders(caller),
        ...exchange.tell(provenanceOf(answer, { target, cache: "use" }), answer.step)
      },
      // All its clients are those of this API.
      body: (answer.value as TextReply).text
    })
    return toldIn(answer.value)
  })

const stream = (
  { words }: Dialect,
  { model, plain, target }: Asked,
  caller: Caller,
  exchange: Exchange,
  { headAfter, writeTimeout }: Listen,
  numbers: Numbers,
  ending: Ending,
  patience: number | undefined
) =>
  Effect.scoped(Effect.gen(function*() {
    const own = words.headers(exchange.id)
    // What a cache keeps is no stream of this API.
    const opening = Effect.provideService(model.open(plain), ModelCascade.CurrentCacheMode, "bypass")
    const opened = yield* aliveAfter(headAfter, writeTimeout, exchange, own)(within(patience)(opening))
    exchange.answered()
    const askedFor: AskedFor = { target, cache: "bypass" }
    const limits = yield* limitHeadersOf(caller)
    const atHead = exchange.tell(provenanceAtHead(opened, askedFor), opened.step)
    exchange.beginStream({ ...own, ...limits, ...atHead })
    const told = new ToldUsage()
    yield* Stream.runForEachArray(opened.value, (events: ReadonlyArray<EventChunk>) => {
      let piece = ""
      for (const event of events) {
        told.note(event)
        if (event.sequence !== undefined) numbers.next = event.sequence + 1
        piece += ending.push(event)
      }
      return piece === "" ? Effect.void : exchange.write(piece, writeTimeout)
    })
    const fields = exchange.tell(yield* provenanceAtEnd(opened, atHead), opened.step)
    exchange.end(ending.end({ ...fields, ...exchange.overhead }))
    return told
  }))
