/**
 * Tests the protection of an app against a written incident: a load, phases of a provider, the policy between the two,
 * and claims that must hold. The test fails with a readable counterexample.
 *
 * The scenario runs in virtual time, so that an hour takes only as long as its calls take to compute. One seed gives
 * one run, to the last call. Memory does not grow with the calls.
 *
 * The policy is made for each run, in a scope that ends with the run. It gets the provider as an effect, which does
 * what its phase says and otherwise succeeds with its name. The policy yields the effect that one customer runs.
 *
 * **Gotchas.** A policy whose answers are neither the provider's own nor `Served` by a `Cascade` needs a `label`;
 * otherwise all of them are `"degraded"`. A customer gives up after one minute, which is an error: see `patience`. A
 * phase of a provider that begins after the last arrival has no effect.
 *
 * ```ts
 * import { CircuitBreaker, Deadline } from "@switchgear/core"
 * import { Chaos, Claim, Load, Scenario } from "@switchgear/core/testing"
 * import { Effect } from "effect"
 *
 * const night = Scenario.make({
 *   name: "the night of the sale",
 *   load: [
 *     { name: "calm", arrivals: Load.poisson({ rate: 2, for: "1 minute" }) },
 *     { name: "sale", arrivals: Load.poisson({ rate: 30, for: "4 minutes" }) }
 *   ],
 *   provider: [
 *     { name: "well", for: "2 minutes", latency: "800 millis" },
 *     { name: "down", for: "1 minute", latency: "15 seconds", rules: [{ inject: Chaos.fault("overloaded") }] },
 *     { name: "back", latency: "800 millis" }
 *   ],
 *   policy: (provider) =>
 *     Effect.map(CircuitBreaker.make({ name: "model", openFor: "10 seconds" }), (breaker) =>
 *       provider.pipe(
 *         Deadline.attempt("2 seconds"),
 *         breaker.protect,
 *         Effect.orElseSucceed(() => "Please try again in a minute.")
 *       )),
 *   claims: [
 *     Claim.noCustomerError,
 *     Claim.providerGetsAtMost(1 / 10, { during: "down" }),
 *     Claim.recoversWithin("15 seconds", { after: "down" }),
 *     Claim.latencyWithin("max", "2 seconds")
 *   ]
 * })
 *
 * const { claims } = await Effect.runPromise(Scenario.run(night))
 * claims.every(({ verdict }) => verdict._tag === "Holds") // => true
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Deadline from "../Deadline.ts"
import type * as Chaos from "./Chaos.ts"
import * as Load from "./Load.ts"
import { labelOf } from "./load/report.ts"
import { type Claim, firstClass } from "./scenario/claims.ts"
import type { Figures } from "./scenario/figures.ts"
import { InvalidScenario } from "./scenario/invalid.ts"
import type { Judged } from "./scenario/judge.ts"
import { type LoadPhase, onlyProvider, type Plan, planOf, type ProviderPhase, type Script } from "./scenario/plan.ts"
import { makeProvider, type Provider, Stopwatch } from "./scenario/provider.ts"
import { CurrentVisit, Recorder } from "./scenario/recorder.ts"
import { counterExample, render } from "./scenario/render.ts"
import type { ServiceRefused } from "./simulatedService/ServiceRefused.ts"
import * as VirtualClock from "./VirtualClock.ts"

export type { Call, Figures, Span } from "./scenario/figures.ts"
export { InvalidScenario } from "./scenario/invalid.ts"
export type { Judged } from "./scenario/judge.ts"
export type { LoadPhase, ProviderPhase } from "./scenario/plan.ts"
export type { Provider } from "./scenario/provider.ts"
export type { Told } from "./scenario/render.ts"
export type { Evidence } from "./scenario/watch.ts"
export { render }

/**
 * The options of every scenario.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  readonly name: string
  /** The seed of all random numbers. @default 1 */
  readonly seed?: string | number | undefined
  /** The phases of the load, one after the other. */
  readonly load: ReadonlyArray<LoadPhase>
  /** The claims that must hold: see `Claim`. */
  readonly claims: ReadonlyArray<Claim>
  /** How long a customer waits before giving up, which ends the call as `"GaveUp"`. @default "1 minute" */
  readonly patience?: Duration.Input | undefined
  /**
   * Whether the app uses promises. "none" is several times faster, and fails an app that waits for something that can
   * never happen: see `VirtualClock.play`. @default "settle"
   */
  readonly promises?: VirtualClock.Options["promises"]
}

