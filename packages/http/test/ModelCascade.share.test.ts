import { assert, describe, it } from "@effect/vitest"
import { Attempts, Bulkhead, Deadline } from "@switchgear/core"
import { Latency, VirtualClock } from "@switchgear/core/testing"
import { Canned, ChatClient, ChatModel, ModelCascade } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Duration, Effect, Fiber, Layer, Random, Schema, Stream } from "effect"
import { ask } from "./support/fourModels.ts"
import { modelOf as guardedOf } from "./support/modelOf.ts"

const play = <A, E>(program: Effect.Effect<A, E>) => Effect.promise(() => Effect.runPromise(VirtualClock.play(program)))

const timed = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const value = yield* program
    return [value, (yield* Clock.currentTimeMillis) - start] as const
  })

type Ends = "answers" | "fails" | "hangs"

const answerOf = (step: string): ChatModel.Answer => ({
  step,
  degradation: "none",
  failures: [],
  attempts: 1,
  possiblyBilledAttempts: 1,
  value: { choices: [{ message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }] }
})

const failure = new Bulkhead.BulkheadFull({ bulkhead: "m", reason: "queue-full" })

/** A model that does as it is told, and what has become of its calls. */
const modelOf = (name: string, draw: Effect.Effect<{ readonly millis: number; readonly ends: Ends }>) => {
  const calls = { started: [] as Array<number>, running: 0 }
  const complete = () =>
    Effect.gen(function*() {
      calls.started.push(yield* Clock.currentTimeMillis)
      calls.running++
      const { ends, millis } = yield* draw
      if (ends === "hangs") return yield* Effect.never
      yield* Effect.sleep(millis)
      return ends === "fails" ? yield* Effect.fail(failure) : answerOf(name)
    }).pipe(Effect.ensuring(Effect.sync(() => calls.running--)))
  return { calls, model: ChatModel.of<ChatModel.ModelError>({ name, complete }) }
}
const always = (millis: number, ends: Ends = "answers") => Effect.succeed({ millis, ends })

/** Models whose answers take a constant time; the cascade has heard so many answers of each that is not the first. */
const trained = (
  { answers, deadline, share, times }: {
    readonly times: ReadonlyArray<number>
    readonly answers: number
    readonly deadline: number
    readonly share: ModelCascade.Share
  }
) =>
  Effect.gen(function*() {
    // The only model that answers.
    let up = 0
    let isHanging = false
    const models = times.map((millis, i) =>
      modelOf(
        `model ${i}`,
        Effect.sync(() =>
          isHanging
            ? { millis: 0, ends: "hangs" }
            : i === up
            ? { millis, ends: "answers" }
            : { millis: 0, ends: "fails" }
        )
      )
    )
    const cascade = yield* ModelCascade.make({
      models: models.map(({ model }) => ({ model })) as never,
      canned: Canned.sentences,
      deadline,
      share
    })
    const once = Effect.provideService(cascade.complete(ask("Hello")), ModelCascade.CurrentCacheMode, "bypass")
    for (up = 1; up < times.length; up++) yield* Effect.replicateEffect(once, answers, { discard: true })
    isHanging = true
    const begun = yield* Clock.currentTimeMillis
    const { degradation } = yield* once
    assert.strictEqual(degradation, "canned")
    assert.strictEqual((yield* Clock.currentTimeMillis) - begun, deadline)
    // Those that were never asked in this call have no later start.
    return models.flatMap(({ calls }) => calls.started.filter((at) => at >= begun).map((at) => at - begun))
  })

/** When the models of a chain are asked, of which none answers. */
const startsBy = (
  deadline: number,
  partOf: (left: number, later: ReadonlyArray<number>) => number,
  p95s: Array<number>
) =>
  p95s.reduce<Array<number>>((starts, _, i) => {
    if (i === 0) return [0]
    const before = starts.at(-1)!
    const next = before + Math.ceil(partOf(deadline - before, p95s.slice(i)))
    return next < deadline ? [...starts, next] : starts
  }, [])

const even = (left: number, later: ReadonlyArray<number>) => left / (later.length + 1)
const measured = (left: number, later: ReadonlyArray<number>) =>
  Math.max(even(left, later), left - later.reduce((sum, p95) => sum + p95, 0))

