/** Requests that all models have refused or failed, and that wait to ask them again. */
import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, CircuitBreaker, Deadline, RetryBudget } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { Canned, ChatClient, ChatError, ChatModel, ModelCascade } from "@switchgear/http"
import { Clock, Duration, Effect, Fiber, Layer, Random, Schema, Stream } from "effect"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { ask } from "./support/fourModels.ts"

const play = <A, E>(program: Effect.Effect<A, E>, seed = "queue") =>
  Effect.promise(() => Effect.runPromise(VirtualClock.play(Random.withSeed(program, seed))))

const timed = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const value = yield* program
    return [value, (yield* Clock.currentTimeMillis) - start] as const
  })

const answerOf = (step: string): ChatModel.Answer => ({
  step,
  degradation: "none",
  failures: [],
  attempts: 1,
  possiblyBilledAttempts: 1,
  value: { choices: [{ message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }] }
})

const about = { provider: "p", model: "m" }
const full = new Bulkhead.BulkheadFull({ bulkhead: "m", reason: "queue-full" })
const overloaded = new ChatError.Overloaded({ ...about, status: 503 })
const limited = (wait: Duration.Duration) =>
  new ChatError.ProviderRateLimited({ ...about, status: 429, retryAfter: wait })

/** A model that does what `each` says of its n-th call, and when it was called. */
const modelOf = (
  name: string,
  each: (call: number) => Effect.Effect<ChatModel.Answer, ChatModel.ModelError>
) => {
  const calls: Array<number> = []
  const complete = () =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      calls.push(now)
      return each(calls.length)
    })
  return { calls, model: ChatModel.of<ChatModel.ModelError>({ name, complete }) }
}

const busyUntil = (call: number, error: ChatModel.ModelError = full) => (n: number) =>
  n < call ? Effect.fail(error) : Effect.succeed(answerOf("m"))

const cascadeOf = (
  models: ReadonlyArray<ChatModel.ChatModel<ChatModel.ModelError>>,
  options: Omit<ModelCascade.CascadeOptions, "models" | "canned"> = {}
) => {
  const [first, ...others] = models.map((model) => ({ model }))
  return ModelCascade.make({ models: [first!, ...others], canned: Canned.sentences, queue: 10, ...options })
}

