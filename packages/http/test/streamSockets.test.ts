import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatError, ChatStream } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Context, Deferred, Effect, Fiber, Layer, Redacted, Schedule, Stream } from "effect"
import { assertRow } from "./support/assertRow.ts"
import { rows } from "./support/errorTable.ts"
import * as Loopback from "./support/loopback.ts"
import { bothWays } from "./support/ways.ts"

bothWays((layerChatClient) => {
  const apiKey = Redacted.make("sk-loopback-0123456789")
  const request = { model: "gpt-4.1", messages: [{ role: "user" as const, content: "Hello" }] }

  const served = (outcome: Behaviour.Outcome, options: Partial<ChatClient.Options> = {}) =>
    Effect.gen(function*() {
      const provider = yield* SimulatedProvider.make({ models: { "gpt-4.1": { outcome } }, apiKey })
      const { url } = yield* SimulatedProvider.serve(provider)
      return { provider, client: yield* clientOf(url, options) }
    })

  const clientOf = (baseUrl: string, options: Partial<ChatClient.Options & NodeTransport.Options> = {}) =>
    Effect.map(
      Layer.build(layerChatClient({ provider: "openai", baseUrl, apiKey, proxy: "none", ...options })),
      (context) => Context.get(context, ChatClient.ChatClient)
    )

  const failure = (client: ChatClient.ChatClient["Service"]) => Effect.flip(Stream.runDrain(client.stream(request)))

  /** Waits for a condition on the other side of a socket, for ten seconds at most. */
  const eventually = (condition: Effect.Effect<boolean>) =>
    Effect.flatMap(condition, (met) => met ? Effect.void : Effect.fail("not yet")).pipe(
      Effect.retry({ schedule: Schedule.spaced("1 millis"), times: 10_000 }),
      Effect.orDie
    )

  describe("a stream over real sockets", () => {
    it.live("collects to the reply that comes without streaming, also when each byte travels alone", () =>
      Effect.gen(function*() {
        for (const bytes of ["events", "one-by-one"] as const) {
          const { client, provider } = yield* served(Behaviour.stream({ text: "Good day, 世界 👋🏽", bytes }))
          const whole = yield* client.complete(request)
          const collected = yield* ChatStream.collect(client.stream(request))
          assert.deepStrictEqual(
            { ...collected, id: "", created: 0 },
            { ...whole, id: "", created: 0 }
          )
          assert.strictEqual((yield* provider.total).answered, 2)
        }
      }))

    it.live("comes chunk by chunk, not all at its end", () =>
      Effect.gen(function*() {
        const { client } = yield* served(Behaviour.stream({ text: "one two", chunks: 2, end: Behaviour.stallAfter(1) }))
        const first = yield* client.stream(request).pipe(
          Stream.map(ChatStream.text),
          Stream.filter((text) => text !== ""),
          Stream.take(1),
          Stream.runCollect
        )
        assert.deepStrictEqual(first, ["one "])
      }))

    it.live("leaves a connection that the next call uses", () =>
      Effect.gen(function*() {
        const { connections, url } = yield* Loopback.counted(
          "data: {\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
        )
        const client = yield* clientOf(url)
        for (let i = 0; i < 20; i++) yield* Stream.runDrain(client.stream(request))
        // undici opens another one where the last is just being let go: on a busy machine more than once.
        assert.isAtMost(connections(), 5)
      }))

    describe("the error table holds", () => {
      for (const row of rows.filter(({ status }) => status !== 200)) {
        it.live(row.name, () =>
          Effect.gen(function*() {
            const { client } = yield* served(Behaviour.respond(row.status, row.body, row.headers))
            assertRow(yield* failure(client), row)
          }))
      }
      // In a 200, what is wrong is told in the body, here as an event.
      for (
        const row of rows.filter(({ status, body }) =>
          status === 200 && typeof body === "object" && /error/.test(JSON.stringify(body))
        )
      ) {
        it.live(`${row.name}, as an event`, () =>
          Effect.gen(function*() {
            const { client } = yield* served(Behaviour.stream({ end: Behaviour.errorAfter(1, row.body) }))
            assertRow(yield* failure(client), row)
          }))
        it.live(`${row.name}, bare in the stream`, () =>
          Effect.gen(function*() {
            const { client } = yield* served(
              Behaviour.stream({ end: Behaviour.errorAfter(1, JSON.stringify(row.body)) })
            )
            assertRow(yield* failure(client), row)
          }))
      }
    })

    describe.concurrent("tells each way it breaks", () => {
      it.live("a connection lost within it", () =>
        Effect.gen(function*() {
          const { client, provider } = yield* served(Behaviour.stream({ end: Behaviour.cutAfter(2) }))
          const error = yield* failure(client)
          assert.strictEqual(error._tag, "Truncated")
          assert.isTrue(error.isRetryable && ChatError.countsOnBreaker(error))
          assert.strictEqual((yield* provider.total).cut, 1)
        }))

      it.live("an end without an end", () =>
        Effect.gen(function*() {
          const { client } = yield* served(Behaviour.stream({ end: Behaviour.endWithout("both") }))
          assert.strictEqual((yield* failure(client))._tag, "Truncated")
        }))

      it.live("silence and heartbeats", () =>
        Effect.gen(function*() {
          // A second is long enough for a request to reach the provider on a machine that has other work.
          const cases = [
            [0, "first-content", { firstContentTimeout: "1 second" }],
            [1, "idle", { idleTimeout: "200 millis" }]
          ] as const
          for (const [after, phase, limits] of cases) {
            for (const end of [Behaviour.stallAfter(after), Behaviour.heartbeatAfter(after, "10 millis")]) {
              const { client, provider } = yield* served(Behaviour.stream({ end }), limits)
              const error = yield* failure(client)
              assert.isTrue(error._tag === "TimedOut" && error.phase === phase)
              yield* eventually(Effect.map(provider.total, ({ aborted }) => aborted === 1))
            }
          }
        }), 30_000)

      it.live("a refused connection and a handshake that never ends", () =>
        Effect.gen(function*() {
          const closed = yield* clientOf(`http://127.0.0.1:${yield* Loopback.closedPort}/v1`)
          assert.strictEqual((yield* failure(closed))._tag, "ConnectFailed")
          const silent = yield* clientOf(`https://127.0.0.1:${yield* Loopback.silent}/v1`, {
            connectTimeout: "100 millis"
          })
          const error = yield* failure(silent)
          assert.isTrue(error._tag === "TimedOut" && error.phase === "connect")
        }))

      it.live("a server that speaks no HTTP", () =>
        Effect.gen(function*() {
          const client = yield* clientOf(`http://127.0.0.1:${yield* Loopback.chatty("220 mail.test ESMTP\r\n")}/v1`)
          assert.strictEqual((yield* failure(client))._tag, "MalformedReply")
        }))
    })

    describe("the provider sees within 100 ms that its reader left", () => {
      const talking = Behaviour.stream({ text: "x".repeat(4000), pause: "10 millis" })

      /** How long the provider worked on after the reader had left: the best of ten, as this machine may be busy. */
      const overtime = (
        outcome: Behaviour.Outcome,
        leave: (
          client: ChatClient.ChatClient["Service"],
          provider: SimulatedProvider.SimulatedProvider["Service"],
          left: Effect.Effect<void>
        ) => Effect.Effect<unknown, unknown>
      ) =>
        Effect.gen(function*() {
          let best = Infinity
          for (let i = 0; i < 10 && best >= 100; i++) {
            const { client, provider } = yield* served(outcome)
            let at = 0
            const left = Effect.map(Clock.currentTimeMillis, (now) => void (at = now))
            yield* Effect.exit(leave(client, provider, left))
            yield* eventually(Effect.map(provider.total, ({ aborted, inFlight }) => aborted === 1 && inFlight === 0))
            best = Math.min(best, (yield* Clock.currentTimeMillis) - at)
          }
          return best
        })

      const interrupted = (call: (client: ChatClient.ChatClient["Service"]) => Effect.Effect<unknown, unknown>) =>
      (
        client: ChatClient.ChatClient["Service"],
        provider: SimulatedProvider.SimulatedProvider["Service"],
        left: Effect.Effect<void>
      ) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(call(client))
          yield* eventually(Effect.map(provider.total, ({ inFlight }) => inFlight === 1))
          yield* left
          yield* Fiber.interrupt(fiber)
        })

      const ways: ReadonlyArray<readonly [string, Behaviour.Outcome, Parameters<typeof overtime>[1]]> = [
        [
          "with what it took",
          talking,
          (client, _, left) => Effect.andThen(Stream.runDrain(Stream.take(client.stream(request), 3)), left)
        ],
        [
          "by a failure of its own",
          talking,
          (client, _, left) =>
            Stream.runForEach(client.stream(request), () => Effect.andThen(left, Effect.fail("mine")))
        ],
        ["by interruption within the stream", talking, (client, _, left) =>
          Effect.gen(function*() {
            const begun = yield* Deferred.make<void>()
            const fiber = yield* Effect.forkChild(
              Stream.runForEach(client.stream(request), () => Deferred.succeed(begun, undefined))
            )
            yield* Deferred.await(begun)
            yield* left
            yield* Fiber.interrupt(fiber)
          })],
        [
          "by interruption before the head",
          Behaviour.hang,
          interrupted((client) => Stream.runDrain(client.stream(request)))
        ],
        ["by interruption of a call without stream", Behaviour.hang, interrupted((client) => client.complete(request))],
        [
          "by interruption within a body without stream",
          Behaviour.slowBody("1 minute"),
          interrupted((client) => client.complete(request))
        ]
      ]
      for (const [name, outcome, leave] of ways) {
        it.live(name, () =>
          Effect.gen(function*() {
            assert.isBelow(yield* overtime(outcome, leave), 100)
          }), 30_000)
      }
    })
  })
})
