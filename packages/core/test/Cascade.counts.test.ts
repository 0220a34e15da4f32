/** What a runner counts is what a plain model counts, and to count changes nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Attempts, Cascade, Registry, Telemetry } from "@switchgear/core"
import { Cause, ConfigProvider, Data, Effect, Exit, Fiber, Layer, Metric, Schema } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"

class Down extends Data.TaggedError("Down")<{}> {}
class Invalid extends Data.TaggedError("Invalid")<{}> {}

const isDown = (error: Down | Invalid): error is Down => error._tag === "Down"
const asked = (error?: Down | Invalid): Effect.Effect<string, Down | Invalid> =>
  error ? Effect.fail(error) : Effect.succeed("hi")

const table = ({ steps }: Cascade.Snapshot) =>
  steps.map(({ degradation, failed, served, step }) => `${step} ${degradation} ${served} ${failed}`)

describe("a runner counts", () => {
  it.effect("answers by step and degradation, the errors that moved on, and the runs that failed", () =>
    Effect.gen(function*() {
      const answers = yield* Cascade.make({ name: "answers" })
      const chain = (gpt?: Down | Invalid, claude?: Down | Invalid, kept?: Cascade.Found<string>) =>
        Cascade.first("gpt", asked(gpt), { when: isDown }).pipe(
          Cascade.orElse("claude", asked(claude), { when: isDown }),
          Cascade.orLastGood("cache", Effect.succeed(kept))
        )
      yield* answers.run(chain())
      yield* answers.run(chain(new Down()))
      yield* answers.run(chain(new Down(), new Down(), { value: "yesterday's" }))
      assert.strictEqual((yield* answers.snapshot).servingFrom, "cache")
      yield* Effect.flip(answers.run(chain(new Down(), new Down())))
      yield* Effect.flip(answers.run(chain(new Invalid())))
      yield* Effect.flip(answers.run(chain(new Down(), new Invalid())))
      const snapshot = yield* answers.snapshot
      assert.deepStrictEqual(table(snapshot), ["gpt none 1 4", "claude fallback 1 2", "cache stale 1 0"])
      const { exhausted, failedAtOnce, name, runs, servingFrom } = snapshot
      assert.deepStrictEqual({ exhausted, failedAtOnce, name, runs, servingFrom }, {
        exhausted: 1,
        failedAtOnce: 2,
        name: "answers",
        runs: 6,
        servingFrom: "cache"
      })
    }))

  it.effect("a defect as a run that failed at once, and the result of an interrupted run nowhere", () =>
    Effect.gen(function*() {
      const answers = yield* Cascade.make({ name: "answers" })
      const chain = (first: Effect.Effect<string>) =>
        Cascade.first("gpt", first).pipe(Cascade.orConstant("canned", "sorry"))
      yield* Effect.exit(answers.run(chain(Effect.die("bug"))))
      yield* Effect.exit(
        answers.run(Cascade.first("gpt", Effect.fail("503")).pipe(Cascade.orLastGood("cache", Effect.die("bug"))))
      )
      const fiber = yield* Effect.forkChild(answers.run(chain(Effect.never)), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      yield* Effect.exit(answers.run(chain(Effect.interrupt)))
      const { exhausted, failedAtOnce, runs, servingFrom } = yield* answers.snapshot
      assert.deepStrictEqual({ exhausted, failedAtOnce, runs, servingFrom }, {
        exhausted: 0,
        failedAtOnce: 2,
        runs: 4,
        servingFrom: undefined
      })
    }))

  it.effect("a chain that runs out inside another one as an error of its step", () =>
    Effect.gen(function*() {
      const answers = yield* Cascade.make({ name: "answers" })
      const inner = Cascade.run(Cascade.first("inner", Effect.fail("503")))
      yield* Effect.exit(answers.run(Cascade.first("gpt", inner, { when: () => false })))
      const { exhausted, failedAtOnce } = yield* answers.snapshot
      assert.deepStrictEqual({ exhausted, failedAtOnce }, { exhausted: 0, failedAtOnce: 1 })
    }))

  it.effect("one step of two names apart, one name at two places too, and a hundred in all", () =>
    Effect.gen(function*() {
      const answers = yield* Cascade.make({ name: "answers" })
      const failing = Effect.fail("503")
      yield* answers.run(Cascade.first("a", failing).pipe(Cascade.orElse("b", Effect.void)))
      yield* answers.run(Cascade.first("b", failing).pipe(Cascade.orElse("a", Effect.void)))
      assert.deepStrictEqual(table(yield* answers.snapshot), [
        "a none 0 1",
        "b fallback 1 0",
        "b none 0 1",
        "a fallback 1 0"
      ])
      for (let user = 0; user < 1000; user++) yield* answers.run(Cascade.first(`user ${user}`, Effect.void))
      const { steps } = yield* answers.snapshot
      assert.strictEqual(steps.length, 101)
      assert.deepStrictEqual(steps.at(-1), { step: "other", degradation: "none", served: 904, failed: 0 })
      assert.strictEqual(steps.reduce((sum, { served }) => sum + served, 0), 1002)
    }))

  it.effect("for itself, and a snapshot stays as it was read", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* Cascade.make({ name: "a" }), yield* Cascade.make({ name: "a" })]
      yield* first.run(Cascade.first("gpt", Effect.void))
      const before = yield* first.snapshot
      yield* first.run(Cascade.first("gpt", Effect.void))
      assert.deepStrictEqual([before.steps[0]!.served, before.runs], [1, 1])
      assert.deepStrictEqual((yield* second.snapshot).steps, [])
    }))
})

const Reply = Schema.Literals(["answer", "answer", "down", "down", "down", "invalid", "defect", "interrupt"])
const Target = Schema.Struct({ name: Schema.Literals(["a", "b", "c"]), reply: Reply, slow: Schema.Boolean })
const Chain = Schema.Struct({
  targets: Schema.Array(Target).check(Schema.isMinLength(1), Schema.isMaxLength(4)),
  end: Schema.Literals(["", "cache", "empty cache", "constant", "empty cache, constant"]),
  attempts: Schema.UndefinedOr(Schema.Literals([1, 2])),
  interruptAt: Schema.UndefinedOr(Schema.Literals([5, 15, 25]))
})
type Chain = typeof Chain.Type

interface Expected {
  readonly name: string
  runs: number
  readonly waiting: 0
  readonly rounds: 0
  exhausted: number
  failedAtOnce: number
  servingFrom: string | undefined
  degraded: Cascade.Snapshot["degraded"]
  readonly served: Record<string, number>
  readonly failed: Record<string, number>
}

/** The specification: a chain is played with a pencil, and `worst` is the worst degradation so far, within the minute. */
const play = (chain: Chain, expected: Expected, worst: { degradation: "stale" | "canned" | undefined }): void => {
  expected.runs++
  const bump = (counts: Record<string, number>, key: string) => {
    counts[key] = (counts[key] ?? 0) + 1
  }
  const serve = (step: string, degradation: Cascade.Degradation) => {
    bump(expected.served, `${step} ${degradation}`)
    expected.servingFrom = step
    if (degradation === "canned" || degradation === "stale" && worst.degradation === undefined) {
      worst.degradation = degradation
    }
    expected.degraded = worst.degradation
  }
  let time = 0
  let left = chain.attempts ?? Infinity
  for (const [index, { name, reply, slow }] of chain.targets.entries()) {
    // The first call is always made; a further one is paid for.
    if (index === 0) left--
    else if (left-- <= 0) continue
    if (slow) time += 10
    if (time > (chain.interruptAt ?? Infinity)) return
    if (reply === "answer") return serve(name, index === 0 ? "none" : "fallback")
    if (reply === "interrupt") return
    if (reply !== "down") {
      expected.failedAtOnce++
      return
    }
    bump(expected.failed, `${name} ${index === 0 ? "none" : "fallback"}`)
  }
  if (chain.end === "cache") return serve("cache", "stale")
  if (chain.end.endsWith("constant")) return serve("canned", "canned")
  expected.exhausted++
  expected.degraded = "exhausted"
}

