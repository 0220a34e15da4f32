/**
 * The text of a response, up to a limit, so that an endpoint without end cannot fill the memory.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { parseJson } from "../chatError/parseJson.ts"
import type { Headers } from "./transport.ts"

interface BodyText {
  readonly text: string
  /** Whether all of the body is in the text. */
  readonly whole: boolean
}

export const readBody = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
): Effect.Effect<BodyText, HttpClientError.HttpClientError> =>
  saysItFits(response.headers, limit)
    ? Effect.map(response.text, (text) => ({ text, whole: true }))
    : readPieces(response, limit)

/**
 * As much of an explanation as comes within a time and a limit, whatever ends it. A body that is not at its end by then
 * is closed, and its connection with it.
 */
export const readExplanation = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number,
  time: Duration.Duration
): Effect.Effect<string> =>
  Effect.suspend(() => {
    const pieces = new Pieces(limit)
    return takeAll(response, pieces).pipe(
      Effect.timeoutOption(time),
      Effect.ignore,
      Effect.map(() => pieces.text)
    )
  })

export const isWholeJson = (text: string): boolean => /^\s*[{[]/.test(text) && Result.isSuccess(parseJson(text))

/** A length that is told can be believed, unless what is packed into it is more. */
export const saysItFits = (headers: Headers, limit: number): boolean =>
  headers["content-length"] !== undefined && headers["content-encoding"] === undefined &&
  Number(headers["content-length"]) <= limit

const readPieces = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
): Effect.Effect<BodyText, HttpClientError.HttpClientError> =>
  Effect.suspend(() => {
    const pieces = new Pieces(limit)
    return Effect.matchEffect(takeAll(response, pieces), {
      onSuccess: () => Effect.succeed({ text: pieces.text, whole: pieces.fit }),
      // Where no length is told, an answer ends with its connection, however that ends: JSON says itself that it is whole.
      onFailure: (error) => {
        const { text } = pieces
        return isWholeJson(text) ? Effect.succeed({ text, whole: pieces.fit }) : Effect.fail(error)
      }
    })
  })

/** Takes in pieces until there are no more, or there are too many. */
const takeAll = (
  response: HttpClientResponse.HttpClientResponse,
  pieces: Pieces
): Effect.Effect<void, HttpClientError.HttpClientError> =>
  response.stream.pipe(
    Stream.runForEachWhile((bytes: Uint8Array) => Effect.sync(() => pieces.take(bytes))),
    Effect.catchReason("HttpClientError", "EmptyBodyError", () => Effect.void)
  )

class Pieces {
  private readonly decoder = new TextDecoder()
  private readonly limit: number
  private begin = ""
  private size = 0

  constructor(limit: number) {
    this.limit = limit
  }

  /** Whether there is room for more. */
  take(bytes: Uint8Array): boolean {
    this.size += bytes.length
    this.begin += this.decoder.decode(bytes, { stream: true })
    return this.fit
  }

  get fit(): boolean {
    return this.size <= this.limit
  }

  /** The text, to be asked for once. */
  get text(): string {
    return this.begin + this.decoder.decode()
  }
}
