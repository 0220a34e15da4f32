/**
 * One place to see every guard of an application: what there is, how it does, and what happened lately.
 *
 * Every named primitive is in the ambient registry while the scope it was made in is open: `make` enters it, the end of
 * the scope takes it out. What a layer makes is in for as long as the layer lives. What is made outside any scope is not
 * entered, because nothing would ever take it out. A family of circuits is entered once, under its own name. A guard of
 * your own is entered by {@link register} with its {@link Kind}.
 *
 * There is one registry for the whole process. {@link layer} gives a private one: to a test, or to each of several
 * applications in one process.
 *
 * **Names.** A name stands for one thing, so that sharing a guard means sharing the value or its layer. Where two of a
 * kind are made with one name, both are entered and none hides the other: the first has the name for its `id`, the next
 * ones are `name#2`, `name#3` and so on, in metrics too. An id is free again when its holder has left.
 *
 * **Gotchas.** A guard that is made anew for each call protects nothing, since no two calls share it. Ids such as
 * `model#57` are the sign of that; `Telemetry.layer` logs a warning at the first one. {@link health} and its like read
 * the registry of the fiber that runs them. A route of a server runs in a fiber of the server, which may have another
 * registry than the guards: serve {@link View}, which has captured the right one and is missing from the types where it
 * is not provided.
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
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { OptionsOf } from "./internal/config/checks.ts"
import { NumberOrDuration, optionsCodec } from "./internal/config/optionsCodec.ts"
import { EntryTable, type Listed, type Observer } from "./registry/entryTable.ts"
import { fold, type Health, type Reason, type Told } from "./registry/health.ts"
import type { Change, Condition, Kind, KindHealth } from "./registry/kind.ts"

export type { Change, Condition, Health, Kind, KindHealth, Observer, Reason }

/**
 * What is entered: the kind, the name it was given, and the guard itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry<out Self = unknown> {
  readonly kind: Kind<any, any>
  readonly name: string
  readonly guard: Self
  /** Whether the application is down without it; one that is not only degrades it. @default true */
  readonly critical?: boolean | undefined
}

/**
 * An entry in the registry. `id` is its name, or the name with a number where that is taken.
 *
 * @since 0.1.0
 * @category models
 */
export type Registered<Self = unknown> = Listed<Entry<Self>>

/**
 * What there is to read about an entry at one moment.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Snapshot<out S = unknown> {
  /** The tag of the kind. */
  readonly kind: string
  readonly id: string
  readonly critical: boolean
  readonly snapshot: S
}

/**
 * A change of state.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event extends Change {
  readonly _tag: "Transition"
  /** The tag of the kind. */
  readonly kind: string
  /** The id of the entry it happened to. */
  readonly id: string
  /** What changed: the id of the entry, and for one of a family the key: `id/key`. */
  readonly subject: string
}

/**
 * What is remembered.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** Events kept, at most 1,000,000; the oldest leave first. @default 100 */
  readonly history?: number | undefined
}

/**
 * A registry, in synchronous steps: for guards, which enter themselves, and for what publishes them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Registry {
  /** Enters a guard unless it is in already; the answer takes it out. */
  readonly enter: (entry: Entry) => () => void
  /** Remembers and passes on what happened to a guard, if it is in; for one of a family, under its key. */
  readonly announce: (guard: object, change: Change, key?: string | undefined) => void
  /** Subscribes to later events, synchronously. Returns an unsubscribe function. What an observer throws is logged. */
  readonly observe: (observer: Observer<Entry, Event>) => () => void
  readonly entries: () => ReadonlyArray<Registered>
  /** The one with this id among those whose kind has this tag. */
  readonly find: (tag: string, id: string) => Registered | undefined
  readonly history: () => ReadonlyArray<Event>
}

/**
 * Makes an empty registry. Dies with a `RangeError` when an option is out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Registry> =>
  Effect.sync(() => fromCapacity(toCapacity(options, new OptionsOf("Registry.make"))))

const mostEvents = 1_000_000

const toCapacity = (options: Options, check: OptionsOf): number =>
  check.integer("history", check.atMost("history", options.history ?? 100, mostEvents), 0)

const codec = optionsCodec<Options>()({ history: Schema.optionalKey(NumberOrDuration) }, {
  read: (given) => given as Options,
  check: toCapacity
})

/**
 * What {@link OptionsSchema} reads: {@link Options} as they are written.
 *
 * @since 0.1.0
 * @category options
 */