describe("the share of a model", () => {
  const Times = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3000 })))
    .check(Schema.isMinLength(2), Schema.isMaxLength(4))
  const Deadlines = Schema.Int.check(Schema.isBetween({ minimum: 3001, maximum: 20_000 }))

  it.effect.prop(
    "is all of the time but what the later models need, and at least the equal part",
    { times: Times, deadline: Deadlines },
    ({ deadline, times }) =>
      play(Effect.gen(function*() {
        const starts = yield* trained({ times, deadline, answers: 20, share: "measured" })
        assert.deepStrictEqual(starts, startsBy(deadline, measured, [...times]))
      })),
    { arbitrary: { runs: 60 }, timeout: 60_000 }
  )

  it.effect.prop(
    "is the equal part as long as a later model has answered less than twenty times, and by the rule \"even\"",
    { times: Times, deadline: Deadlines },
    ({ deadline, times }) =>
      play(Effect.gen(function*() {
        const expected = startsBy(deadline, even, [...times])
        assert.deepStrictEqual(yield* trained({ times, deadline, answers: 19, share: "measured" }), expected)
        assert.deepStrictEqual(yield* trained({ times, deadline, answers: 40, share: "even" }), expected)
      })),
    { arbitrary: { runs: 40 }, timeout: 60_000 }
  )

  it.effect("is measured by the last 400 answers", () =>
    play(Effect.gen(function*() {
      let takes = 1000
      let isDown = true
      const first = modelOf("first", Effect.sync(() => ({ millis: 0, ends: isDown ? "fails" : "hangs" })))
      const second = modelOf("second", Effect.sync(() => ({ millis: takes, ends: "answers" })))
      const cascade = yield* ModelCascade.make({
        models: [{ model: first.model }, { model: second.model }],
        deadline: "10 seconds"
      })
      const once = Effect.provideService(cascade.complete(ask("Hello")), ModelCascade.CurrentCacheMode, "bypass")
      const shareAfter = (answers: number, millis: number) =>
        Effect.gen(function*() {
          takes = millis
          isDown = true
          yield* Effect.replicateEffect(once, answers, { discard: true })
          isDown = false
          takes = 1
          const begun = yield* Clock.currentTimeMillis
          yield* once
          return second.calls.started.at(-1)! - begun
        })
      assert.strictEqual(yield* shareAfter(400, 1000), 9000)
      assert.strictEqual(yield* shareAfter(18, 4000), 9000)
      assert.strictEqual(yield* shareAfter(20, 4000), 6000)
      assert.strictEqual(yield* shareAfter(400, 2000), 8000)
    })))
})

const client = (models: Record<string, Behaviour.Behaviour>) =>
  ChatClient.layer({ provider: "p", baseUrl: "http://simulated.test/v1" }).pipe(
    Layer.provide(SimulatedProvider.layerHttpClient),
    Layer.provideMerge(SimulatedProvider.layer({ models }))
  )

