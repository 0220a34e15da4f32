/** Whatever is wrong about hedges and throttles, their models find it. Each mutant replaces one method. */
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { Hedge } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { Arbitrary, Effect, Exit, type Schema } from "effect"
import * as throttles from "../adaptiveThrottle/model.ts"
import { actual } from "./actual.ts"
import { expected, Program } from "./model.ts"

const { HedgedCall } = await vi.importActual<any>("../../src/hedge/call.ts")
const { HedgeMachine } = await vi.importActual<any>("../../src/hedge/machine.ts")
const { SideBySide } = await vi.importActual<any>("../../src/internal/runtime/sideBySide.ts")
const { ThrottleMachine } = await vi.importActual<any>("../../src/adaptiveThrottle/machine.ts")
const { ThrottledCall } = await vi.importActual<any>("../../src/adaptiveThrottle/call.ts")

/** Whether one of some programs shows that something else is done than the rule says. */
const differs = <P, Seen>(
  programs: Schema.Schema<P>,
  count: number,
  actual: (program: P) => Effect.Effect<Seen>,
  expected: (program: P) => Seen
) =>
  Effect.gen(function*() {
    const sampled = yield* Effect.orDie(Arbitrary.sampleEffect(Arbitrary.schema(programs), { count, seed: 1 }))
    for (const program of sampled) {
      const exit = yield* Effect.promise(() => Effect.runPromiseExit(VirtualClock.play(actual(program))))
      if (Exit.isFailure(exit)) return true
      try {
        assert.deepStrictEqual(exit.value, expected(program))
      } catch {
        return true
      }
    }
    return false
  })

/** Twenty lost hedges switch them off, but for one in ten. */
const switchesOff = VirtualClock.play(Effect.gen(function*() {
  const hedge = yield* Hedge.make({ name: "model", delay: 1000, budget: { ratio: 1, burst: 1000 } })
  for (let i = 0; i < 120; i++) yield* hedge.protect(Effect.sleep(1500))
  const { hedges, isLosing, lost } = yield* hedge.snapshot
  return isLosing && hedges === 30 && lost === 30
}))

const isHedgeFound = Effect.gen(function*() {
  const isFound = yield* differs(Program, 150, actual, expected)
  return isFound || !(yield* Effect.promise(() => Effect.runPromise(switchesOff)))
})
const isThrottleFound = differs(throttles.Program, 1000, throttles.actual, throttles.expected)

const undo: Array<() => void> = []
afterEach(() => {
  for (const restore of undo.splice(0)) restore()
})

const replace = (
  of: any,
  method: string,
  by: (original: any) => (this: any, ...args: ReadonlyArray<any>) => unknown
) => {
  const own = Object.getOwnPropertyDescriptor(of.prototype, method)!
  const mutant = by(own.get ?? own.value)
  Object.defineProperty(of.prototype, method, own.get ? { ...own, get: mutant } : { ...own, value: mutant })
  undo.push(() => Object.defineProperty(of.prototype, method, own))
}

