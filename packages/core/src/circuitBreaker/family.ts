/** Many circuits under one set of options: one for each key, made when the key is first asked for. */
import * as Clock from "effect/Clock"
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { CircuitBreaker, Options, State, Transition } from "../CircuitBreaker.ts"
import type * as Outcome from "../Outcome.ts"
import * as Registry from "../Registry.ts"
import type { BreakerRules } from "../internal/breakerMachine.ts"
import { type Bounds, toBounds, toJudge, toRules } from "./rules.ts"
import { Call, Circuit, type Judge, judgeWith } from "./circuit.ts"
import { handle } from "./handle.ts"
import type { CircuitOpen } from "./open.ts"
import { type Begin, clockOf, guard } from "../internal/guard.ts"
import { OptionsOf } from "../internal/options.ts"
import { monotonicMillis } from "../internal/time.ts"
import { announcer } from "./transitions.ts"
import { writtenFamily } from "./written.ts"
import { type Place, WaitQueue } from "../internal/waitQueue.ts"

/** The options of every circuit, and how many there may be. `name` is the family's; a circuit is called `name/key`. */
export interface FamilyOptions extends Options {
  /** Circuits kept; above that, the least recently used, to a second, is forgotten. @default 10_000 */
  readonly capacity?: number | undefined
  /** A circuit not used for so long, to a hundredth of it or a second, is forgotten. @default "1 hour" */
  readonly idleTimeToLive?: Duration.Input | undefined
}

/**
 * {@link FamilyOptions} as they are written in YAML or JSON; `classify` is added in code. A field that is wrong or unknown
 * is refused by name.
 */
export const FamilyOptionsSchema = writtenFamily.schema

/** What there is to read about a family at one moment. Counters include what forgotten circuits had counted. */
export interface FamilySnapshot {
  readonly name: string
  /** Circuits there are, by state. */
  readonly circuits: { readonly [S in State]: number }
  /** Circuits there may be. */
  readonly capacity: number
  readonly inFlight: number
  readonly rejected: number
  readonly openings: number
  readonly late: number
}

/** A circuit breaker for each key: a tenant, a host, a model. */
export interface Family {
  readonly name: string
  /** Stands around an effect with the circuit of the key. */
  readonly protect: (key: string) => <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /** Like `protect`, judging this kind of call by rules of its own. With `slowCallDuration: "Infinity"` it is never slow. */
  readonly protectWith: <A, E>(key: string, options: {
    readonly classify?: ((exit: Exit.Exit<A, E>) => Outcome.Outcome) | undefined
    readonly slowCallDuration?: Duration.Input | undefined
  }) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitOpen, R>
  /** The circuit of the key, made if there is none: to read, to control, to judge by rules of its own. */
  readonly get: (key: string) => Effect.Effect<CircuitBreaker>
  /** Keys that have a circuit, least recently used first. */
  readonly keys: Effect.Effect<ReadonlyArray<string>>
  /** Changes of state of all circuits of the family. */
  readonly transitions: Stream.Stream<Transition>
  /** The numbers of all circuits together. Reading them is no use of a key. */
  readonly snapshot: Effect.Effect<FamilySnapshot>
}

/**
 * Makes a family of circuit breakers. Asking costs the same however many keys there are. A forgotten key begins anew,
 * Closed. Dies with a `RangeError` that names the field when an option is out of range.
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* CircuitBreaker.family({ name: "tenants", minimumCalls: 1 })
 *   yield* Effect.exit(Effect.fail("503").pipe(tenants.protect("acme")))
 *   const acme = yield* tenants.get("acme")
 *   const globex = yield* tenants.get("globex")
 *   return [yield* acme.state, yield* globex.state]
 * })
 *
 * await Effect.runPromise(program) // => ["Open", "Closed"]
 * ```
 */
