/**
 * The laws of the core over random programs: trees of guards under parallel and detached work, interrupts, steps of the
 * clock and changes by hand. `SWITCHGEAR_PROGRAMS` says how many programs, `SWITCHGEAR_SEED` which ones, `SWITCHGEAR_LAW` that
 * only the laws whose name begins so are looked at.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { check, programs } from "./check.ts"
import { play } from "./play.ts"

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
