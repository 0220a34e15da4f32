/**
 * Races that are planted into the guards are found. Each mutant replaces one method of the core by one that is right until
 * an interrupt or another fiber comes at a certain step.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import type { Program, Tree } from "./program.ts"

/** Calls that meet in the guard, directly around a circuit. The end of the first one interrupts the others. */
const crowd = (guard: "bulkhead" | "limitSettled", how: "all" | "race", way: "fails" | "answers"): Program => {
  const work: Tree = { _tag: "Work", way, millis: 300 }
  const call: Tree = { _tag: "Guard", guard: 0, inner: { _tag: "Guard", guard: 1, inner: work } }
  const calls: Tree = { _tag: "Copies", how, times: 4, inner: call }
  return { cast: [guard, "breaker", "gate"], steps: [{ _tag: "Start", times: 1, tree: calls }] }
}

const inBulkhead = crowd("bulkhead", "all", "fails")
// What the first call gives back, when it has answered, lets the second one go on.
const inLimiter = crowd("limitSettled", "race", "answers")

/** The laws that the program breaks in the usual order, and how many of a thousand orders of chance break one. */
const playedWith = (plant: () => Promise<unknown>, program: Program) =>
  Effect.gen(function*() {
    vi.resetModules()
    yield* Effect.promise(plant)
    const { brokenInOrder, play } = yield* Effect.promise(async () => ({
      ...await import("./orders.ts"),
      ...await import("./play.ts")
    }))
    const { broken } = yield* play(program)
    let found = 0
    for (let seed = 1; seed <= 1000; seed++) if ((yield* brokenInOrder(program, seed)).length > 0) found++
    return { broken, found }
  })

const nothing = () => Promise.resolve()

// What the methods of the core use is private.
const prototypeOf = async (module: string, name: string): Promise<any> =>
  (await vi.importActual<any>(`../../src/${module}.ts`))[name].prototype

const waitsOutside = async () => {
  const wait = await prototypeOf("internal/runtime/wait", "Wait")
  wait.tell = function() {
    if (this.isTold || this.next === undefined || this.resume === undefined) return
    this.isTold = true
    this.resume(this.next(this.fiber, true))
  }
}

const takesTurnOutside = async () => {
  const call = await prototypeOf("rateLimiter/call", "ProtectedCall")
  call.proceed = function() {
    if (this.resume === undefined) this.told = true
    else if (this.refused !== undefined) this.resume(this.refused)
    else if (this.state === "granted") this.resume(this.run(this.fiber))
  }
}

describe("a thousand orders of chance", () => {
  it.live("find nothing where nothing is planted", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* playedWith(nothing, inBulkhead), { broken: [], found: 0 })
      assert.deepStrictEqual(yield* playedWith(nothing, inLimiter), { broken: [], found: 0 })
    }))

  it.live("find that a call which has waited for a slot goes on outside of a step of its own", () =>
    Effect.gen(function*() {
      const { broken, found } = yield* playedWith(waitsOutside, inBulkhead)
      assert.deepStrictEqual(broken, [])
      assert.isAbove(found, 10)
    }))

  it.live("find that a call whose turn has come goes on outside of a step of its own", () =>
    Effect.gen(function*() {
      const { broken, found } = yield* playedWith(takesTurnOutside, inLimiter)
      assert.deepStrictEqual(broken, [])
      assert.isAbove(found, 10)
    }))
})