/**
 * The protection between the customers and the provider.
 *
 * @since 0.1.0
 * @category options
 */
export interface Policy<in Providers, in out A, out E, out R, out E2, out R2> {
  /** Makes the effect that each customer runs, or a function of the arrival. Called once for each run. */
  readonly policy: (provider: Providers) => Effect.Effect<Customer<A, E, R>, E2, R2>
  /**
   * The name of an answer in claims. @default "first-class", "fallback", "stale", "canned" or "degraded": see
   * `Claim.share`
   */
  readonly label?: ((answer: A) => string) | undefined
}

/**
 * The effect of one customer, for all the same or by arrival.
 *
 * @since 0.1.0
 * @category models
 */
export type Customer<A, E, R> = Effect.Effect<A, E, R> | ((arrival: Load.Arrival) => Effect.Effect<A, E, R>)

/**
 * The provider with these phases; its type contains what the rules can inject.
 *
 * @since 0.1.0
 * @category models
 */
export type ProviderOf<Phases extends ReadonlyArray<ProviderPhase>> = Provider<
  Chaos.ValueOf<RuleOf<Phases[number]>>,
  Chaos.ErrorOf<RuleOf<Phases[number]>> | RefusalOf<Phases[number]>
>

/** Only a capacity that refuses, or whose queue has an end, is an error of the provider. */
type RefusalOf<Phase> = Phase extends
  { readonly capacity: { readonly above: "refuses" } | { readonly waiting: number } } ? ServiceRefused
  : never

type RuleOf<Phase> = Phase extends { readonly rules: ReadonlyArray<infer Rule> } ? Rule : never

/**
 * A scenario, which can be run any number of times.
 *
 * @since 0.1.0
 * @category models
 */
export interface Scenario<out E, out R> extends Script {
  readonly seed: string
  readonly policy: (providers: any) => Effect.Effect<Customer<any, any, R>, E, R>
  readonly label: ((answer: any) => string) | undefined
  readonly promises: VirtualClock.Options["promises"]
}

