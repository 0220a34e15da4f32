/** Rules as they are written, and as they are followed: checked once, and without those that never apply. */
import type * as Duration from "effect/Duration"
import type * as Random from "effect/Random"
import { OptionsOf } from "../../internal/options.ts"
import * as Latency from "../Latency.ts"
import type { Defect, Fault, Hang, Injection, Outcome, Wait } from "./injection.ts"

/** What a rule can know about a call. */
export interface Call {
  /** How many calls this chaos met before. */
  readonly index: number
  /** Milliseconds since the chaos was made. */
  readonly at: number
  /** What the call is for, as it was given to `injectAs`. */
  readonly key: string | undefined
  /** What is going to be sent, where the chaos is around an HTTP client. */
  readonly request: Request | undefined
}

/** A request, without anything secret: no body, and the values of headers such as `authorization` are hidden. */
export interface Request {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, unknown>>
}

/** What is done, how often, and to which calls. */
export interface Rule<A, E> {
  readonly inject: Injection<A, E>
  /** The share of the calls, from 0 (never) to 1. @default 1 */
  readonly rate?: number | undefined
  /** To which calls, before the rate is looked at. What it throws is a defect of the call. @default all */
  readonly when?: ((call: Call) => boolean) | undefined
}

/** Rules that hold for a time. */
export interface Phase<A, E> {
  /** How long, above zero. Only the last phase may be `"Infinity"`. */
  readonly for: Duration.Input
  readonly rules: ReadonlyArray<Rule<A, E>>
}

/** A rule that may apply. */
export interface Active {
  readonly rate: number
  readonly when: ((call: Call) => boolean) | undefined
  readonly inject: Fault<unknown> | Outcome<unknown> | Defect | Hang | (Wait & { readonly draw: Draw })
}

type Draw = (random: Random.Random) => number

/** Rules and the moment at which they are over. */
export interface Act {
  readonly until: number
  readonly rules: ReadonlyArray<Active>
}

/** Throws a `RangeError` that names the rule and the field; `where` says which list of rules it is. */
export const activeRules = (where: string, rules: ReadonlyArray<Rule<unknown, unknown>>): ReadonlyArray<Active> =>
  rules.flatMap(({ inject, rate = 1, when }, index) => {
    const rule = new OptionsOf(`${where}[${index}]`)
    if (!(rate >= 0 && rate <= 1)) rule.refuse("rate", "from 0 to 1", rate)
    if (inject._tag === "Latency") Latency.validate(rule.where, inject.latency)
    if (rate === 0) return []
    return [{
      rate,
      when,
      inject: inject._tag === "Latency" ? { ...inject, draw: Latency.sampler(inject.latency) } : inject
    }]
  })

/** Throws a `RangeError` that names the phase and the field. */
export const acts = (where: string, phases: ReadonlyArray<Phase<unknown, unknown>>): ReadonlyArray<Act> => {
  const check = new OptionsOf(where)
  let until = 0
  return phases.map((phase, index) => {
    const field = `script[${index}].for`
    until += index === phases.length - 1 ? check.limit(field, phase.for) : check.positive(field, phase.for)
    return { until, rules: activeRules(`${where}: script[${index}].rules`, phase.rules) }
  })
}
