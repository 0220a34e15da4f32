/** The script that Redis runs beside the rules in TypeScript: the same answers, and the same events. */
import { assert, it } from "@effect/vitest"
import { Effect, Queue, Random } from "effect"
import * as Redis from "effect/persistence/Redis"
import { vi } from "vitest"
import { type CircuitEvent, MemoryTable, play } from "./histories.ts"
import { message, terms } from "./messages.ts"
import { numbers, plant, texts } from "./planted.ts"
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

it("an answer with terms that no circuit has is no answer", () => {
  const call = { circuits: [["a", message]] } as never
  const own = "100:1000:10:0.5:1:5:0.5:1000000000:agreed"
  for (const other of texts(own, ":").filter((text) => text !== "" && text !== own)) {
    assert.isUndefined(circuitReply(["1", "1", "1", "5", other], call), other)
  }
  assert.isDefined(circuitReply(["1", "1", "1", "5", own], call))
})

it("a message of the channel that is too long, or after which none could come, is none", () => {
  const prefix = circuitPrefix("{sg1:a:0}")
  const told = (epoch: number, openings: number, name: string) =>
    circuitEvent(`${epoch}|O|500|${openings}|command|3|${prefix}${name}`, prefix)
  assert.isDefined(told(Date.now() * 1000, 1, "n".repeat(512)))
  assert.isUndefined(told(Number.MAX_SAFE_INTEGER, 1, "a"))
  assert.isUndefined(told(1, Number.MAX_SAFE_INTEGER, "a"))
  assert.isUndefined(told(1, 1, "|".repeat(1000)))
})

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

  const micros = 1_700_000_000_000_000
  const now = micros / 1000
  const at = now - 50
  const own = "100:1000:10:0.5:1:5:0.5:1000000000:agreed"

  /** Each number, state and text of a record, where something else can be written. */
  const sound = {
    epoch: 7,
    state: "C",
    until: 0,
    openings: 0,
    rows: [at - 100, 12, 5, 1],
    worst: ["b", 12, 5, 1, at],
    half: [] as ReadonlyArray<number>,
    holders: [] as ReadonlyArray<number | string>,
    terms: own,
    at
  }
  const halfOpen = {
    ...sound,
    state: "H",
    rows: [],
    worst: [],
    half: [at - 5, 2, 1, 0, 1, 0],
    holders: ["b", at + 900]
  }
  const failed = { ...halfOpen, half: [at - 5, 5, 5, 0, 5, 0] }
  const open = { ...sound, state: "O", rows: [], worst: [], until: now + 4000, openings: 2 }
  const replaced = (base: typeof sound, value: number) => [
    ...(["epoch", "until", "openings", "at"] as const).map((field) => ({ ...base, [field]: value })),
    ...(["rows", "worst", "half", "holders"] as const).flatMap((field) =>
      base[field].flatMap((known, i) =>
        typeof known === "string" ? [] : [{ ...base, [field]: (base[field] as ReadonlyArray<number>).with(i, value) }]
      )
    )
  ]
  const records = [sound, halfOpen, failed, open].flatMap((base) => [
    ...numbers(now).flatMap((value) => replaced(base, value)),
    ...texts(own, ":").map((terms) => ({ ...base, terms }))
  ])
  const states = { C: "Closed", O: "Open", H: "HalfOpen" } as const

  /** The same record, as the rules in TypeScript have it. */
  const inRules = ({ epoch, half, holders, openings, rows, state, terms, until, worst, at }: typeof sound) => ({
    epoch,
    state: states[state as "C"],
    until,
    openings,
    rows: rows.length === 0 ? [] : [{ at: rows[0]!, calls: rows[1]!, failures: rows[2]!, slow: rows[3]! }],
    worst: worst.length === 0 ? undefined : {
      node: "b",
      calls: worst[1] as number,
      failures: worst[2] as number,
      slow: worst[3] as number,
      at: worst[4] as number
    },
    halfOpen: half.length === 0 ? undefined : {
      since: half[0]!,
      results: half[1]!,
      failures: half[2]!,
      slow: half[3]!,
      failuresInRow: half[4]!,
      retryAfter: half[5]!,
      holders: [{ node: "b", until: holders[1] as number }]
    },
    terms,
    at
  })
  const packed = ({ epoch, state, until, openings, rows, worst, half, holders, terms, at }: typeof sound) =>
    [epoch, state, until, openings, rows, worst, half, holders, terms, at] as const

  const callOf = (more: Partial<typeof message>) => ({
    node: "a",
    said: 0,
    longestWay: 2000,
    goneAfter: 15_000,
    holdFor: 10_000,
    circuits: [["c", { ...message, ...more, terms: { ...terms, size: 50 } }]] as const
  })

  it.live("a record with any number, or any text for terms, has the answers of the rules in TypeScript, and no bad one", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      yield* redis.send("SCRIPT", "LOAD", script)
      const counts = { calls: 3, failures: 1, slow: 0 }
      const said = [{ epoch: 7, counts, own: counts }, { epoch: 7, wish: "probe" }, { wish: "forceOpen" }] as const
      let others = 0
      for (const [i, record] of records.entries()) {
        const none = new Map<string, never>()
        const kept = { record: inRules(record), until: Infinity }
        const table = new MemoryTable({
          nodes: none,
          circuits: new Map([["c", kept]]),
          limits: none,
          budgets: none,
          sequence: 0
        })
        yield* plant(`{p${i}}:c:c`, packed(record))
        for (const [round, more] of said.entries()) {
          const call = callOf(more)
          const told = yield* redis.send(
            "EVALSHA",
            id,
            ...callArguments(`{p${i}}`, call),
            ...timeArguments(micros + round)
          )
          const what = () => `${JSON.stringify(record)}, round ${round}, ${JSON.stringify(told)}`
          const reply = circuitReply(told, call)
          assert.isDefined(reply, what())
          isSame(reply, table.callCircuits(call, micros + round, () => {}), what)
          if (reply!.circuits[0]!.otherTerms === own) others++
        }
      }
      assert.isAbove(others, 10)
    }).pipe(Effect.provide(layerRedisOf(program))))

  it.live("a record of another form is written over", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const forms = packed(sound).flatMap((_, i) => ["text", ["x"], [1]].map((other) => packed(sound).with(i, other)))
      for (const [i, form] of forms.entries()) {
        yield* plant("{f}:c:c", form)
        const call = callOf({})
        const told = yield* redis.send("EVAL", circuitScript, ...callArguments("{f}", call))
        assert.deepStrictEqual(
          circuitReply(told, call)?.circuits,
          [{ _tag: "Closed", age: 0, otherTerms: undefined }],
          `${i}`
        )
      }
    }).pipe(Effect.provide(layerRedisOf(program))))

  it.live("what no fleet has written where the nodes and the changes are counted is written over", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const call = callOf({ wish: "forceOpen" })
      const list = ["LPUSH", "a", "b"]
      const text = (value: string) => ["SET", value]
      const others = [
        ...[list, text("text"), ["HSET", "a", "1e999"]].map((write) => ["nodes", write] as const),
        ...["Infinity", "1e300", "-Infinity", String(2 ** 53)].map((score) =>
          ["nodes", ["ZADD", score, "ghost"]] as const
        ),
        ...[list, ["HSET", "a", "1"]].map((write) => ["seq", write] as const),
        ...["", "text", "-7", " 5", "07", "1e3", "0x10", String(2 ** 53 - 1), "9223372036854775807", "9".repeat(1000)]
          .map((value) => ["seq", text(value)] as const)
      ]
      for (const [key, [command = "", ...rest]] of others) {
        const what = `${key}, ${command} ${rest.join(" ")}`.slice(0, 80)
        yield* redis.send("DEL", "{o}:nodes", "{o}:seq", "{o}:c:c")
        yield* redis.send(command, `{o}:${key}`, ...rest)
        const told = yield* redis.send("EVAL", circuitScript, ...callArguments("{o}", call))
        const reply = circuitReply(told, call)
        assert.strictEqual(reply?.nodes, 1, what)
        assert.strictEqual(reply?.sequence, 1, what)
        assert.strictEqual(reply?.circuits[0]?._tag, "State", what)
      }
    }).pipe(Effect.provide(layerRedisOf(program))))
})
