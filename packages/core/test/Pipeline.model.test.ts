/**
 * The pipeline does what its parts do when they are put together by hand: random histories are played on both, step by
 * step, and after each step every call has ended the same way and every counter stands the same. Only the pipeline sends
 * those away who wait when its circuit opens, so nobody waits here where there is a circuit: see
 * `Pipeline.waiting.test.ts`.
 */
import { assert, it } from "@effect/vitest"
import { Bulkhead, CircuitBreaker, Deadline, Pipeline, RateLimiter, Retry } from "@switchgear/core"
import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const Setup = Schema.Struct({
  deadline: Schema.UndefinedOr(Schema.Literals([3000, 10_000])),
  attemptTimeout: Schema.UndefinedOr(Schema.Literals([1000, 4000])),
  retry: Schema.Boolean,
  rateLimiter: Schema.UndefinedOr(Schema.Literals([0, 2500])),
  bulkhead: Schema.UndefinedOr(Schema.Literals([0, 1500])),
  breaker: Schema.Boolean
})
type Setup = typeof Setup.Type

const Ending = Schema.Literals(["success", "failure", "fatal", "defect"])
type Ending = typeof Ending.Type

const Operation = Schema.Union([
  Schema.TaggedStruct("Call", { ending: Ending }),
  Schema.TaggedStruct("Call", { ending: Schema.Literals(["success", "failure"]) }),
  Schema.TaggedStruct("Begin", {}),
  Schema.TaggedStruct("Begin", {}),
  Schema.TaggedStruct("End", { index: Schema.Literals([0, 1, 2]), ending: Ending }),
  Schema.TaggedStruct("End", { index: Schema.Literals([0, 1]), ending: Schema.Literals(["success", "failure"]) }),
  Schema.TaggedStruct("Interrupt", { index: Schema.Literals([0, 1, 2]) }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([100, 500, 1000, 3000]) }),
  Schema.TaggedStruct("Control", { to: Schema.Literals(["forceOpen", "close", "disable"]) })
])
type Operation = typeof Operation.Type

const exits: { readonly [E in Ending]: Exit.Exit<string, unknown> } = {
  success: Exit.succeed("ok"),
  failure: Exit.fail("blip"),
  fatal: Exit.fail({ isRetryable: false }),
  defect: Exit.die("bug")
}

