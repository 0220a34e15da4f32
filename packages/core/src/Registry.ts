/**
 * One place to see every guard of an application: what there is, how it does, and what happened lately.
 *
 * Every named primitive is in the ambient registry while the scope it was made in is open: `make` enters it, the end of
 * the scope takes it out. What a layer makes is in for as long as the layer lives. What is made outside any scope is not
 * entered, because nothing would ever take it out. A family of circuits is entered once, under its own name.
 *
 * There is one registry for the whole process, {@link layer} gives a private one: to a test, or to each of several
 * applications in one process.
 *
 * **Names.** A name stands for one thing, so that sharing a guard means sharing the value or its layer. Where two of a
 * kind are made with one name, both are entered and none hides the other: the first has the name for its `id`, the next
 * ones are `name#2`, `name#3` and so on, in metrics too. An id is free again when its holder has left.
 *
 * **Gotchas.** A guard that is made anew for each call protects nothing, since no two calls share it. Ids such as
 * `model#57` are the sign of that; `Telemetry.layer` logs a warning at the first one.
 *
 * ```ts
 * import { CircuitBreaker, Registry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ name: "model" })
 *   yield* CircuitBreaker.make({ name: "fallback" })
 *   yield* breaker.control.trip("30 seconds")
 *   return yield* Registry.health
 * })
 *
 * const { reasons, status } = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Registry.layer())))
 * status // => "degraded"
 * reasons.map(({ name, reason }) => `${name}: ${reason}`) // => ["model: open"]
 * ```
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Bulkhead from "./Bulkhead.ts"
import type * as CircuitBreaker from "./CircuitBreaker.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { EntryTable, type Listed, type Observer } from "./registry/entryTable.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import type * as RateLimiter from "./RateLimiter.ts"
import type * as RetryBudget from "./RetryBudget.ts"
import type * as StaleCache from "./StaleCache.ts"

/** What is entered: the kind, the name it was given, and the thing itself. */
export type Entry =
  | { readonly _tag: "CircuitBreaker"; readonly name: string; readonly breaker: CircuitBreaker.CircuitBreaker }
  | { readonly _tag: "CircuitFamily"; readonly name: string; readonly family: CircuitBreaker.Family }
  | { readonly _tag: "Bulkhead"; readonly name: string; readonly bulkhead: Bulkhead.Bulkhead }
  | { readonly _tag: "RateLimiter"; readonly name: string; readonly limiter: RateLimiter.RateLimiter }
  | { readonly _tag: "RetryBudget"; readonly name: string; readonly budget: RetryBudget.RetryBudget }
  | { readonly _tag: "StaleCache"; readonly name: string; readonly cache: StaleCache.StaleCache<any> }

/** The kinds of things there are. */
export type Kind = Entry["_tag"]

/** An entry of one kind. `id` is its name, or the name with a number where that is taken. */
export type Registered<K extends Kind = Kind> = Listed<Extract<Entry, { readonly _tag: K }>>

/** What there is to read about an entry at one moment. */
export type Snapshot =
  | { readonly _tag: "CircuitBreaker"; readonly id: string; readonly snapshot: CircuitBreaker.Snapshot }
  | { readonly _tag: "CircuitFamily"; readonly id: string; readonly snapshot: CircuitBreaker.FamilySnapshot }
  | { readonly _tag: "Bulkhead"; readonly id: string; readonly snapshot: Bulkhead.Snapshot }
  | { readonly _tag: "RateLimiter"; readonly id: string; readonly snapshot: RateLimiter.Snapshot }
  | { readonly _tag: "RetryBudget"; readonly id: string; readonly snapshot: RetryBudget.Snapshot }
  | { readonly _tag: "StaleCache"; readonly id: string; readonly snapshot: StaleCache.Snapshot }

/** A change of state. */
export interface Event extends CircuitBreaker.Transition {
  readonly _tag: "Transition"
  /** The entry it happened to: a circuit or a family. */
  readonly id: string
  /** The circuit: the id of the entry, and for one of a family the key: `id/key`. */
  readonly circuit: string
}

/** What is remembered. */
export interface Options {
  /** Events kept, at most 1,000,000; the oldest leave first. @default 100 */
  readonly history?: number | undefined
}

/** A registry, in synchronous steps: for primitives, which enter themselves, and for what publishes them. */
export interface Registry {
  /** Enters a thing unless it is in already; the answer takes it out. */
  readonly enter: (entry: Entry) => () => void
  /** Remembers and passes on what happened to a circuit or to one of a family, if that is in. */
  readonly announce: (
    subject: CircuitBreaker.CircuitBreaker | CircuitBreaker.Family,
    transition: CircuitBreaker.Transition
  ) => void
  /** Tells of everything from now on, in the step in which it happens; the answer ends that. What an observer throws is logged. */
  readonly observe: (observer: Observer<Entry, Event>) => () => void
  readonly entries: () => ReadonlyArray<Registered>
  readonly find: (kind: Kind, id: string) => Registered | undefined
  readonly history: () => ReadonlyArray<Event>
}

