/** A response whose body cannot hang its reader: reading it whole has a deadline, and a stream of it may be silent only so long. */
import * as Deadline from "@switchgear/core/Deadline"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"

/** How long a body may take. */
export interface Bounds {
  /** What is left for reading the body whole; undefined for as long as it takes. */
  readonly left: Effect.Effect<Duration.Duration | undefined>
  /** Milliseconds between two pieces of a stream; infinity for no limit. */
  readonly idle: number
}

type Response = HttpClientResponse.HttpClientResponse

const wholeBodies = ["text", "json", "urlParamsBody", "formData", "arrayBuffer"] as const

/** The same response, with bounded bodies. Everything else is that of the response. */
export const bounded = (response: Response, bounds: Bounds): Response => {
  const own: Response = Object.create(response)
  for (const name of wholeBodies) {
    Object.defineProperty(own, name, { get: () => inTime(response, response[name] as Body<unknown>, bounds) })
  }
  return Object.defineProperty(own, "stream", { get: () => notSilent(response, response.stream, bounds) })
}

type Body<A> = Effect.Effect<A, HttpClientError.HttpClientError>

const inTime = <A>(
  response: Response,
  body: Body<A>,
  { left }: Bounds
): Body<A> =>
  Effect.flatMap(left, (left) =>
    left === undefined ? body : body.pipe(
      Deadline.within(left),
      Effect.catchTag(
        "DeadlineExceeded",
        (cause) => Effect.fail(tooSlow(response, "The body did not end within the deadline.", cause))
      )
    ))

const notSilent = (response: Response, body: Response["stream"], { idle }: Bounds): Response["stream"] =>
  idle === Infinity ? body : Stream.timeoutOrElse(body, {
    duration: idle,
    orElse: () => Stream.fail(tooSlow(response, `The body was silent for ${Duration.format(Duration.millis(idle))}.`))
  })

const tooSlow = (response: Response, description: string, cause?: unknown): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.DecodeError({ request: response.request, response, description, cause })
  })
