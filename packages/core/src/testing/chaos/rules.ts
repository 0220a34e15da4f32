/** Rules as they are written, and as they are applied: checked once, without those that never apply. */
import type * as Duration from "effect/Duration"
import type * as Random from "effect/Random"
import type { OptionsOf } from "../../internal/config/checks.ts"
import { checkLatency } from "../latency/check.ts"
import * as Latency from "../Latency.ts"
import { type BurstOptions, Bursts } from "./bursts.ts"
import type { Change, Injection, Instead, Wait } from "./injection.ts"

/**
 * What the predicate of a rule knows about a call.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  /** The number of calls this chaos met before, under this clock. */
  readonly index: number
  /** Milliseconds since the chaos was made, or since its first call under another clock. */
  readonly at: number
  /** The description of the call, as passed to `injectAs`. */
  readonly key: string | undefined
  /** The request that will be sent, when the chaos wraps an HTTP client. */
  readonly request: Request | undefined
}

/**
 * A request without its body. Hidden are the user in its URL and the values of the headers and parameters that
 * `Headers.CurrentRedactedNames` names, such as `authorization` and `x-api-key`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, unknown>>
}

/**
 * What is injected, how often, and into which calls.
 *
 * @since 0.1.0
 * @category options
 */
export interface Rule<A, E> {
  readonly inject: Injection<A, E>
  /** The share of the calls, from 0 (never) to 1. @default 1 */
  readonly rate?: number | undefined
  /**
   * The calls the rule applies to, checked before the rate. If it throws, the call dies with that defect. @default all
   */
  readonly when?: ((call: Call) => boolean) | undefined
  /**
   * Applies the rule only in bursts that begin at random: failures that come together. A rate below 1 is that within a
   * burst. @default always
   */
  readonly bursts?: BurstOptions | undefined
}

/**
 * Rules for a time.
 *
 * @since 0.1.0
 * @category options
 */
export interface Phase<A, E> {
  /** The duration: above zero. Only the last phase may be `"Infinity"`. */
  readonly for: Duration.Input
  readonly rules: ReadonlyArray<Rule<A, E>>
}

/** A rule that may apply. */
export interface Active {
  readonly rate: number
  readonly when: ((call: Call) => boolean) | undefined
  readonly bursts: Bursts | undefined
  readonly inject: Effective | { readonly _tag: "After"; readonly inject: Effective } | Change<unknown>
}

export type Effective = Instead<unknown, unknown> | (Wait & { readonly draw: Draw })

type Draw = (random: Random.Random) => number

/** Rules, and the time at which they end. */
export interface Act {
  readonly until: number
  readonly rules: ReadonlyArray<Active>
}

const tags: Record<Injection<unknown, unknown>["_tag"], true> = {
  Fault: true,
  Outcome: true,
  Defect: true,
  Hang: true,
  Latency: true,
  After: true,
  Change: true
}

/** Rejects the first field out of range by its position in the list `field`. */
export const activeRules = (
  check: OptionsOf,
  field: string,
  rules: ReadonlyArray<Rule<unknown, unknown>>
): ReadonlyArray<Active> =>
  rules.flatMap((written, index) => {
    const { bursts, inject, rate = 1, when } = written
    const rule = `${field}[${index}]`
    check.within(rule).known(written, ["inject", "rate", "when", "bursts"])
    if (!(rate >= 0 && rate <= 1)) check.refuse(`${rule}.rate`, "from 0 to 1", rate)
    if (!Object.hasOwn(tags, inject?._tag)) {
      check.refuse(`${rule}.inject`, "one that `Chaos` makes, such as Chaos.hang", inject)
    }
    const active = {
      rate,
      when,
      bursts: bursts === undefined ? undefined : new Bursts(check, `${rule}.bursts`, bursts),
      inject: inject._tag === "After"
        ? { _tag: "After", inject: effective(check, rule, inject.inject) } as const
        : inject._tag === "Change"
        ? inject
        : effective(check, rule, inject)
    }
    return rate === 0 ? [] : [active]
  })

const effective = (check: OptionsOf, rule: string, inject: Instead<unknown, unknown> | Wait): Effective => {
  if (inject._tag !== "Latency") return inject
  checkLatency(check, `${rule}.latency`, inject.latency)
  return { ...inject, draw: Latency.sampler(inject.latency) }
}

/** Rejects the first field out of range by its phase. */
export const acts = (check: OptionsOf, phases: ReadonlyArray<Phase<unknown, unknown>>): ReadonlyArray<Act> => {
  let until = 0
  return phases.map((phase, index) => {
    const at = `script[${index}]`
    check.within(at).known(phase, ["for", "rules"])
    const last = index === phases.length - 1
    until += last ? check.limit(`${at}.for`, phase.for) : check.positive(`${at}.for`, phase.for)
    return { until, rules: activeRules(check, `${at}.rules`, phase.rules) }
  })
}
