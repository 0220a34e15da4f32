/**
 * The laws can fail: a constant or a sign of `"gradient"` that is another is found by a law. Each mutant is the source with
 * one text replaced, run as it is.
 */
import { assert, describe, it } from "@effect/vitest"
import type { ConcurrencyLimit } from "@switchgear/core"
import { readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { brokenLaw, type Make } from "./laws.ts"

const source = ["algorithm", "samples", "classTimes", "brakes", "gradient"].map((name) =>
  readFileSync(new URL(`../../src/concurrencyLimit/${name}.ts`, import.meta.url), "utf8")
).join("\n")

/** The class `Gradient` of a source, without its modules. */
const evaluate = (source: string): Make => {
  const joined = source.replaceAll(/^import [^"]*"[^"]*"$/gm, "").replaceAll(/^export /gm, "")
  const made = new Function(`${stripTypeScriptTypes(joined)}\nreturn Gradient`)() as new(
    ...args: Parameters<Make>
  ) => ConcurrencyLimit.Algorithm
  return (rules, now) => new made(rules, now)
}

const mutants: ReadonlyArray<readonly [text: string, other: string]> = [
  ["const KEPT = 64", "const KEPT = 16"],
  ["size >> 1", "size >> 2"],
  ["const FEWEST = 3", "const FEWEST = 1"],
  ["const FIRST_WINDOWS = 10", "const FIRST_WINDOWS = 1"],
  ["const FALL = 0.05", "const FALL = 0.005"],
  ["const RISE = 0.005", "const RISE = 0.05"],
  ["this.windows <= FIRST_WINDOWS", "this.windows < FIRST_WINDOWS"],
  ["const UNUSUAL = 2", "const UNUSUAL = 4"],
  [" && this.median <= before * UNUSUAL", ""],
  ["this.baseline = this.median", "this.baseline = 0"],
  ["const IMPROVED = 0.9", "const IMPROVED = 0.99"],
  ["const SETTLED = 3", "const SETTLED = 0"],
  ["const VAIN_WINDOWS = 2", "const VAIN_WINDOWS = 4"],
  ["this.obeyedSince ??= opened", "this.obeyedSince ??= now"],
  ["if (!isObeyed) return \"wait\"", ""],
  ["this.windows = 0\n      return \"vain\"", "return \"vain\""],
  ["const STRONGEST_BRAKE = 0.8", "const STRONGEST_BRAKE = 0.5"],
  ["const STRONGEST_CUT = 0.3", "const STRONGEST_CUT = 0.9"],
  ["const SLOW_START = 0.25", "const SLOW_START = 0.5"],
  ["const FEWEST_DROPS = 2", "const FEWEST_DROPS = 1"],
  ["const IN_TIME = 1.3", "const IN_TIME = 2.3"],
  ["const DROP_AFTER_FIRST_TOKEN = 0.5", "const DROP_AFTER_FIRST_TOKEN = 1"],
  ["this.opened >= this.rules.window", "this.opened >= this.rules.window / 2"],
  ["this.judged < this.rules.minimumCalls", "this.judged < 1"],
  ["if (call.inFlight > this.peak) this.peak = call.inFlight", ""],
  ["limit *= 1 - Math.min", "limit *= 1 + Math.min"],
  ["cut * this.rules.backoff", "cut"],
  ["Math.max(STRONGEST_BRAKE, this.rules.tolerance / stretch)", "this.rules.tolerance / stretch"],
  ["times.weight * times.median / times.baseline!", "times.median / times.baseline!"],
  ["Math.max(limit, brakes.limitBefore)", "limit"],
  ["Math.max(limit, brakes.limitBefore)", "2 * brakes.limitBefore"],
  ["times?.relearn()", "void times"],
  ["this.peak * 2 >= this.limit", "this.peak >= this.limit"],
  ["!this.isInUse || this.isOut", "this.isOut"],
  ["!this.isInUse || this.isOut", "!this.isInUse"],
  ["this.isOut && this.dropped >= FEWEST_DROPS", "this.isOut"],
  ["if (!this.isInUse) {", "if (false) {"],
  ["const REGAINED = 0.5", "const REGAINED = 1"],
  ["cut > 0 ? 0 : this.beforeOutage", "this.beforeOutage"],
  ["if (cut === 0) this.beforeOutage = 0", ""],
  ["if (cut === 0) this.beforeOutage = 0", "this.beforeOutage = 0"],
  ["Math.max(this.beforeOutage, this.limit)", "this.limit"],
  ["this.forgetDrops()", ""],
  ["this.forgotten = this.judged", ""],
  ["this.beforeOutage > 0 && call.outcome", "call.outcome"],
  ["this.isOut && !this.isInUse) this.forgetDrops", "this.isOut) this.forgetDrops"],
  ["Math.sqrt(limit) / 2)) * (1 - cut)", "Math.sqrt(limit) / 2))"],
  ["Math.max(1, Math.sqrt(limit) / 2)", "Math.max(2, Math.sqrt(limit) / 2)"],
  ["this.brakes.end()\n    this.reason = \"hold\"", "this.reason = \"hold\""],
  ["this.classes = []\n    this.slowStart", "this.slowStart"],
  ["this.slowStart = false", "this.slowStart = true"],
  ["this.limit = Math.min(max, Math.max(min, limit))", "this.limit = limit"]
]

describe("the laws of gradient", () => {
  it("hold for the source as it is", () => {
    assert.isUndefined(brokenLaw(evaluate(source), 10))
  })

  for (const [text, other] of mutants) {
    it(`find ${JSON.stringify(other)} in the place of ${JSON.stringify(text)}`, () => {
      assert.include(source, text)
      assert.isDefined(brokenLaw(evaluate(source.replace(text, other)), 100))
    })
  }
})
