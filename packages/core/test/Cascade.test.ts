import { Attempts, Cascade, Outcome, StaleCache } from "@switchgear/core"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Duration, Effect, Exit, Fiber } from "effect"
import { expectTypeOf } from "vitest"

class Down extends Data.TaggedError("Down")<{ readonly n: number; readonly retryAfter?: Duration.Duration }> {}
class Invalid extends Data.TaggedError("Invalid")<{}> {}

const down = (n: number): Effect.Effect<string, Down> => Effect.fail(new Down({ n }))
const isDown = (error: Down | Invalid): error is Down => error._tag === "Down"

describe("Cascade", () => {
  it.effect("serves the first answer and says which step it came from", () =>
    Effect.gen(function*() {
      const one = Cascade.first("gpt", Effect.succeed("hi"))
      assert.deepStrictEqual(yield* Cascade.run(one), { value: "hi", step: "gpt", degradation: "none", failures: [] })
      const two = Cascade.first("gpt", down(1)).pipe(Cascade.orElse("claude", Effect.succeed("hi")))
      assert.deepStrictEqual(yield* Cascade.run(two), {
        value: "hi",
        step: "claude",
        degradation: "fallback",
        failures: [{ step: "gpt", error: new Down({ n: 1 }) }]
      })
    }))

  it.effect("marks a last good answer as stale and a constant as canned", () =>
    Effect.gen(function*() {
      const cache = yield* StaleCache.make<string>({ name: "answers" })
      const answer = Cascade.first("gpt", down(1)).pipe(
        Cascade.orLastGood("cache", cache.lastGood("q")),
        Cascade.orConstant("canned", "sorry")
      )
      const floor = yield* Cascade.run(answer)
      assert.deepStrictEqual([floor.value, floor.step, floor.degradation], ["sorry", "canned", "canned"])
      yield* cache.set("q", "yesterday's")
      const stale = yield* Cascade.run(answer)
      assert.deepStrictEqual([stale.value, stale.step, stale.degradation], ["yesterday's", "cache", "stale"])
    }))

  it.effect("fails at once, and as it is, with an error that does not move on", () =>
    Effect.gen(function*() {
      let asked = 0
      const invalid: Effect.Effect<string, Down | Invalid> = Effect.fail(new Invalid())
      const answer = Cascade.first("gpt", invalid, { when: isDown }).pipe(
        Cascade.orElse("claude", Effect.sync(() => ++asked)),
        Cascade.orConstant("canned", "sorry")
      )
      assert.deepStrictEqual(yield* Effect.flip(Cascade.run(answer)), new Invalid())
      assert.strictEqual(asked, 0)
    }))

  it.effect("moves neither on a defect nor on an interruption", () =>
    Effect.gen(function*() {
      for (
        const exit of [
          Exit.die("bug"),
          Exit.interrupt(1),
          Exit.failCause(Cause.combine(Cause.fail("a"), Cause.die("b")))
        ]
      ) {
        const answer = Cascade.first("gpt", exit).pipe(Cascade.orConstant("canned", "sorry"))
        assert.deepStrictEqual<Exit.Exit<unknown, unknown>>(yield* Effect.exit(Cascade.run(answer)), exit)
      }
    }))

  it.effect("that runs out tells every error, whether to retry, and the shortest wait asked for", () =>
    Effect.gen(function*() {
      const busy = (n: number, retryAfter: Duration.Duration) => Effect.fail(new Down({ n, retryAfter }))
      const answer = Cascade.first("gpt", busy(1, Duration.seconds(9))).pipe(
        Cascade.orElse("claude", busy(2, Duration.seconds(3))),
        Cascade.orElse("gemini", Effect.fail({ isRetryable: false } as const))
      )
      const error = yield* Effect.flip(Cascade.run(answer))
      assert.strictEqual(
        error.message,
        "No step of the cascade answered: gpt (Down), claude (Down), gemini (object). " +
          "Try again later, or end the cascade in a constant."
      )
      // A client of the application cannot change the cascade.
      assert.strictEqual(
        JSON.parse(error.toResponse().body).error.message,
        "No step of the cascade answered: gpt (Down), claude (Down), gemini (object). Try again later."
      )
      assert.deepStrictEqual(error.failures.map(({ step }) => step), ["gpt", "claude", "gemini"])
      assert.deepStrictEqual(Outcome.retryAfter(error), Duration.seconds(3))
      assert.isTrue(error.isRetryable)
    }))

  it.effect("passes over further targets when the budget of attempts is spent, and still reaches its constant", () =>
    Effect.gen(function*() {
      let asked = 0
      const target = Effect.suspend(() => down(++asked))
      const answer = Cascade.first("a", target).pipe(
        Cascade.orElse("b", target),
        Cascade.orElse("c", target),
        Cascade.orConstant("canned", "sorry")
      )
      const served = yield* Cascade.run(answer).pipe(Attempts.within(2))
      assert.strictEqual(asked, 2)
      assert.deepStrictEqual([served.step, served.failures.length], ["canned", 2])
    }))

  it.effect("is interrupted with the step that runs", () =>
    Effect.gen(function*() {
      let interrupted = false
      const work = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted = true))
      const answer = Cascade.first("a", work).pipe(Cascade.orConstant("canned", "sorry"))
      const fiber = yield* Effect.forkChild(Effect.exit(Cascade.run(answer)), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.isTrue(interrupted)
    }))

  describe("with a step that is a cascade itself", () => {
    const inner = (...steps: ReadonlyArray<"fails" | "stale" | "canned" | "answers">) => {
      const failing = steps.filter((step) => step === "fails")
      const chain = failing.reduce(
        (chain, _, i) => Cascade.orElse(`target ${i + 1}`, down(i + 1))(chain),
        Cascade.first("target 0", steps.includes("answers") ? Effect.succeed("hi") : down(0))
      )
      const withRead = steps.includes("stale")
        ? Cascade.orLastGood("kept", Effect.succeed({ value: "kept" }))(chain)
        : chain
      return Cascade.run(steps.includes("canned") ? Cascade.orConstant("canned", "sorry")(withRead) : withRead)
    }
    const provenance = (answer: Cascade.Served<string>) => answer
    const told = ({ degradation, failures, step, value }: Cascade.Served<Cascade.Served<string> | string>) => [
      typeof value === "string" ? value : value.value,
      step,
      degradation,
      failures.map(({ step }) => step).join()
    ]

    it.effect("keeps the inner step, degradation and failures", () =>
      Effect.gen(function*() {
        const one = Cascade.first("eu", inner("answers"), { provenance })
        assert.deepStrictEqual(told(yield* Cascade.run(one)), ["hi", "eu/target 0", "none", ""])
        const two = Cascade.first("us", inner("fails"), { provenance: (answer) => answer }).pipe(
          Cascade.orElse("eu", inner("answers"), { provenance })
        )
        assert.deepStrictEqual(told(yield* Cascade.run(two)), [
          "hi",
          "eu/target 0",
          "fallback",
          "us/target 0,us/target 1"
        ])
      }))

    it.effect("sets a stale or canned answer aside for the end, and serves the best of them, the earlier before the later", () =>
      Effect.gen(function*() {
        const aside = Cascade.first("us", inner("fails", "canned"), { provenance }).pipe(
          Cascade.orElse("eu", inner("fails", "stale", "canned"), { provenance }),
          Cascade.orElse("asia", inner("fails", "stale"), { provenance })
        )
        const failures = "us/target 0,us/target 1,eu/target 0,eu/target 1,asia/target 0,asia/target 1"
        assert.deepStrictEqual(told(yield* Cascade.run(aside)), ["kept", "eu/kept", "stale", failures])
        const answered = Cascade.orElse("last", Effect.succeed("at last"))(aside)
        assert.deepStrictEqual(told(yield* Cascade.run(answered)), ["at last", "last", "fallback", failures])
        const canned = Cascade.first("us", inner("fails", "canned"), { provenance })
        const own = canned.pipe(Cascade.orLastGood("cache", Effect.succeed({ value: "own" })))
        assert.deepStrictEqual(told(yield* Cascade.run(own)).slice(0, 3), ["own", "cache", "stale"])
        const sentence = Cascade.orConstant("later", "later")(canned)
        assert.deepStrictEqual(told(yield* Cascade.run(sentence)).slice(0, 3), ["sorry", "us/canned", "canned"])
      }))

    it.effect("fails at once with an error that does not move on, whatever was set aside", () =>
      Effect.gen(function*() {
        const invalid: Effect.Effect<string, Down | Invalid> = Effect.fail(new Invalid())
        const chain = Cascade.first("us", inner("fails", "canned"), { provenance }).pipe(
          Cascade.orElse("eu", invalid, { when: isDown })
        )
        assert.instanceOf(yield* Effect.flip(Cascade.run(chain)), Invalid)
      }))

    it.effect("takes an answer whose provenance throws as that of a target", () =>
      Effect.gen(function*() {
        const chain = Cascade.first("eu", Effect.succeed("hi"), {
          provenance: () => {
            throw new Error("bug")
          }
        })
        assert.deepStrictEqual(told(yield* Cascade.run(chain)), ["hi", "eu", "none", ""])
      }))

    it.effect("is counted under its own name, with the degradation of its answer", () =>
      Effect.gen(function*() {
        const answers = yield* Cascade.make({ name: "answers" })
        yield* answers.run(Cascade.first("eu", inner("fails", "canned"), { provenance }))
        const { servingFrom, steps } = yield* answers.snapshot
        assert.strictEqual(servingFrom, "eu/canned")
        assert.deepStrictEqual(steps, [
          { step: "eu", degradation: "none", served: 0, failed: 1 },
          { step: "eu", degradation: "canned", served: 1, failed: 0 }
        ])
      }))
  })

  it("keeps in its type exactly the errors that can come out", () => {
    const either = down(1) as Effect.Effect<string, Down | Invalid>
    expectTypeOf(Cascade.run(Cascade.first("a", Effect.succeed("x")))).toEqualTypeOf<
      Effect.Effect<Cascade.Served<string, never>, never, never>
    >()
    expectTypeOf(Cascade.run(Cascade.first("a", either))).toEqualTypeOf<
      Effect.Effect<Cascade.Served<string, Down | Invalid>, Cascade.CascadeExhausted<Down | Invalid>, never>
    >()
    expectTypeOf(Cascade.run(Cascade.first("a", either, { when: isDown }))).toEqualTypeOf<
      Effect.Effect<Cascade.Served<string, Down>, Invalid | Cascade.CascadeExhausted<Down>, never>
    >()
    expectTypeOf(
      Cascade.run(Cascade.first("a", either, { when: isDown }).pipe(Cascade.orConstant("b", 1)))
    ).toEqualTypeOf<Effect.Effect<Cascade.Served<string | number, Down>, Invalid, never>>()
    expectTypeOf(
      Cascade.run(Cascade.first("a", either).pipe(Cascade.orElse("b", either), Cascade.orConstant("c", "sorry")))
    ).toEqualTypeOf<Effect.Effect<Cascade.Served<string, Down | Invalid>, never, never>>()
    // A test of the tag is inferred to be a type guard; a test of anything else is a plain predicate.
    expectTypeOf(
      Cascade.run(Cascade.first("a", either, { when: (error) => error._tag === "Down" }))
    ).toEqualTypeOf<
      Effect.Effect<Cascade.Served<string, Down>, Invalid | Cascade.CascadeExhausted<Down>, never>
    >()
    expectTypeOf(
      Cascade.run(Cascade.first("a", either, { when: (error) => error.message !== "" }))
    ).toEqualTypeOf<
      Effect.Effect<
        Cascade.Served<string, Down | Invalid>,
        Down | Invalid | Cascade.CascadeExhausted<Down | Invalid>,
        never
      >
    >()
  })
})
