/**
 * The text of a response, up to a limit, so that an endpoint without end cannot fill the memory.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"
import { Bytes } from "./bytes.ts"
import { isUnpacking } from "./transportFailure.ts"
import * as WholeBody from "./wholeBody.ts"

interface BodyText {
  readonly text: string
  /** Whether all of the body is in the text. */
  readonly whole: boolean
}

/**
 * The text of a body that has ended, or that is an answer without its end when no more came for `quiet` milliseconds.
 * The connection of one that has not ended is closed.
 */
export const readBody = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number,
  quiet: number
): Effect.Effect<BodyText, HttpClientError.HttpClientError> =>
  Effect.withFiber((fiber) => {
    const pieces = new Pieces(limit)
    const isQuiet = Effect.callback<void>((resume) => {
      pieces.watch = WholeBody.watch(fiber, quiet, () => pieces.text, () => resume(Effect.void))
      return Effect.sync(pieces.watch.stop)
    })
    return Effect.matchEffect(Effect.raceFirst(isQuiet, takeAll(response, pieces)), {
      onSuccess: () => Effect.succeed({ text: pieces.text, whole: pieces.fit }),
      // An answer says itself that it is whole, however its connection ends, and whatever length it told.
      onFailure: (error) => {
        const { text } = pieces
        return !isUnpacking(error.reason) && WholeBody.isWhole(text)
          ? Effect.succeed({ text, whole: pieces.fit })
          : Effect.fail(error)
      }
    })
  })

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
  watch: WholeBody.Watch | undefined
  private readonly bytes = new Bytes()
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  /** Whether there is room for more. */
  take(bytes: Uint8Array): boolean {
    this.bytes.take(bytes)
    this.watch?.heard()
    return this.fit
  }

  get fit(): boolean {
    return this.bytes.size <= this.limit
  }

  /** Of what came up to now. */
  get text(): string {
    return new TextDecoder().decode(this.bytes.all)
  }
}
