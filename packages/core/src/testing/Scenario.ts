/**
 * Tests the protection of an app against a written incident: a load, phases of a provider, the policy between the two,
 * and claims that must hold. The test fails with a readable counterexample.
 *
 * The scenario runs in virtual time, so that an hour takes only as long as its calls take to compute. One seed gives
 * one run, to the last call. Memory does not grow with the calls.
 *
 * The policy is made for each run, in a scope that ends with the run. It gets the provider as an effect, which does
 * what its phase says and otherwise succeeds with its name. The policy yields the effect that one customer runs. With
 * {@link inWorld}, customers call several nodes, which crash, pause and are cut off from each other.
 *
 * **Gotchas.** A policy whose answers are neither the provider's own nor `Served` by a `Cascade` needs a `label`;
 * otherwise all of them are `"degraded"`. A customer gives up after one minute, which is an error: see `patience`. The
 * call is interrupted then, and the customer does not wait for its finalizers. State that a policy takes from outside,
 * such as a guard that was made before, goes on from run to run: a second run that uses it is refused. The guards that a
 * policy makes are in a `Registry` of the run.
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
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { OptionsOf } from "../internal/config/checks.ts"
import * as Registry from "../Registry.ts"
import type * as Chaos from "./Chaos.ts"
import type * as Load from "./Load.ts"
import type { Claim } from "./scenario/claims.ts"
import type { Figures } from "./scenario/figures.ts"
import { InvalidScenario, refusing } from "./scenario/invalid.ts"
import type { Judged } from "./scenario/judge.ts"
import { type Night, night } from "./scenario/night.ts"
import { watchingOutside } from "./scenario/outside.ts"
import { type LoadPhase, onlyProvider, type Plan, planOf, type ProviderPhase, type Script } from "./scenario/plan.ts"
import type { Provider } from "./scenario/provider.ts"
import { counterExample, render } from "./scenario/render.ts"
import type { ServiceRefused } from "./simulatedService/ServiceRefused.ts"
import { Steps } from "./scenario/steps.ts"
import { type Trap, traps } from "./virtualClock/platform.ts"
import { trapping } from "./virtualClock/traps.ts"
import { isBroken, isWorse, seedsMessage, shrunk } from "./scenario/worst.ts"
import { written } from "./scenario/written.ts"
import { RunSeed, seedOf } from "./chaos/seeds.ts"
import * as VirtualClock from "./VirtualClock.ts"
import type * as World from "./world/world.ts"

export type { Call, Figures, Span } from "./scenario/figures.ts"
export { InvalidScenario } from "./scenario/invalid.ts"
export type { Judged } from "./scenario/judge.ts"
export type { LoadPhase, ProviderPhase } from "./scenario/plan.ts"
export type { Provider } from "./scenario/provider.ts"
export type { Told } from "./scenario/render.ts"
export type { Evidence } from "./scenario/watch.ts"
export type { Trap } from "./virtualClock/platform.ts"
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
   * Further outcomes that calls may have, for claims on one that may never occur, such as the `_tag` of an error of the
   * app. Without it, a claim on a name that nothing can have is not judged. @default none
   */
  readonly outcomes?: ReadonlyArray<string> | undefined
  /**
   * Whether the app uses promises. "none" is several times faster, and fails an app that waits for something that can
   * never happen: see `VirtualClock.play`. @default "settle"
   */
  readonly promises?: VirtualClock.Options["promises"]
  /**
   * In which order fibers run that are ready at the same time: see `VirtualClock.play`. With a seed, each seed of the
   * scenario has an order of its own, so that many seeds find a race. @default "fifo"
   */
  readonly order?: VirtualClock.Options["order"]
  /** How long a run may stand still in real time before it dies: see `VirtualClock.play`. @default "10 seconds" */
  readonly stuckAfter?: VirtualClock.Options["stuckAfter"]
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
  readonly providersOf: (all: any) => unknown
  readonly policy: (called: any) => Effect.Effect<Customer<any, any, R>, E, R>
  readonly label: ((answer: any) => string) | undefined
  readonly outcomes: ReadonlyArray<string> | undefined
  readonly promises: VirtualClock.Options["promises"]
  readonly order: VirtualClock.Options["order"]
  readonly stuckAfter: VirtualClock.Options["stuckAfter"]
}

