/** Reads the body of a request, up to a limit, and keeps account of what all bodies together take. */
import type { IncomingMessage } from "node:http"

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

/** Answers once. The bytes of a whole body stay taken: the caller gives them back when the request has been answered. */
export const readBody = (
  request: IncomingMessage,
  limit: number,
  budget: Budget,
  answer: (body: Body) => void
): void => {
  const told = Number(request.headers["content-length"])
  if (told > limit) return answer({ _tag: "TooLarge" })
  const pieces: Array<Buffer> = []
  let bytes = 0
  const end = (body: Body) => {
    request.removeListener("data", data)
    request.removeListener("end", whole)
    request.removeListener("error", broken)
    request.removeListener("close", broken)
    if (body._tag !== "Whole") budget.giveBack(bytes)
    answer(body)
  }
  const data = (piece: Buffer) => {
    if (bytes + piece.length > limit) return end({ _tag: "TooLarge" })
    if (!budget.take(piece.length)) return end({ _tag: "Overloaded" })
    bytes += piece.length
    pieces.push(piece)
  }
  const whole = () =>
    end({ _tag: "Whole", text: (pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)).toString("utf8"), bytes })
  const broken = () => end({ _tag: "Broken" })
  request.on("data", data)
  request.on("end", whole)
  request.on("error", broken)
  request.on("close", broken)
}
