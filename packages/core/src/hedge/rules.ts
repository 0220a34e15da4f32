/** The options of a hedge, checked. */
import type * as Duration from "effect/Duration"
import { OptionsOf } from "../internal/config/checks.ts"
import { fieldOf } from "../internal/data/fieldOf.ts"
import type { Budget, Options, Quantile } from "./model.ts"

/** The options of a hedge; times in milliseconds. */
export interface Rules {
  readonly name: string
  /** Undefined where it is a quantile. */
  readonly delay: number | undefined
  readonly quantile: number
  readonly on: "firstToken" | "result"
  readonly maxHedges: number
  readonly ratio: number
  readonly burst: number
  readonly minimumWinRate: number
  readonly classOf: Options["classOf"]
}

const isQuantile = (delay: Duration.Input | Quantile): delay is Quantile => fieldOf(delay, "quantile") !== undefined

export const toRules = (options: Options, check: OptionsOf): Rules => {
  const { classOf, delay = { quantile: 0.95 }, maxHedges = 1, minimumWinRate = 0.25, on = "firstToken" } = options
  const name = check.name(options.name)
  const isWinRate = Number.isFinite(minimumWinRate) && minimumWinRate >= 0 && minimumWinRate <= 1
  return {
    name,
    ...isQuantile(delay)
      ? { delay: undefined, quantile: quantileOf(delay, check) }
      : { delay: delayOf(delay, check), quantile: 1 },
    on: check.oneOf("on", on, ["firstToken", "result"]),
    maxHedges: check.integer("maxHedges", maxHedges, 1, 10),
    ...budgetOf(options, check),
    minimumWinRate: isWinRate ? minimumWinRate : check.refuse("minimumWinRate", "from 0 to 1", minimumWinRate),
    classOf: classOf === undefined ? undefined : check.callback("classOf", classOf)
  }
}

const quantileOf = (delay: Quantile, check: OptionsOf): number => {
  check.group("delay", delay, ["quantile"])
  return check.within("delay").rate("quantile", delay.quantile)
}

const delayOf = (delay: Duration.Input, check: OptionsOf): number => {
  const asTime = new Delay(check)
  return asTime.limit("delay", delay)
}

/** Says what else a delay may be. */
class Delay extends OptionsOf {
  private readonly check: OptionsOf

  constructor(check: OptionsOf) {
    super(check.where)
    this.check = check
  }

  override refuse(field: string, range: string, value: unknown): never {
    return this.check.refuse(field, `${range}, or { quantile }, as in { quantile: 0.95 }`, value)
  }
}

const fields = ["ratio", "burst"] as const

const budgetOf = (options: Options, check: OptionsOf): { readonly ratio: number; readonly burst: number } => {
  const given: unknown = options.budget
  const isGiven = typeof given === "object" && given !== null && !Array.isArray(given)
  if (given !== undefined && !isGiven) {
    return check.refuse(
      "budget",
      "{ ratio, burst }, as in { ratio: 0.05, burst: 10 }: without a budget, hedges double the load of a target that is slow",
      given
    )
  }
  const { burst = 10, ratio = 0.05 } = check.group<Budget>("budget", options.budget, fields) ?? {}
  const inside = check.within("budget")
  return { ratio: inside.rate("ratio", ratio), burst: inside.integer("burst", burst, 1, 1000) }
}
