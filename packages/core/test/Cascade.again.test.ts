/** Targets that are asked again when all of them have failed. */
import { Attempts, Cascade, Deadline } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, ExecutionPlan, Exit, Fiber, Schema } from "effect"
import { expectTypeOf } from "vitest"
import { interruptAtEveryStep } from "./support/yieldAt.ts"

const play = <A, E>(program: Effect.Effect<A, E>) => Effect.promise(() => Effect.runPromise(VirtualClock.play(program)))

/** What a target does in its first calls; in those after them it does the last of these. */
const Calls = Schema.Array(Schema.Literals(["answers", "fails", "refuses", "is canned"])).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(3)
)
const Program = Schema.Struct({
  targets: Schema.Array(Schema.Struct({ calls: Calls, isOvertaken: Schema.Boolean })).check(
    Schema.isMinLength(1),
    Schema.isMaxLength(3)
  ),
  attempts: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 })),
  rounds: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 })),
  hasFloor: Schema.Boolean
})
type Program = typeof Program.Type

interface Course {
  readonly end: string
  readonly calls: ReadonlyArray<number>
  /** The failures that each wait was told. */
  readonly waits: ReadonlyArray<string>
}

const name = (i: number) => `target ${i}`

/** The rule, written down as loops. */
const expected = ({ attempts, hasFloor, rounds, targets }: Program): Course => {
  const calls = targets.map(() => 0)
  const waits: Array<string> = []
  let left = attempts
  let aside: string | undefined
  let last = ""
  for (let round = 0;; round++) {
    const failed: Array<string> = []
    for (const [i, target] of targets.entries()) {
      if (left === 0) continue
      left--
      const does = target.calls[Math.min(calls[i]!++, target.calls.length - 1)]
      if (does === "answers") return { end: `${name(i)} after ${failed.join()}`, calls, waits }
      if (does === "refuses") return { end: `refused by ${i}`, calls, waits }
      failed.push(name(i))
      if (does === "is canned") aside ??= `${name(i)}/floor`
    }
    const told = failed.length > 0 ? last = failed.join() : last
    if (failed.length > 0) {
      waits.push(told)
      if (round < rounds) continue
    }
    if (aside !== undefined) return { end: `${aside} after ${told}`, calls, waits }
    return { end: hasFloor ? `canned after ${told}` : `exhausted after ${told}`, calls, waits }
  }
}

const actual = ({ attempts, hasFloor, rounds, targets }: Program) =>
  Effect.gen(function*() {
    const calls = targets.map(() => 0)
    const waits: Array<string> = []
    const call = (i: number) =>
      Effect.suspend(() => {
        const all = targets[i]!.calls
        const does = all[Math.min(calls[i]!++, all.length - 1)]!
        return does === "fails"
          ? Effect.fail("moves on")
          : does === "refuses"
          ? Effect.fail(`refused by ${i}`)
          : Effect.succeed(does)
      })
    const options = (i: number) => ({
      when: (error: string) => error === "moves on",
      // What ends at once is the same whether another could have been asked beside it.
      overtakeAfter: targets[i]!.isOvertaken ? 1000 : undefined,
      provenance: (does: string): Cascade.Provenance =>
        does === "answers"
          ? { step: name(i), degradation: "none", failures: [] }
          : { step: "floor", degradation: "canned", failures: [{ step: name(i), error: "inside" }] }
    })
    type Chain = Cascade.Cascade<string, string, string, never, string>
    const chain = targets.slice(1).reduce<Chain>(
      (chain, _, i) => Cascade.orElse(name(i + 1), call(i + 1), options(i + 1))(chain),
      Cascade.first(name(0), call(0), options(0))
    )
    const again = Cascade.orAgain((failures) =>
      Effect.sync(() => waits.push(failures.map(({ step }) => step).join()) <= rounds)
    )(chain)
    const ended = hasFloor ? Cascade.orConstant("canned", "sorry")(again) : again
    const exit = yield* Effect.exit(Cascade.run(ended as never as Cascade.Cascade<string, string, string, never>)).pipe(
      Attempts.within(attempts)
    )
    return { end: told(exit), calls, waits }
  })

const steps = (failures: ReadonlyArray<{ readonly step: string }>) =>
  failures.map(({ step }) => step.split("/")[0]).join()

const told = (exit: Exit.Exit<Cascade.Served<unknown, unknown>, unknown>): string => {
  if (Exit.isSuccess(exit)) return `${exit.value.step} after ${steps(exit.value.failures)}`
  const error = Cause.squash(exit.cause)
  return error instanceof Cascade.CascadeExhausted ? `exhausted after ${steps(error.failures)}` : String(error)
}

