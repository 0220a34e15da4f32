/** The script for limits beside the rules in TypeScript: random histories have the same answers. */
import { assert, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import * as Redis from "effect/persistence/Redis"
import { vi } from "vitest"
import { Chance } from "./chance.ts"
import { MemoryTable } from "./histories.ts"
import { numbers, plant, texts } from "./planted.ts"
import { layerRedisOf } from "./redisServer.ts"
import { isSame } from "./same.ts"
import { withServers } from "../support/withServers.ts"
import { sha1, timeArguments, timed } from "./timedScript.ts"

const { bookingScript, bookingScriptId } = await vi.importActual<
  typeof import("../../src/clusterStore/bookingScript.ts")
>("../../src/clusterStore/bookingScript.ts")
const { bookingArguments, bookingReply } = await vi.importActual<
  typeof import("../../src/clusterStore/bookingWire.ts")
>("../../src/clusterStore/bookingWire.ts")

const histories = Number(process.env.SWITCHGEAR_RUNS ?? 10_000)

// What it keeps, it keeps in the time of the server.
const script = timed(bookingScript).replace("math.ceil(ends - now)", "600000")
const id = sha1(script)

it("is known to Redis by the SHA-1 of its text", () => assert.strictEqual(bookingScriptId, sha1(bookingScript)))

it("an answer with a number beyond its bounds, or with terms that no limit has, is no answer", () => {
  const call = { said: 0, longestWay: 2000, limits: [["a", { want: 4 } as never]] as const }
  for (const first of ["1e999", "-1e999", "1e16", "nan", "-nan", "inf", "NaN", "Infinity", "", "0x10", " 1"]) {
    assert.isUndefined(bookingReply(["1", first, ""], call), first)
  }
  for (const terms of texts("10:50", ":").filter((text) => text !== "" && text !== "10:50")) {
    assert.isUndefined(bookingReply(["1", "5", terms], call), terms)
  }
  assert.isDefined(bookingReply(["1", "-5.5e-3", "10:2.5e-7"], call))
})

withServers("is compared with the rules in TypeScript", (program) => {
  it.live(`${histories} random histories have the answers of the rules in TypeScript`, () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      yield* redis.send("SCRIPT", "LOAD", script)
      let granted = 0
      const history = (i: number) =>
        Effect.gen(function*() {
          const table = new MemoryTable()
          const { between, choice } = yield* Chance
          let micros = 1_700_000_000_000_000 + between(0, 1_000_000)
          for (let step = 0; step < 15; step++) {
            micros += choice(0, 1, 500, 10_000, 99_999, 100_000, 1_000_000, 60_000_000, -5_000_000, -300)
            const gap = choice(10, 10, 1000 / 3, 0.01, 60_000)
            const booking = () => ({
              gap,
              burst: choice(20, 20, 1, 5000),
              ahead: choice(200, 200, 0),
              want: choice(0, 1, 10, 100_000),
              back: choice(0, 0, 3, 1000, -5, -100_000, 0.5),
              unused: choice(0, 0, 3, 20, 1000, 0.5),
              oldest: choice(0, 0.25, 100, 600, 5000),
              within: choice(700, 700, 700, 0, 10_000),
              latest: choice(200, 200, 400, 0, 100_000),
              fullAfter: choice(0, 0, 0, 0, 2000, 0.25, 100_000),
              terms: choice("20:100", "20:100", "1:0.5"),
              before: choice("", "20:100", "1:0.5"),
              scale: choice(1, 200, 1 / 3)
            })
            const now = Math.floor(micros / 1000)
            const call = {
              said: choice(0, now, now - 2000, now - 2001),
              longestWay: 2000,
              limits: [["a:requests", booking()], ["a:tokens", booking()]] as const
            }
            const told = yield* redis.send(
              "EVALSHA",
              id,
              ...bookingArguments(`{b${i}}`, call),
              ...timeArguments(micros)
            )
            const reply = bookingReply(told, call)
            isSame(reply, table.callLimits(call, micros), () => `history ${i}, ${JSON.stringify(told)}`)
            granted += reply![0]!.granted
          }
        })
      yield* Effect.forEach(
        Array.from({ length: histories }, (_, i) => i),
        (i) => Random.withSeed(history(i), `history ${i}`),
        { concurrency: 32, discard: true }
      )
      assert.isAbove(granted, 10 * histories)
    }).pipe(Effect.provide(layerRedisOf(program))), 120_000)

  it.live("a record with any number, or any text for terms, has the answers of the rules in TypeScript, and no bad one", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      yield* redis.send("SCRIPT", "LOAD", script)
      const micros = 1_700_000_000_000_000
      const message = {
        gap: 10,
        burst: 20,
        ahead: 200,
        want: 4,
        back: 1,
        unused: 2,
        oldest: 0,
        within: 700,
        latest: 200,
        fullAfter: 0,
        terms: "20:100",
        before: "10:50",
        scale: 0.5
      }
      const now = micros / 1000
      const call = { said: now, longestWay: 2000, limits: [["a", message]] as const }
      const sound = {
        fullAt: now + 100,
        at: now - 50,
        from: now - 60,
        to: now - 55,
        late: 10,
        terms: "10:50",
        other: ""
      }
      const records = [
        ...(["fullAt", "at", "from", "to", "late"] as const).flatMap((field) =>
          numbers(now).map((value) => ({ ...sound, [field]: value }))
        ),
        ...texts("10:50", ":").map((terms) => ({ ...sound, terms })),
        ...texts("10:50", ":").map((other) => ({ ...sound, other, fullAt: now + 100_000 }))
      ]
      let others = 0
      for (const [i, { at, from, fullAt, late, other, terms, to }] of records.entries()) {
        const record = { fullAt, at, rows: [{ from, to, late }], terms, by: "10:50", other }
        const kept: ReadonlyMap<string, { record: typeof record; until: number }> = new Map([
          ["a", { record, until: Infinity }]
        ])
        const none = new Map<string, never>()
        const table = new MemoryTable({ nodes: none, circuits: none, budgets: none, limits: kept, sequence: 0 })
        yield* plant(`{p${i}}:l:a`, [fullAt, at, terms, [from, to, late], "10:50", other])
        for (let round = 0; round < 2; round++) {
          const told = yield* redis.send(
            "EVALSHA",
            id,
            ...bookingArguments(`{p${i}}`, call),
            ...timeArguments(micros + round)
          )
          const what = () => `${JSON.stringify(records[i])}, round ${round}, ${JSON.stringify(told)}`
          const reply = bookingReply(told, call)
          assert.isDefined(reply, what())
          isSame(reply, table.callLimits(call, micros + round), what)
          if (reply![0]!.otherTerms !== undefined) others++
        }
      }
      assert.isAbove(others, 10)
    }).pipe(Effect.provide(layerRedisOf(program))))

  it.live("what no fleet has written is written over, and harms no other limit of the message", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const message = {
        gap: 10,
        burst: 20,
        ahead: 0,
        want: 4,
        back: 0,
        unused: 0,
        oldest: 0,
        within: 700,
        latest: 200,
        fullAfter: 0,
        terms: "20:100",
        before: "",
        scale: 1
      }
      const call = { said: 0, longestWay: 2000, limits: ["a", "b", "c"].map((name) => [name, message] as const) }
      const told = () => redis.send("EVAL", bookingScript, ...bookingArguments("{n}", call))
      for (const write of [["HSET", "field", "value"], ["SET", "garbage"], ["SET", "\x93\x01\x02\x03"]]) {
        yield* redis.send("DEL", "{n}:l:a", "{n}:l:b", "{n}:l:c")
        yield* redis.send(write[0]!, "{n}:l:b", ...write.slice(1))
        for (let round = 0; round < 2; round++) {
          const granted = bookingReply(yield* told(), call)?.map((answer) => answer.granted)
          assert.deepStrictEqual(granted, [4, 4, 4], write.join(" "))
        }
      }
    }).pipe(Effect.provide(layerRedisOf(program))))
})
