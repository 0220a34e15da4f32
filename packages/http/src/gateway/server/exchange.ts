/**
 * One request and its answer, however they come and go: what has been sent of it, and whether the client is still there.
 *
 * Invariants. A head is sent once. Nothing is sent after the end. That a client has left is told once, when it and all that
 * share its answer have gone before the end of it.
 */
import type { IncomingHttpHeaders } from "node:http"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { degradationHeader } from "./answerHeaders.ts"
import type { Reply } from "./refusals.ts"
import type { Upstream } from "./upstream.ts"

/** What is read of a request. One of Node's is one. */
export interface Incoming {
  readonly method?: string | undefined
  /** The path and the query. */
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
  /** Whether all of its body is there. */
  readonly complete: boolean
  /** Its body: pieces, then the end of it, then that nothing more comes, which may be all. */
  readonly on: (event: "data" | "end" | "close", listener: (piece: Buffer) => void) => unknown
  /** Lets the rest of a body pass that nobody reads. */
  readonly resume: () => unknown
}

/** The head of an answer, as it is written. */
export type Head = Record<string, string | number>

export abstract class Exchange {
  readonly request: Incoming
  readonly id: string
  private readonly now: () => number
  private readonly begun: number
  /** Whether the client has gone before the end of its answer. */
  hasLeft = false
  /** Whether the answer has failed after its head was sent, and its client was there to be told. */
  hasFailedInBand = false
  private onLeft: (() => void) | undefined
  private onAnswered: (() => void) | undefined
  /** Called in their order when nothing more will be sent. */
  private readonly onOver: Array<() => void> = []
  /** Those that get the same answer and have not left, and what is done with it then. */
  private others: Map<Exchange, (reply: Reply) => void> | undefined
  private replied: Reply | undefined
  /** Whether there has been an answer: of a stream, its first content. */
  isAnswered = false
  /** The calls to providers for the answer; undefined where none can be asked. */
  upstream: Pick<Upstream, "idOf" | "millis" | "possiblyBilledAttempts"> | undefined
  private ownMillis: number | undefined
  private waitMillis: number | undefined
  /** What the answer tells of itself, once that is known. */
  told: Readonly<Record<string, string>> = {}
  private answeredBy: string | undefined
  /** Of the trace that it is part of; undefined where none is told of it. */
  traceId: string | undefined

  /** `now` tells milliseconds. */
  constructor(request: Incoming, id: string, now: () => number) {
    this.request = request
    this.id = id
    this.now = now
    this.begun = now()
  }

  /** From where it is asked, as far as that is known. */
  abstract get address(): string

  abstract get isHeadSent(): boolean

  /** The status that was sent; 499 where the client left before. */
  abstract get status(): number

  /** Whether a head can be sent: none was, and the client is there. */
  protected abstract get isOpen(): boolean

  /** Puts a header into the head that will be sent. */
  abstract setHeader(name: string, value: string): void

  protected abstract sendWhole(status: number, head: Head, body: string, size: number): void

  protected abstract sendHead(head: Head): void

  /** Tells a client that waits for that to send its body. One that is refused is not told, and sends nothing. */
  abstract goOn(): void

  /** Sends a whole answer while the body of the request is still coming: what waits for it is closed once no more of it comes. */
  abstract replyAmidBody(reply: Reply): void

  /** Sends a head for which there is no piece yet. */
  abstract flushHead(): void

  /** Sends a piece. Whether another one may follow at once. */
  abstract writes(piece: string | Uint8Array): boolean

  /** Waits while the client takes nothing: as long as that, then it is cut off. */
  abstract readBy(longest: Duration.Duration): Effect.Effect<void>

  abstract end(piece?: string): void

  /** Ends it at once: the client sees that the answer is not whole. */
  abstract cut(): void

  /** Whether the answer is what was asked for, once it is there. */
  get degradation(): string | undefined {
    return this.told[degradationHeader] ?? this.replied?.headers[degradationHeader]
  }

  /** Milliseconds since the request came. */
  get age(): number {
    return this.now() - this.begun
  }

  /** Calls once, when there is an answer and before it is sent: of a stream, its first content. */
  whenAnswered(onAnswered: () => void): void {
    this.onAnswered = onAnswered
  }

  /** There is an answer. */
  answered(): void {
    this.isAnswered = true
    this.noteOverhead()
    this.onAnswered?.()
    this.onAnswered = undefined
  }