/** Makes an empty registry. Dies with a `RangeError` when an option is out of range. */
export const make = (options: Options = {}): Effect.Effect<Registry> =>
  Effect.sync(() => fromCapacity(toCapacity(options, new OptionsOf("Registry.make"))))

const mostEvents = 1_000_000

const toCapacity = (options: Options, check: OptionsOf): number =>
  check.integer("history", check.atMost("history", options.history ?? 100, mostEvents), 0)

const codec = optionsCodec<Options>()({ history: Schema.optionalKey(NumberOrDuration) }, {
  read: (given) => given as Options,
  check: toCapacity
})

/** {@link Options} as they are written in YAML or JSON. A field that is wrong or unknown is refused by name. */
export const OptionsSchema = codec.schema

/** The registry in force: one for the whole process, unless a {@link layer} gives another. */
export const CurrentRegistry = Context.Reference<Registry>("@switchgear/core/Registry/CurrentRegistry", {
  defaultValue: () => fromCapacity(100)
})

/** A registry of its own for what it is provided to: the primitives and `Telemetry.layer`, in one go. */
export const layer = (options?: Options | undefined): Layer.Layer<never> => Layer.effect(CurrentRegistry, make(options))

/** Like {@link layer}, with the options under a path of the configuration; what is not found there is as in `options`. */
export const layerConfig = (
  path: string | ConfigProvider.Path,
  options: Options = {}
): Layer.Layer<never, Config.ConfigError> =>
  Layer.effect(CurrentRegistry, Effect.flatMap(codec.config(path, options), make))

/**
 * Enters a thing into the registry in force until the scope in force closes; without a scope, does nothing. Every
 * `make` does this. Use it where something was made outside a scope.
 */
export const register = (entry: Entry): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.withFiber((fiber) => {
    const scope = Context.getOrUndefined(fiber.context, Scope.Scope)
    if (scope === undefined) return Effect.void
    const leave = fiber.getRef(CurrentRegistry).enter(entry)
    return Scope.addFinalizer(scope, Effect.sync(leave))
  }))

/** Everything that is in, in the order in which it came. */
export const entries: Effect.Effect<ReadonlyArray<Registered>> = Effect.map(
  CurrentRegistry,
  (registry) => registry.entries()
)

/** The one of this kind with this id, which is its name if that is unique. */
export const find = <K extends Kind>(kind: K, id: string): Effect.Effect<Registered<K> | undefined> =>
  Effect.map(CurrentRegistry, (registry) => registry.find(kind, id) as Registered<K> | undefined)

/** The present numbers of everything that is in. What dies when it is read is left out, and logged. */
export const snapshots: Effect.Effect<ReadonlyArray<Snapshot>> = Effect.flatMap(
  entries,
  (entries) =>
    Effect.map(Effect.forEach(entries, readable), (snapshots) => snapshots.filter((one) => one !== undefined))
)

/** The last changes of state, oldest first. */
export const history: Effect.Effect<ReadonlyArray<Event>> = Effect.map(
  CurrentRegistry,
  (registry) => registry.history()
)

/** Changes of state from the moment of subscription on; a subscriber more than 128 behind loses the oldest. */
export const events: Stream.Stream<Event> = Stream.callback<Event>(
  (queue) =>
    Effect.flatMap(CurrentRegistry, (registry) =>
      Effect.acquireRelease(
        Effect.sync(() => registry.observe({ happened: (event) => Queue.offerUnsafe(queue, event) })),
        (stop) => Effect.sync(stop)
      )),
  { bufferSize: 128, strategy: "sliding" }
)

/** Something that is not as it should be. */
export interface Reason {
  readonly kind: Kind
  /** The id of the entry. */
  readonly name: string
  readonly reason: "open" | "forced-open" | "recovering" | "paused" | "full"
  /** How many it holds for: 1, or so many circuits of a family. */
  readonly count: number
  /** Time until it may be over, where that is known. */
  readonly retryAfter: Duration.Duration | undefined
}

/** How the application does as far as its guards can tell. */
export interface Health {
  readonly status: "up" | "degraded" | "down"
  /** Empty when up. */
  readonly reasons: ReadonlyArray<Reason>
}

/**
 * Folds all entries into one answer.
 *
 * - A circuit that is Open (`open`) or ForcedOpen (`forced-open`) degrades. One that is HalfOpen is `recovering`, which
 *   degrades too. Closed, Disabled and MetricsOnly let every call pass and are up. A family gives one reason for all of
 *   its circuits in one state.
 * - A limiter in a pause (`paused`) degrades. One that is merely empty is at work, and is up.
 * - A bulkhead whose slots are all taken and whose queue is full refuses the next call (`full`), and degrades.
 * - A cache and a retry budget say nothing about health.
 * - If there are circuits, those of families included, and every one of them is Open or ForcedOpen, it is down: there is
 *   nothing left to ask. A limiter or a bulkhead alone never takes it down.
 */
