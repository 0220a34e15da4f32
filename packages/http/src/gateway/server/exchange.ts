/**
 * One request and its answer on a connection: what has been sent of it, and whether the client is still there.
 *
 * Invariants. A head is sent once. Nothing is sent after the end. That a client has left is told once, when it and all that
 * share its answer have closed their connections before the end of it.
 */
import type { Socket } from "node:net"
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import { degradationHeader } from "./answerHeaders.ts"
import { Chunk, longestPiece } from "./chunk.ts"
import { onceQuiet } from "./onceQuiet.ts"
import type { Reply } from "./refusals.ts"
import { sendAtEndOfTurn, type Sender } from "./turn.ts"
import type { Upstream } from "./upstream.ts"

export class Exchange implements Sender {
  readonly request: IncomingMessage
  readonly id: string
  private readonly response: ServerResponse
  private readonly now: () => number
  private readonly longestPause: number
  private readonly begun: number
  /** Whether the client has closed the connection before the end of its answer. */
  hasLeft = false
  /** Whether the answer has failed after its head was sent, and its client was there to be told. */
  hasFailedInBand = false
  private onLeft: (() => void) | undefined
  private onAnswered: (() => void) | undefined
  /** Called in their order when nothing more will be sent. */
  private readonly onOver: Array<() => void> = []
  /** Those that get the same answer and have not left. */
  /** Who else gets the answer, and what is done with it then. */
  private others: Map<Exchange, (reply: Reply) => void> | undefined
  private replied: Reply | undefined
  /** What is still to be sent of a whole answer. */
  private last: string | undefined
  private encoding: BufferEncoding = "utf8"
  /** The connection, while what is written to it is kept for the end of this turn. */
  private held: Socket | undefined
  /** What is still to be sent of an answer of which a part is on its way; undefined while there is none. */
  private chunk: Chunk | undefined
  private isHeadOut = false
  /** Whether there has been an answer: of a stream, its first content. */
  isAnswered = false
  private isWaiting = false
  private isAmidBody = false
  /** The calls to providers for the answer; undefined where none can be asked. */
  upstream: Pick<Upstream, "idOf" | "millis" | "possiblyBilledAttempts"> | undefined
  private ownMillis: number | undefined
  private waitMillis: number | undefined
  /** What the answer tells of itself, once that is known. */
  told: Readonly<Record<string, string>> = {}
  private answeredBy: string | undefined
  /** Of the trace that it is part of; undefined where none is told of it. */
  traceId: string | undefined

