/**
 * Lists every guard of an application, with its state, its health and its last events.
 *
 * `make` of every named primitive adds the guard to the current registry, and the end of its scope removes it. A guard
 * made by a layer stays as long as the layer. A guard made outside any scope is not added, because nothing would remove
 * it: `Telemetry.layer` then logs a warning, and {@link health} says so where there is no other guard. A family of
 * circuits is one entry, under its own name. Add a guard of your own with {@link register} and its
 * {@link Kind}.
 *
 * There is one registry for the whole process. {@link layer} provides a separate one: to a test, or to each of several
 * applications in one process.
 *
 * **Names.** One name stands for one guard: to share a guard, share the value or its layer. When two guards of one kind
 * are made with one name, both are added. The first has the name as its `id`, the next ones have `name#2`, `name#3` and
 * so on, in metrics, too. An id is free again when its guard has left.
 *
 * **Gotchas.** A guard that is made for each call protects nothing, because no two calls share it. Ids such as
 * `model#57` are the sign of that, and `Telemetry.layer` logs a warning at the first one. {@link health} and the other
 * effects here read the registry of the fiber that runs them. A route of a server runs in a fiber of the server, which
 * may have another registry than the guards: serve {@link View} instead. It holds the right registry, and the type of
 * the route says that it is needed.
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
import { fold, type Health, type Reason, type Told, unknown } from "./registry/health.ts"
import type { Change, Condition, Kind, KindHealth, NotRestored, Saving } from "./registry/kind.ts"
import type { PassedOver } from "./registry/passedOver.ts"

export type { Change, Condition, Health, Kind, KindHealth, NotRestored, Observer, PassedOver, Reason, Saving }

/**
 * An entry of the registry: the kind, the name and the guard.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry<out Self = unknown> {
  readonly kind: Kind<any, any>
  readonly name: string
  readonly guard: Self
  /**
   * Whether the application is down when the guard lets no call through; a guard that is not critical only degrades it.
   * @default true
   */
  readonly critical?: boolean | undefined
}

/**
 * An entry with its id: the name, or the name with a number if another guard of the kind has the name.
 *
 * @since 0.1.0
 * @category models
 */
export type Registered<Self = unknown> = Listed<Entry<Self>>

/**
 * The state of one entry at one moment.
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
 * A state change of a guard.
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
  /** The subject of the change: the id of the entry, or `id/key` for one circuit of a family. */
  readonly subject: string
}

/**
 * How much is remembered.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The number of events kept, from 0 to 1,000,000; the oldest are dropped first. @default 100 */
  readonly history?: number | undefined
}

/**
 * The registry as synchronous functions, for guards that add themselves and for code that publishes them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Registry {
  /**
   * Adds a guard, unless it is there already. Returns a function that removes it. Throws a `RangeError` when another kind
   * with the same tag is in.
   */
  readonly enter: (entry: Entry) => () => void
  /** Notes that a guard was made outside a scope, so that it is not added: for health, and for the observers. */
  readonly passOver: (entry: Entry) => void
  /** The guards that were passed over, by kind. */
  readonly passedOver: () => ReadonlyArray<PassedOver>
  /**
   * Records a change of a guard and notifies the observers, if the guard is registered. `key` names one circuit of a
   * family.
   */
  readonly announce: (guard: object, change: Change, key?: string | undefined) => void
  /** Says that the `metrics` of a guard's kind answers more series than before, so that these are published as well. */
  readonly grew: (guard: object) => void
  /**
   * Subscribes to later events, synchronously. Returns a function that ends this subscription at once. What an observer
   * throws is logged.
   */
  readonly observe: (observer: Observer<Entry, Event>) => () => void
  readonly entries: () => ReadonlyArray<Registered>
  /** The guard with this id among those whose kind has this tag. */
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
 * {@link Options} as they are written in YAML or JSON. A wrong or unknown field is rejected by name.
 *
 * @since 0.1.0
 * @category schemas
 */
export const OptionsSchema: Schema.Codec<Options, WrittenOptions> = codec.schema

/**
 * The current registry: one for the whole process, unless a {@link layer} provides another.
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentRegistry = Context.Reference<Registry>("@switchgear/core/Registry/CurrentRegistry", {
  defaultValue: () => fromCapacity(100)
})

/**
 * Reads one registry from any fiber: for the routes of a server.
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

/**
 * What the {@link View} of a registry has, for a registry at hand.
 *
 * @since 0.1.0
 * @category combinators
 */
export const viewOf = (registry: Registry): View["Service"] => ({
  health: Effect.provideService(health, CurrentRegistry, registry),
  snapshots: Effect.provideService(snapshots, CurrentRegistry, registry),
  history: Effect.provideService(history, CurrentRegistry, registry),
  events: Stream.provideService(events, CurrentRegistry, registry)
})

/**
 * The {@link View} of the registry that is current where the layer is built.
 *
 * @since 0.1.0
 * @category layers
 */
export const view: Layer.Layer<View> = Layer.effect(View, Effect.map(CurrentRegistry, viewOf))

