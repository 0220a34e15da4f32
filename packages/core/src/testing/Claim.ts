/**
 * Claims about an app under overload, which a `Scenario` judges: no customer sees an error, a provider that is down
 * gets few calls, everything recovers in time.
 *
 * A claim is about one phase, of the load or of a provider, about the time of a fault, or about the whole run. A call
 * belongs to the phase in which the customer made it, whenever it ends. Where customers call nodes of a world, a claim can
 * be about the calls to one `node`, with the answers and the times of that node.
 *
 * A claim that nothing could have broken is not judged, and fails with `ClaimUnjudged`: if there is no such phase, or too
 * few calls in it; if no call reached a provider or a node in the whole run; if, for a claim about the whole run, nothing
 * was called during a phase of a provider, or a fault began after all calls; and if no call can have the outcome that it names.
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
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import { OptionsOf } from "../internal/config/checks.ts"
import { formatDuration } from "../internal/data/formatDuration.ts"
import { type Claim, firstClass, type Own, type Verdict, type Window } from "./scenario/claims.ts"
import type { Figures } from "./scenario/figures.ts"
import { share as percent } from "./words.ts"

export type { Bound, Claim, Counted, Left, Own, Share, Verdict, Window } from "./scenario/claims.ts"

/**
 * Which part of the run a claim is about.
 *
 * @since 0.1.0
 * @category options
 */
export interface During {
  /** The name of a phase, or of a fault of a script. @default the whole run */
  readonly during?: string | undefined
  /**
   * With fewer calls, the claim is not judged. @default 1; for a percentile, as many as it takes for one call to be
   * beyond it, which is also the minimum
   */
  readonly atLeastCalls?: number | undefined
}

/**
 * Which calls a claim is about.
 *
 * @since 0.1.0
 * @category options
 */
export interface Of extends During {
  /** Only the calls that customers make to this node of a world. @default the calls of customers as a whole */
  readonly node?: string | undefined
}

/**
 * Every call gets an answer of any kind: no error, no defect, no interruption, and no customer gives up.
 *
 * @since 0.1.0
 * @category constructors
 */
export const noCustomerError: Claim = {
  _tag: "Share",
  name: "no customer gets an error",
  window: { _tag: "Run" },
  counted: { _tag: "Answered" },
  bound: { atLeast: 1 },
  atLeastCalls: 1
}

/**
 * At least this share of the calls gets an answer of any kind. Throws a `RangeError` outside 0 to 1.
 *
 * @since 0.1.0
 * @category constructors
 */
export const answered = (atLeast: number, options: Of = {}): Claim => ({
  _tag: "Share",
  name: `at least ${percent(part("Claim.answered", "atLeast", atLeast))} of the calls${toNode(options)} are answered${
    told(options)
  }`,
  window: windowOf(options),
  node: options.node,
  counted: { _tag: "Answered" },
  bound: { atLeast },
  atLeastCalls: callsOf("Claim.answered", options)
})

/**
 * The share of the calls with one outcome, from 0 to 1. Throws a `RangeError` outside of it.
 *
 * An answer is `"first-class"` when it comes from the provider itself, or from a node where no provider is; `"fallback"`, `"stale"` or `"canned"` by the
 * `degradation` of what a `Cascade` served; `"degraded"` otherwise, unless the `label` of the scenario says more. An
 * error has its `_tag`, or `"failure"` without one. Other outcomes are `"defect"`, `"interrupted"` and `"GaveUp"`. A
 * name that no call has is a share of 0 if it is one of these, the tag of a rejection or of an injected fault, or among
 * the `outcomes` of the scenario. Any other is not judged, because it may be misspelt.
 *
 * @since 0.1.0
 * @category constructors
 */
export const share = (
  outcome: string,
  options:
    & Of
    & (
      | { readonly atLeast: number; readonly atMost?: undefined }
      | { readonly atLeast?: undefined; readonly atMost: number }
    )
): Claim => {
  const { atLeast, atMost, during, node } = options
  const limit = atMost === undefined
    ? `at least ${percent(part("Claim.share", "atLeast", atLeast))}`
    : `at most ${percent(part("Claim.share", "atMost", atMost))}`
  return {
    _tag: "Share",
    name: `${limit} of the calls${toNode({ node })} end as ${outcome}${told({ during })}`,
    window: windowOf({ during }),
    node,
    counted: { _tag: "Outcome", outcome },
    bound: atMost === undefined ? { atLeast } : { atMost },
    atLeastCalls: callsOf("Claim.share", options, ["atLeast", "atMost", "during", "node"])
  }
}

