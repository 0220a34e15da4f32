/** Whatever is wrong about how a limit takes notice of its calls, the model finds it. Each mutant replaces one method. */
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { Arbitraries } from "@switchgear/core/testing"
import { Effect, Exit } from "effect"
import { history, type Setup, subject } from "./concurrencyLimit/callsModel.ts"

const { LimitMachine } = await vi.importActual<any>("../src/concurrencyLimit/machine.ts")
const { LimitCall } = await vi.importActual<any>("../src/concurrencyLimit/call.ts")

const setups: ReadonlyArray<Setup> = [
  { initial: 2, min: 1, max: 9, queue: 4, within: "nothing" },
  { initial: 4, min: 2, max: 7, queue: 2, within: "a pipeline" },
  { initial: 7, min: 1, max: 7, queue: 0, within: "a pipeline with times and a retry" }
]

/** Whether a history shows that the limit does something else than the model. */
const isFound = Effect.map(
  Effect.forEach(setups, (setup) => Effect.exit(Arbitraries.check({ history, subject: subject(setup), runs: 100 }))),
  (exits) => exits.some(Exit.isFailure)
)

const undo: Array<() => void> = []
afterEach(() => {
  for (const restore of undo.splice(0)) restore()
})

const replace = (
  of: any,
  method: string,
  by: (original: any) => (this: any, ...args: ReadonlyArray<any>) => unknown
) => {
  const original = of.prototype[method]
  of.prototype[method] = by(original)
  undo.push(() => {
    of.prototype[method] = original
  })
}

const mutants: Record<string, () => void> = {
  "a call of an earlier generation moves the limit": () =>
    replace(LimitMachine, "counts", () =>
      function() {
        return this.pinned === undefined
      }),
  "a pinned limit learns": () =>
    replace(LimitMachine, "counts", () =>
      function(call) {
        return call.generation === this.generation
      }),
  "an ignored call is a success": () =>
    replace(LimitMachine, "ended", (original) =>
      function(call, exit) {
        return original.call(
          this,
          call,
          exit._tag === "Success" || this.rules.signal(exit) !== "ignore" ? exit : Exit.void
        )
      }),
  "a drop is ignored": () =>
    replace(LimitMachine, "ended", (original) =>
      function(call, exit) {
        return original.call(this, call, exit._tag === "Failure" ? Exit.fail("other") : exit)
      }),
  "a call is told twice": () =>
    replace(LimitMachine, "ended", (original) =>
      function(call, exit) {
        original.call(this, call, exit)
        original.call(this, call, exit)
      }),
  "a call is told after its slot is free": () =>
    replace(LimitCall, "ended", () =>
      function(exit) {
        this.pool.giveBack(this.lane)
        if (this.begun) this.machine.ended(this, this.ending(exit))
      }),
  "a call keeps its slot when it is dropped": () =>
    replace(LimitCall, "ended", (original) =>
      function(exit) {
        if (exit._tag === "Failure" && this.machine.rules.signal(exit) === "drop") return
        original.call(this, exit)
      }),
  "a deadline of the caller is an interruption": () =>
    replace(LimitCall, "ending", () =>
      function(exit) {
        return exit
      }),
  "slots do not follow the limit": () => replace(LimitMachine, "move", () => function() {}),
  "a reset does not change the slots": () =>
    replace(LimitMachine, "reset", (original) =>
      function() {
        const { pool } = this
        const { concurrency } = pool
        original.call(this)
        pool.resize(concurrency)
      }),
  "an unpin starts no generation": () =>
    replace(LimitMachine, "unpin", () =>
      function() {
        this.pinned = undefined
        this.move()
      }),
  "an unpin leaves the slots": () =>
    replace(LimitMachine, "unpin", () =>
      function() {
        this.generation++
        this.pinned = undefined
      })
}

describe("the model of a concurrency limit", () => {
  it.live("finds nothing where nothing is wrong", () => Effect.map(isFound, (found) => assert.isFalse(found)), 60_000)

  for (const [mutant, plant] of Object.entries(mutants)) {
    it.live(`finds that ${mutant}`, () =>
      Effect.suspend(() => {
        plant()
        return Effect.map(isFound, (found) => assert.isTrue(found))
      }), 60_000)
  }
})