/**
 * A separate registry and its {@link View}. Provide it to the guards and to `Telemetry.layer` together.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options | undefined): Layer.Layer<View> =>
  Layer.provideMerge(view, Layer.effect(CurrentRegistry, make(options)))

/**
 * Like {@link layer}, with the options under a path of the configuration. Options that are missing there are taken from
 * `options`. An option out of range is a `ConfigError`.
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
 * Adds a guard to the current registry until the current scope closes. Without a scope the guard is not added, because
 * nothing would remove it; the registry notes that, for health and for a warning of `Telemetry.layer`. Every `make` of a
 * primitive does this. Use it for guards of your own, and for guards that were made outside a scope. Dies with a
 * `RangeError` when the registry has a guard of another kind with the same tag: make each kind once and share it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const register = <Self, S>(
  entry: Entry<Self> & { readonly kind: Kind<Self, S> }
): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.withFiber((fiber) => {
    const scope = Context.getOrUndefined(fiber.context, Scope.Scope)
    const registry = fiber.getRef(CurrentRegistry)
    if (scope === undefined) return Effect.sync(() => registry.passOver(entry))
    const leave = registry.enter(entry)
    return Scope.addFinalizer(scope, Effect.sync(leave))
  }))

/**
 * All registered guards, in the order in which they were added.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const entries: Effect.Effect<ReadonlyArray<Registered>> = Effect.map(
  CurrentRegistry,
  (registry) => registry.entries()
)

/**
 * The guard of this kind with this id; undefined if there is none.
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
 * The state of every registered guard. A guard whose snapshot dies is left out, and the defect is logged.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const snapshots: Effect.Effect<ReadonlyArray<Snapshot>> = Effect.flatMap(
  entries,
  (entries) => Effect.map(Effect.forEach(entries, (entry) => readable(entry, read(entry))), present)
)

/**
 * The state of every registered guard of one kind.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const snapshotsOf = <Self, S>(kind: Kind<Self, S>): Effect.Effect<ReadonlyArray<Snapshot<S>>> =>
  Effect.map(snapshots, (all) => all.filter((one): one is Snapshot<S> => one.kind === kind.tag))

/**
 * The last state changes, oldest first.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const history: Effect.Effect<ReadonlyArray<Event>> = Effect.map(
  CurrentRegistry,
  (registry) => registry.history()
)

/**
 * State changes from the subscription on. A subscriber that is more than 128 events behind loses the oldest.
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
 * The health of the application, from the health of every registered guard.
 *
 * - `unknown`: the registry is empty. The reasons say why, with a `remedy`, where that is known: `outside-scope` for guards
 *   that were made outside a scope, and `other-registry` where the guards are in the registry of the process.
 * - `degraded`: a circuit is Open (`open`), ForcedOpen (`forced-open`) or HalfOpen (`recovering`); a rate limiter is
 *   paused (`paused`); a bulkhead has no free slot and a full queue (`full`); or a cascade serves stale or canned answers,
 *   or has run out of steps (`stale`, `canned`, `exhausted`). A family gives one reason for all of its circuits in one state.
 * - `down`: there are critical circuits, and every one of them, including those of families, is Open or ForcedOpen.
 *   Circuits made with `critical: false` do not count here. A rate limiter or a bulkhead alone never makes it down.
 * - `up`: everything else. Closed, Disabled and MetricsOnly circuits admit every call, and a rate limiter without
 *   available amounts works as intended.
 *
 * A cache, a retry, a time-out and a retry budget do not affect the health. A guard of your own affects it
 * as its {@link Kind} says.
 *
 * @since 0.1.0
 * @category snapshots
 */
export const health: Effect.Effect<Health> = Effect.flatMap(
  CurrentRegistry,
  (registry) => {
    const entries = registry.entries()
    return entries.length === 0 ? Effect.succeed(unknown(registry.passedOver(), elsewhere(registry))) : Effect.map(
      Effect.forEach(
        entries,
        (entry) => Effect.map(readable(entry, healthOf(entry)), (told) => told ?? unreadable(entry))
      ),
      fold
    )
  }
)

// A layer of guards that is merged with a registry, and not provided with it, is built with the registry of the process.
const elsewhere = (registry: Registry): number => {
  const ofProcess = Context.get(Context.empty(), CurrentRegistry)
  return registry === ofProcess ? 0 : ofProcess.entries().length
}

const unreadable = ({ critical = true, id, kind }: Registered): Told => ({
  kind: kind.tag,
  id,
  critical,
  health: { conditions: [{ reason: "unreadable", count: 1 }] }
})

const present = <A>(read: ReadonlyArray<A | undefined>): ReadonlyArray<A> => read.filter((one) => one !== undefined)

/**
 * The state of one entry.
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
    health: checked(entry.kind.health?.(snapshot))
  }))

// What it is made of is looked at here, so that a kind that answers nonsense is unreadable and spoils no other.
const checked = (health: KindHealth | undefined): KindHealth | undefined =>
  health && { conditions: [...health.conditions].map((condition) => ({ ...condition })), targets: health.targets }

const readable = <A>({ id, kind }: Registered, read: Effect.Effect<A>): Effect.Effect<A | undefined> =>
  Effect.catchCause(
    read,
    (cause) => Effect.as(Effect.logError(`${kind.tag} ${JSON.stringify(id)} cannot be read.`, cause), undefined)
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
    passOver: (entry) => table.passOver(entry),
    passedOver: () => table.passedOver,
    grew: (guard) => table.grew(guard),
    observe: (observer) => table.observe(observer),
    entries: () => table.entries,
    find: (tag, id) => table.find(tag, id),
    history: () => table.history
  }
}