export interface WrittenOptions extends Schema.Codec.Encoded<typeof codec.schema> {}

/**
 * {@link Options} as they are written in YAML or JSON. A field that is wrong or unknown is refused by name.
 *
 * @since 0.1.0
 * @category options
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * The registry in force: one for the whole process, unless a {@link layer} gives another.
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentRegistry = Context.Reference<Registry>("@switchgear/core/Registry/CurrentRegistry", {
  defaultValue: () => fromCapacity(100)
})

/**
 * One registry to read, whatever fiber reads it: for the routes of a server.
 *
 * ```ts
 * import { CircuitBreaker, Registry } from "@switchgear/core"
 * import { Effect, Layer } from "effect"
 *
 * class Model extends CircuitBreaker.Service<Model>()("app/Model") {}
 *
 * // A route: the type says that it needs the view.
 * const route = Registry.View.use((view) => view.health)
 *
 * const app = Layer.provideMerge(Model.layer, Registry.layer())
 * const program = Effect.gen(function*() {
 *   const model = yield* Model
 *   yield* model.control.forceOpen
 *   return (yield* route).status
 * })
 *
 * await Effect.runPromise(Effect.provide(program, app)) // => "down"
 * ```
 *
 * @since 0.1.0
 * @category services
 */
export class View extends Context.Service<View, {
  readonly health: Effect.Effect<Health>
  readonly snapshots: Effect.Effect<ReadonlyArray<Snapshot>>
  readonly history: Effect.Effect<ReadonlyArray<Event>>
  readonly events: Stream.Stream<Event>
}>()("@switchgear/core/Registry/View") {}

const viewOf = (registry: Registry): View["Service"] => ({
  health: Effect.provideService(health, CurrentRegistry, registry),
  snapshots: Effect.provideService(snapshots, CurrentRegistry, registry),
  history: Effect.provideService(history, CurrentRegistry, registry),
  events: Stream.provideService(events, CurrentRegistry, registry)
})

/**
 * The {@link View} of the registry in force where the layer is built.
 *
 * @since 0.1.0
 * @category layers
 */
export const view: Layer.Layer<View> = Layer.effect(View, Effect.map(CurrentRegistry, viewOf))

/**
 * A registry of its own, and its {@link View}, for what it is provided to: the guards and `Telemetry.layer`, in one go.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options | undefined): Layer.Layer<View> =>
  Layer.provideMerge(view, Layer.effect(CurrentRegistry, make(options)))

/**
 * Like {@link layer}, with the options under a path of the configuration; what is not found there is as in `options`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  path: string | ConfigProvider.Path,
  options: Options = {}
): Layer.Layer<View, Config.ConfigError> =>
  Layer.provideMerge(view, Layer.effect(CurrentRegistry, Effect.flatMap(codec.config(path, options), make)))

/**
 * Enters a guard into the registry in force until the scope in force closes; without a scope, does nothing. Every `make`
 * of a primitive does this. Use it for guards of your own, and where something was made outside a scope.
 *
 * @since 0.1.0
 * @category combinators
 */
export const register = <Self, S>(
  entry: Entry<Self> & { readonly kind: Kind<Self, S> }
): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.withFiber((fiber) => {
    const scope = Context.getOrUndefined(fiber.context, Scope.Scope)
    if (scope === undefined) return Effect.void
    const leave = fiber.getRef(CurrentRegistry).enter(entry)
    return Scope.addFinalizer(scope, Effect.sync(leave))
  }))

/**
 * Everything that is in, in the order in which it came.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const entries: Effect.Effect<ReadonlyArray<Registered>> = Effect.map(
  CurrentRegistry,
  (registry) => registry.entries()
)

/**
 * The guard of this kind with this id, which is its name if that is unique.
 *
 * ```ts
 * import { CircuitBreaker, Registry } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   yield* CircuitBreaker.make({ name: "model" })
 *   const found = yield* Registry.find(CircuitBreaker.kind, "model")
 *   return found && (yield* found.state)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Registry.layer()))) // => "Closed"
 * ```
 *
 * @since 0.1.0
 * @category snapshots
 */
