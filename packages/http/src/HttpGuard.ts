/**
 * Guards for any Effect `HttpClient`, in one line: a total deadline, retries of what may be sent twice, a circuit, a bulkhead
 * and a rate limit for each authority, and a time-out for each attempt. The values are those of Polly's standard resilience
 * handler.
 *
 * ```ts
 * import { HttpGuard } from "@switchgear/http"
 * import { Effect } from "effect"
 * import { HttpClient, HttpClientResponse } from "effect/http"
 *
 * let calls = 0
 * const flaky = HttpClient.make((request) =>
 *   Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("ok", { status: ++calls < 3 ? 503 : 200 })))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const client = yield* HttpGuard.standard(flaky, { retry: { baseDelay: "1 millis" } })
 *   const { status } = yield* client.get("http://rates.test/eur")
 *   return status
 * })
 *
 * await Effect.runPromise(program) // => 200
 * calls // => 3
 * ```
 *
 * **What is sent again.** An attempt that could not be sent or timed out, and one with status 408, 429 or 500 and above: of
 * GET, HEAD, OPTIONS, PUT, DELETE, TRACE and QUERY, and of any request with an `Idempotency-Key`; never one whose body is a
 * stream. A wait is as long as `Retry-After` says, or the response is returned if that is longer than `maxDelay`. After the last
 * attempt, the caller gets its response, whatever its status. The body of a response that is not returned is cancelled.
 *
 * **What counts on the circuit.** The same, but for 429: a rate limit is no fault of the server, and pauses the `rateLimiter` if
 * there is one. A request that cannot be encoded says nothing about anybody.
 *
 * **How long guards hold.** Slot and circuit until the head of a response, as in Polly and Effect's `withCircuitBreaker`. A body
 * cannot hang its reader: reading it whole has what is left of the `deadline`, and a stream of it may be silent for `idleTimeout`;
 * then it fails with an `HttpClientError`.
 *
 * **What travels along.** `x-switchgear-timeout`, see `Deadline.toHeader`, and `x-attempts-left`: how many further attempts the
 * server, and all behind it, may make. A `ServerGuard` there keeps both, and tells in its response what is left, so that
 * three services with three attempts each make three calls and not 27. With `propagate: "everything"`, priority and key of the
 * call travel as `baggage`.
 *
 * **Gotchas.** Make it once and share it: guards know only the calls that pass them. Guards are those of an authority, so that a
 * redirect which the client follows itself counts for the first one. In a browser, headers of one's own make a request to
 * another origin ask beforehand: say `propagate: "nothing"`. A body that is a stream is sent once, also as
 * `HttpBody.raw`. A redirect is given as the client gave it, without bounds on its body. Guard a client of `HttpClient.withScope`, and
 * not the other way round: a request that travels with headers of its own is another request than the scoped one.
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as Schema from "effect/Schema"
import type { ByBreaker, ByBulkhead, ByRateLimiter, ByTime, Options, Rejections } from "./httpGuard/model.ts"
import { codec, settingsInCode } from "./httpGuard/settings.ts"
import { guarding } from "./httpGuard/standard.ts"

export type { Options, Propagated, Rejections } from "./httpGuard/model.ts"

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @category options
 * @since 0.1.0
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON; functions are given in code. A wrong or unknown field is rejected by
 * name.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * The client behind guards. Their rejections are added to its errors: only of those that are there. Dies with a `RangeError`
 * that names the field when an option is out of range.
 *
 * @category constructors
 * @since 0.1.0
 */
export const standard = <E, R, const O extends Options = {}>(
  client: HttpClient.HttpClient.With<E, R>,
  options?: O
  // The errors are spelt out because the compiler would print `Rejections<…>` in their place.
): Effect.Effect<HttpClient.HttpClient.With<E | ByBreaker<O> | ByBulkhead<O> | ByRateLimiter<O> | ByTime<O>, R>> =>
  Effect.suspend(() => {
    return Effect.map(
      guarding(settingsInCode(options ?? {})),
      (guarded) =>
        HttpClient.makeWith<E, R, E | Rejections<O>, R>(
          Effect.flatMap((request) => guarded(request, (request) => client.postprocess(Effect.succeed(request)))),
          client.preprocess
        )
    )
  })

/**
 * The client behind guards with the options under a path of the configuration, such as `["rates", "guard"]`. Options that are
 * missing there are taken from `options`. Since it is not known before which guards there are, the errors of all of them are in the
 * type. An option out of range is a `ConfigError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromConfig = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  path: string | ConfigProvider.Path,
  options: Options = {}
): Effect.Effect<HttpClient.HttpClient.With<E | Rejections<Options>, R>, Config.ConfigError> =>
  Effect.flatMap(codec.config(path, options), (read) => standard(client, read))
