/** Checks the options of a concurrency limit. */
import * as Context from "effect/Context"
import { poolRules } from "../bulkhead/rules.ts"
import type { Rules as PoolRules } from "../bulkhead/permitPool.ts"
import type { OptionsOf } from "../internal/config/checks.ts"
import { type AlgorithmRules, type Name, names } from "./algorithm.ts"
import { CurrentClass } from "./currentClass.ts"
import type { MakeAlgorithm, Options, Sample, Signal } from "./model.ts"
import { signalOf } from "./signal.ts"

export interface Rules extends Omit<AlgorithmRules, "algorithm"> {
  readonly algorithm: Name | MakeAlgorithm
  readonly pool: PoolRules
  readonly sample: Sample
  readonly classOf: NonNullable<Options["classOf"]>
  readonly signal: (exit: any) => Signal
}

const samples: ReadonlyArray<Sample> = ["firstToken", "perToken", "duration"]

const currentClass = (context: Context.Context<never>) => Context.get(context, CurrentClass)

export const toRules = (options: Options, check: OptionsOf): Rules => {
  const max = check.integer("max", options.max ?? 200, 1)
  const min = check.integer("min", options.min ?? Math.min(4, max), 1)
  if (min > max) check.refuse("min", `at most max, which is ${max}`, min)
  const { tolerance = 2 } = options
  return {
    algorithm: typeof options.algorithm === "function"
      ? options.algorithm
      : check.oneOf("algorithm", options.algorithm ?? "gradient", names),
    initial: check.integer("initial", options.initial ?? Math.min(max, Math.max(min, 20)), min, max),
    min,
    max,
    tolerance: Number.isFinite(tolerance) && tolerance > 1
      ? tolerance
      : check.refuse("tolerance", "a number above 1", tolerance),
    window: check.positive("window", options.window ?? "1 second"),
    minimumCalls: check.integer("minimumCalls", options.minimumCalls ?? 20, 1),
    backoff: check.rate("backoff", options.backoff ?? 0.5),
    sample: check.oneOf("sample", options.sample ?? "firstToken", samples),
    classOf: options.classOf === undefined ? currentClass : check.callback("classOf", options.classOf),
    signal: options.signal === undefined ? signalOf : check.callback("signal", options.signal),
    pool: poolRules({ ...options, concurrency: 1 }, check)
  }
}
