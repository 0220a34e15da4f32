import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatError, ChatSchema, ChatStream } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Clock, Context, Effect, Fiber, Latch, Layer, Redacted, Stream } from "effect"
import type { Socket } from "node:net"
import * as Loopback from "./support/loopback.ts"
import { modelOf } from "./support/modelOf.ts"
import { bothWays } from "./support/ways.ts"

bothWays((layerChatClient) => {
  const question = [{ role: "user" as const, content: "Where is my parcel?" }]
  const goodDay = {
    choices: [{ index: 0, message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
  }

  const clientOf = (url: string, options: Partial<ChatClient.Options & NodeTransport.Options> = {}) =>
    Effect.map(
      Layer.build(
        layerChatClient({
          provider: "p",
          baseUrl: url,
          proxy: "none",
          keepAliveTimeout: "1 minute",
          connections: 1,
          ...options
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

  /** How a connection ends that the other side has let go of. */
  const ends: ReadonlyArray<readonly [string, (socket: Socket) => void]> = [
    ["reset", (socket) => socket.resetAndDestroy()],
    ["closed", (socket) => socket.end()],
    ["destroyed", (socket) => socket.destroy()]
  ]

  /** A server whose first connections answer once, and then do something else. */
  const stale = (few: number, then: (socket: Socket) => void) =>
    Loopback.connections(({ connection, ofConnection, socket }) => {
      if (connection <= few && ofConnection > 1) then(socket)
      else Loopback.answer(socket, goodDay)
    })

  describe("a request that meets a connection the provider has let go of", () => {
    it.live("is sent once more where all connections are lost in one step", () =>
      Effect.gen(function*() {
        const calls = 5
        const waiting: Array<Socket> = []
        const { seen, url } = yield* Loopback.connections(({ connection, socket }) => {
          if (connection > calls) return Loopback.answer(socket, goodDay)
          waiting.push(socket)
          if (waiting.length === calls) { for (const each of waiting) Loopback.answer(each, goodDay) }
        })
        const client = yield* clientOf(url, { connections: calls })
        const all = Effect.all(Array.from({ length: calls }, () => complete(client)), { concurrency: "unbounded" })
        const good = Array.from({ length: calls }, () => "Good day")
        assert.deepStrictEqual(yield* all, good)
        // In the step in which the next requests are sent, so that nothing is known of it.
        for (const socket of waiting) socket.destroy()
        assert.deepStrictEqual(yield* all, good)
        assert.deepStrictEqual([seen.connections, seen.requests], [2 * calls, 2 * calls])
      }))

    for (const [how, end] of ends) {
      it.live(`is sent once more over a new one where the old one is ${how}`, () =>
        Effect.gen(function*() {
          const { seen, url } = yield* stale(1, end)
          const client = yield* clientOf(url)
          assert.deepStrictEqual([yield* complete(client), yield* complete(client)], ["Good day", "Good day"])
          assert.deepStrictEqual({ ...seen, open: undefined }, { connections: 2, requests: 3, open: undefined })
        }))
    }

    it.live("is one attempt, and says nothing about the model", () =>
      Effect.gen(function*() {
        const { seen, url } = yield* stale(12, (socket) => socket.resetAndDestroy())
        const model = yield* Effect.provideService(
          modelOf({ model: "m", breaker: { consecutiveFailures: 1 } }),
          ChatClient.ChatClient,
          yield* clientOf(url, { connections: 12 })
        )
        const twelve = Effect.all(Array.from({ length: 12 }, () => model.complete({ messages: question })), {
          concurrency: "unbounded"
        })
        yield* twelve
        const answers = yield* twelve
        assert.deepStrictEqual(
          answers.map(({ attempts, possiblyBilledAttempts }) => [attempts, possiblyBilledAttempts]),
          answers.map(() => [1, 1])
        )
        const { failed, state } = yield* model.breaker.snapshot
        assert.deepStrictEqual({ state, failed }, { state: "Closed", failed: 0 })
        assert.strictEqual(seen.requests, 36)
      }))

    it.live("meets no second one: calls one after the other are all answered", () =>
      Effect.gen(function*() {
        const { url } = yield* stale(4, (socket) => socket.resetAndDestroy())
        const client = yield* clientOf(url, { connections: 4 })
        yield* Effect.all(Array.from({ length: 4 }, () => complete(client)), { concurrency: "unbounded" })
        const after = yield* Effect.forEach([1, 2, 3, 4], () => complete(client))
        assert.deepStrictEqual(after, ["Good day", "Good day", "Good day", "Good day"])
      }))

    it.live("goes before calls that wait for a connection", () =>
      Effect.gen(function*() {
        const { seen, url } = yield* stale(2, (socket) => socket.resetAndDestroy())
        const client = yield* clientOf(url, { connections: 2 })
        yield* Effect.all([complete(client), complete(client)], { concurrency: "unbounded" })
        const six = yield* Effect.all(Array.from({ length: 6 }, () => complete(client)), { concurrency: "unbounded" })
        assert.deepStrictEqual(new Set(six), new Set(["Good day"]))
        assert.strictEqual(seen.connections, 4)
      }))

    it.live("is sent once more behind a proxy", () =>
      Effect.gen(function*() {
        const { seen, url } = yield* stale(1, (socket) => socket.resetAndDestroy())
        // The server plays the proxy itself: it gets the requests for another host.
        const client = yield* clientOf("http://models.test/v1", { proxy: { http: url.replace("/v1", "") } })
        assert.deepStrictEqual([yield* complete(client), yield* complete(client)], ["Good day", "Good day"])
        assert.strictEqual(seen.requests, 3)
      }))

    it.live("is sent once more as a stream", () =>
      Effect.gen(function*() {
        const { seen, url } = yield* stale(1, (socket) => socket.resetAndDestroy())
        const client = yield* clientOf(url)
        yield* complete(client)
        // What answers is a whole reply, which is read as a stream of one event.
        const text = yield* Stream.mkString(
          Stream.map(client.stream({ model: "m", messages: question }), ChatStream.text)
        )
        assert.strictEqual(text, "Good day")
        assert.strictEqual(seen.requests, 3)
      }))
  })

  it.live("a call that is left while its request is sent once more leaves no connection behind", () =>
    Effect.gen(function*() {
      const again = yield* Latch.make()
      const closed = yield* Latch.make()
      const { seen, url } = yield* Loopback.connections(({ connection, ofConnection, socket }) => {
        if (connection === 1) return ofConnection === 1 ? Loopback.answer(socket, goodDay) : socket.resetAndDestroy()
        socket.on("close", () => closed.openUnsafe())
        again.openUnsafe()
      })
      const client = yield* clientOf(url)
      yield* complete(client)
      const fiber = yield* Effect.forkChild(complete(client), { startImmediately: true })
      yield* again.await
      yield* Fiber.interrupt(fiber)
      yield* closed.await
      assert.deepStrictEqual(seen, { connections: 2, requests: 3, open: 0 })
    }))

  describe("a lost connection is an error, and the request is sent once, where", () => {
    const lost = "ConnectFailed, possibly billed: true"

    it.live("the connection was new", () =>
      Effect.gen(function*() {
        const { seen, url } = yield* Loopback.connections(({ socket }) => socket.resetAndDestroy())
        assert.strictEqual(yield* complete(yield* clientOf(url)), lost)
        assert.strictEqual(seen.requests, 1)
      }))

    it.live("a response had begun", () =>
      Effect.gen(function*() {
        const { seen, url } = yield* stale(1, (socket) => socket.end("HTTP/1.1 2"))
        const client = yield* clientOf(url)
        yield* complete(client)
        assert.notStrictEqual(yield* complete(client), "Good day")
        assert.strictEqual(seen.requests, 2)
      }))

    it.live("the provider said that it works on it", () =>
      Effect.gen(function*() {
        const { seen, url } = yield* stale(1, (socket) => socket.end("HTTP/1.1 102 Processing\r\n\r\n"))
        const client = yield* clientOf(url)
        yield* complete(client)
        assert.notStrictEqual(yield* complete(client), "Good day")
        assert.strictEqual(seen.requests, 2)
      }))

    it.live("it was lost a second or more after sending", () =>
      Effect.gen(function*() {
        let late = 0n
        const clock = yield* Clock.Clock
        const shifted: Clock.Clock = Object.setPrototypeOf({
          monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + late
        }, clock)
        const { seen, url } = yield* stale(1, (socket) => {
          late += 1_000_000_000n
          socket.resetAndDestroy()
        })
        const client = yield* Effect.provideService(clientOf(url), Clock.Clock, shifted)
        yield* complete(client)
        assert.strictEqual(yield* complete(client), lost)
        assert.strictEqual(seen.requests, 2)
      }))

    it.live("the new connection is lost as well: it is sent twice", () =>
      Effect.gen(function*() {
        const { seen, url } = yield* Loopback.connections(({ connection, ofConnection, socket }) => {
          if (connection === 1 && ofConnection === 1) Loopback.answer(socket, goodDay)
          else socket.resetAndDestroy()
        })
        const client = yield* clientOf(url)
        yield* complete(client)
        assert.strictEqual(yield* complete(client), lost)
        assert.strictEqual(seen.requests, 3)
      }))
  })

  describe.concurrent("the connection of an error whose body does not end is closed", () => {
    const refusal = JSON.stringify({ error: { message: "Incorrect API key", code: "invalid_api_key" } })
    const bodies: ReadonlyArray<readonly [string, (socket: Socket) => void]> = [
      ["with a length that is never reached", (socket) => socket.write("content-length: 1000\r\n\r\n{\"err")],
      [
        "in chunks without a last one",
        (socket) => socket.write(`transfer-encoding: chunked\r\n\r\n${refusal.length.toString(16)}\r\n${refusal}\r\n`)
      ],
      ["up to a close that never comes", (socket) => socket.write("connection: close\r\n\r\n")]
    ]
    for (const [how, body] of bodies) {
      it.live(how, () =>
        Effect.gen(function*() {
          const latch = yield* Latch.make()
          const { url } = yield* Loopback.connections(({ head, socket }) => {
            if (head.includes("sk-spare")) return Loopback.answer(socket, goodDay)
            socket.on("close", () => latch.openUnsafe())
            socket.write("HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\n")
            body(socket)
          })
          const client = yield* clientOf(url, {
            connections: 2,
            apiKey: [Redacted.make("sk-refused"), Redacted.make("sk-spare")]
          })
          assert.strictEqual(yield* complete(client), "Good day")
          yield* latch.await
          assert.deepStrictEqual((yield* client.keys).map(({ because }) => because), ["Unauthorized", undefined])
        }))
    }
  })

  it.live("no more connections are made than the option says, and each is used again", () =>
    Effect.gen(function*() {
      const { seen, url } = yield* Loopback.connections(({ socket }) => Loopback.answer(socket, goodDay))
      const client = yield* clientOf(url, { connections: 3 })
      const answers = yield* Effect.all(Array.from({ length: 20 }, () => complete(client)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(new Set(answers), new Set(["Good day"]))
      assert.deepStrictEqual(seen, { connections: 3, requests: 20, open: 3 })
    }))
})
