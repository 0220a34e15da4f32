/**
 * Decides the injection of each call, and counts it.
 *
 * The decision is made in one step when the call begins. The injection of the n-th call therefore depends only on the
 * seed, not on the duration and the order of other calls.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Random from "effect/Random"
import { monotonicMillis } from "../../internal/runtime/time.ts"
import type { Instead } from "./injection.ts"
import { RunSeed } from "./seeds.ts"
import type { Act, Active, Call, Request } from "./rules.ts"

/**
 * What a call is about, for the predicates of rules.
 *
 * @since 0.1.0
 * @category models
 */
export interface About {
  readonly key?: string | undefined
  readonly request?: Request | undefined
}

/**
 * What calls have met so far.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Counts {
  /** Calls that have begun. */
  readonly calls: number
  /** Calls that were made. */
  readonly passed: number
  /** Calls that were delayed; they are counted again by what happened after the delay. */
  readonly latency: number
  readonly fault: number
  readonly outcome: number
  readonly defect: number
  readonly hang: number
  /** Calls that were made, and whose result was lost or changed. */
  readonly after: number
}

export const nothing: Counts = { calls: 0, passed: 0, latency: 0, fault: 0, outcome: 0, defect: 0, hang: 0, after: 0 }

type Ending = Exclude<Active["inject"], { readonly _tag: "Latency" }>

/** What was decided for a call. Times are milliseconds. */
interface Decision {
  wait: number
  replyWait: number
  ending: Ending | undefined
}

/** What a chaos has done under one clock. */
interface Epoch {
  readonly clock: Clock.Clock
  readonly begun: number
  readonly random: Random.Random
  /** Bursts have a generator of their own, because they draw at times that depend on the calls. */
  readonly randomOfBursts: Random.Random
  calls: number
}

/** The random numbers of the calls or of the bursts of a run. */
export type RandomOf = (use: "chaos" | "bursts", run: string | undefined) => Random.Random

export class ChaosController {
  readonly counts: { -readonly [K in keyof Counts]: number } = { ...nothing }
  acts: ReadonlyArray<Act>
  private readonly randomOf: RandomOf
  // A clock is that of one run. Times, numbers of calls and random numbers do not go on from one run to another.
  private readonly epochs = new WeakMap<Clock.Clock, Epoch>()
  private latest: Epoch

  /** `randomOf` makes the random numbers of a run, by the seed of its scenario. */
  constructor(
    acts: ReadonlyArray<Act>,
    randomOf: RandomOf,
    clock: Clock.Clock,
    run: string | undefined
  ) {
    this.acts = acts
    this.randomOf = randomOf
    this.latest = this.begin(clock, run)
  }

  private begin(clock: Clock.Clock, run: string | undefined): Epoch {
    const epoch: Epoch = {
      clock,
      begun: monotonicMillis(clock),
      random: this.randomOf("chaos", run),
      randomOfBursts: this.randomOf("bursts", run),
      calls: 0
    }
    this.epochs.set(clock, epoch)
    for (const { rules } of this.acts) for (const { bursts } of rules) bursts?.restart()
    return epoch
  }

  private epochOf(fiber: Fiber.Fiber<any, any>): Epoch {
    const clock = fiber.getRef(Clock.Clock)
    if (clock === this.latest.clock) return this.latest
    return this.latest = this.epochs.get(clock) ?? this.begin(clock, fiber.getRef(RunSeed))
  }

  meet<A, E, R>(fiber: Fiber.Fiber<any, any>, self: Effect.Effect<A, E, R>, about: About): Effect.Effect<A, E, R> {
    this.counts.calls++
    const epoch = this.epochOf(fiber)
    const index = epoch.calls++
    if (this.acts.length === 0) return this.pass(self)
    const at = monotonicMillis(epoch.clock) - epoch.begun
    const rules = this.rulesAt(at)
    if (rules.length === 0) return this.pass(self)
    const call = { index, at, key: about.key, request: about.request }
    const decision: Decision = { wait: 0, replyWait: 0, ending: undefined }
    let waits = false
    for (const rule of rules) {
      const { inject } = rule
      if (!this.applies(rule, call, epoch)) continue
      if (inject._tag === "Latency") {
        decision.wait += inject.draw(epoch.random)
        waits = true
      } else if (inject._tag === "After" && inject.inject._tag === "Latency") {
        decision.replyWait += inject.inject.draw(epoch.random)
        waits = true
      } else {
        decision.ending = inject
        break
      }
    }
    if (waits) this.counts.latency++
    return decision.wait > 0
      ? Effect.flatMap(Effect.sleep(decision.wait), () => this.conclude(self, decision))
      : this.conclude(self, decision)
  }

  private rulesAt(at: number): Act["rules"] {
    return this.acts.find(({ until }) => at < until)?.rules ?? []
  }

  private applies({ bursts, rate, when }: Active, call: Call, { random, randomOfBursts }: Epoch): boolean {
    if (when !== undefined && !when(call)) return false
    if (bursts !== undefined && !bursts.isOnAt(call.at, randomOfBursts)) return false
    return rate === 1 || random.nextDoubleUnsafe() < rate
  }

  private pass<A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    this.counts.passed++
    return self
  }

  private conclude<A, E, R>(self: Effect.Effect<A, E, R>, { ending, replyWait }: Decision): Effect.Effect<A, E, R> {
    const late = replyWait > 0
      ? Effect.flatMap(Effect.exit(self), (exit) => Effect.andThen(Effect.sleep(replyWait), exit))
      : self
    if (ending?._tag === "After") {
      this.counts.after++
      return Effect.flatMap(Effect.exit(late), () => this.instead(ending.inject as Instead<A, E>))
    }
    if (ending?._tag === "Change") {
      this.counts.after++
      return Effect.map(late, ending.change as (answer: A) => A)
    }
    if (ending === undefined) return this.pass(late)
    this.counts[counted[ending._tag]]++
    return this.instead(ending as Instead<A, E>)
  }

  // The injected values have the types that the chaos adds, which only its constructor knows.
  private instead<A, E>(ending: Instead<A, E>): Effect.Effect<A, E> {
    switch (ending._tag) {
      case "Fault":
        return Exit.fail(ending.error)
      case "Outcome":
        return Exit.succeed(ending.value)
      case "Defect":
        return Exit.die(ending.defect)
      case "Hang":
        return Effect.never
    }
  }
}

const counted = { Fault: "fault", Outcome: "outcome", Defect: "defect", Hang: "hang" } as const
