/** The body of a good response, piece by piece: what it says of the call, and when it is the caller's. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import type { StreamTimeouts } from "../chatClient/streamTimeouts.ts"
import * as TransportFailure from "../chatClient/transportFailure.ts"
import type * as ChatStream from "../ChatStream.ts"
import type * as Source from "../chatStream/source.ts"
import type { Attempting } from "./attempting.ts"
import type { Exchange, Read } from "./exchange.ts"
import { Failure } from "./failure.ts"
import type { Piece } from "./guardedCall.ts"
import type { Judge } from "./judge.ts"
import { errorOf } from "./refusal.ts"
import { waiting } from "./waiting.ts"

/** A part of a response. */
export interface BytesPiece extends Piece {
  /** Undefined for the head alone. */
  readonly bytes: Uint8Array | undefined
}

type Pieces = Pull.Pull<NonEmptyReadonlyArray<BytesPiece>, Failure>

interface Opened {
  readonly call: Attempting
  readonly exchange: Exchange
  readonly response: Response
  readonly timeouts: StreamTimeouts
  /** Undefined where only bytes are known: then the response is the caller's with its head. */
  readonly judge: Judge | undefined
  readonly head: ChatStream.Head
}

export const sourceOf = (opened: Opened): Source.Source<BytesPiece, Failure> => ({
  pull: new Reading(opened).pull,
  tell: undefined
})

class Reading {
  private readonly opened: Opened
  /** What came before it was decided whose the response is. */
  private held: Array<Uint8Array> | undefined = []
  private hasBegun = false
  /** What comes after the last piece. */
  private last: Pieces | undefined

  constructor(opened: Opened) {
    this.opened = opened
  }

  readonly pull: Pieces = Effect.withFiber((fiber) => {
    if (this.last !== undefined) return this.last
    const { exchange, judge, timeouts } = this.opened
    if (!this.hasBegun) {
      this.hasBegun = true
      if (!exchange.isOpen) return this.end(Cause.done(), { bytes: undefined, isContent: true })
      if (judge === undefined) {
        this.held = undefined
        return Effect.succeed([{ bytes: undefined, isContent: true }])
      }
    }
    timeouts.heldBy(fiber)
    // Without events no piece is more than another: each may be silent for as long before it.
    if (judge?.of !== "events") timeouts.contentReceived()
    return Effect.flatMap(
      waiting(timeouts, () => exchange.read(), (error) => this.broken(error)),
      (read) => this.received(read)
    )
  })

  private received({ done, value }: Read): Pieces {
    const { call, exchange, judge, timeouts } = this.opened
    exchange.taken()
    if (done) return this.ended()
    const bytes = value!
    if (judge === undefined) return Effect.succeed([{ bytes, isContent: true }])
    const isContent = judge.push(bytes)
    this.held?.push(bytes)
    if (isContent) {
      timeouts.contentReceived()
      this.held = undefined
    }
    const progress = judge.progress()
    if (progress === "more") return Effect.succeed([{ bytes, isContent }])
    exchange.takeOver()
    call.taken = exchange
    // What is behind the good end is passed on, but the call has ended.
    if (progress === "whole") return this.end(Cause.done(), { bytes, isContent: true })
    return this.held === undefined
      ? this.end(Effect.fail(new Failure(progress, { goesOn: true })), { bytes, isContent })
      : Effect.fail(this.answered(progress, undefined))
  }

  private ended(): Pieces {
    const { judge } = this.opened
    judge?.end()
    const progress = judge?.progress() ?? "whole"
    if (progress === "whole" || progress === "more") return Cause.done()
    // Where an end was told, nothing is missing to the caller, whatever the answer is worth.
    const isMissing = judge?.hasEnd() === false
    if (this.held === undefined) return Effect.fail(new Failure(progress, { goesOn: !isMissing }))
    return Effect.fail(this.answered(progress, isMissing ? { error: errorOf(progress) } : "ended"))
  }

  /** The body was lost. */
  private broken(error: unknown): Failure {
    const lost = TransportFailure.inBody(this.opened.head, this.opened.head.status, error)
    return this.held === undefined ? new Failure(lost, { thrown: { error } }) : this.answered(lost, { error })
  }

  private answered(error: Failure["error"], end: { readonly error: unknown } | "ended" | undefined): Failure {
    const { call: { asked }, exchange, response } = this.opened
    return new Failure(error, {
      isRepeatable: asked.isRepeatable,
      answered: { response, pieces: this.held ?? [], end, exchange }
    })
  }

  private end(last: Pieces, piece: BytesPiece): Pieces {
    this.last = last
    return Effect.succeed([piece])
  }
}
