/**
 * Random programs of fibers that sleep, hand over, race, fail, interrupt each other and clean up, run under the
 * platform's test clock and under this one: the same things happen, at the same times, in the same order.
 */
import { assert, it } from "@effect/vitest"
import { VirtualClock } from "@switchgear/core/testing"
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Latch, Schedule, Schema, Semaphore } from "effect"
import { TestClock } from "effect/testing"

const Slot = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 }))
const Millis = Schema.Literals([0, 0.25, 1, 1, 2, 3, 5, 8, 13])

/** A procedure is called by how far behind its caller it stands, so that none calls itself. */
const Callee = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 }))

const Instruction = Schema.Union([
  Schema.TaggedStruct("Sleep", { millis: Millis }),
  Schema.TaggedStruct("Sleep", { millis: Millis }),
  Schema.TaggedStruct("Yield", { times: Schema.Literals([1, 2, 3, 7]) }),
  Schema.TaggedStruct("YieldUrgent", { priority: Schema.Literals([-1, 1]) }),
  Schema.TaggedStruct("Fork", { callee: Callee, how: Schema.Literals(["child", "detached", "immediate"]) }),
  Schema.TaggedStruct("Fork", { callee: Callee, how: Schema.Literals(["child", "detached", "immediate"]) }),
  Schema.TaggedStruct("Join", { fiber: Slot }),
  Schema.TaggedStruct("Interrupt", { fiber: Slot }),
  Schema.TaggedStruct("Race", { one: Callee, other: Callee }),
  Schema.TaggedStruct("All", { one: Callee, other: Callee, concurrency: Schema.Literals([1, 2]) }),
  Schema.TaggedStruct("Timeout", { callee: Callee, millis: Millis }),
  Schema.TaggedStruct("Retry", { callee: Callee, delay: Millis }),
  Schema.TaggedStruct("Finalize", { callee: Callee, millis: Millis }),
  Schema.TaggedStruct("Permit", { callee: Callee }),
  Schema.TaggedStruct("Latch", { latch: Slot, what: Schema.Literals(["await", "open", "close", "release"]) }),
  Schema.TaggedStruct("Deferred", { deferred: Slot, what: Schema.Literals(["await", "complete"]) }),
  Schema.TaggedStruct("Uninterruptible", { callee: Callee }),
  Schema.TaggedStruct("Fail", { how: Schema.Literals(["failure", "defect", "interrupt"]) })
])
type Instruction = typeof Instruction.Type

// The platform's test clock lets time go on before a fiber that was woken by a promise has done what it has scheduled:
// the two clocks are alike where it goes to sleep.
const Promised = Schema.TaggedStruct("Promise", {
  hops: Schema.Literals([0, 1, 4]),
  millis: Schema.Literals([1, 2, 5])
})

const programOf = <A, I>(instruction: Schema.Codec<A, I>) => {
  const Procedure = Schema.Array(instruction).check(Schema.isMinLength(3), Schema.isMaxLength(7))
  return Schema.Array(Procedure).check(Schema.isMinLength(5), Schema.isMaxLength(8))
}

type Program = ReadonlyArray<ReadonlyArray<Instruction | typeof Promised.Type>>

type Trace = ReadonlyArray<string>

const tell = (exit: Exit.Exit<unknown, unknown>): string =>
  exit._tag === "Success"
    ? "success"
    : exit.cause.reasons.map((reason) =>
      Cause.isFailReason(reason)
        ? (Cause.isTimeoutError(reason.error) ? "time-out" : String(reason.error))
        : reason._tag
    ).join("+")

/** Retries and forks can multiply: a program that has called so many procedures calls no more. */
const callsAtMost = 300

const wholeNight = 10_000

