/**
 * The laws of the core over random programs: trees of guards under parallel and detached work, interrupts, steps of the
 * clock and changes by hand. `SWITCHGEAR_PROGRAMS` says how many programs, `SWITCHGEAR_SEED` which ones, `SWITCHGEAR_LAW` that
 * only the laws whose name begins so are looked at.
 */
import { assert, it } from "@effect/vitest"
import { Arbitrary, Effect } from "effect"
import { play } from "./play.ts"
import { Program } from "./program.ts"
import { show } from "./show.ts"
import { simpler } from "./simpler.ts"

const programs = Number(process.env.SWITCHGEAR_PROGRAMS ?? 100)
const seed = process.env.SWITCHGEAR_SEED
const law = process.env.SWITCHGEAR_LAW ?? ""

it.live(`${programs} random programs keep the laws`, () =>
  Effect.gen(function*() {
    const arbitrary = Arbitrary.schema(Program, { shrink: simpler })
    let played = 0
    const property = (program: Program) =>
      Effect.gen(function*() {
        const { broken: all, log } = yield* play(program)
        const broken = all.filter((one) => one.startsWith(law))
        if (broken.length > 0) return yield* Effect.fail(broken)
        // The same program goes the same way each time.
        if (++played % 10 !== 0) return true
        const again = yield* play(program)
        return again.log.join("\n") === log.join("\n")
          ? true
          : yield* Effect.fail(["one program goes one way: a second play went another"])
      })
    const result = yield* Arbitrary.checkEffect(arbitrary, property, {
      runs: programs,
      size: 14,
      maxShrinks: 3000,
      ...seed === undefined ? {} : { seed }
    })
    if (result._tag === "Falsified") {
      const laws = result.failure._tag === "PropertyError" ? result.failure.error : []
      assert.fail(
        `Program ${result.runs} of seed ${seed ?? "at random"} breaks\n- ${laws.join("\n- ")}\n${
          show(result.shrunkInput)
        }\n` +
          `To play it again: ${JSON.stringify(result.shrunkInput)}`
      )
    }
    assert.strictEqual(result._tag, "Passed")
  }), 24 * 3_600_000)
