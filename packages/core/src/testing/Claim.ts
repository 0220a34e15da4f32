/**
 * What an app promises for a bad night, to be judged by a `Scenario`: that no customer gets an error, that a provider
 * that is down is left alone, that all is well again soon after it is back.
 *
 * A claim names the phase it speaks of, one of the load or of a provider; where it names none, it speaks of the whole
 * run. A call belongs to the phase in which the customer made it, however late it ends. A claim that cannot be judged,
 * because there is no such phase or no call fell into it, is a `ClaimUnjudged`, never a pass.
 *
 * ```ts
 * import { Chaos, Claim, Load, Scenario } from "@switchgear/core/testing"
 * import { Effect } from "effect"
 *
 * const bare = Scenario.make({
 *   name: "without protection",
 *   load: [{ name: "evening", arrivals: Load.constant({ rate: 10, for: "1 minute" }) }],
 *   provider: [{ name: "up", for: "30 seconds" }, { name: "down", rules: [{ inject: Chaos.fault("503") }] }],
 *   policy: (provider) => Effect.succeed(provider),
 *   claims: [Claim.answered(0.99, { during: "up" }), Claim.answered(0.99, { during: "down" })]
 * })
 *
 * const { claims } = await Effect.runPromise(Scenario.report(bare))
 * claims.map(({ verdict }) => verdict._tag) // => ["Holds", "Broken"]
 * ```
 */
import * as Duration from "effect/Duration"
import { OptionsOf } from "../internal/config/checks.ts"
import { formatDuration } from "../internal/data/formatDuration.ts"
import { type Claim, firstClass, type Own, type Verdict, type Window } from "./scenario/claims.ts"
import type { Figures } from "./scenario/figures.ts"
import { share as percent } from "./words.ts"

export type { Bound, Claim, Counted, Own, Share, Verdict, Window } from "./scenario/claims.ts"

/** When a claim holds. */
export interface During {
  /** The name of a phase. @default the whole run */
  readonly during?: string | undefined
}

/** No error, no defect and no interruption reaches a customer, and none gives up. An answer of any kind will do. */
export const noCustomerError: Claim = {
  _tag: "Share",
  name: "no customer gets an error",
  window: { _tag: "Run" },
  counted: { _tag: "Answered" },
  bound: { atLeast: 1 }
}

/** At least this share of the calls, from 0 to 1, get an answer of any kind. Throws a `RangeError` on any other number. */
export const answered = (atLeast: number, options: During = {}): Claim => ({
  _tag: "Share",
  name: `at least ${percent(part("Claim.answered", "atLeast", atLeast))} of the calls are answered${told(options)}`,
  window: windowOf(options),
  counted: { _tag: "Answered" },
  bound: { atLeast }
})

/**
 * How large a part of the calls, from 0 to 1, ends in one way. Throws a `RangeError` on any other number.
 *
 * An answer is `"first-class"` when it is the provider's own; `"fallback"`, `"stale"` or `"canned"` by the `degradation`
 * of what a `Cascade` has served; and `"degraded"` when it is anything else, unless the scenario's `label` says more. An
 * error is called by its `_tag`, or `"failure"` if it has none; the rest is `"defect"`, `"interrupted"` and `"GaveUp"`.
 * A name that no call has is a share of 0, also if it is misspelt.
 */
export const share = (
  outcome: string,
  { atLeast, atMost, during }:
    & During
    & (
      | { readonly atLeast: number; readonly atMost?: undefined }
      | { readonly atLeast?: undefined; readonly atMost: number }
    )
): Claim => {
  const limit = atMost === undefined
    ? `at least ${percent(part("Claim.share", "atLeast", atLeast))}`
    : `at most ${percent(part("Claim.share", "atMost", atMost))}`
  return {
    _tag: "Share",
    name: `${limit} of the calls end as ${outcome}${told({ during })}`,
    window: windowOf({ during }),
    counted: { _tag: "Outcome", outcome },
    bound: atMost === undefined ? { atLeast } : { atMost }
  }
}

/**
 * For each call of a customer, the provider gets at most so many: a tenth, `1 / 10`, is left alone, more than 1 is a
 * storm of retries. Calls count when they reach it, customers when they come; during a phase of one of several providers,
 * only its own calls count. Throws a `RangeError` on a negative number.
 */
