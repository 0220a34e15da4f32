/** A request and its answer on a connection of Node. */
import type { Socket } from "node:net"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constVoid } from "effect/Function"
import { Chunk, longestPiece } from "./chunk.ts"
import { clientLeft, Exchange, type Head } from "./exchange.ts"
import { onceQuiet } from "./onceQuiet.ts"
import type { Reply } from "./refusals.ts"
import { sendAtEndOfTurn, type Sender } from "./turn.ts"

export class ConnectionExchange extends Exchange implements Sender {
  declare readonly request: IncomingMessage
  private readonly response: ServerResponse
  private readonly longestPause: number
  /** What is still to be sent of a whole answer. */
  private last: string | undefined
  private encoding: BufferEncoding = "utf8"
  /** The connection, while what is written to it is kept for the end of this turn. */
  private held: Socket | undefined
  /** What is still to be sent of an answer of which a part is on its way; undefined while there is none. */
  private chunk: Chunk | undefined
  private isHeadOut = false
  private isWaiting = false
  private isAmidBody = false

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
    super(request, id, now)
    this.response = response
    this.longestPause = longestPause
    response.on("error", constVoid)
    // One listener for all: each costs a request as much as what it does.
    const close = () => {
      // One that was refused amid its body has its answer, whatever it still sends.
      if (!response.writableFinished && !this.isAmidBody) this.leave()
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

  get address(): string {
    return this.request.socket.remoteAddress ?? ""
  }

  get isHeadSent(): boolean {
    return this.response.headersSent
  }

  get status(): number {
    return this.response.headersSent ? this.response.statusCode : clientLeft
  }

  protected get isOpen(): boolean {
    return !this.response.headersSent && !this.response.destroyed
  }

  setHeader(name: string, value: string): void {
    this.response.setHeader(name, value)
  }

  goOn(): void {
    const { request: { headers: { expect }, httpVersion }, response } = this
    if (expect !== undefined && httpVersion === "1.1" && toGoOn.test(expect)) response.writeContinue()
  }

  protected sendWhole(status: number, head: Head, body: string, size: number): void {
    this.response.writeHead(status, head)
    this.last = this.request.method === "HEAD" ? "" : body
    // The same bytes, and sooner written.
    if (size === body.length) this.encoding = "latin1"
    this.sendLater()
  }

  /** The connection is closed once no more of the body comes. */
  replyAmidBody(reply: Reply): void {
    this.isAmidBody = true
    this.reply(reply)
  }

  protected sendHead(head: Head): void {
    this.response.writeHead(200, head)
  }

  flushHead(): void {
    this.isHeadOut = true
    this.response.flushHeaders()
  }

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

  cut(): void {
    this.response.destroy()
  }
}

/** As Node finds it. */
const toGoOn = /(?:^|\W)100-continue(?:$|\W)/i
