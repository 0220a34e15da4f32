/**
 * One request and its answer on a connection: what has been sent of it, and whether the client is still there.
 *
 * Invariants. A head is sent once. Nothing is sent after the end. `left` is told once, when the client closes the connection
 * before the end of its answer.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Reply } from "./refusals.ts"

export class Exchange {
  readonly request: IncomingMessage
  readonly id: string
  private readonly response: ServerResponse
  private readonly now: () => number
  private readonly begun: number
  /** Whether the client has closed the connection before the end of its answer. */
  hasLeft = false
  private onLeft: (() => void) | undefined
  private onAnswered: (() => void) | undefined

  /** `now` tells milliseconds. */
  constructor(request: IncomingMessage, response: ServerResponse, id: string, now: () => number) {
    this.request = request
    this.response = response
    this.id = id
    this.now = now
    this.begun = now()
    response.on("error", () => {})
    response.on("close", () => {
      if (response.writableFinished) return
      this.hasLeft = true
      this.onLeft?.()
    })
  }

  get isHeadSent(): boolean {
    return this.response.headersSent
  }

  /** The status that was sent; 499 where the client left before. */
  get status(): number {
    return this.response.headersSent ? this.response.statusCode : clientLeft
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
    this.onAnswered?.()
    this.onAnswered = undefined
  }

  /** Calls when the client leaves, or at once if it has left. */
  whenLeft(onLeft: () => void): void {
    this.onLeft = onLeft
    if (this.hasLeft) onLeft()
  }

  /** Calls when nothing more will be sent. */
  whenOver(onOver: () => void): void {
    this.response.once("close", onOver)
  }

  /** Sends a whole answer. */
  reply({ body, headers, status }: Reply): void {
    if (this.response.headersSent || this.response.destroyed) return
    const bytes = Buffer.from(body)
    this.response.writeHead(status, {
      ...headers,
      ...this.ownHeaders(),
      "content-length": bytes.length
    })
    this.response.end(this.request.method === "HEAD" ? undefined : bytes)
  }

  /** Begins an answer that is sent piece by piece. */
  beginStream(headers: Readonly<Record<string, string>>): void {
    if (this.response.headersSent || this.response.destroyed) return
    this.response.writeHead(200, {
      ...headers,
      ...this.ownHeaders(),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no"
    })
    this.response.flushHeaders()
  }

  /** Sends a piece, and waits while the client takes nothing: as long as that, then the connection is closed. */
  write(piece: string, longest: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.hasLeft || this.response.write(piece)) return Effect.void
      return Effect.timeoutOrElse(this.drained, {
        duration: longest,
        orElse: () => {
          this.cut()
          return Effect.interrupt
        }
      })
    })
  }

  end(piece = ""): void {
    if (!this.response.destroyed) this.response.end(piece)
  }

  /** Closes the connection at once: the client sees that the answer is not whole. */
  cut(): void {
    this.response.destroy()
  }

  private readonly drained: Effect.Effect<void> = Effect.callback((resume) => {
    const go = () => resume(Effect.void)
    this.response.once("drain", go)
    this.response.once("close", go)
    return Effect.sync(() => {
      this.response.removeListener("drain", go)
      this.response.removeListener("close", go)
    })
  })

  private ownHeaders(): Readonly<Record<string, string>> {
    return {
      "x-request-id": this.id,
      "openai-processing-ms": String(Math.max(1, Math.round(this.age)))
    }
  }
}

/** What logs say of a client that did not wait: no client sees it. */
const clientLeft = 499
