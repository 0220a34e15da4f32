/**
 * Random programs of calls that belong together (`all`, `race`, deadlines, interrupts) over one limiter that is paused,
 * resumed, lowered, settled and changed meanwhile: every call ends, nothing is left behind, and the limiter goes on.
 */
import { assert, it } from "@effect/vitest"
import { Deadline, RateLimiter } from "@switchgear/core"
import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const Call = Schema.Struct({
  tokens: Schema.Literals([1, 3, 10]),
  /** What it takes in the end. */
  actual: Schema.Literals([0, 1, 5, 40]),
  /** Milliseconds of work. */
  lasts: Schema.Literals([0, 20, 400]),
  ending: Schema.Literals(["success", "failure", "defect"]),
  maxWait: Schema.UndefinedOr(Schema.Literals([0, 50, "Infinity"])),
  how: Schema.Literals(["protect", "reserve"])
})

const Request = Schema.Struct({
  calls: Schema.Array(Call).check(Schema.isMinLength(1), Schema.isMaxLength(4)),
  /** How its calls belong together: `all` ends with the first failure, `race` with the first success. */
  shape: Schema.Literals(["all", "all", "race", "raceFirst", "one by one"]),
  deadline: Schema.UndefinedOr(Schema.Literals([30, 200, 900]))
})

const Step = Schema.Union([
  Schema.TaggedStruct("Begin", { request: Request }),
  Schema.TaggedStruct("Begin", { request: Request }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([0, 5, 50, 300]) }),
  Schema.TaggedStruct("Interrupt", { index: Schema.Literals([0, 1, 2, 5]) }),
  Schema.TaggedStruct("Pause", { millis: Schema.Literals([40, 250, 2000]) }),
  Schema.TaggedStruct("Resume", {}),
  Schema.TaggedStruct("Lower", { tokens: Schema.Literals([0, 2]) }),
  Schema.TaggedStruct("SetLimit", { limit: Schema.Literals([5, 10, 30]) })
])

const Setup = Schema.Struct({
  kind: Schema.Literals(["token-bucket", "sliding-window"]),
  maxWait: Schema.Literals([100, 1000, "Infinity"]),
  queue: Schema.Literals([1000, 0, 2, 5])
})

const callOf = (limiter: RateLimiter.RateLimiter, call: typeof Call.Type): Effect.Effect<void, unknown> => {
  const { actual, ending, how, lasts, maxWait, tokens } = call
  const result = { success: Exit.void, failure: Exit.fail("failure"), defect: Exit.die("bug") }[ending]
  const work = lasts === 0 ? result : Effect.andThen(Effect.sleep(lasts), result)
  if (how === "protect") {
    return work.pipe(limiter.protectWith({ costs: { tokens }, maxWait, settle: () => ({ tokens: actual }) }))
  }
  return Effect.flatMap(
    limiter.reserve({ tokens }, { maxWait }),
    (reservation) => Effect.andThen(work, reservation.settle({ tokens: actual }))
  )
}

const requestOf = (limiter: RateLimiter.RateLimiter, { calls, deadline, shape }: typeof Request.Type) => {
  const effects = calls.map((call) => callOf(limiter, call))
  const together = shape === "race"
    ? Effect.raceAll(effects)
    : shape === "raceFirst"
    ? Effect.raceAllFirst(effects)
    : Effect.all(effects, { concurrency: shape === "all" ? "unbounded" : 1, discard: true })
  return deadline === undefined ? together : Deadline.within(deadline)(together)
}

const runs = Number(process.env["SWITCHGEAR_RUNS"] ?? 100)

it.effect.prop(
  "every call of a random program ends, and leaves the limiter at work with nothing missing",
  { setup: Setup, steps: Schema.Array(Step).check(Schema.isMinLength(5), Schema.isMaxLength(40)) },
  ({ setup: { kind, maxWait, queue }, steps }) =>
    Effect.gen(function*() {
      const limits = (limit: number) => [RateLimiter.tokens(limit, 100, { kind })]
      const limiter = yield* RateLimiter.make({ name: "model", limits: limits(10), maxWait, queue })
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      for (const step of steps) {
        switch (step._tag) {
          case "Begin":
            fibers.push(yield* Effect.forkDetach(requestOf(limiter, step.request), { startImmediately: true }))
            break
          case "Advance":
            yield* TestClock.adjust(step.millis)
            break
          case "Interrupt":
            // Nobody waits for it to end: the next step comes in between.
            fibers[step.index]?.interruptUnsafe()
            break
          case "Pause":
            yield* limiter.pause(step.millis)
            break
          case "Resume":
            yield* limiter.resume
            break
          case "Lower":
            yield* limiter.clampAvailable({ tokens: step.tokens })
            break
          case "SetLimit":
            yield* limiter.setLimits(limits(step.limit))
        }
        const { limits: [limit], waiting } = yield* limiter.snapshot
        assert.isAtMost(limit!.available, limit!.capacity)
        assert.isAtMost(waiting, queue)
      }
      yield* limiter.setLimits(limits(10))
      yield* TestClock.adjust("1 minute")
      fibers.forEach((fiber, i) => {
        const exit = fiber.pollUnsafe()
        assert.isDefined(exit, `request ${i} ends`)
        if (exit === undefined || Exit.isSuccess(exit)) return
        for (const reason of exit.cause.reasons) {
          // A race that nobody wins dies of what its calls failed with.
          if (!Cause.isDieReason(reason) || reason.defect === "bug") continue
          assert.isTrue(reason.defect === "failure" || reason.defect instanceof RateLimiter.RateLimited)
        }
      })
      const { limits: [limit], waiting } = yield* limiter.snapshot
      assert.deepStrictEqual([waiting, limit!.available], [0, 10])
      yield* limiter.reserve({ tokens: 10 })
      const next = yield* Effect.forkDetach(limiter.reserve({ tokens: 10 }, { maxWait: "1 second" }), {
        startImmediately: true
      })
      yield* TestClock.adjust(100)
      assert.isTrue(queue === 0 || Exit.isSuccess(next.pollUnsafe()!), "the limiter goes on")
    }),
  { arbitrary: { runs, size: 100, maxShrinks: 2000 }, timeout: 10_000 + 40 * runs }
)
