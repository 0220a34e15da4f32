/**
 * The laws of the core over random programs: trees of guards under parallel and detached work, interrupts, steps of the
 * clock and changes by hand. `SWITCHGEAR_PROGRAMS` says how many programs, `SWITCHGEAR_SEED` which ones, `SWITCHGEAR_LAW` that
 * only the laws whose name begins so are looked at.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { check, programs } from "./check.ts"
import { brokenInOrder } from "./orders.ts"
import { play } from "./play.ts"

const kinds = [
  "answered",
  "died",
  "was interrupted",
  "failed with Blip",
  "failed with BulkheadFull",
  "failed with CircuitOpen",
  "failed with DeadlineExceeded",
  "failed with RateLimited",
  "begins after a wait",
  "is given the value"
]

it.live("three hundred programs see every kind of end, of refusal and of wait", () =>
  Effect.gen(function*() {
    const seen = Object.fromEntries(kinds.map((kind) => [kind, 0]))
    yield* check({
      runs: 300,
      seed: "kinds",
      broken: (program) =>
        Effect.map(play(program), ({ log }) => {
          for (const kind of kinds) if (log.some((line) => line.includes(kind))) seen[kind]!++
          return []
        })
    })
    for (const kind of kinds) assert.isAbove(seen[kind]!, 3, kind)
  }), 60_000)

it.live(`${programs} random programs keep the laws`, () =>
  Effect.gen(function*() {
    let played = 0
    const told = yield* check({
      runs: programs,
      broken: (program) =>
        Effect.gen(function*() {
          const { broken, log } = yield* play(program)
          // The same program goes the same way each time; one in ten is played twice.
          if (broken.length > 0 || ++played % 10 !== 0) return broken
          const again = yield* play(program)
          return again.log.join("\n") === log.join("\n") ? [] : ["one program goes one way: a second play went another"]
        })
    })
    assert.strictEqual(told, undefined, told)
  }), 24 * 3_600_000)

it.live(`${programs} random programs keep the laws in an order of chance`, () =>
  Effect.gen(function*() {
    let last = 0
    // A program is played in an order of its own, and a simpler one in the same.
    const orders = new WeakMap<object, number>()
    const told = yield* check({
      runs: programs,
      broken: (program) => {
        const order = orders.get(program.steps) ?? ++last
        orders.set(program.steps, order)
        return brokenInOrder(program, order)
      }
    })
    assert.strictEqual(told, undefined, told)
  }), 24 * 3_600_000)