const replies: { readonly [R in typeof Reply.Type]: Effect.Effect<string, Down | Invalid> } = {
  answer: Effect.succeed("hi"),
  down: Effect.fail(new Down()),
  invalid: Effect.fail(new Invalid()),
  defect: Effect.die("bug"),
  interrupt: Effect.interrupt
}

type Built = Cascade.Cascade<string, Down, Invalid, never, Down | Invalid>

const build = ({ end, targets: [first, ...others] }: Chain): Built => {
  const target = ({ reply, slow }: typeof Target.Type) => slow ? Effect.delay(replies[reply], 10) : replies[reply]
  let chain: Built = Cascade.first(first!.name, target(first!), { when: isDown })
  for (const other of others) chain = Cascade.orElse(other.name, target(other), { when: isDown })(chain)
  const kept = (value?: Cascade.Found<string>) => Effect.succeed(value)
  if (end === "cache") chain = Cascade.orLastGood("cache", kept({ value: "old" }))(chain)
  if (end.startsWith("empty")) chain = Cascade.orLastGood("cache", kept())(chain)
  return end.endsWith("constant") ? Cascade.orConstant("canned", "sorry")(chain) as unknown as Built : chain
}

/** The exits of the chains, run one after the other. */
const exitsOf = (chains: ReadonlyArray<Chain>, run: typeof Cascade.run) =>
  Effect.forEach(chains, (chain) =>
    Effect.gen(function*() {
      const answer = Effect.exit(run(build(chain)))
      const within = chain.attempts === undefined ? answer : Attempts.within(chain.attempts)(answer)
      const fiber = yield* Effect.forkChild(within, { startImmediately: true })
      yield* TestClock.adjust(chain.interruptAt ?? 100)
      yield* Fiber.interrupt(fiber)
      return yield* Fiber.await(fiber)
    }))

