/**
 * Makes calls go wrong on purpose, by rules: faults, answers, defects, calls that never end, and waits, at a rate, to
 * the calls that a predicate picks, and in phases of a script. A seed repeats a run to the last fault.
 *
 * Rules are looked at in order. A wait holds the call up and goes on to the next rule; every other injection ends the
 * search, and the call is not made. What happens to a call is decided in one step when it begins: {@link Chaos.set} is
 * for the calls after it, and a call that waits or hangs is not let go by it.
 *
 * The errors and values that rules inject are in the types, so that what handles them is checked as well.
 *
 * **Order.** Innermost, in place of the dependency: `call.pipe(chaos.inject, breaker.protect)`.
 *
 * **Gotchas.** A chance is drawn only by rules whose rate lies between 0 and 1 and whose predicate holds, and by waits,
 * in the order in which calls begin. Rules that are off change nothing for the others; a further one that draws does.
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
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import { OptionsOf } from "../internal/config/checks.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { type About, ChaosController } from "./chaos/chaosController.ts"
import type { Fault, Outcome } from "./chaos/injection.ts"
import type { Chaos } from "./chaos/injector.ts"
import { type Act, activeRules, acts, type Phase, type Rule } from "./chaos/rules.ts"

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
export {
  type Defect,
  defect,
  type Fault,
  fault,
  type Hang,
  hang,
  type Injection,
  latency,
  type Outcome,
  outcome,
  type Wait
} from "./chaos/injection.ts"
export { type Chaos, type Injector, none } from "./chaos/injector.ts"
export type { Call, Phase, Request, Rule } from "./chaos/rules.ts"

/** What is told of a chaos beside its rules. */
export interface Settings {
  /** For whoever reads its counts, and part of the seed. @default "chaos" */
  readonly name?: string | undefined
  /**
   * Repeats a run: the same seed and name give the n-th call the same. Two chaoses that are to go wrong apart from each
   * other need a name each. @default "chaos"
   */
  readonly seed?: string | number | undefined
}

/** Rules, and {@link Settings}. */
export interface Options<Rules extends ReadonlyArray<Rule<any, any>>> extends Settings {
  /** In order. An empty list lets every call through, until there are others. */
  readonly rules: Rules
}

/** The values that rules can inject. */
export type ValueOf<R> = R extends { readonly inject: infer I } ? I extends Outcome<infer A> ? A : never : never

/** The errors that rules can inject. */
export type ErrorOf<R> = R extends { readonly inject: infer I } ? I extends Fault<infer E> ? E : never : never

/** Makes a chaos. Dies with a `RangeError` that names the rule and the field when one is out of range. */
export const make = <const Rules extends ReadonlyArray<Rule<any, any>>>(
  options: Options<Rules>
): Effect.Effect<Chaos<ValueOf<Rules[number]>, ErrorOf<Rules[number]>>> =>
  begin(() => always("Chaos.make", options.rules), options)

/**
 * Makes a chaos that follows a script: each phase has its rules for its time, counted from when the chaos was made, and
 * after the last one every call is let through. A phase without length, or another mistake, is a {@link BadScript}.
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
 */
export const script = <const Phases extends ReadonlyArray<Phase<any, any>>>(
  phases: Phases,
  settings: Settings = {}
): Effect.Effect<
  Chaos<ValueOf<Phases[number]["rules"][number]>, ErrorOf<Phases[number]["rules"][number]>>,
  BadScript
> =>
  begin(() => acts(new OptionsOf("Chaos.script"), phases), settings).pipe(
    Effect.catchDefect((defect) =>
      defect instanceof RangeError ? Effect.fail(new BadScript({ reason: defect.message })) : Effect.die(defect)
    )
  )

/** A script that cannot be followed: the reason names the phase, the field, the value and what is allowed. */
export class BadScript extends Schema.TaggedError<BadScript>("@switchgear/core/testing/Chaos/BadScript")("BadScript", {
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

const always = (where: string, rules: ReadonlyArray<Rule<unknown, unknown>>): ReadonlyArray<Act> => {
  const active = activeRules(new OptionsOf(where), "rules", rules)
  return active.length === 0 ? [] : [{ until: Infinity, rules: active }]
}

const begin = (
  acts: () => ReadonlyArray<Act>,
  { name = "chaos", seed = "chaos" }: Settings
): Effect.Effect<Chaos<any, any>> =>
  Effect.map(Random.withSeed(Effect.all([Random.Random, Clock.Clock]), `${seed} ${name}`), ([random, clock]) => {
    const controller = new ChaosController(acts(), random, monotonicMillis(clock))
    const injectAs = (about: About) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
      Effect.withFiber<A, E, R>((fiber) => controller.meet(fiber, self, about))
    return {
      name,
      inject: injectAs({}),
      injectAs,
      set: (rules) => Effect.sync(() => void (controller.acts = always("Chaos.set", rules))),
      off: Effect.sync(() => void (controller.acts = [])),
      counts: Effect.sync(() => ({ ...controller.counts }))
    }
  })
