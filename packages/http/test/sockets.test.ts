import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatError, ChatModel, ChatSchema } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Cause, Context, Effect, Exit, Fiber, Layer, Redacted, Schedule, Scope, Stream } from "effect"
import { assertRow } from "./support/assertRow.ts"
import { rows } from "./support/errorTable.ts"
import * as Loopback from "./support/loopback.ts"
import { modelOf } from "./support/modelOf.ts"
import { bothWays } from "./support/ways.ts"

bothWays((layerChatClient) => {
  const apiKey = Redacted.make("sk-loopback-0123456789")
  const request = { model: "gpt-4.1", messages: [{ role: "user" as const, content: "Hello" }] }

  const served = (outcome: Behaviour.Outcome) =>
    Effect.gen(function*() {
      const provider = yield* SimulatedProvider.make({ models: { "gpt-4.1": { outcome } }, apiKey })
      return { provider, ...(yield* SimulatedProvider.serve(provider)) }
    })

  const ask = (baseUrl: string, options: Partial<ChatClient.Options & NodeTransport.Options> = {}) =>
    Effect.flatMap(ChatClient.ChatClient, (client) => client.complete(request)).pipe(
      Effect.provide(layerChatClient({ provider: "openai", baseUrl, apiKey, proxy: "none", ...options }))
    )

  /** Waits for a condition on the other side of a socket, for ten seconds at most. */
  const eventually = (condition: Effect.Effect<boolean>) =>
    Effect.flatMap(condition, (met) => met ? Effect.void : Effect.fail("not yet")).pipe(
      Effect.retry({ schedule: Schedule.spaced("5 millis"), times: 2000 }),
      Effect.orDie
    )

  describe("over real sockets", () => {
    it.live("a reply comes back whole", () =>
      Effect.gen(function*() {
        const { provider, url } = yield* served(Behaviour.ok("Good day, 世界"))
        const reply = yield* ask(url)
        assert.strictEqual(ChatSchema.text(reply), "Good day, 世界")
        assert.strictEqual(reply.usage?.total_tokens, 5)
        assert.strictEqual((yield* provider.stats("gpt-4.1")).answered, 1)
      }))

    describe("the error table holds", () => {
      for (const row of rows) {
        it.live(row.name, () =>
          Effect.gen(function*() {
            const { url } = yield* served(Behaviour.respond(row.status, row.body, row.headers))
            assertRow(yield* Effect.flip(ask(url)), row)
          }))
      }
    })

    describe.concurrent("each way a connection fails has its own error", () => {
      it.live("a client whose layer was released, as when it is provided to the making of a model alone", () =>
        Effect.gen(function*() {
          const { url } = yield* served(Behaviour.ok("Good day"))
          const client = layerChatClient({ provider: "openai", baseUrl: url, apiKey, proxy: "none" })
          const model = yield* Effect.provide(modelOf({ model: "gpt-4.1" }), client)
          const error = yield* Effect.flip(model.complete({ messages: request.messages }))
          assert.strictEqual(error._tag, "ClientReleased")
          assert.include(error.message, "The client of openai was released before the call to gpt-4.1")
          assert.include(error.message, "Give the layer to the model (ChatModel.make({ model, client }))")
          assert.strictEqual(ChatError.isChatError(error) && ChatError.retries(error), "no")
          const { failures, ignored } = (yield* model.breaker.snapshot).totals
          assert.deepStrictEqual([failures, ignored], [0, 1])
        }))

      it.live("a client that is released while it waits for a response, or reads one", () =>
        Effect.gen(function*() {
          const silent = yield* Loopback.connections(() => {})
          const begun = yield* Loopback.connections(({ socket }) => {
            socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"choices\":[")
          })
          for (const { seen, url: baseUrl } of [silent, begun]) {
            const scope = yield* Scope.make()
            const layer = layerChatClient({ provider: "openai", baseUrl, apiKey, proxy: "none" })
            const client = Context.get(yield* Scope.provide(Layer.build(layer), scope), ChatClient.ChatClient)
            const calls = yield* Effect.forEach(
              [client.complete(request), Stream.runDrain(client.stream(request))],
              (call) => Effect.forkChild(Effect.flip(call), { startImmediately: true })
            )
            yield* eventually(Effect.sync(() => seen.requests === 2))
            yield* Scope.close(scope, Exit.void)
            for (const error of yield* Effect.forEach(calls, Fiber.join)) {
              assert.strictEqual(error._tag, "ClientReleased")
              assert.include(error.message, "The client of openai was released before the call to gpt-4.1 ended")
            }
          }
        }))

      it.live("none, with a client whose layer is given to the model: it lives as long as the scope of the model", () =>
        Effect.gen(function*() {
          const { url } = yield* served(Behaviour.ok("Good day"))
          const client = layerChatClient({ provider: "openai", baseUrl: url, apiKey, proxy: "none" })
          const scope = yield* Scope.make()
          const model = yield* Scope.provide(ChatModel.make({ model: "gpt-4.1", client }), scope)
          const ask = model.complete({ messages: request.messages })
          assert.strictEqual(ChatSchema.text((yield* ask).value), "Good day")
          yield* Scope.close(scope, Exit.void)
          assert.strictEqual((yield* Effect.flip(ask))._tag, "ClientReleased")
        }))

      it.live("a refused connection", () =>
        Effect.gen(function*() {
          const port = yield* Loopback.closedPort
          const error = yield* Effect.flip(ask(`http://127.0.0.1:${port}/v1`))
          assert.strictEqual(error._tag, "ConnectFailed")
          assert.strictEqual(error.code, "ECONNREFUSED")
          assert.strictEqual(error.blame, "network")
          assert.include(error.message, `at 127.0.0.1:${port} (ECONNREFUSED). Nothing listens there`)
          assert.deepStrictEqual(
            [ChatError.retries(error), ChatError.movesOn(error), ChatError.countsOnBreaker(error)],
            [
              "yes",
              "yes",
              true
            ]
          )
        }))

      // A machine without a name server takes its time to say so.
      it.live("an unknown host", () =>
        Effect.gen(function*() {
          const patient = { connectTimeout: "1 minute", timeout: "1 minute" } as const
          const error = yield* Effect.flip(ask("http://models.invalid/v1", patient))
          assert.strictEqual(error._tag, "ConnectFailed")
          assert.match(error.message, /at models\.invalid \((ENOTFOUND|EAI_AGAIN)\)\. No such host is known/)
        }), 60_000)

      it.live("a connection lost before the answer", () =>
        Effect.gen(function*() {
          const { provider, url } = yield* served(Behaviour.cut("before-headers"))
          const error = yield* Effect.flip(ask(url))
          assert.strictEqual(error._tag, "ConnectFailed")
          assert.match(error.message, /closed before an answer began/)
          assert.strictEqual((yield* provider.total).cut, 1)
        }))

      it.live("a connection lost within the answer", () =>
        Effect.gen(function*() {
          const { provider, url } = yield* served(Behaviour.cut("mid-body"))
          const error = yield* Effect.flip(ask(url))
          assert.strictEqual(error._tag, "Truncated")
          assert.strictEqual(error.status, 200)
          assert.isTrue(error.isRetryable && ChatError.countsOnBreaker(error))
          assert.strictEqual((yield* provider.total).cut, 1)
        }))

      it.live("a TLS handshake that never ends", () =>
        Effect.gen(function*() {
          const port = yield* Loopback.silent
          const error = yield* Effect.flip(ask(`https://127.0.0.1:${port}/v1`, { connectTimeout: "100 millis" }))
          assert.isTrue(error._tag === "TimedOut" && error.phase === "connect" && error.isRetryable)
          assert.strictEqual(error.blame, "network")
        }))

      it.live("TLS spoken to a server without it", () =>
        Effect.gen(function*() {
          const { url } = yield* served(Behaviour.ok())
          const error = yield* Effect.flip(ask(url.replace("http:", "https:")))
          assert.strictEqual(error._tag, "ConnectFailed")
          assert.match(error.message, /does not speak TLS there/)
        }))

      it.live("a server that speaks no HTTP", () =>
        Effect.gen(function*() {
          const port = yield* Loopback.chatty("220 mail.test ESMTP\r\n")
          const error = yield* Effect.flip(ask(`http://127.0.0.1:${port}/v1`))
          assert.isTrue(error._tag === "MalformedReply" && error.found === "something that is not HTTP")
        }))

      for (
        const [what, head] of [
          ["two lengths", "transfer-encoding: chunked\r\ncontent-length: 2"],
          ["a length beyond all numbers", "content-length: 99999999999999999999"],
          ["a line that goes on in the next one", "content-length: 2\r\nx-id: a\r\n b"]
        ] as const
      ) {
        it.live(`a head with ${what}: an answer came, which may be billed`, () =>
          Effect.gen(function*() {
            const port = yield* Loopback.chatty(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n{}`)
            const error = yield* Effect.flip(ask(`http://127.0.0.1:${port}/v1`))
            assert.isTrue(error._tag === "MalformedReply" && error.found === "something that is not HTTP")
            assert.isTrue(ChatError.possiblyBilled(error))
          }))
      }

      it.live("silence", () =>
        Effect.gen(function*() {
          const { provider, url } = yield* served(Behaviour.hang)
          const error = yield* Effect.flip(ask(url, { timeout: "1 second" }))
          assert.isTrue(error._tag === "TimedOut" && error.phase === "total")
          assert.strictEqual(ChatError.retries(error), "no")
          yield* eventually(Effect.map(provider.total, ({ aborted }) => aborted === 1))
        }), 30_000)

      it.live("a body that dribbles", () =>
        Effect.gen(function*() {
          const { provider, url } = yield* served(Behaviour.slowBody("1 minute"))
          const error = yield* Effect.flip(ask(url, { timeout: "1 second" }))
          assert.isTrue(error._tag === "TimedOut" && error.phase === "total")
          yield* eventually(Effect.map(provider.total, ({ aborted }) => aborted === 1))
        }), 30_000)
    })

    it.live("a wrong key is told from a right one", () =>
      Effect.gen(function*() {
        const { url } = yield* served(Behaviour.ok())
        yield* ask(url)
        for (const wrong of [Redacted.make("sk-wrong-key-9876543210"), undefined]) {
          const error = yield* Effect.flip(ask(url, { apiKey: wrong }))
          assert.strictEqual(error._tag, "Unauthorized")
          assert.strictEqual(error.code, "invalid_api_key")
          assert.isTrue(ChatError.parksKey(error))
          assert.match(error.message, /did not accept the API key .* Check that the key is set and complete/)
        }
      }))

    it.live("an unknown model is told by name", () =>
      Effect.gen(function*() {
        const { provider } = yield* served(Behaviour.ok())
        const { url } = yield* SimulatedProvider.serve(yield* SimulatedProvider.make({ models: {} }))
        const error = yield* Effect.flip(ask(url))
        assert.strictEqual(error._tag, "ModelNotFound")
        assert.match(error.message, /knows no model gpt-4\.1/)
        assert.strictEqual((yield* provider.total).started, 0)
      }))

    describe("interruption closes the connection at the provider", () => {
      for (
        const [when, outcome] of [["before the answer", Behaviour.hang], [
          "within it",
          Behaviour.slowBody("1 minute")
        ]] as const
      ) {
        it.live(when, () =>
          Effect.gen(function*() {
            const { provider, url } = yield* served(outcome)
            const fiber = yield* Effect.forkChild(ask(url))
            yield* eventually(Effect.map(provider.total, ({ inFlight }) => inFlight === 1))
            yield* Fiber.interrupt(fiber)
            yield* eventually(Effect.map(provider.total, ({ aborted, inFlight }) => aborted === 1 && inFlight === 0))
          }))
      }

      it.live("while the client lives on", () =>
        Effect.gen(function*() {
          const { provider, url } = yield* served(Behaviour.hang)
          yield* Effect.gen(function*() {
            const client = yield* ChatClient.ChatClient
            const fiber = yield* Effect.forkChild(client.complete(request))
            yield* eventually(Effect.map(provider.total, ({ inFlight }) => inFlight === 1))
            yield* Fiber.interrupt(fiber)
            yield* eventually(Effect.map(provider.total, ({ aborted }) => aborted === 1))
            yield* provider.set("gpt-4.1", {})
            assert.strictEqual(ChatSchema.text(yield* client.complete(request)), "Hello from gpt-4.1.")
          }).pipe(
            Effect.provide(layerChatClient({ provider: "openai", baseUrl: url, apiKey, proxy: "none" }))
          )
        }))
    })

    describe("a proxy", () => {
      it.live("named by HTTP_PROXY carries plain http", () =>
        Effect.gen(function*() {
          const { url } = yield* served(Behaviour.ok("through"))
          const proxy = yield* Loopback.proxy
          yield* Loopback.environment({ HTTP_PROXY: proxy.url })
          const reply = yield* ask(url, { proxy: "environment" })
          assert.strictEqual(ChatSchema.text(reply), "through")
          assert.deepStrictEqual(proxy.seen, [`POST ${url}/chat/completions`])
        }))

      it.live("named by HTTPS_PROXY gets a tunnel for https, and no key", () =>
        Effect.gen(function*() {
          const proxy = yield* Loopback.proxy
          yield* Loopback.environment({ HTTPS_PROXY: proxy.url })
          const error = yield* Effect.flip(ask("https://models.invalid/v1", { proxy: "environment" }))
          assert.deepStrictEqual(proxy.seen, ["CONNECT models.invalid:443"])
          assert.notInclude(proxy.headers.join("\n"), Redacted.value(apiKey))
          assert.strictEqual(error._tag, "ConnectFailed")
          assert.match(error.message, /A proxy on the way refused/)
        }))

      it.live("is passed by for the hosts of NO_PROXY", () =>
        Effect.gen(function*() {
          const { url } = yield* served(Behaviour.ok("direct"))
          const proxy = yield* Loopback.proxy
          yield* Loopback.environment({
            HTTP_PROXY: proxy.url,
            HTTPS_PROXY: proxy.url,
            NO_PROXY: "models.test,127.0.0.1"
          })
          assert.strictEqual(ChatSchema.text(yield* ask(url, { proxy: "environment" })), "direct")
          assert.deepStrictEqual(proxy.seen, [])
        }))

      it.live("of the environment is the one that was there when the connections were made, in every call", () =>
        Effect.gen(function*() {
          const { url } = yield* served(Behaviour.ok("Good day"))
          const proxy = yield* Loopback.proxy
          yield* Loopback.environment({ HTTP_PROXY: proxy.url })
          const layer = layerChatClient({ provider: "openai", baseUrl: url, apiKey, proxy: "environment" })
          const client = Context.get(yield* Layer.build(layer), ChatClient.ChatClient)
          yield* client.complete(request)
          yield* Loopback.environment({ HTTP_PROXY: "http://127.0.0.1:1", NO_PROXY: "*" })
          yield* client.complete(request)
          assert.lengthOf(proxy.seen, 2)
        }))

      it.live("of the environment is not used by a client told to use none", () =>
        Effect.gen(function*() {
          const { url } = yield* served(Behaviour.ok("direct"))
          const proxy = yield* Loopback.proxy
          yield* Loopback.environment({ HTTP_PROXY: proxy.url })
          yield* ask(url, { proxy: "none" })
          assert.deepStrictEqual(proxy.seen, [])
        }))

      it.live("given as an option is used whatever the environment says", () =>
        Effect.gen(function*() {
          const { url } = yield* served(Behaviour.ok("through"))
          const proxy = yield* Loopback.proxy
          yield* Loopback.environment({ NO_PROXY: "*" })
          yield* ask(url, { proxy: { http: proxy.url } })
          assert.strictEqual(proxy.seen.length, 1)
          yield* ask(url, { proxy: { http: proxy.url, except: "127.0.0.1" } })
          assert.strictEqual(proxy.seen.length, 1)
        }))

      it.live("that is not there is named in the error", () =>
        Effect.gen(function*() {
          const { url } = yield* served(Behaviour.ok())
          const port = yield* Loopback.closedPort
          const error = yield* Effect.flip(ask(url, { proxy: { http: `http://127.0.0.1:${port}` } }))
          assert.strictEqual(error._tag, "ConnectFailed")
          assert.include(error.message, `while connecting to 127.0.0.1:${port}`)
        }))

      it.live("that is no URL is refused by the name of its variable", () =>
        Effect.gen(function*() {
          yield* Loopback.environment({ HTTPS_PROXY: "proxy of hunter2" })
          const exit = yield* Effect.exit(Layer.build(NodeTransport.layer()))
          const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
          assert.instanceOf(defect, RangeError)
          assert.match((defect as RangeError).message, /^(?!.*hunter2).*HTTPS_PROXY must be a URL.*$/)
        }))
    })
  })
})
