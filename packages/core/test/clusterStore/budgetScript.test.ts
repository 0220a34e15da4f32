/** The script for budgets beside the rules in TypeScript: random histories have the same answers. */
import { assert, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import * as Redis from "effect/persistence/Redis"
import { vi } from "vitest"
import { Chance } from "./chance.ts"
import { MemoryTable } from "./histories.ts"
import { layerRedisOf } from "./redisServer.ts"
import { isSame } from "./same.ts"
import { withServers } from "../support/withServers.ts"
import { sha1 } from "./timedScript.ts"

const { budgetScript, budgetScriptId } = await vi.importActual<
  typeof import("../../src/clusterStore/budgetScript.ts")
>("../../src/clusterStore/budgetScript.ts")
const { budgetArguments, budgetReply } = await vi.importActual<
  typeof import("../../src/clusterStore/budgetWire.ts")
>("../../src/clusterStore/budgetWire.ts")

const { shareOut } = await vi.importActual<typeof import("../../src/clusterStore/budgetRules.ts")>(
  "../../src/clusterStore/budgetRules.ts"
)

const histories = Number(process.env.SWITCHGEAR_RUNS ?? 10_000)

it("is known to Redis by the SHA-1 of its text", () => assert.strictEqual(budgetScriptId, sha1(budgetScript)))

withServers("is compared with the rules in TypeScript", (program) => {
  it.live(`${histories} random histories have the answers of the rules in TypeScript`, () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      yield* redis.send("SCRIPT", "LOAD", budgetScript)
      let granted = 0
      const history = (i: number) =>
        Effect.gen(function*() {
          const table = new MemoryTable()
          const { choice, share } = yield* Chance
          let heard = { given: 0, returned: 0, spent: 0 }
          for (let step = 0; step < 15; step++) {
            const budget = () => ({
              limit: choice(1_000_000, 1_000_000, 1, 999_999, 2 ** 52),
              want: choice(0, 1, 1000, 400_000, 2 ** 51),
              least: choice(1, 1, 1000, 400_000),
              back: choice(0, 0, 1, 5000, 300_000),
              over: choice(0, 0, 0, 700, 2_000_000),
              spent: choice(0, 1, 3000),
              heard: choice(heard, heard, { given: 0, returned: 0, spent: 0 }, {
                given: 900_000,
                returned: 200_000,
                spent: 100_000
              }, { given: 2 ** 50, returned: 0, spent: 2 ** 40 }),
              keepFor: 600_000
            })
            const call = { budgets: [["a:1", budget()], ["a:2:tenant", budget()]] as const }
            const told = yield* redis.send("EVALSHA", budgetScriptId, ...budgetArguments(`{m${i}}`, call))
            const reply = budgetReply(told, call)
            isSame(reply, table.callBudgets(call, 1e15 + step), () => `${i}, ${JSON.stringify(told)}`)
            heard = reply![0]!.sums
            granted += reply![1]!.granted > 0 ? 1 : 0
            // The server has lost it.
            if (share() < 0.05) {
              yield* redis.send("DEL", `{m${i}}:b:a:1`)
              const { budgets } = table as unknown as { readonly budgets: Map<string, unknown> }
              budgets.delete("a:1")
            }
          }
        })
      yield* Effect.forEach(
        Array.from({ length: histories }, (_, i) => i),
        (i) => Random.withSeed(history(i), `history ${i}`),
        { concurrency: 32, discard: true }
      )
      assert.isAbove(granted, histories)
    }).pipe(Effect.provide(layerRedisOf(program))), 120_000)

  it.live("what no fleet has written is written over, and harms no other budget of the message", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const message = { limit: 10, want: 4, least: 1, back: 0, over: 0, spent: 2, keepFor: 5000 }
      const heard = { given: 5, returned: 1, spent: 3 }
      for (
        const write of [
          ["HSET", "field", "value"],
          ["SET", "garbage"],
          ["SET", "99999999999999999999 0 0 10"],
          ["SET", "9 0 0 9007199254740993"],
          ["SET", "-1 0 0 10"]
        ]
      ) {
        const call = { budgets: ["a", "b", "c"].map((name) => [name, { ...message, heard }] as const) }
        yield* redis.send("DEL", "{n}:b:a", "{n}:b:b", "{n}:b:c")
        yield* redis.send(write[0]!, "{n}:b:b", ...write.slice(1))
        const told = yield* redis.send("EVAL", budgetScript, ...budgetArguments("{n}", call))
        const answer = { granted: 4, sums: { given: 9, returned: 1, spent: 5 }, otherLimit: undefined }
        assert.deepStrictEqual(budgetReply(told, call), [answer, answer, answer], write.join(" "))
      }
    }).pipe(Effect.provide(layerRedisOf(program))))

  it.live("a sum that is as large as can be stays so, and is answered as by the rules in TypeScript", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const most = Number.MAX_SAFE_INTEGER
      const amounts = [0, 1, most - 1, most]
      const heard = { given: 5, returned: 1, spent: 3 }
      for (const given of amounts) {
        for (const returned of amounts.filter((amount) => amount <= given)) {
          for (
            const [back, over, want] of [[0, 0, 4], [3, 0, 2 ** 52], [0, 7, 4], [0, most, 4], [3, 7, most]] as const
          ) {
            const record = { given, returned, spent: most - 1, limit: 10 }
            const message = { limit: 2 ** 52, want, least: 1, back, over, spent: 2, keepFor: 5000, heard }
            const call = { budgets: [["a", message]] as const }
            yield* redis.send("SET", "{s}:b:a", `${given} ${returned} ${record.spent} 10`)
            const told = yield* redis.send("EVAL", budgetScript, ...budgetArguments("{s}", call))
            isSame(
              budgetReply(told, call),
              [shareOut(record, message).answer],
              () => JSON.stringify([record, message, told])
            )
          }
        }
      }
    }).pipe(Effect.provide(layerRedisOf(program))))

  it.live("it is kept for as long as the message says", () =>
    Effect.gen(function*() {
      const redis = yield* Redis.Redis
      const message = { limit: 10, want: 4, least: 1, back: 0, over: 0, spent: 0, keepFor: 5000 }
      const heard = { given: 0, returned: 0, spent: 0 }
      const call = { budgets: [["a", { ...message, heard }]] as const }
      yield* redis.send("EVAL", budgetScript, ...budgetArguments("{k}", call))
      const left = yield* redis.send<number>("PTTL", "{k}:b:a")
      const ever = { budgets: [["b", { ...message, heard, keepFor: Number.MAX_SAFE_INTEGER }]] as const }
      yield* redis.send("EVAL", budgetScript, ...budgetArguments("{k}", ever))
      assert.isAbove(yield* redis.send<number>("PTTL", "{k}:b:b"), 2 ** 52)
      assert.isAbove(left, 0)
      assert.isAtMost(left, 5000)
    }).pipe(Effect.provide(layerRedisOf(program))))
})
