/**
 * The HTTP client of Node under a chat client: connections, their time-outs, the proxy, and content encodings.
 *
 * Of the sources that are not for tests, only this folder imports from Node, and only `proxy.ts` beside this one reads the
 * environment.
 */
import { monotonicMillis } from "@switchgear/core/runtime"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import { noteDirect } from "../chatClient/transport.ts"
import { Connection, type Now } from "./connection.ts"
import { undone } from "./contentEncoding.ts"
import * as Direct from "./direct/transport.ts"
import { connector } from "./interimResponses.ts"
import { Routes } from "./routes.ts"
import type { Settings } from "./settings.ts"

export const layer = (settings: Settings): Layer.Layer<HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const dispatcher = yield* Effect.acquireRelease(
        Effect.sync(() => agent(settings, () => monotonicMillis(clock))),
        // Destroyed, not closed: closing waits for calls that may never end.
        (dispatcher) => Effect.promise(() => dispatcher.destroy())
      )
      const http = yield* Effect.provideService(
        NodeHttpClient.makeUndici,
        NodeHttpClient.Dispatcher,
        dispatcher.compose((dispatch) => (options, handler) => dispatch(options, withoutBytes(handler)))
      )
      return noteDirect(
        HttpClient.transformResponse(http, Effect.map(undone)),
        Direct.make((origin) => dispatcher.to(origin))
      )
    })
  )

/** What came instead of HTTP may be anything, and an error that holds it would show it in the exit of a span. */
const withoutBytes = (handler: Undici.Dispatcher.DispatchHandler): Undici.Dispatcher.DispatchHandler => ({
  onRequestStart: (...args) => handler.onRequestStart?.(...args),
  onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
  onResponseStart: (...args) => handler.onResponseStart?.(...args),
  onResponseData: (...args) => handler.onResponseData?.(...args),
  onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
  onResponseError: (controller, error) => {
    if ("data" in error) delete error.data
    handler.onResponseError?.(controller, error)
  }
})

const agent = (settings: Settings, now: Now): Routes => {
  const { connections, proxy } = settings
  const timeout = Duration.toMillis(settings.connectTimeout)
  const common = {
    connectTimeout: timeout,
    connect: connector({ timeout, allowH2: false }),
    keepAliveTimeout: Duration.toMillis(settings.keepAliveTimeout),
    // One call a connection: a connection that dies takes no other call with it.
    allowH2: false
  }
  return new Routes(proxy, (around) => ({
    ...common,
    // A proxy for plain http hands over few of the options.
    factory: (origin, given) =>
      new Undici.Pool(origin, {
        ...common,
        ...given,
        connections: connections === Infinity ? null : connections,
        factory: (origin, options) => new Connection(origin, options, now, around)
      })
  }))
}