export const family = (options: FamilyOptions): Effect.Effect<Family> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const registry = yield* Registry.CurrentRegistry
    const hub = yield* PubSub.sliding<Transition>(128)
    const check = new OptionsOf("CircuitBreaker.family")
    const heard = (transition: Transition) => registry.announce(family, transition)
    const rules = toRules(options, check, announcer(hub, context, heard), context)
    const circuits = new Circuits(options.name, rules, toJudge(options, check), toBounds(options, check))
    const transitions = Stream.fromPubSub(hub)
    const protect = (key: string, judge: Judge) => {
      const begin: Begin = (fiber, self, moment) => {
        const clock = clockOf(fiber, moment)
        return new Call(circuits.get(key, clock), self, judge, clock)
      }
      return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | CircuitOpen, R> => guard(self, begin)
    }
    const family: Family = {
      name: options.name,
      protect: (key) => protect(key, circuits.judge),
      protectWith: (key, own) => protect(key, judgeWith(circuits.judge, own)),
      get: (key) =>
        Effect.map(Clock.Clock, (clock) =>
          handle(
            circuits.get(key, clock),
            circuits.judge,
            Stream.filter(transitions, ({ breaker }) => breaker === circuits.nameOf(key))
          )),
      keys: Effect.sync(() => circuits.keys()),
      transitions,
      snapshot: Effect.map(Clock.Clock, (clock) => circuits.snapshot(clock))
    }
    yield* Registry.register({ _tag: "CircuitFamily", name: family.name, family })
    return family
  })

/**
 * Makes a family with the options under a path of the configuration; what is not found there is as in `options`. Options
 * out of range are a `ConfigError`.
 */
export const familyFromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<FamilyOptions> = {}
): Effect.Effect<Family, Config.ConfigError> => Effect.flatMap(writtenFamily.config(path, options), family)

class Member extends Circuit implements Place<Member> {
  before: Member | undefined
  after: Member | undefined
  readonly key: string

  constructor(key: string, name: string, rules: BreakerRules, clock: Clock.Clock) {
    super(name, rules, clock)
    this.key = key
  }
}

type Counters = { rejected: number; openings: number; late: number }

const addCounters = (to: Counters, { late, openings, rejected }: Counters): void => {
  to.rejected += rejected
  to.openings += openings
  to.late += late
}

class Circuits {
  readonly judge: Judge
  private readonly name: string
  private readonly rules: BreakerRules
  private readonly bounds: Bounds
  private readonly members = new Map<string, Member>()
  // In the order of use: moving a member is cheaper here than taking it out of the map and putting it back.
  private readonly byUse = new WaitQueue<Member>()
  private readonly forgotten: Counters = { rejected: 0, openings: 0, late: 0 }

  constructor(
    name: string,
    rules: BreakerRules,
    judge: Judge,
    bounds: Bounds
  ) {
    this.name = name
    this.rules = rules
    this.judge = judge
    this.bounds = bounds
  }

  nameOf(key: string): string {
    return `${this.name}/${key}`
  }

  get(key: string, clock: Clock.Clock): Member {
    const now = this.grains(clock)
    let member = this.members.get(key)
    if (member === undefined) {
      member = new Member(key, this.nameOf(key), this.rules, clock)
      this.members.set(key, member)
    } else {
      if (now === member.usedAt) return member
      this.byUse.remove(member)
    }
    // In grains.
    member.usedAt = now
    this.byUse.push(member)
    this.forget(now)
    return member
  }

  // Whole numbers that the processor has at hand; uses within one grain are one.
  private grains(clock: Clock.Clock): number {
    return Math.floor(monotonicMillis(clock) / this.bounds.grain)
  }

  keys(): ReadonlyArray<string> {
    const keys: Array<string> = []
    for (let member = this.byUse.peek(); member !== undefined; member = member.after) keys.push(member.key)
    return keys
  }

  snapshot(clock: Clock.Clock): FamilySnapshot {
    const now = monotonicMillis(clock)
    const circuits = { Closed: 0, Open: 0, HalfOpen: 0, ForcedOpen: 0, Disabled: 0, MetricsOnly: 0 }
    const totals = { inFlight: 0, ...this.forgotten }
    for (const circuit of this.members.values()) {
      circuit.settle(now, clock)
      circuits[circuit.state]++
      totals.inFlight += circuit.inFlight
      addCounters(totals, circuit)
    }
    return { name: this.name, circuits, capacity: this.bounds.capacity, ...totals }
  }

  private forget(now: number): void {
    const { capacity, grain, idleMillis } = this.bounds
    for (let oldest = this.byUse.peek()!;; oldest = this.byUse.peek()!) {
      if (this.byUse.size <= capacity && (now - oldest.usedAt) * grain < idleMillis) return
      this.byUse.remove(oldest)
      this.members.delete(oldest.key)
      addCounters(this.forgotten, oldest)
    }
  }
}