describe("a first model that hangs", () => {
  const models = {
    m: { outcome: Behaviour.hang },
    other: { latency: Behaviour.constant("1 second"), outcome: Behaviour.stream({ text: "Good day", chunks: 2 }) }
  }
  const cascade = (options: Partial<ModelCascade.OptionsWithFloor> = {}) =>
    Effect.gen(function*() {
      return yield* ModelCascade.make({
        models: [{ model: yield* guardedOf({ model: "m" }) }, {
          model: yield* guardedOf({ model: "other" })
        }],
        canned: Canned.sentences,
        ...options
      })
    })

  const within = (duration: Duration.Input) => Deadline.within(duration)
  const cases: ReadonlyArray<
    readonly [string, Partial<ModelCascade.OptionsWithFloor>, Duration.Input | undefined, step: string, millis: number]
  > = [
    ["of the cascade", { deadline: "10 seconds" }, undefined, "other", 6000],
    ["of the caller", {}, "8 seconds", "other", 5000],
    ["of the caller, nearer than that of the cascade", { deadline: "10 seconds" }, "4 seconds", "other", 3000],
    ["with a share of the step", { deadline: "10 seconds", share: "none" }, undefined, "canned", 10_000]
  ]

  it.effect.each(cases)(
    "leaves time for the second one under a deadline %s, whole and streamed",
    ([, options, limit, step, millis]) =>
      play(
        Effect.gen(function*() {
          const { complete, open } = yield* cascade(options)
          const limited = <A, E, R>(self: Effect.Effect<A, E, R>) => limit === undefined ? self : within(limit)(self)
          const [whole, taken] = yield* timed(limited(complete(ask("whole"))))
          assert.deepStrictEqual([whole.step, taken], [step, millis])
          const provider = yield* SimulatedProvider.SimulatedProvider
          assert.strictEqual((yield* provider.total).inFlight, 0)
          yield* Effect.scoped(Effect.gen(function*() {
            const [streamed, taken] = yield* timed(limited(open(ask("streamed"))))
            assert.deepStrictEqual([streamed.step, taken], [step, millis])
            // The first model is left as soon as the second one speaks.
            assert.strictEqual((yield* provider.stats("m")).inFlight, 0)
            yield* Stream.runDrain(streamed.value)
          }))
          assert.strictEqual((yield* provider.total).inFlight, 0)
        }).pipe(Effect.provide(client(models)))
      )
  )

  it.effect("is overtaken after the share of its step, with a deadline and without", () =>
    play(
      Effect.gen(function*() {
        const [m, other] = [yield* guardedOf({ model: "m" }), yield* guardedOf({ model: "other" })]
        for (const deadline of [undefined, "10 seconds"] as const) {
          const { complete } = yield* ModelCascade.make({
            models: [{ model: m, share: "2 seconds" }, { model: other }],
            deadline
          })
          const [{ step }, millis] = yield* timed(complete(ask("Hello")))
          assert.deepStrictEqual([step, millis], ["other", 3000])
        }
      }).pipe(Effect.provide(client(models)))
    ))

  it.effect("has all of the time while the other's circuit is open, and when no attempt is left", () =>
    play(
      Effect.gen(function*() {
        const m = modelOf("m", always(9000))
        const other = yield* guardedOf({ model: "other" })
        const { complete } = yield* ModelCascade.make({
          models: [{ model: m.model }, { model: other }],
          deadline: "10 seconds"
        })
        const provider = yield* SimulatedProvider.SimulatedProvider
        assert.strictEqual((yield* complete(ask("One"))).step, "other")
        yield* other.breaker.control.forceOpen
        assert.strictEqual((yield* complete(ask("Two"))).step, "m")
        yield* other.breaker.control.close
        const bounded = yield* ModelCascade.make({ models: [{ model: m.model }, { model: other }], attempts: 1 })
        const { step } = yield* bounded.complete(ask("Three")).pipe(Deadline.within("10 seconds"))
        assert.strictEqual(step, "m")
        assert.strictEqual((yield* provider.stats("other")).started, 1)
        yield* Effect.map(Attempts.left, (left) => assert.strictEqual(left, Infinity))
      }).pipe(Effect.provide(client(models)))
    ))

  it.effect("is overtaken inside of a cascade inside of another by the deadline of the caller", () =>
    play(Effect.gen(function*() {
      const hangs = modelOf("hangs", always(0, "hangs"))
      const second = modelOf("second", always(500))
      const third = modelOf("third", always(500))
      const inner = yield* ModelCascade.make({ name: "eu", models: [{ model: hangs.model }, { model: second.model }] })
      const outer = yield* ModelCascade.make({ models: [{ model: inner }, { model: third.model }] })
      const asked = outer.complete(ask("Hello")).pipe(Deadline.within("8 seconds"))
      const [{ attempts, degradation, step }, millis] = yield* timed(asked)
      // Both have their half of 8 seconds at once; the third model is the first to have answered.
      assert.include(["eu/second", "third"], step)
      assert.deepStrictEqual([degradation, millis], ["fallback", 4500])
      assert.strictEqual(attempts, 1)
    })))
})