const shown = (exits: ReadonlyArray<Exit.Exit<Exit.Exit<unknown, unknown>>>) =>
  exits.map((outer) => {
    const exit = Exit.isSuccess(outer) ? outer.value : outer
    return Exit.isSuccess(exit)
      ? JSON.stringify(exit.value)
      : Cause.hasInterruptsOnly(exit.cause)
      ? "interrupted"
      : JSON.stringify(Cause.squash(exit.cause))
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 300)

it.effect.prop(
  "a runner counts what the model counts, and its runs end as those of `Cascade.run`",
  { chains: Schema.Array(Chain).check(Schema.isMinLength(1), Schema.isMaxLength(8)) },
  ({ chains }) =>
    Effect.gen(function*() {
      const expected: Expected = {
        name: "answers",
        runs: 0,
        waiting: 0,
        rounds: 0,
        exhausted: 0,
        failedAtOnce: 0,
        servingFrom: undefined,
        degraded: undefined,
        served: {},
        failed: {}
      }
      const worst = { degradation: undefined }
      for (const chain of chains) play(chain, expected, worst)
      const answers = yield* Cascade.make({ name: "answers" })
      const exits = yield* exitsOf(chains, answers.run)
      const { steps, ...counted } = yield* answers.snapshot
      const by = (count: "served" | "failed") =>
        Object.fromEntries(
          steps.filter((one) => one[count] > 0).map((one) => [`${one.step} ${one.degradation}`, one[count]])
        )
      assert.deepStrictEqual({ ...counted, served: by("served"), failed: by("failed") }, expected)
      assert.deepStrictEqual(shown(exits), shown(yield* exitsOf(chains, Cascade.run)))
    }),
  { arbitrary: { runs } }
)

it.effect.prop(
  "chains that run at once are counted as those that run one after the other",
  { chains: Schema.Array(Chain).check(Schema.isMinLength(1), Schema.isMaxLength(8)) },
  ({ chains }) =>
    Effect.gen(function*() {
      const count = (concurrency: 1 | "unbounded") =>
        Effect.gen(function*() {
          const answers = yield* Cascade.make({ name: "answers" })
          const all = Effect.forEach(chains, (chain) => Effect.exit(answers.run(build(chain))), { concurrency })
          const fiber = yield* Effect.forkChild(all, { startImmediately: true })
          yield* TestClock.adjust("1 minute")
          yield* Fiber.join(fiber)
          const { degraded: __, servingFrom: _, ...snapshot } = yield* answers.snapshot
          return { ...snapshot, steps: table(snapshot as Cascade.Snapshot).sort() }
        })
      assert.deepStrictEqual(yield* count("unbounded"), yield* count(1))
    }),
  { arbitrary: { runs: 100 } }
)

const published = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.provide(
    self,
    Telemetry.layer().pipe(
      Layer.provideMerge(Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map())))
    )
  )

