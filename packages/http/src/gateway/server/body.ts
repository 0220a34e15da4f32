/** Reads the body of a request, up to a limit, and keeps account of what all bodies together take. */
import { constVoid } from "effect/Function"
import type { Exchange } from "./exchange.ts"

/** What bodies may take up. */
export interface Budget {
  readonly take: (bytes: number) => boolean
  readonly giveBack: (bytes: number) => void
}

/** Bytes of bodies that are held at this moment. */
export class BodyBudget implements Budget {
  private held = 0
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  take(bytes: number): boolean {
    if (this.held + bytes > this.limit) return false
    this.held += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.held -= bytes
  }
}

export type Body =
  | { readonly _tag: "Whole"; readonly text: string; readonly bytes: number }
  | { readonly _tag: "TooLarge" }
  | { readonly _tag: "Overloaded" }
  /** The client has left. */
  | { readonly _tag: "Broken" }
  /** The rest of it was not waited for. */
  | { readonly _tag: "Late" }

/**
 * Answers once. The bytes of a whole body stay taken: the caller gives them back when the request has been answered. Gives what
 * ends the reading of one that is not there yet.
 */
export const readBody = (
  exchange: Exchange,
  limit: number,
  budget: Budget,
  answer: (body: Body) => void
): () => void => {
  const { request } = exchange
  const told = Number(request.headers["content-length"])
  if (told > limit) {
    answer({ _tag: "TooLarge" })
    return constVoid
  }
  exchange.goOn()
  // Most bodies come in one piece, for which no list is made.
  let first: Buffer | undefined
  let more: Array<Buffer> | undefined
  let bytes = 0
  let isAnswered = false
  // The listeners stay: to remove them costs more than what comes after the answer, which is let pass.
  const end = (body: Body) => {
    if (isAnswered) return
    isAnswered = true
    first = more = undefined
    if (body._tag !== "Whole") budget.giveBack(bytes)
    answer(body)
  }
  request.on("data", (piece: Buffer) => {
    if (isAnswered) return
    if (bytes + piece.length > limit) return end({ _tag: "TooLarge" })
    if (!budget.take(piece.length)) return end({ _tag: "Overloaded" })
    bytes += piece.length
    if (first === undefined) first = piece
    else if (more === undefined) more = [first, piece]
    else more.push(piece)
  })
  request.on("end", () => {
    if (isAnswered) return
    const whole = more === undefined ? first : Buffer.concat(more)
    end({ _tag: "Whole", text: whole === undefined ? "" : whole.toString("utf8"), bytes })
  })
  // Without a listener for its error, a request that broke off tells no more than that it was closed.
  request.on("close", () => end({ _tag: "Broken" }))
  return () => end({ _tag: "Late" })
}
