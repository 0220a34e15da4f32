/** What is done about a stale connection, over TLS and through the tunnel of a proxy. */
import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatError, ChatSchema } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Context, Effect, Layer } from "effect"
import * as Certificate from "./support/certificate.ts"
import * as Loopback from "./support/loopback.ts"
import { bothWays } from "./support/ways.ts"

bothWays((layerChatClient) => {
  const question = [{ role: "user" as const, content: "Where is my parcel?" }]
  const goodDay = {
    choices: [{ index: 0, message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
  }

  const clientOf = (url: string, proxy: NodeTransport.Options["proxy"]) =>
    Effect.map(
      Layer.build(
        layerChatClient({
          provider: "p",
          baseUrl: url,
          proxy,
          keepAliveTimeout: "1 minute",
          connections: 1
        })
      ),
      Context.get(ChatClient.ChatClient)
    )

  const complete = (client: ChatClient.ChatClient["Service"]) =>
    client.complete({ model: "m", messages: question }).pipe(
      Effect.match({
        onSuccess: ChatSchema.text,
        onFailure: (error) => `${error._tag}, possibly billed: ${ChatError.possiblyBilled(error)}`
      })
    )

  const lost = "ConnectFailed, possibly billed: true"

  type End = Pick<Loopback.Incoming, "socket" | "reset">

  /** How a connection ends that the other side has let go of. */
  const ends: ReadonlyArray<readonly [string, (end: End) => void]> = [
    ["reset", ({ reset }) => reset()],
    ["closed", ({ socket }) => socket.end()],
    ["destroyed", ({ socket }) => socket.destroy()]
  ]

  const endOf = (socket: Loopback.Incoming["socket"]): End => ({ socket, reset: () => socket.resetAndDestroy() })

  /** The ways to the server. */
  const ways = ["direct", "through a proxy that is an option", "through the proxy of the environment"] as const

  /** A server over TLS whose first connections answer some requests and then do something else, and a client of it. */
  const setting = (
    way: (typeof ways)[number],
    few: number,
    then: (end: End) => void,
    answers = 1
  ) =>
    Effect.gen(function*() {
      yield* Certificate.trusted
      const { seen, url } = yield* Loopback.connections(({ connection, ofConnection, reset, socket }) => {
        if (connection <= few && ofConnection > answers) then({ socket, reset })
        else Loopback.answer(socket, goodDay)
      }, Certificate)
      if (way === "direct") return { client: yield* clientOf(url, "none"), seen, proxy: undefined }
      const proxy = yield* Loopback.tunnels(Number(new URL(url).port))
      const byName = "https://models.test/v1"
      if (way === "through a proxy that is an option")
        return { client: yield* clientOf(byName, { https: proxy.url }), seen, proxy }
      yield* Loopback.environment({ HTTPS_PROXY: proxy.url })
      return { client: yield* clientOf(byName, "environment"), seen, proxy }
    })

  describe("over TLS, a request that meets a connection the provider has let go of", () => {
    for (const way of ways) {
      for (const [how, end] of ends) {
        it.live(`is sent once more over a new one, ${way}, where the old one is ${how}`, () =>
          Effect.gen(function*() {
            const { client, proxy, seen } = yield* setting(way, 2, end)
            assert.deepStrictEqual(
              [yield* complete(client), yield* complete(client), yield* complete(client)],
              ["Good day", "Good day", "Good day"]
            )
            assert.deepStrictEqual([seen.connections, seen.requests], [3, 5])
            assert.deepStrictEqual(proxy?.asked, proxy && ["models.test:443", "models.test:443", "models.test:443"])
          }))
      }

      it.live(`is lost where the connection was new, ${way}`, () =>
        Effect.gen(function*() {
          const { client, seen } = yield* setting(way, 1, ({ reset }) => reset(), 0)
          assert.strictEqual(yield* complete(client), lost)
          assert.strictEqual(seen.requests, 1)
        }))

      it.live(`is lost where a response had begun, ${way}`, () =>
        Effect.gen(function*() {
          const { client, seen } = yield* setting(way, 1, ({ reset, socket }) => {
            socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
            setTimeout(reset, 50)
          })
          yield* complete(client)
          assert.notStrictEqual(yield* complete(client), "Good day")
          assert.strictEqual(seen.requests, 2)
        }))
    }

    for (const [how, end] of ends) {
      for (const side of ["client", "server"] as const) {
        it.live(`is sent once more through a new tunnel where the proxy has let go of the old one: ${side} side ${how}`, () =>
          Effect.gen(function*() {
            const { client, proxy, seen } = yield* setting("through a proxy that is an option", 0, () => {})
            yield* complete(client)
            // With the request: the client learns of it when it has sent it.
            const [tunnel] = proxy!.open
            tunnel!.client.prependOnceListener("data", () => end(endOf(tunnel![side])))
            assert.strictEqual(yield* complete(client), "Good day")
            assert.deepStrictEqual([proxy!.asked.length, seen.connections], [2, 2])
          }))
      }
    }
  })
})
