/** Chaos for the body of a response that was received: cut, slow, or with other bytes. */
import * as Effect from "effect/Effect"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { OptionsOf } from "../../internal/config/checks.ts"
import { type Change, change } from "./injection.ts"

type Response = HttpClientResponse.HttpClientResponse

/**
 * Around an HTTP client: breaks the connection in the middle of the body, after this many bytes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const cutBody = (bytes: number): Change<Response> => {
  new OptionsOf("Chaos.cutBody").integer("bytes", bytes, 0)
  return ofBody((body) =>
    Stream.suspend(() => {
      let left = bytes
      return body.pipe(
        Stream.map((chunk) => {
          const kept = chunk.subarray(0, left)
          left -= kept.length
          return { kept, isLast: kept.length < chunk.length || left === 0 }
        }),
        Stream.takeUntil(({ isLast }) => isLast),
        Stream.map(({ kept }) => kept),
        Stream.concat(Stream.fail(Object.assign(new Error("Chaos cut the body"), { code: "UND_ERR_SOCKET" })))
      )
    })
  )
}

/**
 * Around an HTTP client: the body arrives at this many bytes per second.
 *
 * @since 0.1.0
 * @category constructors
 */
export const bandwidth = (bytesPerSecond: number): Change<Response> => {
  new OptionsOf("Chaos.bandwidth").supply("bytesPerSecond", bytesPerSecond)
  return ofBody(Stream.tap((chunk) => Effect.sleep(chunk.length / bytesPerSecond * 1000)))
}

/**
 * Around an HTTP client: flips a bit of every n-th byte of the body.
 *
 * @since 0.1.0
 * @category constructors
 */
export const corruptBody = (every: number): Change<Response> => {
  new OptionsOf("Chaos.corruptBody").integer("every", every, 1)
  return ofBody((body) =>
    Stream.suspend(() => {
      let read = 0
      return Stream.map(body, (chunk) => chunk.map((byte) => ++read % every === 0 ? byte ^ 1 : byte))
    })
  )
}

const ofBody = (
  changed: (body: Stream.Stream<Uint8Array, unknown>) => Stream.Stream<Uint8Array, unknown>
): Change<Response> =>
  change((response: Response) =>
    HttpServerResponse.toClientResponse(
      HttpServerResponse.stream(changed(response.stream), { status: response.status, headers: response.headers }),
      { request: response.request }
    )
  )
