/** The script that Redis runs beside the rules in TypeScript: the same answers, and the same events. */
import { assert, it } from "@effect/vitest"
import { Effect, Queue, Random } from "effect"
import * as Redis from "effect/persistence/Redis"
import { vi } from "vitest"
import { type CircuitEvent, MemoryTable, play } from "./histories.ts"
import { layerRedisOf } from "./redisServer.ts"
import { isSame } from "./same.ts"
import { withServers } from "../support/withServers.ts"
import { sha1, timeArguments, timed } from "./timedScript.ts"

const { circuitScript, circuitScriptId } = await vi.importActual<
  typeof import("../../src/clusterStore/circuitScript.ts")
>("../../src/clusterStore/circuitScript.ts")
const { callArguments, circuitEvent, circuitPrefix, circuitReply } = await vi.importActual<
  typeof import("../../src/clusterStore/circuitWire.ts")
>("../../src/clusterStore/circuitWire.ts")

const histories = Number(process.env.SWITCHGEAR_RUNS ?? 10_000)

const script = timed(circuitScript)
const id = sha1(script)

it("is known to Redis by the SHA-1 of its text", () => assert.strictEqual(circuitScriptId, sha1(circuitScript)))

withServers("is compared with the rules in TypeScript", (program) => {
  it.live(
    `${histories} random histories have the answers and the events of the rules in TypeScript`,
    () =>
      Effect.scoped(Effect.gen(function*() {
        const redis = yield* Redis.Redis
        yield* redis.send("SCRIPT", "LOAD", script)
        const heard = yield* redis.subscribe("{h}:events")
        const ask = (call: Parameters<typeof callArguments>[1], micros: number, tag: string) =>
          redis.send(
            "EVALSHA",
            id,
            ...callArguments(tag, call).map((text) => text === `${tag}:events` ? "{h}:events" : text),
            ...timeArguments(micros)
          )
        const expected = new Map<string, Array<CircuitEvent>>()
        yield* Effect.forEach(
          Array.from({ length: histories }, (_, i) => i),
          (i) => {
            const tag = `{h${i}}`
            const table = new MemoryTable()
            const events: Array<CircuitEvent> = []
            expected.set(tag, events)
            return Random.withSeed(
              play("a|circuit", ({ call, micros }) =>
                Effect.map(ask(call, micros, tag), (told) => {
                  const reply = circuitReply(told, call)
                  isSame(
                    reply,
                    table.callCircuits(call, micros, (event) => events.push(event)),
                    () => `history ${i}, ${JSON.stringify(told)}`
                  )
                  return reply!
                })),
              `history ${i}`
            )
          },
          { concurrency: 32, discard: true }
        )
        const got = new Map<string, Array<CircuitEvent>>()
        const all = [...expected.values()].reduce((sum, events) => sum + events.length, 0)
        for (let i = 0; i < all; i++) {
          const { message } = yield* Queue.take(heard)
          const tag = /\{h\d+\}/.exec(message)![0]
          const event = circuitEvent(message, circuitPrefix(tag))
          assert.isDefined(event, message)
          got.set(tag, [...got.get(tag) ?? [], event!])
        }
        for (const [tag, events] of expected) assert.deepStrictEqual(got.get(tag) ?? [], events)
        assert.isAbove(all, 2 * histories)
      })).pipe(Effect.provide(layerRedisOf(program))),
    120_000
  )
})