describe("the metrics of a cascade", () => {
  it.effect("have a series for each step from its first run on, and none when it has left", () =>
    Effect.gen(function*() {
      const lines = Effect.map(
        PrometheusMetrics.format(),
        (text) => text.split("\n").filter((line) => line.startsWith("switchgear_cascade"))
      )
      yield* Effect.scoped(Effect.gen(function*() {
        const answers = yield* Cascade.make({ name: "answers" })
        const ofAll = [
          "switchgear_cascade_exhausted_total{cascade=\"answers\"} 0",
          "switchgear_cascade_waiting{cascade=\"answers\"} 0",
          "switchgear_cascade_rounds_total{cascade=\"answers\"} 0"
        ]
        assert.deepStrictEqual(yield* lines, ofAll)
        const chain = Cascade.first("gpt", Effect.fail("503")).pipe(
          Cascade.orElse("claude", Effect.succeed("hi")),
          Cascade.orLastGood("cache", Effect.succeed(undefined)),
          Cascade.orConstant("canned", "sorry")
        )
        yield* answers.run(chain)
        yield* answers.run(chain)
        assert.sameMembers([...yield* lines], [
          ...ofAll,
          "switchgear_cascade_served_total{cascade=\"answers\",step=\"gpt\",degradation=\"none\"} 0",
          "switchgear_cascade_served_total{cascade=\"answers\",step=\"claude\",degradation=\"fallback\"} 2",
          "switchgear_cascade_served_total{cascade=\"answers\",step=\"cache\",degradation=\"stale\"} 0",
          "switchgear_cascade_served_total{cascade=\"answers\",step=\"canned\",degradation=\"canned\"} 0",
          "switchgear_cascade_failed_total{cascade=\"answers\",step=\"gpt\"} 2",
          "switchgear_cascade_failed_total{cascade=\"answers\",step=\"claude\"} 0"
        ])
        const stuck = Cascade.first("gpt", Effect.fail("503")).pipe(Cascade.orAgain(() => Effect.never))
        yield* Effect.forkChild(answers.run(stuck), { startImmediately: true })
        assert.include(yield* lines, "switchgear_cascade_waiting{cascade=\"answers\"} 1")
        yield* answers.run(Cascade.first("gemini", Effect.succeed("hi")))
        assert.include(
          yield* lines,
          "switchgear_cascade_served_total{cascade=\"answers\",step=\"gemini\",degradation=\"none\"} 1"
        )
      }))
      assert.deepStrictEqual(yield* lines, [])
    }).pipe(published))

  it.effect("are published of a cascade that has run before", () =>
    Effect.gen(function*() {
      const answers = yield* Cascade.make({ name: "answers" })
      yield* answers.run(Cascade.first("gpt", Effect.succeed("hi")))
      const text = yield* PrometheusMetrics.format().pipe(Effect.provide(Telemetry.layer()))
      assert.include(text, "switchgear_cascade_served_total{cascade=\"answers\",step=\"gpt\",degradation=\"none\"} 1")
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.merge(Registry.layer(), Layer.sync(Metric.MetricRegistry, () => new Map())))
    ))

  it.effect("and the health tell of it while it serves its last steps", () =>
    Effect.gen(function*() {
      const answers = yield* Cascade.make({ name: "answers" })
      yield* answers.run(Cascade.first("gpt", Effect.fail("503")).pipe(Cascade.orConstant("canned", "sorry")))
      const { reasons, status } = yield* Registry.health
      assert.deepStrictEqual([status, reasons.map(({ count, name, reason }) => [name, reason, count])], [
        "degraded",
        [["answers", "canned", 1]]
      ])
      assert.strictEqual(yield* Registry.find(Cascade.kind, "answers"), answers)
    }).pipe(Effect.scoped, Effect.provide(Registry.layer())))
})