describe("a request that no model has answered", () => {
  it.effect("has the canned reply at once by default", () =>
    play(Effect.gen(function*() {
      const { calls, model } = modelOf("m", busyUntil(2))
      const cascade = yield* cascadeOf([model], { queue: 0, deadline: "5 seconds" })
      const [{ step }, millis] = yield* timed(cascade.complete(ask("Hello")))
      assert.deepStrictEqual([step, millis, calls.length], ["canned", 0, 1])
    })))

  it.effect("waits with a queue, and has the answer of the model that has room first", () =>
    play(Effect.gen(function*() {
      const first = modelOf("first", () => Effect.fail(full))
      const second = modelOf("m", busyUntil(4))
      const cascade = yield* cascadeOf([first.model, second.model], { deadline: "5 seconds" })
      const [answer, millis] = yield* timed(cascade.complete(ask("Hello")))
      assert.deepStrictEqual([answer.step, answer.degradation, answer.failures.length], ["m", "fallback", 1])
      assert.deepStrictEqual([first.calls.length, second.calls.length], [4, 4])
      // Three waits of 100 ms, each from half to one and a half of it.
      assert.isTrue(millis >= 150 && millis <= 450, `${millis} ms`)
      const stream = yield* Stream.runCollect(cascade.stream(ask("again")))
      assert.isAbove(stream.length, 0)
    })))

  it.effect("waits as long as the nearest model says, and not for the others", () =>
    play(Effect.gen(function*() {
      const first = modelOf("m", busyUntil(2, limited(Duration.seconds(2))))
      const second = modelOf("other", () =>
        Effect.fail(new CircuitBreaker.CircuitOpen({ breaker: "b", state: "Open", retryAfter: Duration.seconds(9) })))
      const cascade = yield* cascadeOf([first.model, second.model], { deadline: "5 seconds" })
      const [{ step }, millis] = yield* timed(cascade.complete(ask("Hello")))
      assert.strictEqual(step, "m")
      assert.isTrue(millis >= 2000 && millis <= 2200, `${millis} ms`)
    })))

  it.effect("has its reply at once where the wait would be longer than the time that is left", () =>
    play(Effect.gen(function*() {
      const { calls, model } = modelOf("m", busyUntil(2, limited(Duration.seconds(6))))
      const cascade = yield* cascadeOf([model], { deadline: "5 seconds" })
      assert.deepStrictEqual(yield* timed(Effect.map(cascade.complete(ask("Hello")), ({ step }) => step)), [
        "canned",
        0
      ])
      const caller = modelOf("m", busyUntil(2, limited(Duration.seconds(2))))
      const patient = yield* cascadeOf([caller.model])
      const within = Deadline.within("1 second")(Effect.map(patient.complete(ask("Hello")), ({ step }) => step))
      assert.deepStrictEqual(yield* timed(within), ["canned", 0])
      assert.deepStrictEqual([calls.length, caller.calls.length], [1, 1])
    })))

  it.effect("is bounded by `maxWait` where there is no deadline", () =>
    play(Effect.gen(function*() {
      const { model } = modelOf("m", () => Effect.fail(full))
      const cascade = yield* cascadeOf([model], { maxWait: "3 seconds" })
      const [{ step }, millis] = yield* timed(cascade.complete(ask("Hello")))
      assert.strictEqual(step, "canned")
      assert.isTrue(millis > 2800 && millis <= 3000, `${millis} ms`)
    })))

  it.effect("does not call a model again that would fail it in the same way", () =>
    play(Effect.gen(function*() {
      const wrong = modelOf("wrong", () => Effect.fail(new ChatError.Unauthorized({ ...about, status: 401 })))
      const busy = modelOf("m", busyUntil(5))
      const cascade = yield* cascadeOf([wrong.model, busy.model], { deadline: "5 seconds" })
      const { failures, step } = yield* cascade.complete(ask("Hello"))
      assert.deepStrictEqual([step, failures.map(({ error }) => error._tag)], ["m", ["Unauthorized"]])
      assert.deepStrictEqual([wrong.calls.length, busy.calls.length], [1, 5])
      const only = yield* cascadeOf([wrong.model], { deadline: "5 seconds" })
      assert.deepStrictEqual(yield* timed(Effect.map(only.complete(ask("Hello")), ({ step }) => step)), ["canned", 0])
    })))

  it.effect("calls a model that fails ever more rarely, and at least once a second", () =>
    play(
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: { m: { outcome: Behaviour.overloaded } } })
        const client = ChatClient.layer({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
          Layer.provide(SimulatedProvider.layerHttpClient),
          Layer.provide(Layer.succeed(SimulatedProvider.SimulatedProvider, provider))
        )
        // No circuit opens, so that nothing else bounds the calls.
        const model = yield* ChatModel.make({
          model: "m",
          client,
          retry: { maxAttempts: 1 },
          breaker: { minimumCalls: 1000, window: CircuitBreaker.lastCalls(1000) }
        })
        const cascade = yield* cascadeOf([model], { deadline: "10 seconds" })
        const { attempts, step } = yield* cascade.complete(ask("Hello"))
        const { started } = yield* provider.stats("m")
        assert.deepStrictEqual([step, attempts], ["canned", started])
        // After 200 ms, 400 ms, 800 ms, and then a second each, scattered.
        assert.isTrue(started >= 9 && started <= 15, `${started} calls in ten seconds`)
      }).pipe(Effect.scoped)
    ))

  it.effect("waits for half of what an answer usually takes, where a bulkhead is full", () =>
    play(Effect.gen(function*() {
      let left = 0
      const { model } = modelOf(
        "m",
        () => left-- > 0 ? Effect.fail(full) : Effect.as(Effect.sleep("200 millis"), answerOf("m"))
      )
      const cascade = yield* cascadeOf([model])
      yield* Effect.forEach(Array.from({ length: 20 }), (_, i) => cascade.complete(ask(`${i}`)))
      left = 4
      const [, millis] = yield* timed(cascade.complete(ask("Hello")))
      assert.isTrue(millis >= 400 && millis <= 800, `${millis} ms`)
    })))

  it.effect("does not wait where an answer usually takes longer than the time that is left", () =>
    play(Effect.gen(function*() {
      let isFull = false
      const { model } = modelOf(
        "m",
        () => isFull ? Effect.fail(full) : Effect.as(Effect.sleep("1 second"), answerOf("m"))
      )
      const cascade = yield* cascadeOf([model])
      yield* Effect.forEach(Array.from({ length: 20 }), (_, i) => cascade.complete(ask(`${i}`)))
      isFull = true
      const hurried = Deadline.within("1 second")(Effect.map(cascade.complete(ask("Hello")), ({ step }) => step))
      assert.deepStrictEqual(yield* timed(hurried), ["canned", 0])
    })))

  it.effect("takes attempts, and no more than there are", () =>
    play(Effect.gen(function*() {
      const { calls, model } = modelOf("m", () => Effect.fail(full))
      const cascade = yield* cascadeOf([model], { deadline: "5 seconds", attempts: 3 })
      const { failures, step } = yield* cascade.complete(ask("Hello"))
      assert.deepStrictEqual([step, calls.length, failures.length], ["canned", 3, 1])
    })))

  it.effect("spends the budget of retries where a model was called in vain, and not where a guard has refused", () =>
    play(
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: { m: { outcome: Behaviour.overloaded } } })
        const client = ChatClient.layer({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
          Layer.provide(SimulatedProvider.layerHttpClient),
          Layer.provide(Layer.succeed(SimulatedProvider.SimulatedProvider, provider))
        )
        const failing = yield* ChatModel.make({ model: "m", client, retry: { maxAttempts: 1 } })
        const budget = yield* RetryBudget.make({ name: "retries", floor: 3, window: "1 hour" })
        const asking = (model: ChatModel.ChatModel<ChatModel.ModelError>) =>
          Effect.gen(function*() {
            const cascade = yield* cascadeOf([model], { deadline: "9 seconds" })
            return yield* timed(RetryBudget.within(budget)(cascade.complete(ask("Hello"))))
          })
        const [, waited] = yield* asking(modelOf("full", () => Effect.fail(full)).model)
        assert.isAbove(waited, 8000)
        assert.strictEqual((yield* budget.snapshot).retries, 0)
        const [{ attempts }, millis] = yield* asking(failing)
        assert.deepStrictEqual([attempts, (yield* budget.snapshot).retries], [4, 3])
        assert.isBelow(millis, 3000)
        const [{ attempts: later }] = yield* asking(failing)
        assert.strictEqual(later, 1)
      }).pipe(Effect.scoped)
    ))

  it.effect("asks ever more rarely, however long it waits", () =>
    play(Effect.gen(function*() {
      let isFull = false
      const { calls, model } = modelOf("m", () =>
        isFull ? Effect.fail(full) : Effect.as(Effect.sleep("2 millis"), answerOf("m")))
      const cascade = yield* cascadeOf([model], { maxWait: "1 hour" })
      // Its answers take 2 ms, so that a slot may be free in 1 ms.
      yield* Effect.forEach(Array.from({ length: 30 }), (_, i) =>
        cascade.complete(ask(`${i}`)))
      isFull = true
      yield* cascade.complete(ask("Hello"))
      assert.isTrue(calls.length > 130 && calls.length < 330, `${calls.length} calls`)
    })))

  it.effect("asks a thousand times a second with all others that wait, however many they are", () =>
    play(Effect.gen(function*() {
      let isFull = false
      const { calls, model } = modelOf(
        "m",
        () => isFull ? Effect.fail(full) : Effect.as(Effect.sleep("2 millis"), answerOf("m"))
      )
      const cascade = yield* cascadeOf([model], { queue: 1000, deadline: "3 seconds" })
      const asking = (count: number) =>
        Effect.forEach(Array.from({ length: count }), (_, i) => cascade.complete(ask(`${i}`)), {
          concurrency: "unbounded"
        })
      yield* asking(30)
      isFull = true
      yield* asking(1000)
      const rounds = calls.length - 1030
      assert.isTrue(rounds > 1500 && rounds < 3600, `${rounds} rounds in three seconds`)
    })))

  it.effect("waits as long as the most patient of the callers that share it", () =>
    play(Effect.gen(function*() {
      const { calls, model } = modelOf("m", busyUntil(2, limited(Duration.seconds(3))))
      const cascade = yield* cascadeOf([model], { cache: { timeToLive: "1 minute" } })
      const within = (duration: Duration.Input) =>
        timed(Effect.map(Deadline.within(duration)(cascade.complete(ask("Hello"))), ({ step }) => step))
      // A call that is shared runs under no deadline, and knows how long its callers stay.
      assert.deepStrictEqual(yield* within("2 seconds"), ["canned", 0])
      calls.length = 0
      const answers = yield* Effect.all([within("9 seconds"), within("1 second")], { concurrency: "unbounded" })
      assert.deepStrictEqual(answers[1], ["canned", 1000])
      assert.strictEqual(answers[0][0], "m")
      assert.isTrue(answers[0][1] >= 3000 && answers[0][1] < 3200)
      assert.strictEqual(calls.length, 2)
    })))

  it.effect("is served a stale answer only when it has waited", () =>
    play(Effect.gen(function*() {
      let isFull = false
      const { model } = modelOf("m", () => isFull ? Effect.fail(full) : Effect.succeed(answerOf("m")))
      const cascade = yield* cascadeOf([model], { deadline: "2 seconds" })
      yield* cascade.complete(ask("Hello"))
      isFull = true
      const [{ degradation }, millis] = yield* timed(cascade.complete(ask("Hello")))
      assert.strictEqual(degradation, "stale")
      assert.isTrue(millis > 1700 && millis <= 2000, `${millis} ms`)
    })))

  it.effect("waits in a cascade inside, too, whose time its deadline bounds", () =>
    play(Effect.gen(function*() {
      const busy = modelOf("busy", () => Effect.fail(full))
      const inner = yield* cascadeOf([busy.model], { name: "inner", maxWait: "1 second" })
      const other = modelOf("m", busyUntil(1))
      const outer = yield* cascadeOf([inner, other.model], { deadline: "5 seconds", queue: 0, share: "none" })
      const [{ failures, step }, millis] = yield* timed(outer.complete(ask("Hello")))
      assert.deepStrictEqual([step, failures.map(({ step }) => step)], ["m", ["inner/busy"]])
      assert.isTrue(millis > 700 && millis <= 1000, `${millis} ms`)
    })))

  it.effect("keeps its place until it has its answer, and leaves it whatever ends it", () =>
    play(Effect.gen(function*() {
      let isFull = true
      const { model } = modelOf("m", () => isFull ? Effect.fail(full) : Effect.succeed(answerOf("m")))
      const cascade = yield* cascadeOf([model], { queue: 2, deadline: "5 seconds" })
      const begin = Effect.forkChild(cascade.complete(ask("Hello")), { startImmediately: true })
      const others = yield* Effect.all([begin, begin])
      yield* Effect.sleep("1 second")
      const third = timed(Effect.map(cascade.complete(ask("third")), ({ step }) => step))
      assert.deepStrictEqual(yield* third, ["canned", 0])
      yield* Fiber.interrupt(others[0]!)
      const fourth = yield* Effect.forkChild(cascade.complete(ask("fourth")), { startImmediately: true })
      assert.deepStrictEqual(yield* third, ["canned", 0])
      isFull = false
      assert.strictEqual((yield* Fiber.join(others[1]!)).step, "m")
      assert.strictEqual((yield* Fiber.join(fourth)).step, "m")
      isFull = true
      yield* Effect.all([begin, begin])
      assert.deepStrictEqual(yield* third, ["canned", 0])
    })))

  it.effect.prop(
    "is answered in the order in which it came, before those that came later, whoever leaves meanwhile",
    {
      concurrency: Schema.Literals([1, 2, 5]),
      seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })),
      requests: Schema.Array(Schema.Struct({
        gap: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 300 })),
        leavesAfter: Schema.Literals([20_000, 20_000, 20_000, 400])
      })).check(Schema.isMinLength(5), Schema.isMaxLength(40))
    },
    ({ concurrency, requests, seed }) =>
      play(
        Effect.gen(function*() {
          const bulkhead = yield* Bulkhead.make({ name: "m", concurrency, queue: 0 })
          const served: Array<number> = []
          const complete = ({ messages }: ChatModel.Request): Effect.Effect<ChatModel.Answer, ChatModel.ModelError> =>
            bulkhead.protect(Effect.suspend(() => {
              served.push(Number(messages[0]!.content))
              return Effect.as(Effect.sleep("500 millis"), answerOf("m"))
            }))
          const cascade = yield* cascadeOf([ChatModel.of<ChatModel.ModelError>({ name: "m", complete })], {
            queue: 100
          })
          let at = 0
          yield* Effect.forEach(requests, ({ gap, leavesAfter }, n) => {
            at += gap
            return Effect.delay(Effect.timeoutOption(cascade.complete(ask(`${n}`)), leavesAfter), at)
          }, { concurrency: "unbounded" })
          assert.deepStrictEqual(served, [...served].sort((a, b) => a - b))
          const patient = requests.flatMap(({ leavesAfter }, n) => leavesAfter > 400 ? [n] : [])
          assert.deepStrictEqual(patient.filter((n) => !served.includes(n)), [])
        }),
        `order ${seed}`
      ),
    { arbitrary: { runs: 60 } }
  )

  it.effect("is answered in the order in which it came where answers are streams, whose slots are held to their ends", () =>
    play(
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: { m: { latency: Behaviour.constant("2 seconds") } } })
        const client = ChatClient.layer({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
          Layer.provide(SimulatedProvider.layerHttpClient),
          Layer.provide(Layer.succeed(SimulatedProvider.SimulatedProvider, provider))
        )
        const model = yield* ChatModel.make({ model: "m", client, bulkhead: { concurrency: 1, queue: 0 } })
        const cascade = yield* cascadeOf([model], { maxWait: "1 minute" })
        const ended: Array<number> = []
        yield* Effect.forEach(
          Array.from({ length: 10 }, (_, n) => n),
          (n) =>
            Stream.runDrain(cascade.stream(ask(`${n}`))).pipe(
              Effect.andThen(Effect.sync(() => ended.push(n))),
              Effect.delay(n * 300)
            ),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(ended, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      }).pipe(Effect.scoped)
    ))

  const Night = Schema.Struct({
    queue: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 })),
    deadline: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3000 })),
    seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })),
    requests: Schema.Array(Schema.Struct({
      at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3000 })),
      patience: Schema.Literals([100, 800, 10_000]),
      leavesAfter: Schema.Literals([0, 50, 700, 20_000])
    })).check(Schema.isMinLength(1), Schema.isMaxLength(12))
  })

  it.effect.prop(
    "has an answer within its deadline, and no place is ever lost, whatever the models do and whoever leaves",
    { night: Night },
    ({ night: { deadline, queue, requests, seed } }) =>
      play(
        Effect.gen(function*() {
          const random = yield* Random.Random
          let running = 0
          let isFull = false
          const chance = (name: string) =>
            modelOf(name, () =>
              Effect.gen(function*() {
                const dice = random.nextDoubleUnsafe()
                if (isFull || dice < 0.35) return yield* Effect.fail(full)
                if (dice < 0.5) return yield* Effect.fail(limited(Duration.millis(Math.ceil(dice * 2000))))
                running++
                return yield* Effect.sleep(dice * 500).pipe(
                  Effect.andThen(dice < 0.8 ? Effect.fail(overloaded) : Effect.succeed(answerOf(name))),
                  Effect.ensuring(Effect.sync(() => running--))
                )
              })).model
          const cascade = yield* cascadeOf([chance("a"), chance("b")], { queue, deadline })
          const one = ({ at, leavesAfter, patience }: (typeof requests)[number]) =>
            Effect.gen(function*() {
              yield* Effect.sleep(at)
              const asked = Deadline.within(patience)(cascade.complete(ask(`question ${at}`)))
              const fiber = yield* Effect.forkChild(timed(asked), { startImmediately: true })
              yield* Effect.sleep(leavesAfter)
              yield* Fiber.interrupt(fiber)
              const exit = yield* Fiber.await(fiber)
              if (exit._tag === "Success") {
                assert.isAtMost(exit.value[1], Math.min(deadline, patience) + 1)
              } else if (leavesAfter === 20_000) assert.fail(String(exit.cause))
            })
          yield* Effect.forEach(requests, one, { concurrency: "unbounded" })
          assert.strictEqual(running, 0)
          if (deadline < 1500) return
          // As many can wait as at the beginning, and not one more.
          isFull = true
          const step = Effect.map(cascade.complete(ask("late")), ({ step }) => step)
          const waiting = yield* Effect.forEach(
            Array.from({ length: queue }),
            () => Effect.forkChild(step, { startImmediately: true })
          )
          assert.deepStrictEqual(yield* timed(step), ["canned", 0])
          assert.isTrue(waiting.every((fiber) => fiber.pollUnsafe() === undefined))
        }),
        `${seed}`
      ),
    { arbitrary: { runs: 200 }, timeout: 60_000 }
  )
})
