/**
 * Injects faults into calls by rules: failures, answers, defects, hangs and latency, at a rate, to the calls that a
 * predicate selects, and in the phases of a script. A seed makes a run repeatable.
 *
 * Rules are checked in order. A latency delays the call and continues with the next rule. Any other injection ends the
 * search. The call is not made then, except with {@link after} and {@link change}, which take effect when it has ended. The injection of a call is decided in one step when the call begins:
 * {@link Chaos.set} affects later calls only, and does not end a latency or a hang.
 *
 * The errors and values that rules inject are in the types, so that the code that handles them is type-checked, too.
 *
 * **Order.** Innermost, in place of the dependency: `call.pipe(chaos.inject, breaker.protect)`.
 *
 * **Gotchas.** Under another clock than the one it was made under, such as that of a later `VirtualClock.play`, a chaos
 * begins anew with its first call there: its script, the numbers of calls and its random numbers. Random numbers are drawn only by latencies and by rules with a rate between 0 and 1 whose predicate
 * holds, in the order in which calls begin. A rule that draws nothing can be added without changing the others; a rule
 * that draws cannot.
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import { Chaos } from "@switchgear/core/testing"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ name: "model", minimumCalls: 3 })
 *   const chaos = yield* Chaos.make({ rules: [{ inject: Chaos.fault("overloaded"), when: ({ index }) => index > 0 }] })
 *   const call = Effect.succeed("answer").pipe(
 *     chaos.inject,
 *     breaker.protect,
 *     Effect.catchTag("CircuitOpen", () => Effect.succeed("circuit open")),
 *     Effect.catch((error) => Effect.succeed(error))
 *   )
 *   return yield* Effect.all([call, call, call, call])
 * })
 *
 * await Effect.runPromise(program) // => ["answer", "overloaded", "overloaded", "circuit open"]
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import { OptionsOf } from "../internal/config/checks.ts"
import { type About, ChaosController } from "./chaos/chaosController.ts"
import type { After, Change, Fault, Outcome } from "./chaos/injection.ts"
import type { Chaos } from "./chaos/injector.ts"
import { type Act, activeRules, acts, type Phase, type Rule } from "./chaos/rules.ts"
import { RunSeed, seedOf } from "./chaos/seeds.ts"

export type { BurstOptions } from "./chaos/bursts.ts"
export type { About, Counts } from "./chaos/chaosController.ts"
export {
  type BrokenConnection,
  disconnect,
  httpClient,
  type HttpInjector,
  layerHttpClient,
  type Reply,
  respond
} from "./chaos/http.ts"
export { bandwidth, corruptBody, cutBody } from "./chaos/httpBody.ts"
export {
  type After,
  after,
  type Change,
  change,
  type Defect,
  defect,
  type Fault,
  fault,
  type Hang,
  hang,
  type Injection,
  type Instead,
  latency,
  type Outcome,
  outcome,
  type Wait
} from "./chaos/injection.ts"
export { type Chaos, type Injector, none } from "./chaos/injector.ts"
export type { Call, Phase, Request, Rule } from "./chaos/rules.ts"

/**
 * The name and the seed of a chaos.
 *
 * @since 0.1.0
 * @category options
 */
export interface Settings {
  /** Names the chaos for readers of its counts, and is part of the seed. @default "chaos" */
  readonly name?: string | undefined
  /**
   * Makes a run repeatable: with the same seed and name, the n-th call gets the same injection. For independent faults,
   * give each chaos its own name. In a scenario, the seed of the run counts as well. @default "chaos"
   */
  readonly seed?: string | number | undefined
}

/**
 * Rules, and {@link Settings}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options<Rules extends ReadonlyArray<Rule<any, any>>> extends Settings {
  /** The rules in order. With an empty list, every call passes. */
  readonly rules: Rules
}

/**
 * The values that rules can inject.
 *
 * @since 0.1.0
 * @category models
 */
