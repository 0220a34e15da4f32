import { assert, it } from "@effect/vitest"
import { type ChatModel, CostLedger } from "@switchgear/http"
import { Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { answer, ask, ledgerOf, microDollars, modelOf } from "./support/ledgerOf.ts"

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Call = Schema.Struct({
  tenant: Schema.Literals(["a", "b", "c"]),
  expected: whole(1, 60),
  actual: whole(1, 120),
  lasting: whole(0, 40),
  ending: Schema.Literals(["answer", "answer", "answer", "failure", "defect"])
})
type Call = typeof Call.Type

const Operation = Schema.Union([
  Schema.Struct({ _tag: Schema.tag("Begin"), call: Call }),
  Schema.Struct({ _tag: Schema.tag("Begin"), call: Call }),
  Schema.Struct({ _tag: Schema.tag("Interrupt"), index: whole(0, 20) }),
  Schema.Struct({ _tag: Schema.tag("Advance"), millis: whole(1, 30) })
])

const History = Schema.Array(Operation).check(Schema.isMinLength(40), Schema.isMaxLength(120))

const limits = { tenant: 100, all: 180 }
const window = 100

/** What the test knows of a call that was let in. */
interface Admitted {
  readonly call: Call
  readonly window: number
  state: "in flight" | "answered" | "gone"
}

/** What calls in flight can cost above what was reserved for them. */
const excess = (calls: ReadonlyArray<Admitted>) =>
  calls.reduce((sum, { call }) => sum + Math.max(0, call.actual - call.expected), 0)

const play = (history: ReadonlyArray<typeof Operation.Type>, actualOf: (call: Call) => number) =>
  Effect.gen(function*() {
    const ledger = yield* ledgerOf({
      budgets: [
        CostLedger.perTenant(microDollars(limits.tenant), window),
        CostLedger.overall(microDollars(limits.all), window)
      ]
    })
    const admitted: Array<Admitted> = []
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    let now = 0
    let refused = 0
    // By tenant and for all: the calls in flight when the last one was let in, by window.
    const inFlight = new Map<string, ReadonlyArray<Admitted>>()
    const current = () => Math.floor(now / window)
    const of = (whose: string, { call, window }: Admitted) =>
      window === current() && (whose === "all" || call.tenant === whose)

    const complete = (call: Call): Effect.Effect<ChatModel.Answer, string> =>
      Effect.suspend(() => {
        const entered: Admitted = { call, window: current(), state: "in flight" }
        admitted.push(entered)
        for (const whose of [call.tenant, "all"]) {
          inFlight.set(whose, admitted.filter((other) => of(whose, other) && other.state === "in flight"))
        }
        return Effect.sleep(call.lasting).pipe(
          Effect.andThen(Effect.suspend((): Effect.Effect<ChatModel.Answer, string> => {
            if (call.ending === "failure") return Effect.fail("503")
            if (call.ending === "defect") return Effect.die("bug")
            entered.state = "answered"
            return Effect.succeed(answer(actualOf(call)))
          })),
          Effect.onExit(() => Effect.sync(() => entered.state === "in flight" && (entered.state = "gone")))
        )
      })
    const begin = (call: Call) =>
      ledger.protect(modelOf<string>(complete(call))).complete(ask(call.expected)).pipe(
        CostLedger.withTenant(call.tenant),
        Effect.catchTag("BudgetExceeded", (error) =>
          Effect.sync(() => {
            refused++
            assert.isAbove(error.spent + error.reserved + call.expected, error.limit)
          }))
      )

    // A call that was left, failed or died may have been worked on: its prompt is spent.
    const costOf = ({ call, state }: Admitted) =>
      state === "answered" ? actualOf(call) : state === "gone" ? call.expected : 0

    const check = Effect.gen(function*() {
      const tenants = yield* ledger.tenants
      const { budgets: [all], total } = yield* ledger.snapshot
      const states = [...tenants.map(({ budgets: [state], tenant }) => ({ whose: tenant, state })), {
        whose: "all",
        state: all
      }]
      for (const { state, whose } of states) {
        const mine = admitted.filter((each) => of(whose, each))
        const spent = mine.reduce((sum, each) => sum + costOf(each), 0)
        const reserved = mine.filter(({ state }) => state === "in flight").reduce(
          (sum, each) => sum + each.call.expected,
          0
        )
        assert.deepStrictEqual([state!.spent, state!.reserved], [spent, reserved], `${whose} at ${now}`)
        const bound = excess(
          (inFlight.get(whose) ?? []).filter((each) => each.window === current()).map((each) => ({
            ...each,
            call: { ...each.call, actual: actualOf(each.call) }
          }))
        )
        assert.isAtMost(spent + reserved, state!.limit + bound, `${whose} at ${now}`)
      }
      assert.strictEqual(total.refused, refused)
      assert.strictEqual(tenants.reduce((sum, { totals }) => sum + totals.cost, 0), total.cost)
    })

    for (const operation of history) {
      switch (operation._tag) {
        case "Begin":
          fibers.push(yield* Effect.forkChild(Effect.exit(begin(operation.call)), { startImmediately: true }))
          break
        case "Interrupt":
          if (fibers.length > 0) yield* Fiber.interrupt(fibers[operation.index % fibers.length]!)
          break
        case "Advance":
          // A millisecond at a time, for the test to know which window a call is let in by.
          for (let i = 0; i < operation.millis; i++) {
            now++
            yield* TestClock.adjust(1)
          }
      }
      yield* check
    }
    yield* Effect.forEach(fibers, Fiber.interrupt)
    yield* check
    const { budgets: [all], total } = yield* ledger.snapshot
    assert.strictEqual(all!.reserved, 0)
    assert.strictEqual(total.replies + total.failures + refused, fibers.length)
    assert.strictEqual(
      total.cost,
      admitted.reduce((sum, each) => sum + costOf(each), 0)
    )
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)
const settings = { arbitrary: { runs, size: 100 }, timeout: 20_000 + 100 * runs }

it.effect.prop(
  "no budget is ever overspent by calls that cost no more than expected, whatever runs at once",
  { history: History },
  ({ history }) => play(history, ({ actual, expected }) => Math.min(actual, expected)),
  settings
)

it.effect.prop(
  "a budget is overspent by no more than the calls in flight, when the last was let in, cost above what was expected",
  { history: History },
  ({ history }) => play(history, ({ actual }) => actual),
  settings
)

it.effect("a budget is spent to the last micro-dollar, and not beyond, by a thousand calls at once", () =>
  Effect.gen(function*() {
    const ledger = yield* ledgerOf({ budgets: [CostLedger.overall(microDollars(2500), "day")] })
    let highest = 0
    const { complete } = ledger.protect(modelOf(Effect.gen(function*() {
      const { budgets: [state] } = yield* ledger.snapshot
      highest = Math.max(highest, state!.spent + state!.reserved)
      yield* Effect.yieldNow
      return answer(10)
    })))
    const exits = yield* Effect.forEach(Array.from({ length: 1000 }), () => Effect.exit(complete(ask(25))), {
      concurrency: "unbounded"
    })
    assert.strictEqual(exits.filter(({ _tag }) => _tag === "Success").length, 100)
    assert.strictEqual(highest, 2500)
    const rest = yield* Effect.forEach(Array.from({ length: 1000 }), () => Effect.exit(complete(ask(10))))
    assert.strictEqual(rest.filter(({ _tag }) => _tag === "Success").length, 150)
    const { budgets: [state] } = yield* ledger.snapshot
    assert.deepStrictEqual([state!.spent, state!.reserved], [2500, 0])
  }))
