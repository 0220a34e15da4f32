/**
 * The text of a response, up to a limit, so that an endpoint without end cannot fill the memory.
 */
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"

export interface BodyText {
  readonly text: string
  /** Whether all of the body is in the text. */
  readonly whole: boolean
}

export const readBody = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
): Effect.Effect<BodyText, HttpClientError.HttpClientError> =>
  saysItFits(response, limit)
    ? Effect.map(response.text, (text) => ({ text, whole: true }))
    : readPieces(response, limit)

/** A length that is told can be believed, unless what is packed into it is more. */
const saysItFits = ({ headers }: HttpClientResponse.HttpClientResponse, limit: number): boolean =>
  headers["content-length"] !== undefined && headers["content-encoding"] === undefined &&
  Number(headers["content-length"]) <= limit

const readPieces = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
): Effect.Effect<BodyText, HttpClientError.HttpClientError> =>
  Effect.suspend(() => {
    const decoder = new TextDecoder()
    let text = ""
    let size = 0
    return response.stream.pipe(
      Stream.runForEachWhile((bytes: Uint8Array) =>
        Effect.sync(() => {
          size += bytes.length
          text += decoder.decode(bytes, { stream: true })
          return size <= limit
        })
      ),
      Effect.map(() => ({ text: text + decoder.decode(), whole: size <= limit })),
      Effect.catchReason("HttpClientError", "EmptyBodyError", () => Effect.succeed({ text: "", whole: true }))
    )
  })
