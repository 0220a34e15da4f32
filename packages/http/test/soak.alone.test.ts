/**
 * Callers of all kinds at models that fail in all ways. After each wave every slot and every reservation is free again, and
 * the heap does not grow. `SWITCHGEAR_RUNS=1000000` makes a million calls in about a quarter of an hour.
 */
import { assert, it } from "@effect/vitest"
import { VirtualClock } from "@switchgear/core/testing"
import { ChatClient, CostLedger, LanguageModels, ModelCascade, Pricing } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { HttpClient } from "effect/http"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { modelOf } from "./support/modelOf.ts"

const calls = Number(process.env.SWITCHGEAR_RUNS ?? 3000)
const callersInAWave = 300

/** The same numbers in every run. */
const dice = (seed: number) => {
  let state = seed
  return (sides: number): number => (state = (state * 48_271) % 2_147_483_647) % sides
}
type Draw = ReturnType<typeof dice>

const text = "The parcel is on its way."
const streamed = (end: Behaviour.StreamEnd) => Behaviour.stream({ text, chunks: 5, pause: 5, end })

const model: Behaviour.Behaviour = {
  latency: Behaviour.uniform(1, 60),
  outcome: Behaviour.mix([
    [30, Behaviour.stream({ text, chunks: 5, pause: 5 })],
    [4, Behaviour.slowBody("50 millis", text)],
    [2, streamed(Behaviour.cutAfter(3))],
    [2, streamed(Behaviour.stallAfter(3))],
    [2, streamed(Behaviour.errorAfter(3))],
    [2, streamed(Behaviour.garbageAfter(3))],
    [2, streamed(Behaviour.heartbeatAfter(2, 20))],
    [2, streamed(Behaviour.endWithout("both"))],
    [2, Behaviour.hang],
    [2, Behaviour.serverError],
    [2, Behaviour.unavailable],
    [2, Behaviour.rateLimited("1 second")],
    [1, Behaviour.quotaExhausted],
    [1, Behaviour.unauthorized],
    [2, Behaviour.cut("before-headers")],
    [2, Behaviour.cut("mid-body")],
    [1, Behaviour.htmlError()],
    [1, Behaviour.errorInside200],
    [1, Behaviour.emptyBody]
  ])
}

const price = Pricing.price({ input: 1, output: 1 })

const setting = Effect.gen(function*() {
  const provider = yield* SimulatedProvider.make({ models: { a: model, b: model, c: model } })
  const client = yield* ChatClient.make({
    provider: "simulated",
    baseUrl: "http://simulated.test/v1",
    firstContentTimeout: 300,
    idleTimeout: 100
  }).pipe(Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider)))
  const make = (name: string) =>
    Effect.provideService(
      modelOf({
        model: name,
        attemptTimeout: 400,
        deadline: "2 seconds",
        readerTimeout: 500,
        bulkhead: { concurrency: 100, queue: 100 },
        breaker: { openFor: 200 },
        retry: { baseDelay: 5 }
      }),
      ChatClient.ChatClient,
      client
    )
  const models = yield* Effect.all([make("a"), make("b"), make("c")])
  const inner = yield* ModelCascade.make({
    name: "inner",
    models: [{ model: models[1] }, { model: models[2] }],
    cache: { capacity: 50 }
  })
  const cascade = yield* ModelCascade.make({
    name: "outer",
    models: [{ model: models[0] }, { model: inner }],
    deadline: "3 seconds",
    cache: { capacity: 50, timeToLive: "1 second", staleFor: "10 seconds" }
  })
  const ledger = yield* CostLedger.make({
    prices: { a: price, b: price, c: price },
    primary: "a",
    tenants: 20,
    budgets: [
      CostLedger.perTenant(0.01, "1 minute"),
      CostLedger.overall(5, "1 minute"),
      CostLedger.overall(50, "day")
    ]
  })
  const billed = ledger.protect(cascade)
  const language = yield* LanguageModels.make(billed)
  return { billed, cascade, language, ledger, models }
})
type Setting = Effect.Success<typeof setting>