  /**
   * `now` tells milliseconds. A client that takes nothing of an answer that is there for it is cut off after `longestPause`
   * of them.
   */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    id: string,
    now: () => number,
    longestPause = 30_000
  ) {
    this.request = request
    this.response = response
    this.id = id
    this.now = now
    this.longestPause = longestPause
    this.begun = now()
    response.on("error", constVoid)
    // One listener for all: each costs a request as much as what it does.
    const close = () => {
      // One that was refused amid its body has its answer, whatever it still sends.
      if (!response.writableFinished && !this.isAmidBody) {
        this.hasLeft = true
        this.tellLeft()
      }
      this.tellOver()
    }
    response.on("close", close)
    if (response.socket === null) this.watchConnection(close)
  }

  /** While an earlier answer is on the connection, Node 22 does not tell this one that it is closed. */
  private watchConnection(close: () => void): void {
    const { request: { socket }, response } = this
    // There is one for each answer that waits, and there are no more of them than requests may be in flight.
    socket.setMaxListeners(0)
    socket.once("close", close)
    response.once("socket", () => socket.removeListener("close", close))
  }

  get isHeadSent(): boolean {
    return this.response.headersSent
  }

  /** The status that was sent; 499 where the client left before. */
  get status(): number {
    return this.response.headersSent ? this.response.statusCode : clientLeft
  }

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

  /** Tells a client that waits for that to send its body. One that is refused is not told, and sends nothing. */
  goOn(): void {
    const { request: { headers: { expect }, httpVersion }, response } = this
    if (expect !== undefined && httpVersion === "1.1" && toGoOn.test(expect)) response.writeContinue()
  }

  /** Calls when the client leaves, or at once if it has left. */
  whenLeft(onLeft: () => void): void {
    this.onLeft = onLeft
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

  private tellOver(): void {
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
    const { body, headers, status } = reply
    const { response } = this
    if (response.headersSent || response.destroyed) return
    this.noteOverhead()
    const all: OutgoingHttpHeaders = { ...headers }
    this.addOwn(all)
    const size = Buffer.byteLength(body)
    all["content-length"] = size
    response.writeHead(status, all)
    this.last = this.request.method === "HEAD" ? "" : body
    // The same bytes, and sooner written.
    if (size === body.length) this.encoding = "latin1"
    this.sendLater()
  }

  /** The same while the body of the request is still coming: the connection is closed once no more of it comes. */
  replyAmidBody(reply: Reply): void {
    this.isAmidBody = true
    this.reply(reply)
  }

  /** Begins an answer that is sent piece by piece. The head goes out with the first piece, in one step. */
  beginStream(headers: Readonly<Record<string, string>>): void {
    if (this.response.headersSent || this.response.destroyed) return
    const all: OutgoingHttpHeaders = { ...headers }
    this.addOwn(all)
    all["content-type"] = "text/event-stream; charset=utf-8"
    all["cache-control"] = "no-cache, no-transform"
    all["x-accel-buffering"] = "no"
    this.response.writeHead(200, all)
  }

  /** Sends a head for which there is no piece yet. */
  flushHead(): void {
    this.isHeadOut = true
    this.response.flushHeaders()
  }

  /** Sends a piece, and waits while the client takes nothing: as long as that, then the connection is closed. */
  write(piece: string, longest: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => this.writes(piece) ? Effect.void : this.readBy(longest))
  }

  /** Sends a piece. Whether another one may follow at once. */
  writes(piece: string | Uint8Array): boolean {
    if (this.hasLeft) return true
    const chunk = this.chunk ??= this.begin()
    if (chunk !== undefined && piece.length <= longestPiece) {
      this.sendLater()
      return chunk.add(piece)
    }
    this.hold()
    chunk?.send()
    return this.response.write(piece)
  }

  /** What takes the pieces of the answer, where Node itself need not. */
  private begin(): Chunk | undefined {
    const { response } = this
    // Alone, and not with a piece: Node keeps it for as long as the answer lasts, and what is written by itself takes less.
    if (!this.isHeadOut) {
      this.hold()
      this.flushHead()
    }
    // Old clients get no chunks, and Node keeps what is written while an earlier answer is on the connection.
    return response.chunkedEncoding && response.socket !== null ? new Chunk(response) : undefined
  }

  /** What is written from now on is sent at the end of this turn, in one step. */
  private hold(): void {
    const { socket } = this.response
    if (socket === null || this.held !== undefined) return
    socket.cork()
    this.held = socket
    this.sendLater()
  }

  private sendLater(): void {
    if (this.isWaiting) return
    this.isWaiting = true
    sendAtEndOfTurn(this)
  }

  /** Sends what was kept for the end of this turn. */
  send(): void {
    const { chunk, held, last, response } = this
    this.held = this.last = undefined
    this.isWaiting = false
    if (last !== undefined && !response.destroyed) {
      if (this.isAmidBody && last !== "") this.sendAmidBody(last)
      else response.end(last, this.encoding)
    }
    chunk?.send()
    held?.uncork()
    if (response.writableEnded) this.watchReader()
  }

  /** Sends all of an answer, and its end when no more of the request comes: Node closes the connection with it. */
  private sendAmidBody(last: string): void {
    const { request, response } = this
    response.write(last, this.encoding)
    // What still comes is let pass: it takes no place of another request, and no stop waits for it.
    this.tellOver()
    onceQuiet(request, response, () => response.end())
  }

  /** Waits while the client takes nothing: as long as that, then the connection is closed. */
  readBy(longest: Duration.Duration): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const { chunk, response } = this
      const { socket } = response
      chunk?.send()
      // It may have been since it was written to.
      if (!response.writableNeedDrain && socket?.writableNeedDrain !== true) return resume(Effect.void)
      const endWatch = this.closeUnlessRead(Duration.toMillis(longest))
      let isOver = false
      const end = () => {
        // The connection tells the response first: what follows may be another wait already.
        if (isOver) return
        isOver = true
        endWatch()
        response.removeListener("drain", go)
        response.removeListener("close", go)
        socket?.removeListener("drain", go)
      }
      const go = () => {
        end()
        resume(Effect.void)
      }
      response.on("drain", go)
      response.on("close", go)
      socket?.on("drain", go)
      return Effect.sync(end)
    })
  }

  end(piece = ""): void {
    const { chunk, response } = this
    if (response.destroyed) return
    this.hold()
    if (chunk === undefined) response.end(piece)
    else {
      chunk.add(piece)
      chunk.send()
      response.end()
    }
  }

  /** All is sent: what the client has not taken of it is kept, and so is the place of the request. */
  private watchReader(): void {
    const { response } = this
    if (response.writableLength === 0) return
    // Before Node gives the connection to the next answer, which may take its time.
    response.prependOnceListener("finish", this.closeUnlessRead(this.longestPause))
  }

  /**
   * Closes the connection once its client has taken nothing for so long, in milliseconds, of what is there for it. While an
   * earlier answer is on the connection, nothing is. Gives what ends that.
   */
  private closeUnlessRead(millis: number): () => void {
    const { response } = this
    // Node closes a connection on which nothing moves for that time, also amid a large piece.
    const watch = () => void response.socket?.setTimeout(millis)
    if (response.socket !== null) watch()
    else response.once("socket", watch)
    return () => {
      response.removeListener("socket", watch)
      response.socket?.setTimeout(0)
    }
  }

  /** Closes the connection at once: the client sees that the answer is not whole. */
  cut(): void {
    this.response.destroy()
  }

  private addOwn(headers: OutgoingHttpHeaders): void {
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

/** As Node finds it. */
const toGoOn = /(?:^|\W)100-continue(?:$|\W)/i

/** What logs say of a client that did not wait: no client sees it. */
const clientLeft = 499
