/** Callers that share one call of a cascade: the provider bills it once, and so does the ledger. */
import { assert, describe, it } from "@effect/vitest"
import { Deadline } from "@switchgear/core"
import { ChatClient, ChatError, ChatModel, CostLedger, ModelCascade, Pricing } from "@switchgear/http"
import { Effect, Fiber, Schema, Stream } from "effect"
import { HttpClient, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { microDollars, plain } from "./support/ledgerOf.ts"

const ask = (seed: number): ChatModel.Request => ({
  messages: [{ role: "user", content: "x".repeat(100) }],
  max_tokens: 5,
  seed
})
/** What the ledger takes a prompt to be, and what the provider says that it was. */
const one = Pricing.estimateTokens(ask(0)).input
const said = 5

const reply = {
  model: "m",
  choices: [{ message: { content: "Hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: one, completion_tokens: said }
}

const whole = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Operation = Schema.Union([
  Schema.Struct({
    _tag: Schema.tag("Begin"),
    tenant: Schema.Literals(["a", "a", "b"]),
    ledger: whole(0, 1),
    via: Schema.Literals(["inner", "inner", "east", "west"]),
    mode: Schema.Literals(["use", "use", "use", "refresh"]),
    stream: Schema.Literals(["no", "no", "yes"]),
    deadline: Schema.Literals([0, 0, 700])
  }),
  Schema.Struct({ _tag: Schema.tag("Interrupt"), index: whole(0, 40) }),
  Schema.Struct({ _tag: Schema.tag("Interrupt"), index: whole(0, 40) }),
  Schema.Struct({ _tag: Schema.tag("Advance"), millis: whole(1, 900) })
])
const History = Schema.Array(Operation).check(Schema.isMinLength(10), Schema.isMaxLength(60))
const Deeds = Schema.Array(Schema.Struct({
  deed: Schema.Literals(["answer", "answer", "refuse", "break", "hang"]),
  latency: whole(0, 800)
})).check(Schema.isMinLength(1), Schema.isMaxLength(8))

type Deed = (typeof Deeds.Type)[number]

/** A provider that does one deed after the other, and knows what it bills. */
const providerOf = (deeds: ReadonlyArray<Deed>) => {
  const provider = { calls: 0, billed: 0 }
  const act = Effect.suspend(() => {
    const { deed, latency } = deeds[provider.calls++ % deeds.length]!
    if (deed === "refuse") return Effect.succeed(400)
    provider.billed += one
    if (deed === "hang") return Effect.never
    return Effect.as(Effect.sleep(latency), deed === "break" ? 500 : 200).pipe(
      Effect.tap((status) => Effect.sync(() => provider.billed += status === 200 ? said : 0))
    )
  })
  return Object.assign(provider, { act })
}

const modelsOf = {
  /** Tells of each of its attempts. */
  counted: (act: Effect.Effect<number>) =>
    Effect.gen(function*() {
      const http = HttpClient.make((request) =>
        Effect.map(act, (status) =>
          HttpServerResponse.toClientResponse(
            HttpServerResponse.text(
              JSON.stringify(status === 200 ? reply : { error: { message: "no", type: "invalid_request_error" } }),
              { status }
            ),
            { request }
          ))
      )
      const client = yield* ChatClient.make({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
        Effect.provideService(HttpClient.HttpClient, http)
      )
      return yield* ChatModel.make({
        model: "m",
        client,
        attemptTimeout: "1 second",
        deadline: "3 seconds",
        retry: { maxAttempts: 2, baseDelay: "100 millis", jitter: "none" },
        breaker: { minimumCalls: 100 }
      })
    }),
  /** Tells of nothing but its answer. */
  own: (act: Effect.Effect<number>) =>
    Effect.succeed(ChatModel.of<ChatModel.ModelError>({
      name: "m",
      complete: () =>
        Effect.flatMap(act, (status) =>
          status === 200
            ? Effect.succeed({
              value: structuredClone(reply) as never,
              step: "m",
              degradation: "none" as const,
              failures: [],
              attempts: 1,
              possiblyBilledAttempts: 1
            })
            : Effect.fail(
              status === 400
                ? new ChatError.InvalidRequest({ provider: "test", model: "m" })
                : new ChatError.ProviderFault({ provider: "test", model: "m" })
            ))
    }))
}

const budgets = [CostLedger.overall(microDollars(1_000_000), "day")]
const cache = { timeToLive: 300 }

const settingOf = (kind: keyof typeof modelsOf, deeds: ReadonlyArray<Deed>) =>
  Effect.gen(function*() {
    const provider = providerOf(deeds)
    const inner = yield* ModelCascade.make({
      name: "inner",
      models: [{ model: yield* modelsOf[kind](provider.act) }],
      cache
    })
    const through = (name: string) => ModelCascade.make({ name, models: [{ model: inner }], cache })
    const models = { inner, east: yield* through("east"), west: yield* through("west") }
    const ledgers = yield* Effect.all(
      [0, 1].map(() => CostLedger.make({ prices: { m: plain }, primary: "m", budgets }))
    )
    const spent = Effect.map(
      Effect.all(ledgers.map(({ snapshot }) => snapshot)),
      (all) => all.reduce((sum, { budgets: [all] }) => sum + all!.spent, 0)
    )
    return { ledgers, models, provider, spent }
  })

const play = (
  kind: keyof typeof modelsOf,
  deeds: ReadonlyArray<Deed>,
  history: ReadonlyArray<typeof Operation.Type>
) =>
  Effect.gen(function*() {
    const { ledgers, models, provider, spent } = yield* settingOf(kind, deeds)
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (const operation of history) {
      switch (operation._tag) {
        case "Begin": {
          const { deadline, ledger, mode, stream, tenant, via } = operation
          // As a stream, of a model that only knows whole answers.
          const { complete } = models[via]
          const model = ledgers[ledger]!.protect(ChatModel.of({ name: via, complete }))
          const call: Effect.Effect<unknown, unknown> = stream === "yes"
            ? Stream.runDrain(model.stream(ask(0)))
            : model.complete(ask(0))
          const asked = call.pipe(
            CostLedger.withTenant(tenant),
            Effect.provideService(ModelCascade.CurrentCacheMode, mode)
          )
          const limited: Effect.Effect<unknown, unknown> = deadline === 0 ? asked : Deadline.within(deadline)(asked)
          fibers.push(yield* Effect.forkChild(Effect.exit(limited), { startImmediately: true }))
          break
        }
        case "Interrupt":
          if (fibers.length > 0) yield* Fiber.interrupt(fibers[operation.index % fibers.length]!)
          break
        case "Advance":
          yield* TestClock.adjust(operation.millis)
      }
    }
    yield* TestClock.adjust("5 seconds")
    yield* Effect.forEach(fibers, Fiber.interrupt)
    assert.strictEqual(yield* spent, provider.billed)
    for (const ledger of ledgers) {
      assert.strictEqual((yield* ledger.snapshot).budgets[0]!.reserved, 0)
      for (const { inFlight, tenant } of yield* ledger.tenants) assert.strictEqual(inFlight, 0, tenant)
    }
  })

describe("a call that several callers share", () => {
  const runs = Number(process.env.SWITCHGEAR_RUNS ?? 60)

  for (const kind of ["counted", "own"] as const) {
    it.effect.prop(
      `is paid for once, whoever joins and leaves in which order (${kind})`,
      { deeds: Deeds, history: History },
      ({ deeds, history }) => play(kind, deeds, history),
      { arbitrary: { runs, size: 100 }, timeout: 30_000 + 200 * runs }
    )
  }

  it.effect("is paid by its first caller, and is free for those that join", () =>
    Effect.gen(function*() {
      const { ledgers: [ledger], models } = yield* settingOf("counted", [{ deed: "answer", latency: 100 }])
      const { complete } = ledger!.protect(models.inner)
      const calls = yield* Effect.forkChild(
        Effect.all([complete(ask(0)), complete(ask(0)), complete(ask(0))], { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* TestClock.adjust(100)
      const bills = (yield* Fiber.join(calls)).map(({ bill }) => bill)
      assert.deepStrictEqual(bills.map(({ cost, model, source }) => [model, source, cost.total]), [
        ["m", "prices", one + said],
        ["shared", "free", 0],
        ["shared", "free", 0]
      ])
      // A joined answer saves what the primary would have cost, as a cached one does.
      assert.deepStrictEqual(bills.map(({ saving }) => saving), [0, one + said, one + said])
      const { models: totals, total } = yield* ledger!.snapshot
      assert.deepStrictEqual([total.cost, total.replies, total.wasted, totals["shared"]?.replies], [
        one + said,
        3,
        0,
        2
      ])
    }))

  it.effect("is paid by the next caller when the first leaves, and by the last that leaves", () =>
    Effect.gen(function*() {
      const { ledgers: [ledger], models, provider, spent } = yield* settingOf("counted", [
        { deed: "answer", latency: 500 }
      ])
      const call = Effect.forkChild(ledger!.protect(models.inner).complete(ask(0)), { startImmediately: true })
      const [first, second, third] = [yield* call, yield* call, yield* call]
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* spent, 0)
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(
        [(yield* Fiber.join(second)).bill.cost.total, (yield* Fiber.join(third)).bill.cost.total],
        [one + said, 0]
      )
      assert.deepStrictEqual([yield* spent, provider.calls], [one + said, 1])

      yield* TestClock.adjust("1 second")
      const more = [yield* call, yield* call, yield* call]
      for (const [i, fiber] of more.entries()) {
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* spent, one + said + (i === 2 ? one : 0))
      }
      assert.strictEqual(provider.billed, yield* spent)
    }))

  it.effect("is paid by a caller with a ledger, where one without it came first", () =>
    Effect.gen(function*() {
      const { ledgers: [ledger], models, spent } = yield* settingOf("counted", [{ deed: "answer", latency: 100 }])
      const { complete } = ledger!.protect(models.inner)
      const calls = yield* Effect.forkChild(
        Effect.all([models.inner.complete(ask(0)), complete(ask(0)), complete(ask(0))], { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* TestClock.adjust(100)
      yield* Fiber.join(calls)
      assert.strictEqual(yield* spent, one + said)
    }))
})