const call = ({ billed, language }: Setting, draw: Draw): Effect.Effect<unknown, unknown> => {
  const content = `Where is parcel ${draw(40)}?`
  const request = { messages: [{ role: "user" as const, content }], max_tokens: 100 + draw(2) }
  const answer = billed.stream(request)
  const reading: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
    billed.complete(request),
    billed.complete(request),
    Stream.runDrain(answer),
    Stream.runDrain(Stream.take(answer, 1 + draw(4))),
    Stream.runForEach(answer, () => Effect.sleep(draw(20))),
    Stream.runForEach(answer, () => draw(4) === 0 ? Effect.never : Effect.void),
    Stream.runForEach(answer, () => draw(4) === 0 ? Effect.die("bug") : Effect.void),
    language.generateText({ prompt: content }),
    Stream.runDrain(language.streamText({ prompt: content }))
  ]
  const mode = (["use", "use", "refresh", "bypass"] as const)[draw(4)]!
  return Effect.provideService(reading[draw(reading.length)]!, ModelCascade.CurrentCacheMode, mode)
}

const wave = (setting: Setting, draw: Draw) =>
  Effect.gen(function*() {
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (let i = 0; i < callersInAWave; i++) {
      const tenant = draw(3) === 0 ? `made up ${draw(1_000_000)}` : `tenant ${draw(10)}`
      fibers.push(yield* Effect.forkChild(Effect.exit(CostLedger.withTenant(tenant)(call(setting, draw)))))
      if (draw(4) === 0) yield* Effect.sleep(draw(10))
      if (draw(5) === 0) fibers[draw(fibers.length)]!.interruptUnsafe()
    }
    yield* Effect.sleep("5 seconds")
    // A reader that stands still holds no slot.
    for (const { bulkhead } of setting.models) {
      const { inFlight, queued } = yield* bulkhead.snapshot
      assert.deepStrictEqual([inFlight, queued], [0, 0])
    }
    yield* Fiber.interruptAll(fibers)
    let answered = 0
    for (const fiber of fibers) {
      const exit = fiber.pollUnsafe()
      if (exit !== undefined && Exit.isSuccess(exit) && Exit.isSuccess(exit.value as Exit.Exit<unknown, unknown>))
        answered++
    }
    return answered
  })

it.live(
  "a soak of callers of all kinds leaves every slot and every reservation free, and the heap flat",
  () =>
    VirtualClock.play(
      Effect.gen(function*() {
        setFlagsFromString("--expose-gc")
        const collectGarbage: () => void = runInNewContext("gc")
        // What one collection finds to be garbage may hold more of it.
        const heapUsed = () => {
          for (let i = 0; i < 5; i++) collectGarbage()
          return process.memoryUsage().heapUsed
        }
        const made = yield* setting
        // As the scope of an app, it is never closed.
        const app = Scope.makeUnsafe()
        const draw = dice(42)
        const waves = Math.ceil(calls / callersInAWave)
        const heap: Array<number> = []
        let answered = 0
        for (let i = 0; i < waves; i++) {
          answered += yield* Effect.provideService(wave(made, draw), Scope.Scope, app)
          assert.strictEqual(app.state._tag, "Empty", "calls that have ended are known to the scope of the app")
          const { budgets } = yield* made.ledger.snapshot
          assert.deepStrictEqual(budgets.map(({ reserved }) => reserved), [0, 0])
          const tenants = yield* made.ledger.tenants
          assert.deepStrictEqual(
            tenants.filter(({ budgets: [budget], inFlight }) => inFlight > 0 || budget!.reserved > 0),
            []
          )
          if (i === Math.floor(waves / 2) || i === waves - 1) {
            heap.push(heapUsed())
          }
        }
        assert.isAbove(answered, waves * callersInAWave / 4)
        assert.isBelow(heap[1]! - heap[0]!, 2_000_000)
      }),
      { promises: "none" }
    ),
  30_000 + 5 * calls
)
