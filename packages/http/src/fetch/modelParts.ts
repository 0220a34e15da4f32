/** The parts of a stream of a language model: which of them say something, and which end it. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Pull from "effect/Pull"
import * as ChatError from "../ChatError.ts"
import type * as StreamTimeouts from "../chatClient/streamTimeouts.ts"
import { Failure } from "./failure.ts"
import type { Piece, Where } from "./guardedCall.ts"
import { waiting } from "./waiting.ts"

/** A part of a stream. */
export interface PartPiece extends Piece {
  readonly part: unknown
}

type Pieces = Pull.Pull<NonEmptyReadonlyArray<PartPiece>, Failure>

/** The parts of a stream, which ends well with `finish`. */
export class Parts {
  private last: Pieces | undefined
  private hasContent = false
  private readonly reader: ReadableStreamDefaultReader<unknown>
  private readonly timeouts: StreamTimeouts.StreamTimeouts
  private readonly where: Where
  private readonly lost: (error: unknown) => Failure
  private readonly ifUnsaid: "answer" | "failure"

  constructor(
    reader: ReadableStreamDefaultReader<unknown>,
    timeouts: StreamTimeouts.StreamTimeouts,
    where: Where,
    lost: (error: unknown) => Failure,
    ifUnsaid: "answer" | "failure"
  ) {
    this.reader = reader
    this.timeouts = timeouts
    this.where = where
    this.lost = lost
    this.ifUnsaid = ifUnsaid
  }

  readonly pull: Pieces = Effect.withFiber((fiber) => {
    if (this.last !== undefined) return this.last
    this.timeouts.heldBy(fiber)
    return Effect.flatMap(waiting(this.timeouts, () => this.reader.read(), this.lost), ({ done, value }) => {
      if (done) return Effect.fail(new Failure(new ChatError.Truncated(this.where)))
      const part: Readonly<Record<string, unknown>> = Predicate.isReadonlyObject(value) ? value : {}
      const { type } = part
      if (type === "error") {
        const failure = this.lost(part["error"])
        if (!this.hasContent) return Effect.fail(failure)
        this.last = Effect.fail(new Failure(failure.error, { goesOn: true }))
      } else if (type === "finish") {
        const wrong = this.wrongWith(part["finishReason"])
        if (wrong !== undefined) return Effect.fail(new Failure(wrong))
        this.last = Cause.done()
      } else if (saysSomething(part)) {
        this.hasContent = true
        this.timeouts.contentReceived()
      }
      return Effect.succeed([{ part: value, isContent: type === "finish" || this.hasContent }])
    })
  })

  private wrongWith(reason: unknown): ChatError.ChatError | undefined {
    if (isCut(reason)) return new ChatError.Truncated(this.where)
    return this.hasContent || this.ifUnsaid === "answer" ? undefined : unsaid(reason, this.where)
  }
}

/** Parts that announce, frame or accompany what is said. A part of a kind that is not known here says something. */
const silent: ReadonlySet<unknown> = new Set([
  undefined,
  "stream-start",
  "response-metadata",
  "raw",
  "ping",
  "error",
  "text-start",
  "text-end",
  "reasoning-start",
  "reasoning-end",
  "tool-input-end"
])

/** Some providers begin each stream with a piece of text that is empty. */
const saysSomething = ({ delta, type }: Readonly<Record<string, unknown>>): boolean => !silent.has(type) && delta !== ""

/** Some providers of the AI SDK end any stream with `finish`. Where the model has given no reason, it was cut. */
const isCut = (reason: unknown): boolean => {
  if (!Predicate.isReadonlyObject(reason) || reason["raw"] !== undefined) return false
  return reason["unified"] === "interrupted" || reason["unified"] === "other"
}

/** Why an answer that says nothing is none, by the reason of its end; undefined for one that has nothing to say. */
export const unsaid = (reason: unknown, where: Where): ChatError.ChatError | undefined => {
  const unified = Predicate.isReadonlyObject(reason) ? reason["unified"] : undefined
  if (unified === "content-filter") return new ChatError.ContentBlocked({ ...where, status: 200 })
  return unified === "error"
    ? new ChatError.MalformedReply({ ...where, status: 200, found: "something else" })
    : undefined
}