/** Runs the first procedure and ends what is left of it after a long night; `trace` gets what happens, when it does. */
const night = (program: Program, trace: Array<string>): Effect.Effect<void> =>
  Effect.gen(function*() {
    const latches = yield* Effect.replicateEffect(Latch.make(), 4)
    const deferreds = yield* Effect.replicateEffect(Deferred.make<string>(), 4)
    const semaphore = yield* Semaphore.make(2)
    const fibers: Array<Fiber.Fiber<void, string>> = []
    let calls = 0

    const note = (what: string) =>
      Clock.clockWith((clock) =>
        Effect.sync(() => {
          const millis = clock.currentTimeMillisUnsafe()
          trace.push(`${millis} ${clock.currentTimeNanosUnsafe()} ${clock.monotonicTimeNanosUnsafe()} ${what}`)
        })
      )

    const call = (index: number): Effect.Effect<void, string> =>
      Effect.suspend(() => {
        const procedure = program[index]
        if (procedure === undefined || calls === callsAtMost) return Effect.void
        const id = ++calls
        const steps = procedure.map((instruction, at) =>
          Effect.andThen(
            note(`call ${id} of ${index}: ${at} ${instruction._tag}`),
            Effect.suspend(() => perform(instruction, index))
          )
        )
        return Effect.onExit(
          Effect.forEach(steps, (step) => step, { discard: true }),
          (exit) => note(`call ${id} of ${index}: ${tell(exit)}`)
        )
      })

    const perform = (
      instruction: Program[number][number],
      caller: number
    ): Effect.Effect<unknown, string> => {
      const callee = (ahead: number) => call(caller + ahead)
      switch (instruction._tag) {
        case "Sleep":
          return Effect.sleep(instruction.millis)
        case "Yield":
          return Effect.replicateEffect(Effect.yieldNow, instruction.times)
        case "YieldUrgent":
          return Effect.yieldNowWith(instruction.priority)
        case "Fork": {
          const forked = instruction.how === "detached"
            ? Effect.forkDetach(callee(instruction.callee))
            : Effect.forkChild(callee(instruction.callee), { startImmediately: instruction.how === "immediate" })
          return Effect.map(forked, (fiber) => fibers.push(fiber))
        }
        case "Join": {
          const fiber = fibers[fibers.length - 1 - instruction.fiber]
          return fiber ? Fiber.join(fiber) : Effect.void
        }
        case "Interrupt": {
          const fiber = fibers[fibers.length - 1 - instruction.fiber]
          return fiber ? Fiber.interrupt(fiber) : Effect.void
        }
        case "Race":
          return Effect.race(callee(instruction.one), callee(instruction.other))
        case "All":
          return Effect.all([callee(instruction.one), callee(instruction.other), callee(instruction.one)], {
            concurrency: instruction.concurrency
          })
        case "Timeout":
          return Effect.catch(
            Effect.timeout(callee(instruction.callee), instruction.millis),
            (error) => note(`caught ${tell(Exit.fail(error))}`)
          )
        case "Retry":
          return Effect.retry(callee(instruction.callee), {
            times: 2,
            schedule: Schedule.spaced(instruction.delay)
          })
        case "Finalize":
          return Effect.acquireUseRelease(
            Effect.void,
            () => callee(instruction.callee),
            () => Effect.andThen(Effect.sleep(instruction.millis), note("released"))
          )
        case "Permit":
          return semaphore.withPermits(1)(callee(instruction.callee))
        case "Latch":
          return latches[instruction.latch]![instruction.what]
        case "Deferred": {
          const deferred = deferreds[instruction.deferred]!
          return instruction.what === "await"
            ? Effect.flatMap(Deferred.await(deferred), note)
            : Deferred.succeed(deferred, "handed over")
        }
        case "Uninterruptible":
          return Effect.uninterruptible(callee(instruction.callee))
        case "Promise":
          return Effect.andThen(
            Effect.promise(async () => {
              for (let hop = 0; hop < instruction.hops; hop++) await undefined
            }),
            Effect.andThen(note("promise kept"), Effect.sleep(instruction.millis))
          )
        case "Fail":
          return instruction.how === "failure"
            ? Effect.fail("failure")
            : instruction.how === "defect"
            ? Effect.die("defect")
            : Effect.interrupt
      }
    }

    const fiber = yield* Effect.forkDetach(call(0))
    yield* Effect.sleep(wholeNight)
    yield* note("dawn")
    yield* Effect.forkDetach(Effect.andThen(Fiber.interrupt(fiber), note("interrupted")))
    yield* Effect.sleep(wholeNight)
    trace.push(tell(fiber.pollUnsafe() ?? Exit.fail("has not ended")))
  })

/** Under a clock that is moved by hand, in one step or in several. */
const moved = (program: Program, steps: ReadonlyArray<number>): Effect.Effect<Trace> =>
  Effect.gen(function*() {
    const trace: Array<string> = []
    const fiber = yield* Effect.forkChild(night(program, trace), { startImmediately: true })
    // The platform's test clock sets off before all fibers rest.
    yield* Effect.replicateEffect(Effect.yieldNow, 2000, { discard: true })
    for (const step of steps) yield* TestClock.adjust(step)
    yield* TestClock.adjust(2 * wholeNight)
    yield* Fiber.join(fiber)
    return trace
  })

const played = (program: Program, promises: "settle" | "none"): Effect.Effect<Trace> =>
  Effect.suspend(() => {
    const trace: Array<string> = []
    return VirtualClock.play(Effect.as(night(program, trace), trace), { promises })
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 300)
const options = { arbitrary: { runs, size: 100 }, timeout: 10_000 + 100 * runs }

const Steps = Schema.Array(Schema.Literals([0, 0.5, 1, 2.25, 5, 12])).check(Schema.isMaxLength(4))

it.effect.prop(
  "the same happens at the same times in the same order as under the platform's test clock, moved or played",
  { program: programOf(Instruction), steps: Steps },
  ({ program, steps }) =>
    Effect.gen(function*() {
      const platform = yield* Effect.provide(moved(program, steps), TestClock.layer())
      for (const promises of ["settle", "none"] as const) {
        const ours = yield* Effect.provide(moved(program, steps), VirtualClock.layer({ promises }))
        assert.deepStrictEqual(ours, platform, `moved, promises ${promises}`)
        assert.deepStrictEqual(yield* played(program, promises), platform, `played, promises ${promises}`)
      }
    }),
  options
)

it.effect.prop(
  "promises settle before time goes on, as they do under the platform's test clock",
  { program: programOf(Schema.Union([Instruction, Promised, Promised, Promised])), steps: Steps },
  ({ program, steps }) =>
    Effect.gen(function*() {
      const platform = yield* Effect.provide(moved(program, steps), TestClock.layer())
      assert.deepStrictEqual(yield* Effect.provide(moved(program, steps), VirtualClock.layer()), platform)
    }),
  options
)