it.effect("leaves no call at a provider, whenever its caller leaves", () => {
  const models = {
    m: { outcome: Behaviour.hang },
    other: { latency: Behaviour.constant("3 seconds"), outcome: Behaviour.stream({ chunks: 4, pause: "1 second" }) },
    last: { outcome: Behaviour.hang }
  }
  return play(
    Effect.gen(function*() {
      const provider = yield* SimulatedProvider.SimulatedProvider
      const made = yield* Effect.forEach(["m", "other", "last"], (model) => guardedOf({ model }))
      const { complete, stream } = yield* ModelCascade.make({
        models: made.map((model) => ({ model })) as never,
        deadline: "9 seconds"
      })
      let n = 0
      for (const asked of [() => complete(ask(`${n++}`)), () => Stream.runDrain(stream(ask(`${n++}`)))]) {
        for (let at = 0; at <= 14_000; at += 250) {
          const fiber = yield* Effect.forkChild(asked())
          yield* Effect.sleep(at)
          yield* Fiber.interrupt(fiber)
          assert.strictEqual((yield* provider.total).inFlight, 0, `after ${at} ms`)
          for (const { breaker, bulkhead } of made) {
            const taken = [(yield* bulkhead.snapshot).inFlight, (yield* breaker.snapshot).inFlight]
            assert.deepStrictEqual(taken, [0, 0], `after ${at} ms`)
          }
        }
      }
      assert.isAbove((yield* provider.stats("last")).started, 10)
    }).pipe(Effect.provide(client(models)))
  )
}, 60_000)

describe("callers who share a call", () => {
  it.effect("keep their own patience, and time is kept for the one who waits the shortest", () =>
    play(Effect.gen(function*() {
      const slow = modelOf("slow", always(20_000))
      const other = modelOf("other", always(1000))
      const { complete } = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        models: [{ model: slow.model }, { model: other.model }]
      })
      const hello = ask("Hello")
      const short = yield* Effect.forkChild(timed(complete(hello).pipe(Deadline.within("8 seconds"))))
      const long = yield* Effect.forkChild(timed(complete(hello)))
      assert.deepStrictEqual(
        [(yield* Fiber.join(short))[1], (yield* Fiber.join(long))[1], slow.calls.started.length],
        [5000, 5000, 1]
      )
    })))

  const joining = { now: 0, after: 3000, late: 7500 }
  it.effect.each(Object.entries(joining))(
    "are given time for the next model also where the one who waits the shortest joins last: %s",
    ([, at]) =>
      play(Effect.gen(function*() {
        for (const limit of [undefined, "1 minute"] as const) {
          for (const depth of [1, 2, 3]) {
            const slow = modelOf("slow", always(20_000))
            const other = modelOf("other", always(1000))
            const cache = { timeToLive: "5 minutes" } as const
            let cascade = yield* ModelCascade.make({
              cache,
              models: [{ model: slow.model }, { model: other.model }],
              canned: Canned.sentences
            })
            for (let i = 1; i < depth; i++) {
              cascade = yield* ModelCascade.make({
                name: `around ${i}`,
                ...i === 1 && { cache },
                models: [{ model: cascade as never }],
                canned: Canned.sentences
              })
            }
            const call = cascade.complete(ask("Hello"))
            const first = limit === undefined ? call : call.pipe(Deadline.within(limit))
            const long = yield* Effect.forkChild(timed(first))
            yield* Effect.sleep(at)
            const short = yield* Effect.forkChild(timed(call.pipe(Deadline.within("8 seconds"))))
            const [{ degradation }, taken] = yield* Fiber.join(short)
            assert.deepStrictEqual([degradation, taken], ["fallback", 5000], `${limit} ${depth}`)
            assert.deepStrictEqual((yield* Fiber.join(long))[1], at + 5000)
            assert.deepStrictEqual([slow.calls.started.length, other.calls.started.length], [1, 1])
          }
        }
      }))
  )

  it.effect("take no time from a model by joining with more patience, or by leaving", () =>
    play(Effect.gen(function*() {
      const slow = modelOf("slow", always(5000))
      const other = modelOf("other", always(1000))
      const { complete } = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        models: [{ model: slow.model }, { model: other.model }]
      })
      const call = complete(ask("Hello"))
      const first = yield* Effect.forkChild(timed(call.pipe(Deadline.within("12 seconds"))))
      yield* Effect.sleep(1000)
      for (const limit of ["1 minute", "11 seconds"] as const) {
        const more = yield* Effect.forkChild(call.pipe(Deadline.within(limit)))
        yield* Effect.sleep(500)
        yield* Fiber.interrupt(more)
      }
      const [{ step }, taken] = yield* Fiber.join(first)
      assert.deepStrictEqual([step, taken, other.calls.started], ["slow", 5000, []])
    })))

  it.effect("leave at their own deadline, and the call goes on for who waits longer", () =>
    play(Effect.gen(function*() {
      const slow = modelOf("slow", always(6000))
      const { complete } = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        models: [{ model: slow.model }],
        canned: Canned.sentences
      })
      const hello = ask("Hello")
      const short = yield* Effect.forkChild(timed(complete(hello).pipe(Deadline.within("2 seconds"))))
      const long = yield* Effect.forkChild(timed(complete(hello).pipe(Deadline.within("7 seconds"))))
      const [sentence, left] = yield* Fiber.join(short)
      const [{ step }, taken] = yield* Fiber.join(long)
      assert.deepStrictEqual([sentence.step, left, step, taken], ["canned", 2000, "slow", 6000])
      assert.deepStrictEqual(sentence.failures.map(({ error, step }) => [step, error._tag]), [
        ["cascade", "DeadlineExceeded"]
      ])
      assert.strictEqual(slow.calls.started.length, 1)
    })))
})