/**
 * Limits the calls that reach the provider, per call of a customer: `1 / 10` means that a provider is left alone, more
 * than 1 allows retries. Calls of the provider count when they reach it, calls of customers when they arrive. In a
 * phase of one of several providers, only calls to that provider count. Throws a `RangeError` on a negative number.
 *
 * @since 0.1.0
 * @category constructors
 */
export const providerGetsAtMost = (
  atMost: number,
  options: During & {
    /** One of several providers, or a node. @default the provider of the phase; all, for any other phase or the run */
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
    bound: { atMost },
    atLeastCalls: callsOf("Claim.providerGetsAtMost", options, ["during", "provider"])
  }
}

/**
 * From this long after the end of a phase, every call that arrives gets a first-class answer, until the end of the run
 * or until another phase begins. Fails if that never happens. Cannot be judged if too few calls arrive then, or none in
 * the phase itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const recoversWithin = (
  duration: Duration.Input,
  options: {
    /** The phase or the fault to recover from. */
    readonly after: string
    /** The phase before which it must have recovered. @default the end of the run */
    readonly until?: string | undefined
    /** The share of first-class answers that counts as recovered. @default 1 */
    readonly atLeast?: number | undefined
    /** With fewer calls after that time, the claim is not judged. @default 10 */
    readonly atLeastCalls?: number | undefined
  }
): Claim => {
  const { after, atLeast = 1, until } = options
  const millis = new OptionsOf("Claim.recoversWithin").wait("duration", duration)
  const limit = percent(part("Claim.recoversWithin", "atLeast", atLeast))
  const calls = atLeast === 1 ? "all calls" : `at least ${limit} of the calls`
  const before = until === undefined ? "" : `, until "${until}"`
  return {
    _tag: "Share",
    name: `${calls} end as ${firstClass} from ${formatDuration(Duration.millis(millis))} after "${after}" on${before}`,
    window: { _tag: "After", phase: after, millis, until },
    counted: { _tag: "Outcome", outcome: firstClass },
    bound: { atLeast },
    atLeastCalls: callsOf("Claim.recoversWithin", options, ["after", "atLeast", "until"], 10)
  }
}

/**
 * From this long after the end of a phase, the calls that reach the provider have fallen to at most `to` for each call of
 * a customer. It tells a system that recovers from one that its own retries hold down: let the load go on after the
 * phase. Throws a `RangeError` on a negative number.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fallsWithin = (
  duration: Duration.Input,
  options: {
    /** The phase or the fault to recover from. */
    readonly after: string
    /** The calls to the provider for each call of a customer. @default 1 */
    readonly to?: number | undefined
    /** The phase before which it must have fallen. @default the end of the run */
    readonly until?: string | undefined
    /** One of several providers, or a node. @default all */
    readonly provider?: string | undefined
    /** With fewer calls after that time, the claim is not judged. @default 10 */
    readonly atLeastCalls?: number | undefined
  }
): Claim => {
  const { after, provider, to = 1, until } = options
  const check = new OptionsOf("Claim.fallsWithin")
  const millis = check.delay("duration", duration)
  const who = provider === undefined ? "the provider" : `"${provider}"`
  const before = until === undefined ? "" : `, until "${until}"`
  const limit = percent(check.amount("to", to))
  return {
    _tag: "Share",
    name: `${who} gets at most ${limit} of the calls from ${formatDuration(Duration.millis(millis))} ` +
      `after "${after}" on${before}`,
    window: { _tag: "After", phase: after, millis, until },
    counted: { _tag: "Reached", provider },
    bound: { atMost: to },
    atLeastCalls: callsOf("Claim.fallsWithin", options, ["after", "to", "provider", "until"], 10)
  }
}

/**
 * From this long after the end of the whole load, nothing happens any more: no call reaches a provider, and every call of
 * a customer has ended. It finds retries that go on without customers. The run goes on for `watched` after that time.
 *
 * @since 0.1.0
 * @category constructors
 */