/**
 * Makes a scenario. Throws a `RangeError` on an option that does not exist; the rest is checked when it is run.
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
} = (options: AnyOptions): Scenario<any, any> => {
  new OptionsOf("Scenario.make").known(options, Object.keys(fields))
  return made(options)
}

const made = (options: AnyOptions): Scenario<any, any> => {
  const { claims, label, load, name, outcomes, patience = "1 minute", policy, seed = 1 } = options
  const { order, promises, provider, providers, stuckAfter } = options
  return {
    name,
    seed: String(seed),
    load,
    claims,
    patience,
    label,
    outcomes,
    promises,
    order,
    stuckAfter,
    policy,
    ...providers === undefined
      ? { providers: { [onlyProvider]: provider! }, providersOf: (all) => all[onlyProvider] }
      : { providers, providersOf: (all) => all },
    world: undefined,
    script: []
  }
}

interface AnyOptions extends Options, Policy<any, any, any, any, any, any> {
  readonly provider?: ReadonlyArray<ProviderPhase>
  readonly providers?: Readonly<Record<string, ReadonlyArray<ProviderPhase>>>
}

/**
 * The nodes that customers call, and what happens to them.
 *
 * @since 0.1.0
 * @category options
 */
export interface InWorld<in Providers, Programs extends World.Nodes>
  extends Pick<World.Options<Programs>, "clocks" | "invariants" | "link" | "script">
{
  /** A layer for each node, or how they are made with the providers that they call. */
  readonly nodes: Programs | ((provider: Providers) => Programs)
}

/**
 * Makes a scenario whose customers call several nodes: see `World`. The policy gets the world, in which a customer uses
 * `world.call`. Nodes that call a provider, or several, get it by a function.
 *
 * The times of the `script` are those since the start of the load. Each fault is a phase with its `name`, which claims can be
 * about. Each invariant is a claim: the run goes on when one breaks. The calls of customers to one node can be claimed with
 * `node`. Without a provider, an answer that a customer gets as a node gave it is `"first-class"`.
 *
 * ```ts
 * import { Claim, Load, Scenario } from "@switchgear/core/testing"
 * import { Context, Effect, Layer } from "effect"
 *
 * class App extends Context.Service<App, { readonly answer: Effect.Effect<string> }>()("App") {}
 * const app = Layer.succeed(App, { answer: Effect.as(Effect.sleep("200 millis"), "Hello") })
 *
 * const failover = Scenario.inWorld({
 *   name: "failover",
 *   load: [{ name: "evening", arrivals: Load.constant({ rate: 10, for: "30 seconds" }) }],
 *   nodes: { a: app, b: app },
 *   script: [{ name: "a is down", at: "10 seconds", crash: "a", for: "10 seconds" }],
 *   policy: ({ call }) => {
 *     const ask = (node: string) => call(node, App, (app) => app.answer)
 *     return Effect.succeed(Effect.catchTag(ask("a"), "ConnectionRefused", () => ask("b")))
 *   },
 *   patience: "2 seconds",
 *   claims: [
 *     Claim.answered(0.98, { during: "a is down" }),
 *     Claim.share("ConnectionRefused", { node: "a", atLeast: 1, during: "a is down" }),
 *     Claim.recoversWithin("0 seconds", { after: "a is down" })
 *   ]
 * })
 *
 * const { all } = await Effect.runPromise(Scenario.run(failover))
 * all.outcomes // => { "first-class": 298, GaveUp: 2 }
 * all.reached // => { a: 300, b: 100 }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const inWorld = <
  const Programs extends World.Nodes,
  const Phases extends ReadonlyArray<ProviderPhase> = never,
  const Providers extends Readonly<Record<string, ReadonlyArray<ProviderPhase>>> = never,
  A = unknown,
  E = never,
  R = never,
  E2 = never,
  R2 = never
>(
  options:
    & Options
    & { readonly provider?: Phases; readonly providers?: Providers }
    & InWorld<ProvidersOf<Phases, Providers>, Programs>
    & Policy<World.World<World.FailureOf<Programs>>, A, E, R, E2, R2>
): Scenario<World.FailureOf<Programs> | E2, Exclude<World.NeedsOf<Programs> | R | R2, Scope.Scope>> => {
  new OptionsOf("Scenario.inWorld").known(options, [...Object.keys(fields), ...fieldsOfWorld])
  const { clocks, invariants, link, nodes, provider, providers = {}, script = [] } = options
  const calls: object = provider === undefined ? { providers } : { provider, providers: undefined }
  return { ...made({ ...options, ...calls } as AnyOptions), world: { nodes, clocks, invariants, link }, script }
}

/** What the nodes get: the only provider, or those by name. */
type ProvidersOf<Phases extends ReadonlyArray<ProviderPhase>, Providers> = [Phases] extends [never] ? {
    readonly [K in keyof Providers]: Providers[K] extends ReadonlyArray<ProviderPhase> ? ProviderOf<Providers[K]>
      : never
  }
  : ProviderOf<Phases>

