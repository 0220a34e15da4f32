import { assert, describe, it } from "@effect/vitest"
import { Attempts, Cascade } from "@switchgear/core"
import { Context, Data, Effect, ExecutionPlan, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { expectTypeOf } from "vitest"

class Down extends Data.TaggedError("Down")<{ readonly by: string }> {}
class Invalid extends Data.TaggedError("Invalid")<{}> {}
type ModelError = Down | Invalid

const isDown = (error: ModelError): error is Down => error._tag === "Down"

class Model extends Context.Service<Model, {
  readonly name: string
  readonly ask: Effect.Effect<string, ModelError>
  readonly tell: Stream.Stream<string, ModelError>
}>()("test/Model") {}

class Label extends Context.Service<Label, string>()("test/Label") {}

const model = (name: string, error?: ModelError) =>
  Context.make(Model, {
    name,
    ask: error ? Effect.fail(error) : Effect.succeed(`${name} says hi`),
    tell: error ? Stream.make(`${name}…`).pipe(Stream.concat(Stream.fail(error))) : Stream.make(name, "says", "hi")
  })
const good = (name: string) => Effect.succeed(model(name))
const down = (name: string) => Effect.succeed(model(name, new Down({ by: name })))
const invalid = (name: string) => Effect.succeed(model(name, new Invalid()))

const ask = Model.use(({ ask }) => ask)

/** The program, which notes who was asked under which index. */
const noting = (asked: Array<string>) =>
  Effect.gen(function*() {
    const { attempt, stepIndex } = yield* ExecutionPlan.CurrentMetadata
    const { ask, name } = yield* Model
    asked.push(`${name} ${stepIndex} ${attempt}`)
    return yield* ask
  })

describe("Cascade.toExecutionPlan", () => {
  it.effect("runs the program with the services of each step in order until it succeeds", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const plan = Cascade.first("gpt", down("gpt")).pipe(
        Cascade.orElse("claude", down("claude")),
        Cascade.orElse("gemini", good("gemini")),
        Cascade.orConstant("canned", model("canned")),
        Cascade.toExecutionPlan
      )
      assert.strictEqual(yield* Effect.withExecutionPlan(noting(asked), plan), "gemini says hi")
      assert.deepStrictEqual(asked, ["gpt 0 1", "claude 1 2", "gemini 2 3"])
    }))

  it.effect("can be run again, and many times at once", () =>
    Effect.gen(function*() {
      const plan = Cascade.first("gpt", down("gpt"), { when: isDown }).pipe(
        Cascade.orElse("claude", invalid("claude"), { when: isDown }),
        Cascade.orConstant("canned", model("canned")),
        Cascade.toExecutionPlan
      )
      const slowly = Effect.withExecutionPlan(Effect.andThen(Effect.yieldNow, ask), plan)
      for (let i = 0; i < 2; i++) assert.deepStrictEqual(yield* Effect.flip(slowly), new Invalid())
      const errors = yield* Effect.all(Array.from({ length: 20 }, () => Effect.flip(slowly)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(new Set(errors.map(({ _tag }) => _tag)), new Set(["Invalid"]))
    }))

  it.effect("enters no further step after an error that does not move on, whichever step it came from", () =>
    Effect.gen(function*() {
      for (const failing of [0, 1, 2]) {
        const asked: Array<string> = []
        const target = (i: number) => i === failing ? invalid(`${i}`) : down(`${i}`)
        const plan = Cascade.first("0", target(0), { when: isDown }).pipe(
          Cascade.orElse("1", target(1), { when: isDown }),
          Cascade.orElse("2", target(2), { when: isDown }),
          Cascade.orElse("3", good("3")),
          Cascade.orConstant("canned", model("canned")),
          Cascade.toExecutionPlan
        )
        assert.deepStrictEqual(yield* Effect.flip(Effect.withExecutionPlan(noting(asked), plan)), new Invalid())
        assert.strictEqual(asked.length, failing + 1)
      }
    }))

  it.effect("asks the step that an error came from, not its neighbours", () =>
    Effect.gen(function*() {
      const strictThenLax = Cascade.first("gpt", down("gpt"), { when: isDown }).pipe(
        Cascade.orElse("claude", invalid("claude")),
        Cascade.orConstant("canned", model("canned")),
        Cascade.toExecutionPlan
      )
      assert.strictEqual(yield* Effect.withExecutionPlan(ask, strictThenLax), "canned says hi")
      const strictFirst = Cascade.first("gpt", invalid("gpt"), { when: isDown }).pipe(
        Cascade.orElse("claude", good("claude")),
        Cascade.orElse("gemini", good("gemini")),
        Cascade.toExecutionPlan
      )
      assert.deepStrictEqual(yield* Effect.flip(Effect.withExecutionPlan(ask, strictFirst)), new Invalid())
    }))

  it.effect("keeps its place when the program runs the same plan inside", () =>
    Effect.gen(function*() {
      const plan = Cascade.first("gpt", down("gpt"), { when: (error: ModelError) => error._tag === "Invalid" }).pipe(
        Cascade.orElse("claude", down("claude")),
        Cascade.orConstant("canned", model("canned")),
        Cascade.toExecutionPlan
      )
      // The inner run ends in the first step; the outer one is then in its second, where everything moves on.
      let outer = 0
      const nested = Effect.suspend(() =>
        outer++ === 0
          ? Effect.fail<ModelError>(new Invalid())
          : Effect.andThen(Effect.ignore(Effect.withExecutionPlan(ask, plan)), ask)
      )
      assert.strictEqual(yield* Effect.withExecutionPlan(nested, plan), "canned says hi")
    }))

  it.effect("reads a last good provider when it comes to it, and passes over the read that finds none", () =>
    Effect.gen(function*() {
      const shelf: { kept?: Cascade.Found<Context.Context<Model>> } = {}
      let reads = 0
      const plan = Cascade.first("gpt", down("gpt")).pipe(
        Cascade.orLastGood(
          "kept",
          Effect.sync(() => {
            reads++
            return shelf.kept
          })
        ),
        Cascade.orElse("claude", down("claude")),
        Cascade.toExecutionPlan
      )
      assert.deepStrictEqual(yield* Effect.flip(Effect.withExecutionPlan(ask, plan)), new Down({ by: "claude" }))
      shelf.kept = { value: model("kept") }
      assert.strictEqual(yield* Effect.withExecutionPlan(ask, plan), "kept says hi")
      assert.strictEqual(reads, 2)
    }))

  it.effect("passes over further targets when the budget of attempts is spent, and still reaches its constant", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const plan = Cascade.first("a", down("a")).pipe(
        Cascade.orElse("b", down("b")),
        Cascade.orElse("c", down("c")),
        Cascade.orConstant("canned", model("canned")),
        Cascade.toExecutionPlan
      )
      yield* Effect.withExecutionPlan(noting(asked), plan).pipe(Attempts.within(2))
      assert.deepStrictEqual(asked.map((line) => line.split(" ")[0]), ["a", "b", "canned"])
    }))

  it.effect("builds layers for each try, releases them with it, and moves on when one cannot be built", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const layer = (name: string, error?: ModelError) =>
        Layer.effectContext(Effect.acquireRelease(
          Effect.sync(() => {
            log.push(`+${name}`)
            return model(name, error)
          }),
          () => Effect.sync(() => log.push(`-${name}`))
        ))
      const broken: Layer.Layer<Model, Down> = Layer.effectContext(Effect.fail(new Down({ by: "build" })))
      const acquiring = Effect.acquireRelease(
        Effect.sync(() => {
          log.push("+step")
          return broken
        }),
        () => Effect.sync(() => log.push("-step"))
      )
      const plan = Cascade.first("gpt", Effect.succeed(layer("gpt", new Down({ by: "gpt" })))).pipe(
        Cascade.orElse("claude", acquiring),
        Cascade.orConstant("canned", layer("canned")),
        Cascade.toExecutionPlan
      )
      for (let i = 0; i < 2; i++) assert.strictEqual(yield* Effect.withExecutionPlan(ask, plan), "canned says hi")
      const once = ["+gpt", "-gpt", "+step", "-step", "+canned", "-canned"]
      assert.deepStrictEqual(log, [...once, ...once])
    }))

  it.effect("moves neither on a defect nor on an interruption", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const plan = Cascade.first("gpt", good("gpt")).pipe(
        Cascade.orConstant("canned", model("canned")),
        Cascade.toExecutionPlan
      )
      const dies = Effect.withExecutionPlan(Effect.andThen(noting(asked), Effect.die("bug")), plan)
      assert.deepStrictEqual(yield* Effect.exit(dies), Exit.die("bug"))
      const hangs = Effect.withExecutionPlan(Effect.andThen(noting(asked), Effect.never), plan)
      yield* Fiber.interrupt(yield* Effect.forkChild(hangs, { startImmediately: true }))
      assert.strictEqual(asked.length, 2)
    }))

  it.effect("gives a stream the same order, the same end, and its elements so far", () =>
    Effect.gen(function*() {
      const plan = Cascade.first("gpt", down("gpt"), { when: isDown }).pipe(
        Cascade.orElse("claude", down("claude")),
        Cascade.orElse("gemini", invalid("gemini"), { when: isDown }),
        Cascade.orConstant("canned", model("canned")),
        Cascade.toExecutionPlan
      )
      const told: Array<string> = []
      const telling = Stream.unwrap(Model.useSync(({ tell }) => tell)).pipe(
        Stream.withExecutionPlan(plan),
        Stream.runForEach((word) => Effect.sync(() => told.push(word)))
      )
      for (let i = 0; i < 2; i++) assert.deepStrictEqual(yield* Effect.flip(telling), new Invalid())
      assert.deepStrictEqual(told, ["gpt…", "claude…", "gemini…", "gpt…", "claude…", "gemini…"])

      const guarded = Stream.unwrap(Model.useSync(({ tell }) => tell)).pipe(
        Stream.withExecutionPlan(plan, { preventFallbackOnPartialStream: true }),
        Stream.runDrain
      )
      assert.deepStrictEqual(yield* Effect.flip(guarded), new Down({ by: "gpt" }))
    }))

  it.effect("goes on with a stream that another fiber pulls, and never past an error that must stop it", () =>
    Effect.gen(function*() {
      const plan = Cascade.first("gpt", invalid("gpt"), { when: isDown }).pipe(
        Cascade.orElse("claude", good("claude")),
        Cascade.orElse("gemini", good("gemini")),
        Cascade.toExecutionPlan
      )
      const pull = yield* Stream.toPull(Stream.withExecutionPlan(
        Stream.unwrap(Model.useSync(({ tell }) => tell)),
        plan
      ))
      const inOtherFiber = Effect.flatMap(Effect.forkChild(Effect.exit(pull)), Fiber.join)
      assert.deepStrictEqual(yield* pull, ["gpt…"])
      assert.deepStrictEqual<unknown>(yield* inOtherFiber, Exit.fail(new Invalid()))
    }))

  it.effect("tells its steps by index to whoever listens", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      const chain = Cascade.first("gpt", down("gpt")).pipe(Cascade.orConstant("canned", model("canned")))
      yield* Effect.withExecutionPlan(ask, Cascade.toExecutionPlan(chain), {
        onEvent: ({ _tag, stepIndex }) => Effect.sync(() => events.push(`${_tag} ${chain.steps[stepIndex]!.name}`))
      })
      assert.deepStrictEqual(events, [
        "AttemptStart gpt",
        "AttemptFailure gpt",
        "AttemptStart canned",
        "AttemptSuccess canned"
      ])
    }))

  it("has in its type what every step provides, which errors are judged, and what building needs", () => {
    type Plan<Provides, Input, Error, Requirements> = ExecutionPlan.ExecutionPlan<
      { provides: Provides; input: Input; error: Error; requirements: Requirements }
    >
    const judged = Cascade.first("gpt", good("gpt"), { when: isDown }).pipe(
      Cascade.orConstant("canned", model("canned"))
    )
    expectTypeOf(Cascade.toExecutionPlan(judged)).toEqualTypeOf<Plan<Model, ModelError, Invalid, never>>()
    expectTypeOf(Effect.withExecutionPlan(ask, Cascade.toExecutionPlan(judged))).toEqualTypeOf<
      Effect.Effect<string, ModelError>
    >()

    const another: Effect.Effect<string, "other", Model> = Effect.fail("other")
    const open = Cascade.first("gpt", good("gpt")).pipe(Cascade.orElse("claude", good("claude")))
    expectTypeOf(Cascade.toExecutionPlan(open)).toEqualTypeOf<Plan<Model, unknown, never, never>>()
    expectTypeOf(Effect.withExecutionPlan(another, Cascade.toExecutionPlan(open))).toEqualTypeOf<
      Effect.Effect<string, "other">
    >()

    const layer = null! as Layer.Layer<Model | Label, "build", Scope.Scope>
    const step = null! as Effect.Effect<typeof layer, "step", Label | Scope.Scope>
    const layers = Cascade.first("gpt", step).pipe(Cascade.orElse("claude", good("claude")))
    const plan = Cascade.toExecutionPlan(layers)
    expectTypeOf(Effect.withExecutionPlan(ask, plan)).toEqualTypeOf<
      Effect.Effect<string, ModelError | "build" | "step", Label | Scope.Scope>
    >()
    expectTypeOf(Effect.withExecutionPlan(Label, plan)).toEqualTypeOf<
      Effect.Effect<string, "build" | "step", Label | Scope.Scope>
    >()

    const tagged = Cascade.first("gpt", good("gpt"), { when: (error: ModelError) => error._tag === "Down" })
    expectTypeOf(tagged).toEqualTypeOf<
      Cascade.Cascade<Context.Context<Model>, Down, Invalid, never, ModelError>
    >()
    // @ts-expect-error an answer is not something a plan can provide
    Cascade.toExecutionPlan(Cascade.first("gpt", Effect.succeed("hi")))
  })
})