/**
 * Makes a scenario. It is checked when it is run.
 *
 * With `providers` instead of `provider`, there are several providers by name, the best first, and the policy gets all
 * of them.
 *
 * ```ts
 * import { Cascade } from "@switchgear/core"
 * import { Chaos, Claim, Load, Scenario } from "@switchgear/core/testing"
 * import { Effect } from "effect"
 *
 * const cascade = Scenario.make({
 *   name: "two models",
 *   load: [{ name: "evening", arrivals: Load.constant({ rate: 10, for: "1 minute" }) }],
 *   providers: {
 *     gpt: [{ name: "gpt is up", for: "30 seconds" }, { name: "gpt is down", rules: [{ inject: Chaos.fault("503") }] }],
 *     claude: [{ name: "claude is up" }]
 *   },
 *   policy: ({ claude, gpt }) =>
 *     Effect.succeed(Cascade.run(Cascade.first("gpt", gpt).pipe(Cascade.orElse("claude", claude)))),
 *   claims: [Claim.noCustomerError]
 * })
 *
 * const { all } = await Effect.runPromise(Scenario.run(cascade))
 * all.outcomes // => { "first-class": 300, fallback: 300 }
 * all.reached // => { gpt: 600, claude: 300 }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: {
  <const Phases extends ReadonlyArray<ProviderPhase>, A = unknown, E = never, R = never, E2 = never, R2 = never>(
    options: Options & { readonly provider: Phases } & Policy<ProviderOf<Phases>, A, E, R, E2, R2>
  ): Scenario<E2, Exclude<R | R2, Scope.Scope>>
  <
    const Providers extends Readonly<Record<string, ReadonlyArray<ProviderPhase>>>,
    A = unknown,
    E = never,
    R = never,
    E2 = never,
    R2 = never
  >(
    options:
      & Options
      & { readonly providers: Providers }
      & Policy<{ readonly [K in keyof Providers]: ProviderOf<Providers[K]> }, A, E, R, E2, R2>
  ): Scenario<E2, Exclude<R | R2, Scope.Scope>>
} = (
  options: Options & Policy<any, any, any, any, any, any> & {
    readonly provider?: ReadonlyArray<ProviderPhase>
    readonly providers?: Readonly<Record<string, ReadonlyArray<ProviderPhase>>>
  }
): Scenario<any, any> => {
  const { claims, label, load, name, patience = "1 minute", policy, promises, provider, providers, seed = 1 } = options
  const common = { name, seed: String(seed), load, claims, patience, label, promises }
  return providers === undefined
    ? { ...common, providers: { [onlyProvider]: provider! }, policy: (all) => policy(all[onlyProvider]) }
    : { ...common, providers, policy }
}

/**
 * The result of a run.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Report {
  readonly scenario: string
  readonly seed: string
  /** The figures of all calls. */
  readonly all: Figures
  /** The figures of each phase: first those of the load, then those of each provider. */
  readonly phases: ReadonlyArray<Figures>
  /** The verdict of each claim, in order. */
  readonly claims: ReadonlyArray<Judged>
  /** The calls per second, or in 100,000 intervals for a longer run. */
  readonly load: Load.Report
}

/**
 * The options of one run.
 *
 * @since 0.1.0
 * @category options
 */
export interface RunOptions {
  /** Another seed. @default that of the scenario */
  readonly seed?: string | number | undefined
}

/**
 * Runs the scenario. Succeeds if all claims hold.
 *
 * Fails with {@link ClaimFailed}, which names every broken claim; with {@link ClaimUnjudged} if the others hold; with
 * {@link InvalidScenario} before any call, also when there is no claim; and with the errors of making the policy. A
 * defect of a customer's call is an error of that customer. A defect in making the policy is a defect of the run.
 *
 * @since 0.1.0
 * @category runtime
 */
export const run = <E, R>(
  scenario: Scenario<E, R>,
  options: RunOptions = {}
): Effect.Effect<Report, ClaimFailed | ClaimUnjudged | InvalidScenario | E, R> =>
  Effect.gen(function*() {
    if (scenario.claims.length === 0) {
      const reason = "must have at least one: without it, any night would pass"
      return yield* new InvalidScenario({ scenario: scenario.name, at: "claims", reason })
    }
    const told = yield* report(scenario, options)
    const { claims, seed } = told
    if (claims.some(({ verdict }) => verdict._tag === "Broken")) {
      return yield* new ClaimFailed({
        scenario: scenario.name,
        seed,
        claims: claims.flatMap(({ claim, verdict }) =>
          verdict._tag === "Broken" ? [{ claim, seen: verdict.seen }] : []
        ),
        message: counterExample(told)
      })
    }
    for (const { claim, verdict } of claims) {
      if (verdict._tag === "Unjudged") {
        return yield* new ClaimUnjudged({ scenario: scenario.name, claim, reason: verdict.reason })
      }
    }
    return told
  })

/**
 * Runs the scenario and reports what was seen, whether its claims hold or not. It may have no claims.
 *
 * @since 0.1.0
 * @category runtime
 */