describe("the caller's deadline", () => {
  const Model = Schema.Struct({
    millis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12_000 })),
    ends: Schema.Literals(["answers", "fails", "hangs"])
  })
  it.effect.prop(
    "leaves none without the sentence, or the last good answer, that a cascade of cascades has, whole or streamed",
    {
      models: Schema.Array(Model).check(Schema.isMinLength(3), Schema.isMaxLength(3)),
      deadlines: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))).check(
        Schema.isMinLength(1),
        Schema.isMaxLength(4)
      ),
      share: Schema.Literals(["measured", "even", "none"]),
      isKept: Schema.Boolean,
      isNested: Schema.Boolean,
      isShared: Schema.Boolean
    },
    ({ deadlines, isKept, isNested, isShared, models, share }) =>
      play(Effect.gen(function*() {
        const made = models.map((drawn, i) => modelOf(`m${i}`, Effect.succeed(drawn)))
        const [first, ...others] = made.map(({ model }): ModelCascade.Step => ({ model }))
        const inner = yield* ModelCascade.make({ name: "inner", models: [first!], share })
        const cascade = yield* ModelCascade.make({
          models: [isNested ? { model: inner } : first!, ...others],
          share,
          canned: Canned.sentences
        })
        const request = ask("Hello")
        if (isKept) {
          yield* cascade.complete(request).pipe(Deadline.within("20 seconds"))
          yield* Effect.sleep("1 hour")
        }
        const hasGood = (yield* cascade.cache.snapshot).size > 0
        const fibers = yield* Effect.forEach(deadlines, (millis, i) => {
          const given = isShared || isKept ? request : ask(`Hello ${i}`)
          const whole = cascade.complete(given).pipe(Deadline.within(millis))
          const streamed = Effect.scoped(cascade.open(given)).pipe(Deadline.within(millis))
          return Effect.forkChild(Effect.all([timed(whole), timed(streamed)], { concurrency: 2 }))
        })
        for (const [i, fiber] of fibers.entries()) {
          for (const [{ degradation }, millis] of yield* Fiber.join(fiber)) {
            assert.isAtMost(millis, deadlines[i]!)
            if (hasGood) assert.notStrictEqual(degradation, "canned")
          }
        }
        assert.deepStrictEqual(made.map(({ calls }) => calls.running), [0, 0, 0])
      }))
  )

  it.effect("ends with the errors of all models where there is neither", () =>
    play(Effect.gen(function*() {
      const { model } = modelOf("hangs", always(0, "hangs"))
      const { complete } = yield* ModelCascade.make({ models: [{ model }] })
      const [error, millis] = yield* timed(Effect.flip(complete(ask("Hello")).pipe(Deadline.within("2 seconds"))))
      assert.deepStrictEqual([error._tag, millis], ["CascadeExhausted", 2000])
    })))

  it.effect("tells of the calls that may be billed", () =>
    play(
      Effect.gen(function*() {
        const model = yield* guardedOf({ model: "hangs" })
        const { complete } = yield* ModelCascade.make({ models: [{ model }], canned: Canned.sentences })
        const answer = yield* complete(ask("Hello")).pipe(Deadline.within("2 seconds"))
        assert.deepInclude(answer, { step: "canned", attempts: 1, possiblyBilledAttempts: 1 })
      }).pipe(Effect.provide(client({ hangs: { outcome: Behaviour.hang } })))
    ))
})