export const restsWithin = (
  duration: Duration.Input,
  options: {
    /** How long to look for calls after that time. @default "1 minute" */
    readonly watched?: Duration.Input | undefined
  } = {}
): Claim => {
  const { watched = "1 minute" } = options
  const check = new OptionsOf("Claim.restsWithin")
  check.known(options, ["watched"])
  const millis = check.delay("duration", duration)
  return {
    _tag: "Share",
    name: `nothing happens any more from ${formatDuration(Duration.millis(millis))} after the load on`,
    window: { _tag: "AfterLoad", millis, watched: check.positive("watched", watched) },
    counted: { _tag: "Late" },
    bound: { atMost: 0 },
    atLeastCalls: 1
  }
}

/**
 * No fiber of the run is left a minute after it has ended and the scope of the policy has closed, and no fiber has died of
 * a defect that no customer got. It finds work that a call has detached: a leak, or a failure that nobody noticed.
 *
 * **Gotchas.** A defect counts as noticed only when the customer of its call gets it. One that the app itself recovers
 * from counts if it ended a fiber, but for those that the provider injects.
 *
 * @since 0.1.0
 * @category constructors
 */
export const nothingLeft: Claim = { _tag: "Left", name: "no fiber is left, and none died unnoticed" }

/**
 * A percentile of the durations of calls is at most this, to the millisecond, whatever their outcome: `"p99"` is 99 of
 * 100 calls, `"max"` is all. The calls are counted, so that the verdict is exact.
 *
 * @since 0.1.0
 * @category constructors
 */
export const latencyWithin = (
  percentile: "p50" | "p90" | "p95" | "p99" | "p999" | "max",
  limit: Duration.Input,
  options: Of = {}
): Claim => {
  const check = new OptionsOf("Claim.latencyWithin")
  const millis = check.delay("limit", limit)
  const name = check.oneOf("percentile", percentile, ["p50", "p90", "p95", "p99", "p999", "max"])
  return {
    _tag: "Share",
    name: `the ${name} latency${toNode(options, "of")} is at most ${formatDuration(Duration.millis(millis))}` +
      told(options),
    window: windowOf(options),
    node: options.node,
    counted: { _tag: "Within", millis },
    bound: { atLeast: { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999, max: 1 }[name] },
    // So many that a call beyond the percentile can be among them.
    atLeastCalls: Math.max(
      { p50: 2, p90: 10, p95: 20, p99: 100, p999: 1000, max: 1 }[name],
      callsOf("Claim.latencyWithin", options)
    )
  }
}

/**
 * A claim of your own. `judge` gets the figures of a phase or of the whole run, or of one node in it, and returns {@link holds},
 * {@link broken} or {@link unjudged}. If it throws, the run dies with that defect.
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
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Of & {
    /** The claim in words, as shown when it is broken. */
    readonly name: string
    readonly judge: (figures: Figures) => Verdict
  }
): Own => ({
  _tag: "Own",
  name: new OptionsOf("Claim.make").name(options.name),
  window: windowOf(options),
  node: options.node,
  judge: options.judge,
  atLeastCalls: callsOf("Claim.make", options, ["name", "judge", "during", "node"])
})

/**
 * The verdict that a claim holds; `seen` says what was observed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const holds = (seen: string): Verdict => ({ _tag: "Holds", seen })

/**
 * The verdict that a claim is broken; `seen` says what was observed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const broken = (seen: string): Verdict => ({ _tag: "Broken", seen })

/**
 * The verdict that a claim cannot be judged, for this reason.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unjudged = (reason: string): Verdict => ({ _tag: "Unjudged", reason })

const part = (where: string, field: string, value: number): number =>
  value >= 0 && value <= 1 ? value : new OptionsOf(where).refuse(field, "from 0 to 1", value)

/** The fewest calls with which a claim is judged. Refuses options that do not exist: the claim would be another one. */
const callsOf = (
  where: string,
  options: { readonly atLeastCalls?: number | undefined },
  others: ReadonlyArray<string> = ["during", "node"],
  usually = 1
): number => {
  const check = new OptionsOf(where)
  check.known(options, [...others, "atLeastCalls"])
  return check.integer("atLeastCalls", options.atLeastCalls ?? usually, 1)
}

const windowOf = ({ during }: During): Window =>
  during === undefined ? { _tag: "Run" } : { _tag: "During", phase: during }

const toNode = ({ node }: Pick<Of, "node">, word = "to"): string => node === undefined ? "" : ` ${word} "${node}"`

const told = ({ during }: During): string => during === undefined ? "" : ` during "${during}"`