describe("a runner as a service", () => {
  class Answers extends Cascade.Service<Answers>()("answers") {}
  const chain = Cascade.first("gpt", Effect.fail("503")).pipe(Cascade.orConstant("canned", "sorry"))

  it.effect("is made once by its layer, and runs chains by asking for itself", () =>
    Effect.gen(function*() {
      yield* Answers.run(chain)
      yield* Answers.run(chain)
      const { name, runs } = yield* (yield* Answers).snapshot
      assert.deepStrictEqual([name, runs, Answers.key], ["answers", 2, "@switchgear/core/Cascade/answers"])
    }).pipe(Effect.provide(Answers.layer)))

  it.effect("takes other options from `layerWith`, and from the configuration by `layerConfig`", () =>
    Effect.gen(function*() {
      const nameOf = (layer: Layer.Layer<Answers, unknown>) =>
        Effect.map(Answers, ({ name }) => name).pipe(Effect.provide(layer))
      const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ANSWERS_NAME: "from env" } }))
      assert.strictEqual(yield* nameOf(Answers.layerWith({ name: "other" })), "other")
      assert.strictEqual(yield* nameOf(Layer.provide(Answers.layerConfig("answers"), env)), "from env")
    }))

  it.effect("refuses nonsense as a defect of its layer, and written nonsense as a `ConfigError`", () =>
    Effect.gen(function*() {
      const defect = yield* Effect.exit(Layer.build(Answers.layerWith({ recoveredAfter: 0 })))
      assert.include(String(defect), "Cascade.make: recoveredAfter must be a finite duration above zero, got 0")
      assert.include(String(yield* Effect.exit(Cascade.make({ name: "" }))), "name must be a text that is not empty")
      const written = ConfigProvider.layer(ConfigProvider.fromUnknown({ answers: { recoveredAfter: "soon" } }))
      const error = yield* Effect.flip(Layer.build(Layer.provide(Answers.layerConfig("answers"), written)))
      assert.include(error.message, "recoveredAfter must be a finite duration above zero, got \"soon\"")
      assert.isTrue(Exit.isFailure(Schema.decodeUnknownExit(Cascade.OptionsSchema)({ name: "a", recovered: 1 })))
    }).pipe(Effect.scoped))

  it("changes no type of a run but that it asks for itself", () => {
    const either = asked() as Effect.Effect<string, Down | Invalid, "needed">
    const open = Cascade.first("a", either, { when: isDown })
    const closed = open.pipe(Cascade.orConstant("b", 1))
    const runner = undefined as unknown as Cascade.Runner
    const byRunner = () => [runner.run(open), runner.run(closed)] as const
    const byHand = () => [Cascade.run(open), Cascade.run(closed)] as const
    expectTypeOf<ReturnType<typeof byRunner>>().toEqualTypeOf<ReturnType<typeof byHand>>()
    const byService = () => Answers.run(closed)
    expectTypeOf<ReturnType<typeof byService>>().toEqualTypeOf<
      Effect.Effect<Cascade.Served<string | number, Down>, Invalid, "needed" | Answers>
    >()
    const judged = Cascade.first("a", either, { when: (error: Down | Invalid) => error._tag === "Down" })
    const judgedByRunner = () => runner.run(judged)
    const judgedByHand = () => Cascade.run(judged)
    expectTypeOf<ReturnType<typeof judgedByRunner>>().toEqualTypeOf<ReturnType<typeof judgedByHand>>()
  })
})