describe("the circuit of a model that hangs", () => {
  const hangs = { outcome: Behaviour.hang }
  const answers = { outcome: Behaviour.ok("Good day"), latency: Behaviour.constant("1 second") }
  const setting = (options: Partial<ModelCascade.OptionsWithFloor>, models: Record<string, Behaviour.Behaviour>) =>
    Effect.gen(function*() {
      const made = yield* Effect.forEach(Object.keys(models), (model) => guardedOf({ model }))
      const steps = made.map((model) => ({ model })) as unknown as ModelCascade.Options["models"]
      return { made, cascade: yield* ModelCascade.make({ models: steps, ...options }) }
    }).pipe(Effect.provide(client(models)))

  type Call = (cascade: ModelCascade.ModelCascade<unknown>, i: number) => Effect.Effect<unknown, unknown>
  const ways: ReadonlyArray<readonly [string, Call]> = [
    ["whole", (cascade, i) => cascade.complete(ask(`Hello ${i}`))],
    ["streamed", (cascade, i) => Effect.scoped(cascade.open(ask(`Hello ${i}`)))]
  ]

  it.effect.each(ways)(
    "opens although another answers in its place before its time-out, %s",
    ([, call]) =>
      play(Effect.gen(function*() {
        const { cascade, made: [first, second] } = yield* setting({ deadline: "8 seconds" }, { hangs, answers })
        const times: Array<number> = []
        for (let i = 0; i < 12; i++) times.push((yield* timed(call(cascade, i)))[1])
        assert.deepStrictEqual(times, [...Array.from({ length: 10 }, () => 5000), 1000, 1000])
        assert.deepStrictEqual([yield* first!.breaker.state, yield* second!.breaker.state], ["Open", "Closed"])
      }))
  )

  it.effect.each(ways)(
    "opens under a short deadline as well, when the model has had its share of that, and never answered, %s",
    ([, call]) =>
      play(Effect.gen(function*() {
        const quick = { outcome: Behaviour.ok("Good day"), latency: Behaviour.constant("100 millis") }
        const { cascade, made: [first] } = yield* setting({ deadline: "600 millis" }, { hangs, quick })
        const times: Array<number> = []
        for (let i = 0; i < 12; i++) times.push((yield* timed(call(cascade, i)))[1])
        assert.deepStrictEqual(times, [...Array.from({ length: 10 }, () => 400), 100, 100])
        assert.strictEqual(yield* first!.breaker.state, "Open")
      }))
  )

  it.effect.each(ways)(
    "stays closed under the short deadlines of callers, who say nothing about the model, %s",
    ([, call]) =>
      play(Effect.gen(function*() {
        const healthy = { outcome: Behaviour.ok("Good day"), latency: Behaviour.constant("800 millis") }
        const quick = { outcome: Behaviour.ok("Good day"), latency: Behaviour.constant("100 millis") }
        const { cascade, made: [first] } = yield* setting({ share: "even" }, { healthy, quick })
        for (let i = 0; i < 40; i++) yield* Deadline.within("600 millis")(call(cascade, i))
        assert.deepStrictEqual((yield* first!.breaker.snapshot).failed, 0)
      }))
  )

  it.effect.each(ways)(
    "stays closed where an attempt whose time ran out counts as no failure, %s",
    ([, call]) =>
      play(
        Effect.gen(function*() {
          const told: Array<string> = []
          const countsAs = (error: ChatModel.ModelError) => {
            told.push(error._tag === "DeadlineExceeded" ? error.limit : error._tag)
            return "ignored" as const
          }
          const first = yield* guardedOf({ model: "hangs", countsAs })
          const second = yield* guardedOf({ model: "answers" })
          const cascade = yield* ModelCascade.make({
            models: [{ model: first }, { model: second }],
            deadline: "8 seconds"
          })
          for (let i = 0; i < 12; i++) yield* call(cascade, i)
          assert.strictEqual(yield* first.breaker.state, "Closed")
          assert.deepStrictEqual(told, Array.from({ length: 12 }, () => "attempt"))
        }).pipe(Effect.provide(client({ hangs, answers })))
      )
  )

  it.effect.each(ways)(
    "opens although its callers leave at their deadlines before that, %s",
    ([, call]) =>
      play(Effect.gen(function*() {
        const { cascade, made: [model] } = yield* setting({ canned: Canned.sentences }, { hangs })
        for (let i = 0; i < 10; i++) yield* Deadline.within("3 seconds")(call(cascade, i))
        assert.strictEqual(yield* model!.breaker.state, "Open")
      }))
  )

  it.effect.each(ways)(
    "opens inside of a cascade that another one does not wait for, %s",
    ([, call]) =>
      play(Effect.gen(function*() {
        const { cascade, made: [model] } = yield* setting({ name: "inner" }, { hangs })
        const other = modelOf("other", always(500))
        const outer = yield* ModelCascade.make({
          models: [{ model: cascade }, { model: other.model }],
          deadline: "8 seconds"
        })
        for (let i = 0; i < 10; i++) assert.strictEqual((yield* timed(call(outer, i)))[1], 4500)
        assert.strictEqual(yield* model!.breaker.state, "Open")
      }))
  )

  it.effect.each(ways)(
    "hears nothing of callers who have less time than the model usually takes, %s",
    ([, call]) =>
      play(Effect.gen(function*() {
        const usual = { outcome: Behaviour.ok("Good day"), latency: Behaviour.constant("800 millis") }
        const quick = { outcome: Behaviour.ok("Good day"), latency: Behaviour.constant("100 millis") }
        const { cascade, made: [first] } = yield* setting({ canned: Canned.sentences }, { usual, quick })
        for (let i = 0; i < 25; i++) yield* call(cascade, i)
        for (let i = 25; i < 40; i++) yield* Deadline.within("500 millis")(call(cascade, i))
        const { failed, state } = yield* first!.breaker.snapshot
        assert.deepStrictEqual([state, failed], ["Closed", 0])
      }))
  )

  it.effect.each(ways)(
    "hears nothing of callers who leave of their own, nor of a model that was asked second and is left, %s",
    ([, call]) =>
      play(Effect.gen(function*() {
        const slow = { ...answers, latency: Behaviour.constant("4500 millis") }
        const { cascade, made: [first, second] } = yield* setting({ deadline: "8 seconds" }, { slow, hangs })
        for (let i = 0; i < 10; i++) {
          assert.strictEqual((yield* timed(call(cascade, i)))[1], 4500)
          const fiber = yield* Effect.forkChild(
            Deadline.within("7 seconds")(call(cascade, 100 + i))
          )
          yield* Effect.sleep("3 seconds")
          yield* Fiber.interrupt(fiber)
        }
        const { calls, failureRate } = yield* second!.breaker.snapshot
        assert.deepStrictEqual([calls, failureRate], [0, undefined])
        assert.strictEqual((yield* first!.breaker.snapshot).failureRate ?? 0, 0)
      }))
  )
})