export const find = <Self, S>(kind: Kind<Self, S>, id: string): Effect.Effect<Self | undefined> =>
  Effect.map(CurrentRegistry, (registry) => registry.find(kind.tag, id)?.guard as Self | undefined)

/**
 * The present numbers of everything that is in. What dies when it is read is left out, and logged.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const snapshots: Effect.Effect<ReadonlyArray<Snapshot>> = Effect.flatMap(
  entries,
  (entries) => Effect.map(Effect.forEach(entries, (entry) => readable(entry, read(entry))), present)
)

/**
 * The present numbers of all guards of a kind.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const snapshotsOf = <Self, S>(kind: Kind<Self, S>): Effect.Effect<ReadonlyArray<Snapshot<S>>> =>
  Effect.map(snapshots, (all) => all.filter((one): one is Snapshot<S> => one.kind === kind.tag))

/**
 * The last changes of state, oldest first.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const history: Effect.Effect<ReadonlyArray<Event>> = Effect.map(
  CurrentRegistry,
  (registry) => registry.history()
)

/**
 * Changes of state from the moment of subscription on; a subscriber more than 128 behind loses the oldest.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const events: Stream.Stream<Event> = Stream.callback<Event>(
  (queue) =>
    Effect.flatMap(CurrentRegistry, (registry) =>
      Effect.acquireRelease(
        Effect.sync(() => registry.observe({ happened: (event) => Queue.offerUnsafe(queue, event) })),
        (stop) => Effect.sync(stop)
      )),
  { bufferSize: 128, strategy: "sliding" }
)

/**
 * Folds all entries into one answer.
 *
 * - Nothing is in: `unknown`. Guards that are made outside a scope, or with another registry, cannot be seen.
 * - A circuit that is Open (`open`) or ForcedOpen (`forced-open`) degrades. One that is HalfOpen is `recovering`, which
 *   degrades too. Closed, Disabled and MetricsOnly let every call pass and are up. A family gives one reason for all of
 *   its circuits in one state.
 * - A limiter in a pause (`paused`) degrades. One that is merely empty is at work, and is up.
 * - A bulkhead whose slots are all taken and whose queue is full refuses the next call (`full`), and degrades.
 * - A cache, a retry, a time-out, a cascade and a retry budget say nothing about health.
 * - If there are circuits, those of families included, and every one of them is Open or ForcedOpen, it is down: there is
 *   nothing left to ask. Circuits made with `critical: false` do not count for that. A limiter or a bulkhead alone never
 *   takes it down.
 * - A guard of your own says what its {@link Kind} says.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const health: Effect.Effect<Health> = Effect.flatMap(
  entries,
  (entries) =>
    Effect.map(Effect.forEach(entries, (entry) => readable(entry, healthOf(entry))), (told) => fold(present(told)))
)

const present = <A>(read: ReadonlyArray<A | undefined>): ReadonlyArray<A> => read.filter((one) => one !== undefined)

/**
 * The present numbers of one entry.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const read = ({ critical = true, guard, id, kind }: Registered): Effect.Effect<Snapshot> =>
  Effect.map(
    Effect.suspend(() => kind.snapshot(guard)),
    (snapshot) => ({ kind: kind.tag, id, critical, snapshot })
  )

const healthOf = (entry: Registered): Effect.Effect<Told> =>
  Effect.map(read(entry), ({ critical, id, kind, snapshot }) => ({
    kind,
    id,
    critical,
    health: entry.kind.health?.(snapshot)
  }))

const readable = <A>({ id, kind }: Registered, read: Effect.Effect<A>): Effect.Effect<A | undefined> =>
  Effect.catchDefect(
    read,
    (defect) => Effect.as(Effect.logError(`${kind.tag} ${JSON.stringify(id)} cannot be read.`, defect), undefined)
  )

const fromCapacity = (capacity: number): Registry => {
  const table = new EntryTable<Entry, Event>(capacity)
  return {
    enter: (entry) => table.enter(entry),
    announce: (guard, change, key) =>
      table.announce(guard, ({ id, kind }) => {
        const subject = key === undefined ? id : `${id}/${key}`
        return { ...change, _tag: "Transition", kind: kind.tag, id, subject }
      }),
    observe: (observer) => table.observe(observer),
    entries: () => table.entries,
    find: (tag, id) => table.find(tag, id),
    history: () => table.history
  }
}