export const providerGetsAtMost = (
  atMost: number,
  options: During & {
    /** One of several providers. @default that of the phase; all, where it is a phase of the load or the whole run */
    readonly provider?: string | undefined
  } = {}
): Claim => {
  const { provider } = options
  const who = provider === undefined ? "the provider" : `"${provider}"`
  const limit = percent(new OptionsOf("Claim.providerGetsAtMost").amount("atMost", atMost))
  return {
    _tag: "Share",
    name: `${who} gets at most ${limit} of the calls${told(options)}`,
    window: windowOf(options),
    counted: { _tag: "Reached", provider },
    bound: { atMost }
  }
}

/**
 * From so long after the end of a phase, customers get first-class answers, and only these: every call that arrives from
 * then on, until the end of the run or until another phase begins. Never recovering is a failure; a run that ends before
 * there was such a call cannot be judged.
 */
export const recoversWithin = (
  duration: Duration.Input,
  { after, atLeast = 1, until }: {
    /** The phase that is to be recovered from. */
    readonly after: string
    /** The phase before which it must have happened, such as the next trouble. @default the end of the run */
    readonly until?: string | undefined
    /** The share of first-class answers that counts as well again. @default 1 */
    readonly atLeast?: number | undefined
  }
): Claim => {
  const millis = new OptionsOf("Claim.recoversWithin").wait("duration", duration)
  const limit = percent(part("Claim.recoversWithin", "atLeast", atLeast))
  const calls = atLeast === 1 ? "all calls" : `at least ${limit} of the calls`
  const before = until === undefined ? "" : `, until "${until}"`
  return {
    _tag: "Share",
    name: `${calls} end as ${firstClass} from ${formatDuration(Duration.millis(millis))} after "${after}" on${before}`,
    window: { _tag: "After", phase: after, millis, until },
    counted: { _tag: "Outcome", outcome: firstClass },
    bound: { atLeast }
  }
}

/**
 * So many of the calls take no longer than this, to the millisecond, whatever comes of them: `"p99"` is 99 of 100,
 * `"max"` is all. The calls are counted, so that the verdict is exact.
 */
export const latencyWithin = (
  percentile: "p50" | "p90" | "p95" | "p99" | "p999" | "max",
  limit: Duration.Input,
  options: During = {}
): Claim => {
  const check = new OptionsOf("Claim.latencyWithin")
  const millis = check.delay("limit", limit)
  const name = check.oneOf("percentile", percentile, ["p50", "p90", "p95", "p99", "p999", "max"])
  return {
    _tag: "Share",
    name: `the ${name} latency is at most ${formatDuration(Duration.millis(millis))}${told(options)}`,
    window: windowOf(options),
    counted: { _tag: "Within", millis },
    bound: { atLeast: { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999, max: 1 }[name] }
  }
}

/**
 * A claim of your own, judged by the figures of a phase or of the whole run with {@link holds}, {@link broken} and
 * {@link unjudged}. What `judge` throws is a defect of the run.
 *
 * ```ts
 * import { Claim } from "@switchgear/core/testing"
 *
 * const nobodyWaitsLong = Claim.make({
 *   name: "the mean latency is below a second",
 *   judge: ({ latency }) => latency.mean < 1000 ? Claim.holds("it was") : Claim.broken(`it was ${latency.mean} ms`)
 * })
 * nobodyWaitsLong.name // => "the mean latency is below a second"
 * ```
 */
export const make = ({ judge, name, ...options }: During & {
  /** The promise in words, as it is told when it is broken. */
  readonly name: string
  readonly judge: (figures: Figures) => Verdict
}): Own => ({ _tag: "Own", name: new OptionsOf("Claim.make").name(name), window: windowOf(options), judge })

/** The claim is true, by what was seen. */
export const holds = (seen: string): Verdict => ({ _tag: "Holds", seen })

/** The claim is not true, by what was seen. */
export const broken = (seen: string): Verdict => ({ _tag: "Broken", seen })

/** There is nothing to judge the claim by, for this reason. */
export const unjudged = (reason: string): Verdict => ({ _tag: "Unjudged", reason })

const part = (where: string, field: string, value: number): number =>
  value >= 0 && value <= 1 ? value : new OptionsOf(where).refuse(field, "from 0 to 1", value)

const windowOf = ({ during }: During): Window =>
  during === undefined ? { _tag: "Run" } : { _tag: "During", phase: during }

const told = ({ during }: During): string => during === undefined ? "" : ` during "${during}"`
