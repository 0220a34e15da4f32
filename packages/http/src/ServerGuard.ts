/**
 * Sheds the load of an Effect HTTP server, before the body of a request is read, and begins no work that nobody waits for.
 *
 * A request is asked in this order: is there time left for it, is its body not too large, is there room for one more request and
 * for its bytes, does the `limit` take it. Then the handler runs with the deadline, the attempts, the priority and the key of its caller:
 * the guards inside read them. At the deadline it is interrupted, and the answer is a 504.
 *
 * **Shares.** Below `maxRequests` and `maxBytes`, anything of anyone is taken. Beyond them, a key gets only up to its share:
 * what requests of a higher priority leave, in equal parts for the keys that have something in flight. A caller that
 * floods the server is shed itself, and the lowest priority is shed first. What is in flight is never ended for others, so that
 * there can be more than the limit, and never twice as much.
 *
 * **What callers tell.** `x-switchgear-timeout`, `grpc-timeout` and others, see `Deadline.fromHeader`: it only shortens. `x-attempts-left`,
 * as `HttpGuard` sends it: it only lowers, and the response tells what is left. Priority and key in `baggage` are believed only where `trust`
 * says so.
 *
 * **Refusals** are answered with JSON in OpenAI's shape: 503 `overloaded` or `bulkhead_full` with `retry-after`, 504
 * `deadline_exceeded`, 413 `request_too_large`.
 *
 * **Adaptive limits.** The `limit` is told how each request has ended, when its response has been sent: a handler whose time was
 * over is a `DeadlineExceeded`, and a response of 500 and above is an error with that `status`. It learns from both.
 *
 * **Gotchas.** A request holds its room and its slot until the response has been sent, also when it is a stream. A deadline is for the
 * head of a response. A body that does not tell its length counts as `assumedBytes` and may not be longer: over HTTP/2, also a
 * `POST` without a body. A route that is `uninterruptible` runs to its end, and then a 504 is its answer. So does a handler that
 * is served without a router: the platform lets nobody interrupt it, unless it is `Effect.interruptible`. A caller whose time is
 * over while its body is read loses its connection: the platform ends that of a body that it stops reading.
 *
 * ```ts
 * import { Bulkhead } from "@switchgear/core"
 * import { ServerGuard } from "@switchgear/http"
 * import { Effect, Layer } from "effect"
 * import { HttpRouter, HttpServerResponse } from "effect/http"
 *
 * const routes = HttpRouter.add("GET", "/slow", Effect.as(Effect.sleep("50 millis"), HttpServerResponse.text("done")))
 * const guard = ServerGuard.layer(Effect.gen(function*() {
 *   const limit = yield* Bulkhead.make({ name: "api", concurrency: 1 })
 *   return yield* ServerGuard.make({ name: "api", limit })
 * }))
 * const { dispose, handler } = HttpRouter.toWebHandler(Layer.mergeAll(routes, guard), { disableLogger: true })
 *
 * const statuses = [1, 2].map(async () => (await handler(new Request("http://api.test/slow"))).status)
 * await Promise.all(statuses) // => [200, 503]
 * await dispose()
 * ```
 *
 * @since 0.1.0
 */
import * as Registry from "@switchgear/core/Registry"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import type * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import { guarded } from "./serverGuard/guarded.ts"
import type { Options, ServerGuard } from "./serverGuard/model.ts"
import { kind } from "./serverGuard/observe.ts"
import { codec, settingsInCode } from "./serverGuard/settings.ts"

export { kind }
export type { Options, Reason, ServerGuard, Snapshot } from "./serverGuard/model.ts"

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @category options
 * @since 0.1.0
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON; `limit` and the functions are given in code. A wrong or unknown field is
 * rejected by name.
 *
 * @category schemas
 * @since 0.1.0
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * Makes the guard of a server. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<ServerGuard> =>
  Effect.suspend(() => {
    const guard = guarded(settingsInCode(options))
    return Effect.as(Registry.register({ kind, name: guard.name, guard }), guard)
  })

/**
 * Makes the guard of a server with the options under a path of the configuration, such as `["server", "guard"]`. Options that are
 * missing there are taken from `options`. An option out of range is a `ConfigError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<ServerGuard, Config.ConfigError> => Effect.flatMap(codec.config(path, options), make)

/**
 * Puts a guard around all routes of a router.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(
  guard: Effect.Effect<ServerGuard, E, R>
): Layer.Layer<never, E, R | HttpRouter.HttpRouter> =>
  HttpRouter.middleware(Effect.map(guard, ({ protect }) => protect), { global: true }) as any