const ofHedges: Record<string, () => void> = {
  "a call pays nothing into the budget": () =>
    replace(HedgeMachine, "called", () =>
      function() {
        this.primaries++
      }),
  "more is saved up than the burst": () =>
    replace(HedgeMachine, "called", () =>
      function() {
        this.primaries++
        this.left += this.rules.ratio
      }),
  "a hedge takes nothing from the budget": () =>
    replace(HedgeMachine, "take", () =>
      function(wanted) {
        const reason = this.whyNot(wanted)
        if (reason !== undefined) this.refuse(reason)
        return reason
      }),
  "hedges that lose go on": () => replace(HedgeMachine, "isLosing", () => () => false),
  "hedges that lose are off for good": () =>
    replace(HedgeMachine, "whyNot", (original) =>
      function(wanted) {
        return this.isLosing ? "losing" : original.call(this, wanted)
      }),
  "there are more hedges than allowed": () =>
    replace(HedgedCall, "hedge", (original) =>
      function() {
        original.call(this)
        if (this.started > 0) this.started = 0
        this.keepTime()
      }),
  "a failure starts a hedge": () =>
    replace(HedgedCall, "firstFailed", (original) =>
      function(exit) {
        this.hedge()
        return original.call(this, exit)
      }),
  "a hedge that fails ends the call": () =>
    replace(HedgedCall, "hedgeFailed", () =>
      function(_run, exit) {
        this.answer(exit)
      }),
  "a defect of a hedge is lost": () => replace(HedgedCall, "hedgeFailed", () => () => {}),
  "a defect of the first run waits for the hedge": () =>
    replace(HedgedCall, "firstFailed", () =>
      function(exit) {
        this.failed = exit
        this.stopTimer()
        return false
      }),
  "the first token leaves the others running": () =>
    replace(HedgedCall, "wins", () =>
      function(run) {
        if (this.winner === undefined) this.won(run)
        return true
      }),
  "the first token decides where the result should": () =>
    replace(HedgedCall, "speaks", () =>
      function(run) {
        return this.wins(run)
      }),
  "the timer runs on": () => replace(HedgedCall, "stopTimer", () => () => {}),
  "a hedge that wins counts as lost": () =>
    replace(HedgedCall, "judge", (original) =>
      function(hasWon) {
        original.call(this, !hasWon)
      }),
  "a call whose hedge has not answered counts as none": () =>
    replace(HedgedCall, "judge", (original) =>
      function(hasWon) {
        if (hasWon) original.call(this, hasWon)
      }),
  "a call that was interrupted counts as lost": () =>
    replace(HedgedCall, "over", (original) =>
      function() {
        this.judge(false)
        original.call(this)
      }),
  "what the first token has beaten runs on": () =>
    replace(SideBySide, "drop", () =>
      function(run) {
        run.isDropped = true
        this.running.delete(run)
      }),
  "the answer waits for the losers": () =>
    replace(HedgedCall, "outlivedBy", (original) =>
      function(fibers) {
        return Effect.andThen(original.call(this, fibers), Effect.sleep("1 minute"))
      })
}

const ofThrottles: Record<string, () => void> = {
  "its rejections make up for calls that are missing": () =>
    replace(ThrottleMachine, "rejectionRate", (original) =>
      function(now) {
        const { minimumCalls } = this.rules
        this.window.expire(now)
        const rules = this.requests >= minimumCalls ? { ...this.rules, minimumCalls: 0 } : this.rules
        return original.call(Object.assign(Object.create(this), { rules }), now)
      }),
  "the factor is one": () => other({ factor: 1 }),
  "all are rejected": () => other({ maxRejectionRate: 1 }),
  "its rejections never count": () => other({ countsRejections: false }),
  "its rejections always count": () => other({ countsRejections: true }),
  "the window never ends": () =>
    replace(ThrottleMachine, "rejectionRate", (original) =>
      function() {
        return original.call(this, 0)
      }),
  "a call that failed counts as answered": () =>
    replace(ThrottleMachine, "record", (original) =>
      function(_isAnswered, now) {
        original.call(this, true, now)
      }),
  "a call that was interrupted counts": () =>
    replace(ThrottledCall, "isAnswered", (original) =>
      function(exit) {
        return original.call(this, exit) ?? false
      }),
  "a call counts when it begins": () =>
    replace(ThrottledCall, "acquire", (original) =>
      function(fiber, time) {
        const next = original.call(this, fiber, time)
        if (this.clock !== undefined) {
          this.shared.machine.record(false, Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6)
        }
        return next
      })
}

const other = (rules: object) => {
  for (const method of ["rejectionRate", "refuse"]) {
    replace(ThrottleMachine, method, (original) =>
      function(now) {
        const own = this.rules
        this.rules = { ...own, ...rules }
        try {
          return original.call(this, now)
        } finally {
          this.rules = own
        }
      })
  }
}

for (
  const [model, isFound, mutants] of [
    ["hedges", isHedgeFound, ofHedges],
    ["throttles", isThrottleFound, ofThrottles]
  ] as const
) {
  describe(`the model of ${model}`, () => {
    it.live("finds nothing where nothing is wrong", () => Effect.map(isFound, (found) => assert.isFalse(found)), 60_000)

    for (const [mutant, plant] of Object.entries(mutants)) {
      it.live(`finds that ${mutant}`, () =>
        Effect.suspend(() => {
          plant()
          return Effect.map(isFound, (found) => assert.isTrue(found))
        }), 60_000)
    }
  })
}