/** What a model of the simulation is up to. */
type Mood = "ok" | "slow ×3" | "slow ×6" | "flaky" | "hangs" | "errs" | "open"

/** Three models, the first the slowest, in the nine situations of a bad month, weighted. */
const situations: ReadonlyArray<readonly [weight: number, moods: readonly [Mood, Mood, Mood]]> = [
  [70, ["ok", "ok", "ok"]],
  [8, ["slow ×3", "ok", "ok"]],
  [4, ["slow ×6", "ok", "ok"]],
  [4, ["flaky", "ok", "ok"]],
  [4, ["hangs", "ok", "ok"]],
  [4, ["errs", "ok", "ok"]],
  [2, ["hangs", "hangs", "ok"]],
  [2, ["slow ×3", "slow ×3", "slow ×3"]],
  [2, ["open", "ok", "ok"]]
]
const medians = [1600, 1100, 900]
const p95 = (median: number) => median * Math.exp(1.645 * 0.55)

const simulated = (name: string, median: number, moodOf: () => Mood) => {
  const sample = Latency.sampler(Latency.logNormal({ median, p95: p95(median) }))
  const draw = Effect.gen(function*() {
    const random = yield* Random.Random
    const mood = moodOf()
    const straggles = random.nextDoubleUnsafe() < 0.01 ? 3000 : 0
    const millis = sample(random) + straggles
    const roll = random.nextDoubleUnsafe()
    switch (mood) {
      case "ok":
        return { millis, ends: roll < 0.005 ? "fails" as const : "answers" as const }
      case "slow ×3":
      case "slow ×6":
        return { millis: millis * (mood === "slow ×3" ? 3 : 6), ends: "answers" as const }
      case "flaky":
        return { millis, ends: roll < 0.3 ? "hangs" as const : "answers" as const }
      case "hangs":
        return { millis, ends: "hangs" as const }
      case "errs":
        return { millis: 200, ends: "fails" as const }
      case "open":
        return { millis: 0, ends: "fails" as const }
    }
  })
  return modelOf(name, draw).model
}