describe("targets that are asked again", () => {
  it.effect.prop(
    "are asked from the first in every round, by the rule, whatever they do",
    { program: Program },
    ({ program }) =>
      Effect.gen(function*() {
        assert.deepStrictEqual<Course>(yield* play(actual(program)), expected(program))
      }),
    { arbitrary: { runs: 500 }, timeout: 60_000 }
  )

  it.effect("come after the wait, and not before", () =>
    play(Effect.gen(function*() {
      const start = yield* Clock.currentTimeMillis
      const asked: Array<number> = []
      const down = Effect.flatMap(Clock.currentTimeMillis, (now) => {
        asked.push(now - start)
        return asked.length < 4 ? Effect.fail("503") : Effect.succeed("hi")
      })
      const { failures, step } = yield* Cascade.first("gpt", down).pipe(
        Cascade.orElse("claude", Effect.fail("529")),
        Cascade.orAgain((failures) => Effect.as(Effect.sleep(failures.length * 100), true)),
        Cascade.run
      )
      assert.deepStrictEqual([step, failures, asked], ["gpt", [], [0, 200, 400, 600]])
    })))

  it.effect("are asked beside each other in a later round as in the first", () =>
    play(Effect.gen(function*() {
      let round = 0
      const slow = Effect.suspend(() =>
        ++round === 1 ? Effect.fail("503") : Effect.as(Effect.sleep("1 minute"), "slow")
      )
      const next = Effect.suspend(() => round === 1 ? Effect.fail("529") : Effect.as(Effect.sleep("1 second"), "next"))
      const start = yield* Clock.currentTimeMillis
      const { step } = yield* Cascade.first("slow", slow, { overtakeAfter: "3 seconds" }).pipe(
        Cascade.orElse("next", next),
        Cascade.orAgain(() => Effect.succeed(true)),
        Cascade.run
      )
      assert.deepStrictEqual([step, (yield* Clock.currentTimeMillis) - start], ["next", 4000])
    })))

  it.effect("are one run of a runner, which counts their errors of all rounds", () =>
    Effect.gen(function*() {
      const answers = yield* Cascade.make({ name: "answers" })
      let left = 2
      const chain = Cascade.first("gpt", Effect.fail("503")).pipe(
        Cascade.orAgain(() => Effect.sync(() => left-- > 0)),
        Cascade.orConstant("canned", "sorry")
      )
      yield* answers.run(chain)
      const { runs, steps } = yield* answers.snapshot
      assert.strictEqual(runs, 1)
      assert.deepStrictEqual(steps, [
        { step: "gpt", degradation: "none", served: 0, failed: 3 },
        { step: "canned", degradation: "canned", served: 1, failed: 0 }
      ])
    }))

  it.effect("wait where a snapshot shows it, until they go on or are interrupted", () =>
    play(Effect.gen(function*() {
      const answers = yield* Cascade.make({ name: "answers" })
      const seen = Effect.map(answers.snapshot, ({ rounds, waiting }) => [waiting, rounds])
      let busy = 3
      const chain = Cascade.first("gpt", Effect.suspend(() => busy-- > 0 ? Effect.fail("503") : Effect.succeed("hi")))
        .pipe(
          Cascade.orAgain(() => Effect.as(Effect.sleep("1 second"), busy > -9)),
          Cascade.orConstant("canned", "sorry")
        )
      const run = () => Effect.forkChild(answers.run(chain), { startImmediately: true })
      const [first, second] = [yield* run(), yield* run()]
      assert.deepStrictEqual(yield* seen, [2, 0])
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(yield* seen, [1, 0])
      yield* Fiber.join(first)
      assert.deepStrictEqual(yield* seen, [0, 2])
      busy = Infinity
      const stuck = yield* run()
      yield* Effect.sleep("2500 millis")
      assert.deepStrictEqual(yield* seen, [1, 4])
      busy = -9
      yield* Fiber.join(stuck)
      assert.deepStrictEqual(yield* seen, [0, 5])
    })))

  it.effect("are asked once in an execution plan", () =>
    Effect.gen(function*() {
      const plan = Cascade.first("gpt", Effect.fail("503")).pipe(
        Cascade.orAgain(() => Effect.succeed(true)),
        Cascade.orElse("claude", Effect.fail("529"))
      )
      const made = Cascade.toExecutionPlan(plan as never)
      assert.isTrue(ExecutionPlan.isExecutionPlan(made))
      assert.strictEqual(made.steps.length, 2)
    }))

  it.effect("end with the deadline and with an interrupt while they wait", () =>
    play(Effect.gen(function*() {
      const chain = Cascade.first("gpt", Effect.fail("503")).pipe(Cascade.orAgain(() => Effect.never))
      const late = yield* Effect.flip(Deadline.within("2 seconds")(Cascade.run(chain)))
      assert.strictEqual(late._tag, "DeadlineExceeded")
      const fiber = yield* Effect.forkChild(Cascade.run(chain), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
    })))

  it.effect("leave nothing running when they are interrupted at any step", () =>
    Effect.gen(function*() {
      let running = 0
      const call = (answer: () => boolean) =>
        Effect.acquireUseRelease(
          Effect.sync(() => running++),
          () =>
            Effect.andThen(Effect.yieldNow, Effect.suspend(() => answer() ? Effect.succeed("hi") : Effect.fail("503"))),
          () => Effect.sync(() => running--)
        )
      const steps = yield* interruptAtEveryStep({
        program: () => {
          let round = 0
          return Cascade.first("gpt", call(() => false), { overtakeAfter: "1 second" }).pipe(
            Cascade.orElse("claude", call(() => ++round === 3)),
            Cascade.orAgain(() => Effect.as(Effect.yieldNow, true)),
            Cascade.run
          )
        },
        check: () => Effect.sync(() => assert.strictEqual(running, 0))
      })
      assert.isAbove(steps, 20)
    }))

  it("have the errors of the chain in the types of the wait, and need what it needs", () => {
    const busy: Effect.Effect<string, "503"> = Effect.fail("503")
    const chain = Cascade.first("gpt", busy).pipe(
      Cascade.orAgain((failures: ReadonlyArray<Cascade.Failure<"503">>) => Effect.succeed(failures.length > 9))
    )
    expectTypeOf(Cascade.run(chain)).toEqualTypeOf<
      Effect.Effect<Cascade.Served<string, "503">, Cascade.CascadeExhausted<"503">>
    >()
    // @ts-expect-error a wait that knows other errors than those of the chain
    Cascade.orAgain((_: ReadonlyArray<Cascade.Failure<"400">>) => Effect.succeed(true))(Cascade.first("gpt", busy))
  })
})
