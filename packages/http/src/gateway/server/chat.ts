/** Answers a chat completion, whole or as a stream. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type { ChatFailure } from "../../ChatFailure.ts"
import type * as ChatSchema from "../../ChatSchema.ts"
import * as ChunkText from "../../chatStream/chunkText.ts"
import * as Source from "../../chatStream/source.ts"
import * as ChatStream from "../../ChatStream.ts"
import { textOf } from "../../chatReply/replyText.ts"
import { notedIn, toldIn, ToldUsage } from "../../pricing/toldUsage.ts"
import type { Listen } from "../config/model.ts"
import * as OpenAi from "../dialects/openAiWords.ts"
import { asking, within } from "../service/asking.ts"
import type { Caller } from "../service/callers.ts"
import { type AskedFor, provenanceAtEnd, provenanceAtHead, provenanceOf } from "./answerHeaders.ts"
import * as ChatRequest from "./chatRequest.ts"
import { type Asked, patienceOf } from "./chatRequest.ts"
import type { Exchange } from "./exchange.ts"
import * as Failure from "./failure.ts"
import { aliveAfter } from "./keepAlive.ts"
import { limitHeaders } from "./limitHeaders.ts"
import { bearerOf, type Route } from "./route.ts"

/** How long the head of a stream is kept back, and how long its client may take nothing. */
export type StreamOptions = Pick<Listen, "headAfter" | "writeTimeout">

export const route: Route = {
  tokenOf: bearerOf,
  words: OpenAi.words,
  prepare: (body, caller, exchange, listen) => {
    const asked = ChatRequest.read(body, caller)
    return "target" in asked
      ? {
        model: asked.target.name,
        headers: {},
        send: answer(asked, caller, exchange, listen),
        failed: Failure.eventOf,
        delivery: asked.isStream ? "stream" : "reply"
      }
      : asked
  }
}

const answer = (
  asked: Asked,
  caller: Caller,
  exchange: Exchange,
  options: StreamOptions
): Effect.Effect<unknown, ChatFailure> => {
  const { request } = asked
  const patience = patienceOf(exchange)
  if (!asked.isStream) {
    return asking({ caller, request, patience, calls: exchange }, whole(asked, caller, exchange), toldBy)
  }
  // Clients wait that long for a head, or for the next bytes: a stream that has begun may take its time.
  return Effect.provideService(
    asking(
      { caller, request, patience: undefined, calls: exchange },
      stream(asked, caller, exchange, options, patience),
      identity
    ),
    ChunkText.CurrentChunkTexts,
    "kept"
  )
}

/** The limit of a model has read it already, where it has one. */
const toldBy = (reply: ChatSchema.ChatReply): ToldUsage => notedIn(reply) ?? toldIn(reply)

const whole = ({ chat, request, target }: Asked, caller: Caller, exchange: Exchange) =>
  Effect.map(chat.complete(request), (answer) => {
    const body = textOf(answer.value) ?? JSON.stringify(answer.value)
    exchange.answered()
    const headers = limitHeaders(caller)
    headers["content-type"] = "application/json"
    Object.assign(headers, exchange.tell(provenanceOf(answer, { target, cache: "use" }), answer.step))
    exchange.reply({ status: 200, headers, body })
    return answer.value
  })

const stream = (
  { chat, request, target, wantsUsage }: Asked,
  caller: Caller,
  exchange: Exchange,
  { headAfter, writeTimeout }: StreamOptions,
  patience: number | undefined
) =>
  Effect.scoped(Effect.suspend(() => {
    const opening = within(patience)(chat.open(request))
    const askedFor: AskedFor = { target, cache: "use" }
    const passing = new Passing(exchange, writeTimeout)
    return aliveAfter(headAfter, writeTimeout, exchange)(opening).pipe(
      Effect.flatMap((opened) => {
        exchange.answered()
        const { step } = opened
        const atHead = exchange.tell(provenanceAtHead(opened, askedFor), step)
        exchange.beginStream({ ...limitHeaders(caller), ...atHead })
        const passed = Source.listen(opened.value, passing, ChunkText.writtenOf)
        return Effect.map(
          Effect.andThen(passed, provenanceAtEnd(opened, atHead)),
          ending(passing, exchange, step, wantsUsage)
        )
      })
    )
  }))

// A function of its own: a stream keeps it to its end, and with it nothing of its request.
const ending =
  (passing: Passing, exchange: Exchange, step: string, wantsUsage: boolean) =>
  (provenance: Readonly<Record<string, string>>): ToldUsage => {
    const { latest, usageOnly } = passing
    const told = exchange.tell(provenance, step)
    const last = wantsUsage
      ? eventOf({ ...usageOnly ?? withoutUsage(latest), ...told, ...exchange.overhead })
      : ""
    exchange.end(`${last}data: [DONE]\n\n`)
    const usage = new ToldUsage()
    for (const chunk of [latest, usageOnly]) if (chunk !== undefined) usage.note(chunk)
    return usage
  }

/** The place for what is told of an answer whose usage was with its content, or nowhere: clients may add up usages. */
const withoutUsage = (latest: ChatSchema.ChatChunk | undefined): ChatSchema.ChatChunk => ({
  ...latest?.id !== undefined && { id: latest.id },
  object: "chat.completion.chunk",
  ...latest?.created !== undefined && { created: latest.created },
  ...latest?.model !== undefined && { model: latest.model },
  choices: [],
  usage: null
})

/** Passes events on as the provider wrote them, where that is known. Of the one with the usage, only what it says is kept. */
class Passing implements Source.Listener<ChatSchema.ChatChunk>, Source.Passer {
  readonly passer = this
  usageOnly: ChatSchema.ChatChunk | undefined
  /** Only its texts are not those of the chunk that was passed on last. */
  latest: ChatSchema.ChatChunk | undefined
  private readonly exchange: Exchange
  private readonly writeTimeout: Duration.Duration
  private piece = ""

  constructor(exchange: Exchange, writeTimeout: Duration.Duration) {
    this.exchange = exchange
    this.writeTimeout = writeTimeout
  }

  hear(chunk: ChatSchema.ChatChunk, written: string | undefined): void {
    if (ChatStream.isUsageOnly(chunk)) this.usageOnly = { ...chunk }
    else {
      this.latest = chunk
      this.piece += written ?? eventOf(chunk)
    }
  }

  heard(): Effect.Effect<void> | undefined {
    const { piece } = this
    if (piece === "") return undefined
    this.piece = ""
    return this.pass(piece)
  }

  pass(piece: string | Uint8Array): Effect.Effect<void> | undefined {
    return this.exchange.writes(piece) ? undefined : this.exchange.readBy(this.writeTimeout)
  }
}

const eventOf = (chunk: object): string => ChunkText.eventOf(JSON.stringify(chunk))