/** Shares of the answers in percent, by the rule, under a deadline of 10 seconds. */
const simulate = (share: ModelCascade.Share, calls: number) =>
  Effect.gen(function*() {
    const sum = { askedFor: 0, canned: 0, calls: 0 }
    for (const [weight, moods] of situations) {
      let now: ReadonlyArray<Mood> = ["ok", "ok", "ok"]
      const models = medians.map((median, i) => ({ model: simulated(`model ${i}`, median, () => now[i]!) }))
      const cascade = yield* ModelCascade.make({
        models: models as never,
        canned: Canned.sentences,
        deadline: "10 seconds",
        share
      })
      const one = Effect.provideService(cascade.complete(ask("Hello")), ModelCascade.CurrentCacheMode, "bypass")
      // The times of all models are known from better days.
      for (const before of [["ok", "ok", "ok"], ["open", "ok", "ok"], ["open", "open", "ok"]] as const) {
        now = before
        yield* Effect.replicateEffect(one, 100, { discard: true })
      }
      now = moods
      for (let i = 0; i < calls; i++) {
        const { attempts, degradation, step } = yield* one
        if (step === "model 0") sum.askedFor += weight / calls
        if (degradation === "canned") sum.canned += weight / calls
        sum.calls += attempts
      }
    }
    return sum
  }).pipe(Random.withSeed("a bad month"))

describe("under a deadline of 10 seconds, in good and bad days", () => {
  it.effect("sentences all but cease, at the price of some answers of the first model", () =>
    Effect.gen(function*() {
      const calls = Number(process.env["SWITCHGEAR_RUNS"] ?? 400)
      const none = yield* play(simulate("none", calls))
      const even = yield* play(simulate("even", calls))
      const measured = yield* play(simulate("measured", calls))
      assert.isAbove(none.canned, 8)
      assert.isBelow(measured.canned, 0.5)
      assert.isBelow(even.canned, 0.5)
      assert.isAbove(measured.askedFor, even.askedFor + 2)
      assert.isAbove(measured.askedFor, none.askedFor - 8)
    }), 100_000)
})

it("refuses options that make no sense, by name", () => {
  const model = ChatModel.of<ChatModel.ModelError>({ name: "m", complete: () => Effect.succeed(answerOf("m")) })
  const refused = (options: Partial<ModelCascade.Options>) =>
    Effect.runSync(Effect.flip(Effect.sandbox(ModelCascade.make({ models: [{ model }], ...options })))).reasons
      .map((reason) => String((reason as { readonly defect: Error }).defect.message))[0]
  assert.strictEqual(
    refused({ models: [{ model, share: "12 seconds" }], deadline: "10 seconds" }),
    `ModelCascade.make: models[0].share must be at most the deadline of the cascade, 10s, got "12 seconds"`
  )
  assert.match(refused({ models: [{ model, share: 0 }] })!, /models\[0\]\.share must be a finite duration above zero/)
  assert.match(refused({ share: "half" as never })!, /share must be one of measured, even, none, got "half"/)
  assert.match(refused({ models: [] as never })!, /models must be a list of at least one model/)
  assert.match(refused({ accept: true as never })!, /accept must be a function, got true/)
  assert.match(refused({ models: [{ model, accept: 1 as never }] })!, /models\[0\]\.accept must be a function/)
  assert.match(refused({ cacheKey: "k" as never })!, /ModelCascade.make: cacheKey must be a function, got "k"/)
  assert.match(refused({ attempts: 0 })!, /ModelCascade.make: attempts must be a whole number of at least 1, got 0/)
  for (const step of [undefined, null, {}, { model: "m" }]) {
    assert.match(
      refused({ models: [step as never] })!,
      /models\[0\]\.model must be a chat model, or an effect that gives one, got/
    )
  }
  for (const contextWindow of [-1, NaN]) {
    assert.match(
      refused({ models: [{ model, contextWindow }] })!,
      /models\[0\]\.contextWindow must be a number of tokens/
    )
  }
  for (const optIn of ["Forbidden", ["Overloaded"]]) {
    assert.match(
      refused({ models: [{ model, optIn: optIn as never }] })!,
      /models\[0\]\.optIn must be a list of InvalidRequest, ContentBlocked, Forbidden, got/
    )
  }
})
