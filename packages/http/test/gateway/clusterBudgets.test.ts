/** The budget of a client over gateways that are a fleet, on a real Redis that is killed and started again empty. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Gateway, gatewayOver, processOver, section, seenBy, simulated, until } from "./gatewayFleet.ts"
import { control } from "./administered.ts"
import { type RedisServer, redisServer } from "./redisServer.ts"
import { withRedis } from "../fleetRedis/fleet.ts"
import { chat, type Got, hello, token } from "./running.ts"

/** Of some hundred calls. */
const dollars = 0.004

const prices = "prices: { first: { input: 2, output: 8 }, second: { input: 1, output: 4 } }"

const client = (dollars: number) =>
  `clients: [{ name: shop, token: ${token}, budget: { dollars: ${dollars}, window: day } }]`

/** No call goes on by itself because the machine is slow. */
const patient = ({ url }: RedisServer) => section(url, "", "3 seconds")

const call = ({ url }: Gateway) => chat(url, { ...hello, model: "first", max_tokens: 10 })

const costOf = ({ headers, status }: Got) => status === 200 ? Number(headers.get("x-switchgear-cost-usd")) : 0

const sum = (answers: ReadonlyArray<Got>) => answers.reduce((sum, answer) => sum + costOf(answer), 0)

const calls = (gateways: ReadonlyArray<Gateway>, count: number) =>
  Effect.forEach(Array.from({ length: count }, (_, i) => gateways[i % gateways.length]!), call, { concurrency: 6 })

/** Until nothing passes on any of them. Gives what was spent. */
const rest = (gateways: ReadonlyArray<Gateway>) =>
  Effect.gen(function*() {
    let spent = 0
    for (let refused = 0; refused < 3; refused++) {
      const now = sum(yield* calls(gateways, 8 * gateways.length))
      spent += now
      if (now > 0) refused = -1
      yield* Effect.sleep("300 millis")
    }
    return spent
  })

withRedis("budgets are those of all gateways on a real server", () => {
  describe.concurrent("the budget of a client", () => {
    it.live(
      "holds over three processes behind a round-robin, and one that is killed and started again brings no other",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const { url } = yield* simulated
          const one = processOver(url, `${patient(redis)}\n${prices}\n${client(dollars)}`)
          const [first, second, last] = yield* Effect.all([one, one, one], { concurrency: 3 })
          const before = sum(yield* calls([first, second, last], 12))
          assert.isAbove(before, 0)
          last.command.process.kill("SIGKILL")
          yield* last.command.ended
          const again = yield* one
          let spent = before + (yield* rest([first, second, again]))
          // What one holds and does not need comes back later.
          for (const gateway of [first, second, again]) {
            const refused = yield* Effect.repeat(call(gateway), {
              until: (answer) => {
                spent += costOf(answer)
                return answer.status !== 200
              }
            })
            assert.deepStrictEqual([refused.status, refused.json.error.code], [429, "insufficient_quota"])
            assert.strictEqual(refused.headers.get("x-should-retry"), "false")
          }
          assert.isAtMost(spent, dollars)
          // A share of the one that was killed is lost.
          assert.isAtLeast(spent, dollars / 3)
        })),
      60_000
    )

    it.live(
      "is told as what all gateways have spent, and named where another file has another one",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const redis = yield* redisServer
          const { url } = yield* simulated
          const [one, other] = [
            yield* gatewayOver(url, redis.url, client(dollars), patient(redis)),
            yield* gatewayOver(url, redis.url, client(2 * dollars), patient(redis))
          ]
          const spent = sum(yield* calls([one, other], 10))
          const budgetOf = ({ admin }: Gateway) =>
            Effect.map(admin("/admin/overview"), ({ json }) => json.clients[0].money.budget)
          for (const gateway of [one, other]) {
            yield* until(Effect.map(budgetOf(gateway), (budget) => Math.abs(budget.spent - spent) < 1e-9))
          }
          yield* until(Effect.map(seenBy(one), ({ rulesDiffer }) => rulesDiffer.length > 0))
          const [{ difference, name }] = (yield* seenBy(one)).rulesDiffer
          assert.strictEqual(difference, "8000 micro-dollars, here 4000")
          assert.match(name, /^shop:all:day/)
          // A file without a fleet leaves the gateway in its fleet, where budgets need a name that is not long.
          const long = client(dollars).replace("shop", "x".repeat(101))
          const refused = yield* Effect.flip(one.tryReload(long, `admin: { port: 0, token: ${control} }`))
          assert.match(refused.message, /^clients\[0\]\.name: Expected at most 100 characters/)
          yield* one.reload(client(3 * dollars))
          yield* until(Effect.map(budgetOf(one), (budget) => Math.abs(budget.spent - spent) < 1e-9))
          assert.strictEqual((yield* budgetOf(one)).limit, 3 * dollars)
        })),
      60_000
    )
  })
})