export type ValueOf<R> = R extends { readonly inject: infer I }
  ? I extends Outcome<infer A> | After<infer A, any> | Change<infer A> ? A : never
  : never

/**
 * The errors that rules can inject.
 *
 * @since 0.1.0
 * @category models
 */
export type ErrorOf<R> = R extends { readonly inject: infer I }
  ? I extends Fault<infer E> | After<any, infer E> ? E : never
  : never

/**
 * Makes a chaos. Dies with a `RangeError` that names the rule and the field when one is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <const Rules extends ReadonlyArray<Rule<any, any>>>(
  options: Options<Rules>
): Effect.Effect<Chaos<ValueOf<Rules[number]>, ErrorOf<Rules[number]>>> =>
  begin(() => always("Chaos.make", options.rules, options), options)

/**
 * Makes a chaos that follows a script. Each phase has rules and a duration, counted from when the chaos was made. After
 * the last phase, every call passes. A phase without duration, or another mistake, fails with {@link BadScript}.
 *
 * ```ts
 * import { Chaos, Latency } from "@switchgear/core/testing"
 * import { Effect } from "effect"
 *
 * const incident = Chaos.script([
 *   { for: "6 minutes", rules: [{ inject: Chaos.latency(Latency.constant("15 seconds")) }] },
 *   { for: "2 minutes", rules: [{ inject: Chaos.fault("overloaded"), rate: 0.5 }] },
 *   { for: "0 minutes", rules: [] }
 * ])
 *
 * const error = await Effect.runPromise(Effect.flip(incident))
 * error.message // => "Chaos.script: script[2].for must be a duration above zero, got \"0 minutes\""
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const script = <const Phases extends ReadonlyArray<Phase<any, any>>>(
  phases: Phases,
  settings: Settings = {}
): Effect.Effect<
  Chaos<ValueOf<Phases[number]["rules"][number]>, ErrorOf<Phases[number]["rules"][number]>>,
  BadScript
> =>
  begin(() => {
    const check = new OptionsOf("Chaos.script")
    check.known(settings, ["name", "seed"])
    return acts(check, phases)
  }, settings).pipe(
    Effect.catchDefect((defect) =>
      defect instanceof RangeError ? Effect.fail(new BadScript({ reason: defect.message })) : Effect.die(defect)
    )
  )

/**
 * An invalid script. `reason` names the phase, the field, the value and the range.
 *
 * @since 0.1.0
 * @category errors
 */
export class BadScript extends Schema.TaggedError<BadScript>("@switchgear/core/testing/Chaos/BadScript")("BadScript", {
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

const always = (
  where: string,
  rules: ReadonlyArray<Rule<unknown, unknown>>,
  options: object = {}
): ReadonlyArray<Act> => {
  const check = new OptionsOf(where)
  check.known(options, ["rules", "name", "seed"])
  const active = activeRules(check, "rules", rules)
  return active.length === 0 ? [] : [{ until: Infinity, rules: active }]
}

const begin = (
  acts: () => ReadonlyArray<Act>,
  { name = "chaos", seed = "chaos" }: Settings
): Effect.Effect<Chaos<any, any>> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const run = yield* RunSeed
    const randomOf = (use: "chaos" | "bursts", run: string | undefined) =>
      Effect.runSync(
        Random.withSeed(Random.Random, seedOf(use, seed, name, ...run === undefined ? [] : [run]))
      )
    const controller = new ChaosController(acts(), randomOf, clock, run)
    const injectAs = (about: About) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
      Effect.withFiber<A, E, R>((fiber) => controller.meet(fiber, self, about))
    const chaos: Chaos<any, any> = {
      name,
      inject: injectAs({}),
      injectAs,
      set: (rules) => Effect.sync(() => void (controller.acts = always("Chaos.set", rules))),
      off: Effect.sync(() => void (controller.acts = [])),
      counts: Effect.sync(() => ({ ...controller.counts }))
    }
    return chaos
  })
