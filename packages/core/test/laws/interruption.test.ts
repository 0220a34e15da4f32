/**
 * An interrupt at any step of a random program breaks no law: each program is played once for every step of its second
 * root, which is interrupted there. The environment is that of `programs.test.ts`; there is one such program for twenty.
 */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { check, programs } from "./check.ts"
import { play } from "./play.ts"
import { Strike } from "./strike.ts"

const runs = Math.max(1, Math.round(programs / 20))

// Programs whose second root has more steps than that are struck at the first of them only.
const mostSteps = 300

it.live(`an interrupt at any step of ${runs} random programs breaks no law`, () =>
  Effect.gen(function*() {
    const told = yield* check({
      runs,
      maxShrinks: 500,
      broken: (program) =>
        Effect.gen(function*() {
          for (let step = 1; step <= mostSteps; step++) {
            const strike = new Strike(step)
            const played = yield* play(program, { strike })
            // A struck step ends a turn, so that others run between a call's end and its answer.
            const broken = played.broken.filter((law) => !law.startsWith("one's own answer first"))
            if (broken.length > 0) return [...broken, `interrupted at step ${step}`]
            if (!strike.hasStruck) return []
          }
          return []
        })
    })
    assert.strictEqual(told, undefined, told)
  }), 24 * 3_600_000)