export const health: Effect.Effect<Health> = Effect.map(snapshots, (snapshots) => {
  const reasons = snapshots.flatMap(reasonsOf)
  const circuits = sum(snapshots.map(circuitsOf))
  const open = sum(reasons.map(({ count, reason }) => reason === "open" || reason === "forced-open" ? count : 0))
  const status = circuits > 0 && open === circuits ? "down" : reasons.length > 0 ? "degraded" : "up"
  return { status, reasons }
})

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((sum, number) => sum + number, 0)

const circuitsOf = (entry: Snapshot): number =>
  entry._tag === "CircuitBreaker" ? 1 : entry._tag === "CircuitFamily" ? sum(Object.values(entry.snapshot.circuits)) : 0

const reasonsOf = (entry: Snapshot): ReadonlyArray<Reason> => {
  const because = (reason: Reason["reason"], count: number, retryAfter?: Duration.Duration | undefined) =>
    count === 0 ? [] : [{ kind: entry._tag, name: entry.id, reason, count, retryAfter }]
  switch (entry._tag) {
    case "CircuitBreaker": {
      const { nextRetry, state } = entry.snapshot
      return [
        ...because("open", state === "Open" ? 1 : 0, nextRetry),
        ...because("forced-open", state === "ForcedOpen" ? 1 : 0),
        ...because("recovering", state === "HalfOpen" ? 1 : 0)
      ]
    }
    case "CircuitFamily": {
      const { ForcedOpen, HalfOpen, Open } = entry.snapshot.circuits
      return [...because("open", Open), ...because("forced-open", ForcedOpen), ...because("recovering", HalfOpen)]
    }
    case "Bulkhead": {
      const { concurrency, inFlight, queue, queued } = entry.snapshot
      return because("full", inFlight >= concurrency && queued >= queue ? 1 : 0)
    }
    case "RateLimiter": {
      const { pausedFor } = entry.snapshot
      return because("paused", pausedFor === undefined ? 0 : 1, pausedFor)
    }
    case "RetryBudget":
    case "StaleCache":
      return []
  }
}

/** The present numbers of one entry. */
export const read = (entry: Registered): Effect.Effect<Snapshot> => {
  const { id } = entry
  switch (entry._tag) {
    case "CircuitBreaker":
      return Effect.map(entry.breaker.snapshot, (snapshot) => ({ _tag: "CircuitBreaker", id, snapshot }))
    case "CircuitFamily":
      return Effect.map(entry.family.snapshot, (snapshot) => ({ _tag: "CircuitFamily", id, snapshot }))
    case "Bulkhead":
      return Effect.map(entry.bulkhead.snapshot, (snapshot) => ({ _tag: "Bulkhead", id, snapshot }))
    case "RateLimiter":
      return Effect.map(entry.limiter.snapshot, (snapshot) => ({ _tag: "RateLimiter", id, snapshot }))
    case "RetryBudget":
      return Effect.map(entry.budget.snapshot, (snapshot) => ({ _tag: "RetryBudget", id, snapshot }))
    case "StaleCache":
      return Effect.map(entry.cache.snapshot, (snapshot) => ({ _tag: "StaleCache", id, snapshot }))
  }
}

const readable = (entry: Registered): Effect.Effect<Snapshot | undefined> =>
  Effect.catchDefect(
    read(entry),
    (defect) =>
      Effect.as(Effect.logError(`${entry._tag} ${JSON.stringify(entry.id)} cannot be read.`, defect), undefined)
  )

const subjectOf = (entry: Entry): object => {
  switch (entry._tag) {
    case "CircuitBreaker":
      return entry.breaker
    case "CircuitFamily":
      return entry.family
    case "Bulkhead":
      return entry.bulkhead
    case "RateLimiter":
      return entry.limiter
    case "RetryBudget":
      return entry.budget
    case "StaleCache":
      return entry.cache
  }
}

const fromCapacity = (capacity: number): Registry => {
  const table = new EntryTable<Entry, Event>(capacity)
  return {
    enter: (entry) => table.enter(subjectOf(entry), entry),
    announce: (subject, transition) =>
      table.announce(subject, (id) => {
        const key = transition.breaker.slice(subject.name.length)
        return { _tag: "Transition", id, circuit: id + key, ...transition }
      }),
    observe: (observer) => table.observe(observer),
    entries: () => table.entries,
    find: (kind, id) => table.find(kind, id),
    history: () => table.history
  }
}
