/** The options of an adaptive throttle, checked. */
import type { OptionsOf } from "../internal/config/checks.ts"
import * as Outcome from "../Outcome.ts"
import { SLICES } from "./machine.ts"
import type { Options } from "./model.ts"

/** The options of a throttle; times in milliseconds. */
export interface Rules {
  readonly name: string
  readonly factor: number
  readonly window: number
  readonly minimumCalls: number
  readonly maxRejectionRate: number
  readonly countsRejections: boolean
  readonly classify: Outcome.Classify
}

// A slice of less than a microsecond is shorter than the clock can tell.
const shortest = SLICES / 1000

export const toRules = (options: Options, check: OptionsOf): Rules => {
  const { classify = Outcome.fromExit, countRejections = true, factor = 2, maxRejectionRate = 0.9 } = options
  const name = check.name(options.name)
  const window = check.positive("window", options.window ?? "10 seconds")
  if (window < shortest) check.refuse("window", "at least 100 microseconds", options.window)
  if (!(Number.isFinite(factor) && factor >= 1)) check.refuse("factor", "a number of at least 1", factor)
  if (!(Number.isFinite(maxRejectionRate) && maxRejectionRate > 0 && maxRejectionRate < 1)) {
    check.refuse("maxRejectionRate", "above 0 and below 1, so that probes pass", maxRejectionRate)
  }
  return {
    name,
    factor,
    window,
    minimumCalls: check.integer("minimumCalls", options.minimumCalls ?? 20, 0),
    maxRejectionRate,
    countsRejections: typeof countRejections === "boolean"
      ? countRejections
      : check.refuse("countRejections", "true or false", countRejections),
    classify: check.callback("classify", classify)
  }
}
