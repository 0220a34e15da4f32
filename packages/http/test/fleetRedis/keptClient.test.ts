/** How soon a connection of a fleet is made again, in virtual time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger, Random, Schema } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"

const { KeptClient } = await vi.importActual<typeof import("../../src/fleetRedis/keptClient.ts")>(
  "../../src/fleetRedis/keptClient.ts"
)

const settings = {
  places: [{ host: "127.0.0.1", port: 1 }],
  username: undefined,
  password: undefined,
  database: 0,
  tls: undefined,
  connectTimeout: 2000,
  pingInterval: 5000
}

/** Milliseconds of virtual time, in each of which a client may go on with its promises. */
const pass = (millis: number) =>
  Effect.repeat(
    Effect.andThen(
      TestClock.adjust("10 millis"),
      TestClock.withLive(Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve))))
    ),
    { times: millis / 10 - 1 }
  )

describe("a connection that was lost", () => {
  it.effect.prop(
    "is there again within a second after its server is, even where that comes just after an attempt",
    { seed: Schema.Int, inVain: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 6 })) },
    ({ inVain, seed }) =>
      Effect.gen(function*() {
        let left = 0
        let lose = (_: unknown): void => {}
        const client = new KeptClient(() => ({
          connect: () => left-- <= 0 ? Promise.resolve() : Promise.reject(new Error("ECONNREFUSED")),
          send: () => Promise.resolve("PONG"),
          ping: () => Promise.resolve("PONG"),
          onLost: (lost) => {
            lose = lost
          },
          destroy: () => {},
          place: () => settings.places[0]!
        }), settings)
        const isConnected = Effect.map(Effect.exit(client.send("PING")), Exit.isSuccess)
        yield* client.start
        assert.isTrue(yield* isConnected)
        left = inVain
        lose(new Error("ECONNRESET"))
        yield* Effect.repeat(pass(10), { while: () => left > 0 })
        assert.isFalse(yield* isConnected)
        yield* pass(1000)
        assert.isTrue(yield* isConnected)
      }).pipe(Effect.scoped, Random.withSeed(seed)),
    { arbitrary: { runs: 50 } }
  )

  it.effect("again and again has few lines in the log, and one once it stays", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      let lose = (_: unknown): void => {}
      const client = new KeptClient(() => ({
        connect: () => Promise.resolve(),
        send: () => Promise.resolve("PONG"),
        ping: () => Promise.resolve(),
        onLost: (lost) => {
          lose = lost
        },
        destroy: () => {},
        place: () => settings.places[0]!
      }), settings)
      yield* Effect.provideService(client.start, Logger.CurrentLoggers, new Set([logger]))
      for (let i = 0; i < 50; i++) {
        lose(new Error("ECONNRESET"))
        yield* pass(400)
      }
      const lost = "The Redis of the fleet is not connected: ECONNRESET. It is tried again until it is."
      const back = "The Redis of the fleet is connected."
      assert.deepStrictEqual(lines, [lost, back, lost])
      yield* pass(10_000)
      assert.deepStrictEqual(lines, [lost, back, lost, back])
      // One that has lasted is back at once.
      lose(new Error("ECONNRESET"))
      yield* pass(400)
      assert.deepStrictEqual(lines, [lost, back, lost, back, lost, back])
    }).pipe(Effect.scoped))

  it.effect("has another line in the log once there has been another reason for five seconds", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      let reason: string | undefined
      let lose = (_: unknown): void => {}
      const client = new KeptClient(() => ({
        connect: () => reason === undefined ? Promise.resolve() : Promise.reject(new Error(reason)),
        send: () => Promise.resolve("PONG"),
        ping: () => Promise.resolve(),
        onLost: (lost) => {
          lose = lost
        },
        destroy: () => {},
        place: () => settings.places[0]!
      }), settings)
      yield* Effect.provideService(client.start, Logger.CurrentLoggers, new Set([logger]))
      reason = "ECONNREFUSED"
      lose(new Error("ECONNRESET"))
      // One that does not stay is not told.
      yield* pass(4000)
      reason = "WRONGPASS"
      yield* pass(20_000)
      reason = undefined
      yield* pass(2000)
      assert.deepStrictEqual(lines, [
        "The Redis of the fleet is not connected: ECONNRESET. It is tried again until it is.",
        "The Redis of the fleet is still not connected: WRONGPASS. It is tried again until it is.",
        "The Redis of the fleet is connected."
      ])
    }).pipe(Effect.scoped))
})
