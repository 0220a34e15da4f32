/**
 * Three services in a row, each of which tries three times: when what is behind them fails, it gets three requests and not 27.
 *
 * ```sh
 * node packages/examples/08_three_services.ts
 * ```
 *
 * All of them are servers on real loopback sockets.
 */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { HttpGuard, ServerGuard } from "@switchgear/http"
import { Console, Effect, Layer } from "effect"
import { FetchHttpClient, HttpClient, HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"

/** Serves until the scope is closed; gives the address. */
const serve = Effect.fnUntraced(function*(routes: Layer.Layer<never, never, HttpRouter.HttpRouter>) {
  const server = NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 1 })
  const app = HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })
  const context = yield* Layer.build(Layer.provideMerge(app, server))
  return yield* Effect.provideContext(HttpServer.addressFormattedWith(Effect.succeed), context)
})

/** How many requests have reached each of them. */
type Counts = Record<string, number>

/** A service that asks the next one, three times if need be, and answers with the status of the last answer. */
const service = Effect.fnUntraced(
  function*(name: string, next: string, propagate: HttpGuard.Propagated, reached: Counts) {
    const client = yield* HttpGuard.standard(yield* HttpClient.HttpClient, {
      name: `${name} to the next`,
      retry: { maxAttempts: 3, baseDelay: "1 millis" },
      propagate
    })
    const ask = Effect.gen(function*() {
      reached[name] = (reached[name] ?? 0) + 1
      const { status } = yield* client.get(next)
      return HttpServerResponse.empty({ status })
    })
    const answered = Effect.catch(ask, () => Effect.succeed(HttpServerResponse.empty({ status: 503 })))
    const guard = ServerGuard.layer(ServerGuard.make({ name, deadline: "10 seconds" }))
    return yield* serve(Layer.mergeAll(HttpRouter.add("GET", "/", answered), guard))
  }
)

/** One request to a shop, whose stock asks the warehouse, which asks a supplier that is down. */
const order = Effect.fnUntraced(function*(propagate: HttpGuard.Propagated) {
  const reached: Counts = {}
  const supplier = yield* serve(HttpRouter.add(
    "GET",
    "/",
    Effect.sync(() => {
      reached["supplier"] = (reached["supplier"] ?? 0) + 1
      return HttpServerResponse.empty({ status: 503 })
    })
  ))
  const warehouse = yield* service("warehouse", supplier, propagate, reached)
  const stock = yield* service("stock", warehouse, propagate, reached)
  const shop = yield* service("shop", stock, propagate, reached)
  const { status } = yield* HttpClient.get(shop)
  const counts = ["shop", "stock", "warehouse", "supplier"].map((name) => `${name} ${reached[name]}`)
  yield* Console.log(`propagate: "${propagate}": status ${status}, requests to ${counts.join(", ")}`)
})

const program = Effect.gen(function*() {
  yield* Effect.scoped(order("nothing"))
  yield* Effect.scoped(order("budgets"))
})

program.pipe(Effect.provide(FetchHttpClient.layer), NodeRuntime.runMain)