  /** Keeps what the answer tells of itself, and gives it back; `model` has made it. */
  tell(told: Readonly<Record<string, string>>, model: string): Readonly<Record<string, string>> {
    this.answeredBy = model
    return this.told = told
  }

  /** Calls when the client leaves, or at once if it has left. */
  whenLeft(onLeft: () => void): void {
    this.onLeft = onLeft
    this.tellLeft()
  }

  /** The client has gone before the end of its answer. */
  protected leave(): void {
    this.hasLeft = true
    this.tellLeft()
  }

  private tellLeft(): void {
    if (!this.hasLeft || this.others !== undefined && this.others.size > 0) return
    this.onLeft?.()
    this.onLeft = undefined
  }

  /** Calls when nothing more will be sent. */
  whenOver(onOver: () => void): void {
    this.onOver.push(onOver)
  }

  protected tellOver(): void {
    for (const over of this.onOver.splice(0)) over()
  }

  /** Whether it has its whole answer. */
  get isReplied(): boolean {
    return this.replied !== undefined
  }

  /** Gives the whole answer of this request to another one as well, also when the client of this one has left. */
  share(other: Exchange, take: (reply: Reply) => void): void {
    const others = this.others ??= new Map()
    others.set(other, take)
    other.whenLeft(() => {
      others.delete(other)
      this.tellLeft()
    })
  }

  /** Waits no longer for the answer of another exchange. */
  shareNoMore(): void {
    this.onLeft?.()
    this.onLeft = undefined
  }

  /** Sends a whole answer. */
  reply(reply: Reply): void {
    this.replied = reply
    if (this.others !== undefined) { for (const take of this.others.values()) take(reply) }
    if (!this.isOpen) return
    const { body, headers, status } = reply
    this.noteOverhead()
    const head: Head = { ...headers }
    this.addOwn(head)
    const size = Buffer.byteLength(body)
    head["content-length"] = size
    this.sendWhole(status, head, body, size)
  }

  /** Begins an answer that is sent piece by piece. The head goes out with the first piece, in one step. */
  beginStream(headers: Readonly<Record<string, string>>): void {
    if (!this.isOpen) return
    const head: Head = { ...headers }
    this.addOwn(head)
    head["content-type"] = "text/event-stream; charset=utf-8"
    head["cache-control"] = "no-cache, no-transform"
    head["x-accel-buffering"] = "no"
    this.sendHead(head)
  }

  /** Sends a piece, and waits while the client takes nothing: as long as that, then it is cut off. */
  write(piece: string, longest: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => this.writes(piece) ? Effect.void : this.readBy(longest))
  }

  private addOwn(headers: Head): void {
    headers["x-request-id"] = this.id
    const upstreamId = this.answeredBy === undefined ? undefined : this.upstream?.idOf(this.answeredBy)
    if (upstreamId !== undefined) headers["x-upstream-request-id"] = upstreamId
    headers["openai-processing-ms"] = String(Math.max(1, Math.round(this.age)))
    if (this.ownMillis !== undefined) headers[overheadHeader] = overheadOf(this.ownMillis)
  }

  /** What is told of the part of the time until the answer in which no call to a provider ran. */
  get overhead(): Readonly<Record<string, string>> {
    return this.ownMillis === undefined ? {} : { [overheadHeader]: overheadOf(this.ownMillis) }
  }

  /** The same in milliseconds; undefined where no provider can be asked, or there is no answer yet. */
  get overheadMillis(): number | undefined {
    return this.ownMillis
  }

  /** Milliseconds until the answer, or the first content of a stream, or the refusal; until now where there is none. */
  get wait(): number {
    return this.waitMillis ?? this.age
  }

  private noteOverhead(): void {
    this.waitMillis ??= this.age
    if (this.upstream !== undefined) this.ownMillis ??= Math.max(0, this.age - this.upstream.millis)
  }
}

const overheadHeader = "x-switchgear-overhead-ms"

/** With two digits, one by one: `toFixed` takes ten times as long. */
const overheadOf = (millis: number): string => {
  const hundredths = Math.round(millis * 100)
  const last = hundredths % 100
  return `${(hundredths - last) / 100}.${last < 10 ? "0" : ""}${last}`
}

/** What logs say of a client that did not wait: no client sees it. */
export const clientLeft = 499
