/** What a hedge does with the programs of `model.ts`. */
import { Attempts, Hedge } from "@switchgear/core"
import { assert } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber } from "effect"
import {
  type CallOf,
  type Counted,
  type Course,
  delayOf,
  leavesAfter,
  millisOf,
  type Program,
  type RunOf,
  speaksAfter,
  startOf
} from "./model.ts"

/** What became of the calls of a program. */
export interface Played {
  readonly courses: ReadonlyArray<Course>
  readonly counted: Counted
}

const told = (exit: Exit.Exit<string, string>): string =>
  Exit.isSuccess(exit)
    ? exit.value
    : Cause.hasInterruptsOnly(exit.cause)
    ? "left"
    : exit.cause.reasons.filter((reason) => !Cause.isInterruptReason(reason)).map((reason) =>
      String(Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : "")
    ).join()

export const actual = (program: Program): Effect.Effect<Played> =>
  Effect.gen(function*() {
    const { burst, calls, maxHedges, on, ratio } = program
    const begin = yield* Clock.currentTimeMillis
    const now = Effect.map(Clock.currentTimeMillis, (millis) => millis - begin)
    const hedge = yield* Hedge.make({ name: "model", delay: delayOf(program), maxHedges, on, budget: { ratio, burst } })
    let primaries = 0
    let hedges = 0
    let running = 0
    const run = (of: RunOf, call: number, index: number) =>
      Effect.gen(function*() {
        if (index > 0) assert.isAtMost(++hedges, burst + ratio * primaries + 1e-9, "hedges beyond the budget")
        running++
        const all = of.ends === "hangs" ? Infinity : millisOf(of, call, index)
        const first = speaksAfter(of, call, index)
        if (first < Infinity) {
          yield* Effect.sleep(first)
          yield* Hedge.firstToken
        }
        if (all === Infinity) return yield* Effect.never
        yield* Effect.sleep(first < Infinity ? all - first : all)
        if (of.ends === "answers") return `answers ${index}`
        return yield* of.ends === "dies" ? Effect.die(`dies ${index}`) : Effect.fail(`fails ${index}`)
      }).pipe(
        Effect.onInterrupt(() => of.lingers ? Effect.sleep("1 minute") : Effect.void),
        Effect.ensuring(Effect.sync(() => running--))
      )
    const call = (of: CallOf, index: number) =>
      Effect.gen(function*() {
        const started: Array<number> = []
        let end: string | undefined
        let at = 0
        yield* Effect.sleep(startOf(program, index))
        primaries++
        const hedged = Effect.suspend(() => {
          const k = started.length
          assert.isAtMost(k, maxHedges, "more runs than allowed")
          return Effect.andThen(Effect.map(now, (millis) => started.push(millis)), run(of.runs[k]!, index, k))
        }).pipe(hedge.protect, Attempts.within(of.attempts))
        const fiber = yield* Effect.forkDetach(
          // What comes after the answer does not wait for those that have lost.
          Effect.onExit(hedged, (exit) =>
            Effect.map(now, (millis) => {
              end = told(exit)
              at = millis
            }))
        )
        const leaves = leavesAfter(of, index)
        if (leaves < Infinity) {
          yield* Effect.sleep(leaves)
          // A caller that waits for a finalizer has left before.
          const left = yield* now
          const hadEnded = end !== undefined
          yield* Fiber.interrupt(fiber)
          if (!hadEnded) at = left
        }
        return () => ({ end, at, started, fiber })
      })
    const fibers = yield* Effect.forEach(calls, (of, i) => Effect.forkChild(call(of, i)))
    yield* Effect.sleep("90 days")
    const made = yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))
    const courses = made.map((read): Course => {
      const { at, end, started } = read()
      return { at, end, started }
    })
    for (const read of made) yield* Fiber.interrupt(read().fiber)
    assert.strictEqual(running, 0, "runs that nobody waits for")
    const { lost, notStarted, won, ...read } = yield* hedge.snapshot
    return {
      courses,
      counted: {
        primaries: read.primaries,
        hedges: read.hedges,
        won,
        lost,
        noBudget: notStarted.budget,
        noAttempts: notStarted.attempts
      }
    }
  })
