/**
 * An interrupt at any step of a random program breaks no law: each program is played once for every step of its second
 * root, which is interrupted there. `SWITCHGEAR_PROGRAMS` and `SWITCHGEAR_SEED` as in `programs.test.ts`.
 */
import { assert, it } from "@effect/vitest"
import { Arbitrary, Effect } from "effect"
import { play } from "./play.ts"
import { Program } from "./program.ts"
import { show } from "./show.ts"
import { simpler } from "./simpler.ts"
import { Strike } from "./strike.ts"

const programs = Math.max(1, Math.round(Number(process.env.SWITCHGEAR_PROGRAMS ?? 100) / 20))
const seed = process.env.SWITCHGEAR_SEED

// Programs whose second root has more steps than that are struck at the first of them only.
const mostSteps = 300

it.live(`an interrupt at any step of ${programs} random programs breaks no law`, () =>
  Effect.gen(function*() {
    let strikes = 0
    const property = (program: Program) =>
      Effect.gen(function*() {
        for (let step = 1; step <= mostSteps; step++) {
          const strike = new Strike(step)
          const played = yield* play(program, strike)
          // A struck step ends a turn, so that others run between a call's end and its answer.
          const broken = played.broken.filter((law) => !law.startsWith("one's own answer first"))
          if (broken.length > 0) return yield* Effect.fail([`interrupted at step ${step}`, ...broken])
          if (!strike.hasStruck) return true
          strikes++
        }
        return true
      })
    const result = yield* Arbitrary.checkEffect(Arbitrary.schema(Program, { shrink: simpler }), property, {
      runs: programs,
      size: 14,
      maxShrinks: 500,
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
    if (programs > 1) assert.isAbove(strikes, programs)
  }), 24 * 3_600_000)