const fields: Record<keyof Options | keyof Policy<any, any, any, any, any, any> | "provider" | "providers", true> = {
  name: true,
  seed: true,
  load: true,
  provider: true,
  providers: true,
  policy: true,
  claims: true,
  patience: true,
  label: true,
  outcomes: true,
  promises: true,
  order: true,
  stuckAfter: true
}

const fieldsOfWorld: ReadonlyArray<keyof InWorld<any, any>> = ["nodes", "clocks", "invariants", "link", "script"]

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
  /** The figures of each phase: those of the load, those of each provider, and then the times of the faults. */
  readonly phases: ReadonlyArray<Figures>
  /** The calls that customers made to each node. */
  readonly nodes: ReadonlyArray<Figures>
  /** The verdict of each claim, in order, and then that of each invariant of the nodes. */
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
  /**
   * Runs the scenario twice and compares every step: each arrival, each call that reaches a provider, and each end. Fails
   * with {@link NotDeterministic} at the first difference. Keeps about a hundred bytes for each call. @default false
   */
  readonly twice?: boolean | undefined
  /**
   * What to look out for in the run: random numbers, times and timers that are not of its seed and its clock. They are
   * not replaced; the run fails with {@link NotDeterministic}, which says where they were called. Needs the
   * `AsyncLocalStorage` of Node. @default none
   */
  readonly trap?: ReadonlyArray<Trap> | undefined
}

/**
 * Runs the scenario. Succeeds if all claims hold.
 *
 * Fails with {@link ClaimFailed}, which names every broken claim; with {@link ClaimUnjudged} if the others hold; with
 * {@link InvalidScenario} before any call, also when there is no claim; with {@link NotDeterministic} if something else
 * than the seed decides what happens; and with the errors of making the policy. A defect of a customer's call is an error
 * of that customer. A defect in making the policy is a defect of the run.
 *
 * @since 0.1.0
 * @category runtime
 */
export const run = <E, R>(
  scenario: Scenario<E, R>,
  options: RunOptions = {}
): Effect.Effect<Report, ClaimFailed | ClaimUnjudged | InvalidScenario | NotDeterministic | E, R> =>
  Effect.gen(function*() {
    if (scenario.claims.length === 0 && hasNoInvariant(scenario)) return yield* noClaim(scenario)
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
    const unjudged = unjudgedIn(scenario.name, claims)
    return unjudged === undefined ? told : yield* unjudged
  })

const hasNoInvariant = ({ world }: Script): boolean => (world?.invariants ?? []).length === 0

const noClaim = ({ name }: Script): InvalidScenario =>
  new InvalidScenario({
    scenario: name,
    at: "claims",
    reason: "must have at least one: without it, any night would pass"
  })

const unjudgedIn = (scenario: string, claims: ReadonlyArray<Judged>): ClaimUnjudged | undefined => {
  for (const { claim, verdict } of claims) {
    if (verdict._tag === "Unjudged") return new ClaimUnjudged({ scenario, claim, reason: verdict.reason })
  }
  return undefined
}

/**
 * Runs the scenario and reports what was seen, whether its claims hold or not. It may have no claims.
 *
 * @since 0.1.0
 * @category runtime
 */