/** One set of parts, and the calls in flight that went through them. */
const lane = (setup: Setup, how: "pipeline" | "by hand") =>
  Effect.gen(function*() {
    const { attemptTimeout, deadline } = setup
    const retry = setup.retry ? yield* Retry.make({ maxAttempts: 3, baseDelay: 400, jitter: "none" }) : undefined
    const rateLimiter = setup.rateLimiter === undefined ? undefined : yield* RateLimiter.make({
      name: "rateLimiter",
      limits: [RateLimiter.requests(2, 1000)],
      maxWait: setup.breaker ? 0 : setup.rateLimiter
    })
    const bulkhead = setup.bulkhead === undefined ? undefined : yield* Bulkhead.make({
      name: "bulkhead",
      concurrency: 2,
      queue: setup.breaker ? 0 : 2,
      maxWait: setup.bulkhead === 0 ? "Infinity" : setup.bulkhead
    })
    const breaker = setup.breaker
      ? yield* CircuitBreaker.make({
        name: "breaker",
        window: CircuitBreaker.lastCalls(3),
        minimumCalls: 2,
        openFor: 2000,
        halfOpen: { calls: 1, maxWait: 3000 }
      })
      : undefined
    const parts = { attemptTimeout, deadline, retry, rateLimiter, bulkhead, breaker }
    const pipeline = yield* Pipeline.make(parts)
    const byHand = <A>(self: Effect.Effect<A, unknown>): Effect.Effect<A, unknown> => {
      const attempt = attemptTimeout ?? deadline
      let guarded = self
      if (attempt !== undefined) guarded = Deadline.attempt(attempt)(guarded)
      if (breaker) guarded = breaker.protect(guarded)
      if (bulkhead) guarded = bulkhead.protect(guarded)
      if (rateLimiter) guarded = rateLimiter.protect(guarded)
      if (breaker) guarded = breaker.gate(guarded)
      if (retry) guarded = retry.protect(guarded)
      return deadline === undefined ? guarded : Deadline.within(deadline)(guarded)
    }
    const protect = how === "pipeline" ? pipeline.protect : byHand
    let begun = 0
    const calls: Array<{ readonly fiber: Fiber.Fiber<unknown>; resume: (exit: Exit.Exit<string, unknown>) => void }> =
      []
    const begin = (work: Effect.Effect<string, unknown>) =>
      Effect.map(
        Effect.forkChild(Effect.exit(protect(Effect.suspend(() => (begun++, work)))), { startImmediately: true }),
        (fiber) => fiber
      )
    const play = (operation: Operation) =>
      Effect.gen(function*() {
        switch (operation._tag) {
          case "Call": {
            const fiber = yield* begin(exits[operation.ending] as Effect.Effect<string, unknown>)
            calls.push({ fiber, resume: () => {} })
            return
          }
          case "Begin": {
            const call = {
              fiber: undefined as unknown as Fiber.Fiber<unknown>,
              resume: (_: Exit.Exit<string, unknown>) => {}
            }
            call.fiber = yield* begin(Effect.callback<string, unknown>((resume) => {
              call.resume = resume
            }))
            calls.push(call)
            return
          }
          case "End":
            calls.filter(({ fiber }) => fiber.pollUnsafe() === undefined)[operation.index]?.resume(
              exits[operation.ending]
            )
            return
          case "Interrupt":
            calls.filter(({ fiber }) => fiber.pollUnsafe() === undefined)[operation.index]?.fiber.interruptUnsafe()
            return
          case "Control":
            if (breaker) yield* breaker.control[operation.to]
        }
      })
    const told = Effect.gen(function*() {
      return {
        begun,
        calls: calls.map(({ fiber }) => render(fiber.pollUnsafe())),
        retry: retry && (yield* retry.snapshot),
        breaker: breaker && (yield* breaker.snapshot),
        bulkhead: bulkhead && (yield* bulkhead.snapshot),
        rateLimiter: rateLimiter && (yield* rateLimiter.snapshot)
      }
    })
    return { play, told, end: Effect.forEach(calls, ({ fiber }) => Fiber.interrupt(fiber)) }
  })

const render = (exit: Exit.Exit<unknown, unknown> | undefined): string => {
  if (exit === undefined) return "running"
  const inner = Exit.isSuccess(exit) && Exit.isExit(exit.value) ? exit.value : exit
  if (Exit.isSuccess(inner)) return `success ${inner.value}`
  return inner.cause.reasons.map((reason) =>
    Cause.isFailReason(reason)
      ? `fail ${JSON.stringify(reason.error)}`
      : Cause.isDieReason(reason)
      ? `die ${reason.defect}`
      : "interrupt"
  ).join()
}

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 200)

it.effect.prop(
  "the pipeline ends every call and leaves every counter as its parts do when put together by hand",
  { setup: Setup, history: Schema.Array(Operation).check(Schema.isMinLength(10), Schema.isMaxLength(60)) },
  ({ history, setup }) =>
    Effect.gen(function*() {
      // Virtual time at a round second in every run, so that both lanes see the same.
      yield* TestClock.adjust("1 second")
      const fused = yield* lane(setup, "pipeline")
      const byHand = yield* lane(setup, "by hand")
      for (const operation of history) {
        if (operation._tag === "Advance") yield* TestClock.adjust(operation.millis)
        else {
          yield* fused.play(operation)
          yield* byHand.play(operation)
        }
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(yield* fused.told, yield* byHand.told)
      }
      yield* fused.end
      yield* byHand.end
      yield* TestClock.adjust("1 minute")
      const { breaker, bulkhead } = yield* fused.told
      assert.strictEqual(breaker?.inFlight ?? 0, 0)
      assert.deepStrictEqual([bulkhead?.inFlight ?? 0, bulkhead?.queued ?? 0], [0, 0])
    }),
  { arbitrary: { runs, size: 60 }, timeout: 10_000 + 40 * runs }
)
