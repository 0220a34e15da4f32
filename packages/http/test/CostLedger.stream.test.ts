import { assert, describe, it } from "@effect/vitest"
import { ChatError, ChatModel, type ChatSchema, CostLedger } from "@switchgear/http"
import { Deferred, Effect, Fiber, Stream } from "effect"
import { interruptAtEveryStep } from "../../core/test/support/yieldAt.ts"
import { answer, ask, ledgerOf, microDollars } from "./support/ledgerOf.ts"

const says = (content: string): ChatSchema.ChatChunk => ({
  model: "plain",
  choices: [{ index: 0, delta: { content } }]
})

const used = (prompt_tokens: number, completion_tokens: number): ChatSchema.ChatChunk => ({
  model: "plain",
  choices: [],
  usage: { prompt_tokens, completion_tokens }
})

const broken = new ChatError.Truncated({ provider: "test", model: "plain" })
const refused = new ChatError.InvalidRequest({ provider: "test", model: "plain" })

/** A model whose streams are as given. */
const streaming = (
  chunks: Stream.Stream<ChatSchema.ChatChunk, ChatError.ChatError>,
  options: Partial<Omit<ChatModel.OpenAnswer, "value">> = {}
): ChatModel.ChatModel<never> =>
  ChatModel.of<never>({
    name: "plain",
    complete: () => Effect.succeed(answer(0)),
    open: () => Effect.succeed({ ...answer(0), ...options, value: chunks })
  })

/** The ledger, with its one budget, and an opened stream. */
const opened = (model: ChatModel.ChatModel<never>, expected = 100) =>
  Effect.gen(function*() {
    const ledger = yield* ledgerOf({ budgets: [CostLedger.overall(microDollars(1000), "day")] })
    const open = yield* ledger.protect(model).open(ask(expected))
    return { ...open, budget: budgetOf(ledger), ledger }
  })

const budgetOf = (ledger: CostLedger.CostLedger) =>
  Effect.map(ledger.snapshot, ({ budgets: [state] }) => ({ spent: state!.spent, reserved: state!.reserved }))