export const report = <E, R>(
  scenario: Scenario<E, R>,
  options: RunOptions = {}
): Effect.Effect<Report, InvalidScenario | NotDeterministic | E, R> => {
  const seed = String(options.seed ?? scenario.seed)
  const refuse = (reason: string) => new NotDeterministic({ scenario: scenario.name, seed, reason })
  return Effect.gen(function*() {
    const check = new OptionsOf("Scenario.run")
    check.known(options, ["seed", "twice", "trap"])
    options.trap?.forEach((trap, index) => check.oneOf(`trap[${index}]`, trap, traps))
    const plan = yield* planned(scenario)
    const first = options.twice === true ? new Steps() : undefined
    const result = yield* played(scenario, plan, seed, options.trap ?? [], refuse, first)
    if (first !== undefined) {
      const second = new Steps(first)
      yield* played(scenario, plan, seed, [], refuse, second)
      if (second.difference !== undefined) return yield* refuse(differenceOf(second.difference))
    }
    return { scenario: plan.name, seed, ...result }
  })
}

const clockOf = <E, R>({ order, promises, stuckAfter }: Scenario<E, R>, seed: string): VirtualClock.Options => ({
  promises,
  stuckAfter,
  order: typeof order === "object" ? { ...order, seed: JSON.stringify([order.seed, seed]) } : order
})

const played = <E, R>(
  scenario: Scenario<E, R>,
  plan: Plan,
  seed: string,
  trap: ReadonlyArray<Trap>,
  refuse: (reason: string) => NotDeterministic,
  steps: Steps | undefined
): Effect.Effect<Night, InvalidScenario | NotDeterministic | E, R> =>
  night(scenario, plan, seed, steps).pipe(
    (run) => VirtualClock.play(run, clockOf(scenario, seed)),
    (run) => trapping(trap, run),
    Random.withSeed(seedOf("scenario", seed)),
    Effect.provideService(RunSeed, seed),
    // Guards of the run have the same ids whatever was made before.
    (run) => Effect.flatMap(Registry.make(), (own) => Effect.provideService(run, Registry.CurrentRegistry, own)),
    watchingOutside,
    Effect.flatMap(([[result, caught], carriedOver]): Effect.Effect<Night, NotDeterministic> => {
      if (carriedOver.length > 0) return Effect.fail(refuse(carriedOverBy(carriedOver)))
      return caught.length > 0 ? Effect.fail(refuse(`it called ${caught.join("; ")}`)) : Effect.succeed(result)
    })
    // The plan has checked the load, so that its error cannot occur.
  ) as Effect.Effect<Night, InvalidScenario | NotDeterministic | E, R>

const carriedOverBy = (guards: ReadonlyArray<string>): string =>
  `it used ${
    guards.join(", ")
  }, made outside of the run, which a run before had used already. Its state goes on from ` +
  "there. Make it in the policy, or provide its layer to each run"

const differenceOf = (
  { first, second, step }: { readonly step: number; readonly first: string; readonly second: string }
) =>
  `step ${step} of two runs differs: ${first}, and then ${second}. Look for random numbers, times and state that are not ` +
  "made in the run; the option `trap` finds some"

/**
 * Something else than the seed decides what happens in a run. `reason` says what it is, and where: a difference between
 * two runs, a guard that was made outside, or what the option `trap` has caught.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotDeterministic
  extends Schema.TaggedError<NotDeterministic>("@switchgear/core/testing/Scenario/NotDeterministic")(
    "NotDeterministic",
    { scenario: Schema.String, seed: Schema.String, reason: Schema.String }
  )
{
  override get message(): string {
    return `Scenario "${this.scenario}", seed ${JSON.stringify(this.seed)}, is not of its seed alone: ${this.reason}.`
  }
}

/**
 * What many seeds of a scenario have shown.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Seeds {
  /** The number of seeds. */
  readonly seeds: number
  /** The report of the seed whose claims are nearest to their limits. */
  readonly worst: Report
}

