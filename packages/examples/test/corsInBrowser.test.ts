/** A page in a browser that calls a gateway of another origin, on sockets. */
import { assert } from "@effect/vitest"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as Browser from "./support/browser.ts"

/** The origin of a page that is empty. */
const site = Effect.gen(function*() {
  const server = createServer((_, response) =>
    response.setHeader("content-type", "text/html").end("<title>An app</title>")
  )
  yield* Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void)))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    })
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

const gatewayOf = (file: string) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { m: { outcome: Behaviour.ok("Good day") } } })
    const { url } = yield* SimulatedProvider.serve(provider)
    const config = yield* GatewayConfig.parse(
      `${file}\nproviders: { sim: { baseUrl: ${url} } }\nmodels: { m: { provider: sim } }`,
      {}
    )
    const { address } = yield* Gateway.make(config)
    return { provider, url: `http://127.0.0.1:${address.port}` }
  })

/** What a page gets, or the error that the browser gives it in place of an answer. */
const called = (page: string, url: string, init: string) =>
  Effect.gen(function*() {
    const opened = yield* Browser.newPage()
    return yield* Effect.promise(async () => {
      await opened.goto(page)
      return await opened.evaluate(`(async () => {
        try {
          const response = await fetch(${JSON.stringify(`${url}/v1/chat/completions`)}, ${init})
          return [response.status, response.headers.get("x-switchgear-step"), (await response.text()).length > 0]
        } catch (error) {
          return error.name
        }
      })()`)
    })
  })

const body = "JSON.stringify({ model: \"m\", messages: [{ role: \"user\", content: \"Hello\" }] })"
const asClient =
  `{ method: "POST", headers: { authorization: "Bearer sk-shop", "content-type": "application/json", "x-stainless-lang": "js" }, body: ${body} }`
const clients = "clients: [{ name: shop, token: sk-shop }]"

Browser.describePages("a page in a browser", (it) => {
  it.effect("calls a gateway whose file lists its origin, and reads the headers of the answer", () =>
    Effect.scoped(Effect.gen(function*() {
      const page = yield* site
      const { url } = yield* gatewayOf(`listen: { port: 0, origins: ["${page}"] }\n${clients}`)
      assert.deepStrictEqual(yield* called(page, url, asClient), [200, "m", true])
    })))

  it.effect("cannot call one that lists another origin", () =>
    Effect.scoped(Effect.gen(function*() {
      const [page, other] = [yield* site, yield* site]
      const { provider, url } = yield* gatewayOf(`listen: { port: 0, origins: ["${other}"] }\n${clients}`)
      assert.strictEqual(yield* called(page, url, asClient), "TypeError")
      assert.strictEqual((yield* provider.total).started, 0)
    })))

  it.effect("makes no call at a gateway that asks for no token, by a request that a browser sends unasked", () =>
    Effect.scoped(Effect.gen(function*() {
      const page = yield* site
      const { provider, url } = yield* gatewayOf("listen: { port: 0 }")
      assert.deepStrictEqual(yield* called(page, url, `{ method: "POST", mode: "no-cors", body: ${body} }`), [
        0,
        null,
        false
      ])
      assert.strictEqual((yield* provider.total).started, 0)
    })))
})
