/** A night of overload in virtual time, with a queue and without: what the benchmark plays on sockets. Refusals take time here. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { Canned, ChatClient, ChatModel, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Effect, Fiber, Layer, Random } from "effect"
import { ask } from "./support/fourModels.ts"

const takes = (median: number, p95: number) => ({ latency: Behaviour.logNormal({ median, p95 }) })
const claude = (concurrency: number) => ({
  ...takes(100, 150),
  capacity: { concurrency, above: "refuses", refusal: Behaviour.overloaded } as const
})
const gemini = (concurrency: number) => ({ ...takes(60, 90), capacity: { concurrency, above: "slows" } as const })
const deepseek = { ...takes(120, 180), capacity: { concurrency: 8, above: "refuses" } as const }
const others = { claude: claude(8), gemini: gemini(6), deepseek }
const limited = Behaviour.mix([[3, Behaviour.rateLimited("1 second")], [1, Behaviour.ok()]])
const overrun = { claude: claude(2), gemini: gemini(1), deepseek: { ...deepseek, outcome: limited } }
const down = { outcome: Behaviour.overloaded }
const dark = { gpt: down, claude: down, gemini: down, deepseek: down }

/** Milliseconds, customers a second, and what the models do. */
const phases: ReadonlyArray<readonly [millis: number, rate: number, Readonly<Record<string, Behaviour.Behaviour>>]> = [
  [4000, 8, { gpt: takes(80, 130), ...others }],
  [5000, 120, { gpt: takes(1500, 1900), ...others }],
  [4000, 120, { gpt: { outcome: Behaviour.hang }, ...overrun }],
  [1500, 120, dark],
  [1500, 48, { gpt: takes(200, 330), ...others }],
  [5000, 30, { gpt: takes(80, 130), ...others }]
]

const patience = 1500

/** The gaps between customers of each phase, the same with a queue and without. */
const arrivals = Effect.forEach(phases, ([millis, rate]) =>
  Effect.gen(function*() {
    const gaps: Array<number> = []
    for (let left = millis;;) {
      const gap = -Math.log(1 - (yield* Random.next)) * 1000 / rate
      if (gap >= left) return { gaps, rest: left }
      gaps.push(gap)
      left -= gap
    }
  })).pipe(Random.withSeed("customers"))

const night = (queue: number) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: phases[0]![2] })
    const client = ChatClient.layer({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
      Layer.provide(SimulatedProvider.layerHttpClient),
      Layer.provide(Layer.succeed(SimulatedProvider.SimulatedProvider, provider))
    )
    const model = (model: string, attemptTimeout: number, concurrency: number, openFor: number) => ({
      model: ChatModel.make({
        model,
        client,
        attemptTimeout,
        retry: { maxAttempts: 1 },
        bulkhead: { concurrency, queue: concurrency, maxWait: 50 },
        breaker: { window: CircuitBreaker.lastCalls(20), minimumCalls: 10, openFor, halfOpen: { calls: 3 } }
      })
    })
    let asked = 0
    const { complete } = yield* ModelCascade.make({
      models: [
        model("gpt", 400, 24, 3000),
        model("claude", 300, 6, 1000),
        model("gemini", 300, 6, 1000),
        model("deepseek", 300, 6, 1000)
      ],
      canned: Canned.sentences,
      deadline: patience - 100,
      cacheKey: () => `${++asked}`,
      queue
    })
    const told = { customers: 0, byModel: 0, longest: 0 }
    const customers: Array<Fiber.Fiber<void>> = []
    const serve = Effect.gen(function*() {
      const came = yield* Clock.currentTimeMillis
      const { degradation } = yield* complete(ask("Where is my order?"))
      told.customers++
      if (degradation !== "canned") told.byModel++
      told.longest = Math.max(told.longest, (yield* Clock.currentTimeMillis) - came)
    })
    for (const [i, { gaps, rest }] of (yield* arrivals).entries()) {
      yield* Effect.forEach(Object.entries(phases[i]![2]), ([name, behaviour]) => provider.set(name, behaviour))
      for (const gap of gaps) {
        yield* Effect.sleep(gap)
        customers.push(yield* Effect.forkChild(Effect.orDie(serve), { startImmediately: true }))
      }
      yield* Effect.sleep(rest)
    }
    yield* Effect.forEach(customers, Fiber.join)
    return { ...told, calls: (yield* provider.total).started }
  }).pipe(Effect.scoped, Random.withSeed("night"))

describe("a night of overload", () => {
  it.effect(
    "has more answers of models with a queue, for a few more calls, and all in time",
    () =>
      Effect.gen(function*() {
        const play = (queue: number) => Effect.promise(() => Effect.runPromise(VirtualClock.play(night(queue))))
        const without = yield* play(0)
        const waiting = yield* play(500)
        assert.isAbove(waiting.byModel, without.byModel * 1.05)
        assert.isBelow(waiting.calls, without.calls * 1.2)
        assert.isBelow(waiting.longest, patience)
        assert.strictEqual(waiting.customers, without.customers)
      }),
    60_000
  )
})