export const report = <E, R>(
  scenario: Scenario<E, R>,
  options: RunOptions = {}
): Effect.Effect<Report, InvalidScenario | E, R> => {
  const seed = String(options.seed ?? scenario.seed)
  // The plan has checked the load, and the scope is closed here, so that these errors and services cannot occur.
  return Effect.flatMap(planned(scenario), (plan) =>
    play(scenario, plan, seed).pipe(
      Effect.scoped,
      (night) => VirtualClock.play(night, { promises: scenario.promises }),
      Random.withSeed(seed)
    ) as Effect.Effect<Report, E, R>)
}

/**
 * At least one claim is broken. The message is the counterexample: what was seen, since when, and the calls around it.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClaimFailed extends Schema.TaggedError<ClaimFailed>("@switchgear/core/testing/Scenario/ClaimFailed")(
  "ClaimFailed",
  {
    scenario: Schema.String,
    seed: Schema.String,
    /** The broken claims, in order. */
    claims: Schema.Array(Schema.Struct({ claim: Schema.String, seen: Schema.String })),
    message: Schema.String
  }
) {}

/**
 * No claim is broken, but at least one could not be judged; this is the first.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClaimUnjudged extends Schema.TaggedError<ClaimUnjudged>("@switchgear/core/testing/Scenario/ClaimUnjudged")(
  "ClaimUnjudged",
  { scenario: Schema.String, claim: Schema.String, reason: Schema.String }
) {
  override get message(): string {
    return `Scenario "${this.scenario}": the claim that ${this.claim} cannot be judged: ${this.reason}.`
  }
}

const planned = (script: Script): Effect.Effect<Plan, InvalidScenario> =>
  Effect.sync(() => planOf(script)).pipe(
    Effect.catchDefect((defect) => defect instanceof InvalidScenario ? Effect.fail(defect) : Effect.die(defect))
  )

const play = <E, R>(
  { label, policy, providers }: Scenario<E, R>,
  plan: Plan,
  seed: string
): Effect.Effect<Report, E | Load.InvalidLoad, R> =>
  Effect.gen(function*() {
    const recorder = new Recorder(plan)
    const stopwatch = new Stopwatch()
    const made = yield* Effect.forEach(plan.providers, (provider) =>
      makeProvider(provider, { recorder, seed, stopwatch }))
    const customer = yield* policy(Object.fromEntries(made.map((one) => [one.name, one])))
    const callOf = Effect.isEffect(customer)
      ? () =>
        customer
      : customer
    const outcomeOf = label ?? nameOf(Object.keys(providers))
    stopwatch.begin(yield* Clock.Clock)
    const patiently = Deadline.timeoutOrElse({ duration: plan.patience, orElse: () => gaveUp })
    const load = yield* Load.run(
      plan.arrivals,
      (arrival) => {
        const visit = recorder.arrived(arrival.index, arrival.at)
        return callOf(arrival).pipe(
          patiently,
          Effect.provideService(CurrentVisit, visit)
        )
      },
      {
        seed,
        interval: Math.max(1000, plan.load.at(-1)!.to / mostSteps),
        label: (exit): string => exit._tag === "Success" ? outcomeOf(exit.value) : labelOf(exit),
        onSettled: ({ ended, exit, index, label }) =>
          recorder.settled(index, { ended, outcome: label, answered: exit._tag === "Success" })
      }
    )
    return { scenario: plan.name, seed, ...recorder.end(load.millis), load }
  })

const mostSteps = 100_000

const gaveUp = Exit.fail({ _tag: "GaveUp" })

const nameOf = ([best, ...others]: ReadonlyArray<string>) => (answer: unknown): string => {
  if (Predicate.hasProperty(answer, "degradation") && typeof answer.degradation === "string") {
    return answer.degradation === "none" ? firstClass : answer.degradation
  }
  return answer === best ? firstClass : others.includes(answer as string) ? "fallback" : "degraded"
}