describe("a streamed answer", () => {
  it.effect("is billed by the usage at its end, in place of what was reserved", () =>
    Effect.scoped(Effect.gen(function*() {
      const { bill, budget, value } = yield* opened(streaming(Stream.make(says("Good"), says(" day"), used(5, 2))))
      assert.deepStrictEqual(yield* budget, { spent: 0, reserved: 100 })
      yield* Stream.runDrain(value)
      assert.deepStrictEqual(yield* budget, { spent: 7, reserved: 0 })
      const { cost, estimated, model } = yield* bill
      assert.deepStrictEqual([model, cost.total, estimated], ["plain", 7, false])
    })))

  it.effect("is billed once, by the last usage, where the usage is on every chunk", () =>
    Effect.scoped(Effect.gen(function*() {
      const running = (completion_tokens: number) => ({ ...says("x"), usage: { prompt_tokens: 5, completion_tokens } })
      const { bill, value } = yield* opened(streaming(Stream.make(running(1), running(2), running(3))))
      yield* Stream.runDrain(value)
      assert.strictEqual((yield* bill).cost.total, 8)
    })))

  it.effect("that its reader leaves is billed for what was seen of it, and says that this is an estimate", () =>
    Effect.gen(function*() {
      const leaving: ReadonlyArray<
        (value: Stream.Stream<ChatSchema.ChatChunk, ChatError.ChatError>) => Effect.Effect<void>
      > = [
        (value) => Stream.runDrain(Stream.take(value, 1)).pipe(Effect.orDie),
        (value) => Effect.ignore(Stream.runForEach(value, () => Effect.fail("mine")))
      ]
      for (const leave of leaving) {
        const { bill, budget } = yield* Effect.scoped(Effect.gen(function*() {
          const made = yield* opened(streaming(
            Stream.fromIterable([says("Good"), says(" day"), used(5, 2)]).pipe(
              Stream.rechunk(1)
            )
          ))
          yield* leave(made.value)
          return made
        }))
        const { cost, estimated } = yield* bill
        assert.deepStrictEqual([cost.total, estimated], [104, true])
        assert.deepStrictEqual(yield* budget, { spent: 104, reserved: 0 })
      }
    }))

  it.effect("that breaks off is billed for what was seen of it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { bill, budget, value } = yield* opened(
        streaming(Stream.concat(Stream.make(says("Good")), Stream.fail(broken)))
      )
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(value)))._tag, "Truncated")
      assert.strictEqual((yield* bill).cost.total, 104)
      assert.deepStrictEqual(yield* budget, { spent: 104, reserved: 0 })
    })))

  it.effect("that nobody reads is billed when its scope closes", () =>
    Effect.gen(function*() {
      const { bill, budget } = yield* Effect.scoped(opened(streaming(Stream.make(says("Good")))))
      assert.strictEqual((yield* bill).cost.total, 100)
      assert.deepStrictEqual(yield* budget, { spent: 100, reserved: 0 })
    }))

  it.effect("from the cache or the sentence at the end costs nothing", () =>
    Effect.gen(function*() {
      for (const options of [{ step: "cache" }, { degradation: "stale" }, { degradation: "canned" }] as const) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { bill, budget, value } = yield* opened(streaming(Stream.make(says("Good"), used(5, 2)), options))
          yield* Stream.runDrain(value)
          assert.strictEqual((yield* bill).cost.total, 0)
          assert.deepStrictEqual(yield* budget, { spent: 0, reserved: 0 })
        }))
      }
    }))

  it.effect("that does not begin spends its prompt if that may be billed, and gets everything else back at once", () =>
    Effect.scoped(Effect.gen(function*() {
      for (const [error, spent] of [[broken, 100], [refused, 0]] as const) {
        const ledger = yield* ledgerOf({ budgets: [CostLedger.overall(microDollars(1000), "day")] })
        const down = ChatModel.of({
          name: "plain",
          complete: () => Effect.fail(error),
          open: () => Effect.fail(error)
        })
        yield* Effect.flip(ledger.protect(down).open(ask(100)))
        assert.deepStrictEqual(yield* budgetOf(ledger), { spent, reserved: 0 })
        const { total } = yield* ledger.snapshot
        assert.deepStrictEqual([total.failures, total.wasted], [1, spent])
      }
    })))

  it.effect("is refused where the budget does not hold it, by opening it and in the stream", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({ budgets: [CostLedger.overall(microDollars(150), "day")] })
      const held = yield* Deferred.make<void>()
      const { open, stream } = ledger.protect(streaming(Stream.fromEffect(Effect.as(Deferred.await(held), used(5, 2)))))
      const first = yield* Effect.forkChild(Stream.runDrain(stream(ask(100))), { startImmediately: true })
      assert.strictEqual((yield* Effect.flip(Effect.scoped(open(ask(100)))))._tag, "BudgetExceeded")
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(stream(ask(100)))))._tag, "BudgetExceeded")
      yield* Deferred.succeed(held, undefined)
      yield* Fiber.join(first)
      yield* Stream.runDrain(stream(ask(100)))
      assert.deepStrictEqual(yield* budgetOf(ledger), { spent: 14, reserved: 0 })
    }))

  it.live("leaves no reservation wherever its reader is interrupted", () =>
    Effect.gen(function*() {
      const ledger = yield* ledgerOf({ budgets: [CostLedger.overall(microDollars(1e9), "day")] })
      const { stream } = ledger.protect(streaming(Stream.make(says("Good"), used(5, 2))))
      const steps = yield* interruptAtEveryStep({
        program: () => Stream.runDrain(stream(ask(100))),
        check: (_, step) =>
          Effect.gen(function*() {
            assert.strictEqual((yield* budgetOf(ledger)).reserved, 0, `step ${step}`)
            assert.strictEqual((yield* ledger.tenant("default"))?.inFlight ?? 0, 0, `step ${step}`)
          })
      })
      assert.isAbove(steps, 20)
    }))
})
