/** Rules as they are written, and as they are followed: checked once, and without those that never apply. */
import type * as Duration from "effect/Duration"
import type * as Random from "effect/Random"
import type { OptionsOf } from "../../internal/config/checks.ts"
import { checkLatency } from "../latency/check.ts"
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

/**
 * A request without its body. The user in its URL is hidden, and so are the values of the headers and parameters that
 * `Headers.CurrentRedactedNames` names, `authorization` and `x-api-key` among them.
 */
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

const tags: Record<Injection<unknown, unknown>["_tag"], true> = {
  Fault: true,
  Outcome: true,
  Defect: true,
  Hang: true,
  Latency: true
}

/** Refuses the first field out of range by its place: `field` is that of the list. */
export const activeRules = (
  check: OptionsOf,
  field: string,
  rules: ReadonlyArray<Rule<unknown, unknown>>
): ReadonlyArray<Active> =>
  rules.flatMap(({ inject, rate = 1, when }, index) => {
    const rule = `${field}[${index}]`
    if (!(rate >= 0 && rate <= 1)) check.refuse(`${rule}.rate`, "from 0 to 1", rate)
    if (!Object.hasOwn(tags, inject?._tag)) {
      check.refuse(`${rule}.inject`, "one that `Chaos` makes, such as Chaos.hang", inject)
    }
    if (inject._tag === "Latency") checkLatency(check, `${rule}.latency`, inject.latency)
    if (rate === 0) return []
    return [{
      rate,
      when,
      inject: inject._tag === "Latency" ? { ...inject, draw: Latency.sampler(inject.latency) } : inject
    }]
  })

/** Refuses the first field out of range by its phase. */
export const acts = (check: OptionsOf, phases: ReadonlyArray<Phase<unknown, unknown>>): ReadonlyArray<Act> => {
  let until = 0
  return phases.map((phase, index) => {
    const at = `script[${index}]`
    const last = index === phases.length - 1
    until += last ? check.limit(`${at}.for`, phase.for) : check.positive(`${at}.for`, phase.for)
    return { until, rules: activeRules(check, `${at}.rules`, phase.rules) }
  })
}