/**
 * Runs the scenario with `n` seeds: its own, and others made from it. Succeeds if all claims hold in all of them.
 *
 * Otherwise it fails with {@link SeedsFailed}, which names the seeds that failed and the worst one. The night of that one
 * is made smaller as long as the same claim is broken: phases are left out, times and rates become shorter and lower,
 * latencies and faults are removed. The result is a scenario of its own. Fails with {@link ClaimUnjudged} if a claim
 * could not be judged in a seed and none was broken.
 *
 * ```ts
 * import { Chaos, Claim, Load, Scenario } from "@switchgear/core/testing"
 * import { Effect } from "effect"
 *
 * const night = Scenario.make({
 *   name: "the night",
 *   load: [
 *     { name: "calm", arrivals: Load.poisson({ rate: 2, for: "1 minute" }) },
 *     { name: "sale", arrivals: Load.poisson({ rate: 20, for: "1 minute" }) }
 *   ],
 *   provider: [
 *     { name: "up", for: "80 seconds", latency: "300 millis" },
 *     { name: "shaky", rules: [{ inject: Chaos.fault("503"), rate: 0.01 }] }
 *   ],
 *   policy: Effect.succeed,
 *   claims: [Claim.noCustomerError]
 * })
 *
 * const { failed, night: smallest } = await Effect.runPromise(
 *   Scenario.seeds(night, 5).pipe(Effect.flip, Effect.map((error) => error as Scenario.SeedsFailed))
 * )
 * failed.length // => 5
 * smallest // => ['load "sale": poisson, 1 a second for 1s', 'provider "shaky": until the end, fault']
 * ```
 *
 * @since 0.1.0
 * @category runtime
 */
export const seeds = <E, R>(
  scenario: Scenario<E, R>,
  n: number
): Effect.Effect<Seeds, SeedsFailed | ClaimUnjudged | InvalidScenario | NotDeterministic | E, R> =>
  Effect.gen(function*() {
    new OptionsOf("Scenario.seeds").integer("n", n, 1)
    if (scenario.claims.length === 0 && hasNoInvariant(scenario)) return yield* noClaim(scenario)
    let worst: Report | undefined
    const failed: Array<string> = []
    for (let index = 0; index < n; index++) {
      const seed = index === 0 ? scenario.seed : `${scenario.seed}-${index + 1}`
      const told = yield* report(scenario, { seed })
      if (told.claims.some(isBroken)) failed.push(seed)
      if (worst === undefined || isWorse(told.claims, worst.claims)) worst = told
    }
    const { claims } = worst!
    const broken = claims.findIndex(isBroken)
    if (broken >= 0) {
      // Claims are followed by invariants, which are part of the nodes.
      const { runs, smallest } = yield* shrunk(
        { ...scenario, claims: scenario.claims.slice(broken, broken + 1) },
        claims[broken]!.claim,
        // A night that cannot be is no smaller one.
        (night) => Effect.catchTag(report(night, { seed: worst!.seed }), "InvalidScenario", () => Effect.undefined)
      )
      return yield* new SeedsFailed({
        scenario: scenario.name,
        seeds: n,
        failed,
        worst: worst!.seed,
        night: written(smallest),
        runs,
        message: seedsMessage({
          n,
          failed,
          worst: worst!,
          night: smallest,
          runs,
          smallest: yield* report(smallest, { seed: worst!.seed })
        })
      })
    }
    const unjudged = unjudgedIn(scenario.name, claims)
    return unjudged === undefined ? { seeds: n, worst: worst! } : yield* unjudged
  })

/**
 * At least one seed of {@link seeds} has broken a claim. The message has the counterexample of the worst seed, and that of
 * the smallest night that still fails.
 *
 * @since 0.1.0
 * @category errors
 */
export class SeedsFailed extends Schema.TaggedError<SeedsFailed>("@switchgear/core/testing/Scenario/SeedsFailed")(
  "SeedsFailed",
  {
    scenario: Schema.String,
    /** The number of seeds. */
    seeds: Schema.Number,
    /** The seeds that failed. */
    failed: Schema.Array(Schema.String),
    /** The worst seed. */
    worst: Schema.String,
    /** The smallest night in which the worst seed still fails, one line for each phase. */
    night: Schema.Array(Schema.String),
    /** The runs that it took to find it. */
    runs: Schema.Number,
    message: Schema.String
  }
) {}

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

const planned = (script: Script): Effect.Effect<Plan, InvalidScenario> => refusing(Effect.sync(() => planOf(script)))
