/**
 * A request of the process itself and its answer, without a connection between: the answer is a `Response`, whose body takes
 * in as much as a connection would.
 *
 * What has been given to the body is the reader's: then the exchange is over, and holds nothing.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { clientLeft, Exchange, type Head } from "../server/exchange.ts"
import type { Reply } from "../server/refusals.ts"
import { Body } from "./body.ts"
import type { ProcessIncoming } from "./incoming.ts"

/** What becomes of a call of `fetch`. */
export interface Answered {
  readonly respond: (response: Response) => void
  readonly fail: (error: unknown) => void
}

export class ProcessExchange extends Exchange {
  declare readonly request: ProcessIncoming
  private readonly answer: Answered
  private readonly head = new Headers()
  private sent: number | undefined
  private body: Body | undefined
  private isOver = false

  constructor(request: ProcessIncoming, id: string, now: () => number, answer: Answered) {
    super(request, id, now)
    this.answer = answer
  }

  /** All requests of the process are from one place. */
  get address(): string {
    return ""
  }

  get isHeadSent(): boolean {
    return this.sent !== undefined
  }

  get status(): number {
    return this.sent ?? clientLeft
  }

  protected get isOpen(): boolean {
    return this.sent === undefined && !this.isOver
  }

  setHeader(name: string, value: string): void {
    this.head.set(name, value)
  }

  protected sendWhole(status: number, head: Head, body: string): void {
    this.writeHead(status, head)
    const isBare = this.request.method === "HEAD"
    const { answer } = this
    this.finish()
    answer.respond(new Response(isBare ? null : body === "" ? nothing : body, { status, headers: this.head }))
  }

  protected sendHead(head: Head): void {
    this.writeHead(200, head)
  }

  private writeHead(status: number, head: Head): void {
    this.sent = status
    for (const name of Object.keys(head)) if (name !== "connection") this.head.set(name, String(head[name]))
  }

  goOn(): void {}

  replyAmidBody(reply: Reply): void {
    this.reply(reply)
  }

  flushHead(): void {
    if (this.body !== undefined || this.isOver) return
    const body = this.body = new Body(() => this.abandon())
    this.answer.respond(new Response(body.stream, { status: this.sent!, headers: this.head }))
  }

  writes(piece: string | Uint8Array): boolean {
    if (this.isOver) return true
    this.flushHead()
    return this.body!.add(piece)
  }

  readBy(longest: Duration.Duration): Effect.Effect<void> {
    const { body } = this
    if (body === undefined || this.isOver) return Effect.void
    return Effect.flatMap(
      Effect.timeoutOption(body.taken, longest),
      (taken) => taken._tag === "Some" ? Effect.void : Effect.sync(() => this.cut())
    )
  }

  end(piece = ""): void {
    if (this.isOver) return
    this.writes(piece)
    this.body!.end()
    this.finish()
  }

  cut(): void {
    this.fail(new TypeError(this.body === undefined ? "fetch failed" : "terminated"))
  }

  /** The call is ended: its caller is told this. */
  fail(error: unknown): void {
    if (this.isOver) return
    if (this.body === undefined) this.answer.fail(error)
    else this.body.fail(error)
    this.abandon()
  }

  /** Nobody wants the answer any more. */
  private abandon(): void {
    if (this.isOver) return
    this.isOver = true
    this.hasLeft = true
    // Not now: this may be the fiber that answers, which is interrupted by it.
    queueMicrotask(() => {
      this.leave()
      this.finish()
    })
  }

  private finish(): void {
    this.isOver = true
    this.request.close()
    this.tellOver()
  }
}

const nothing = new Uint8Array(0)
