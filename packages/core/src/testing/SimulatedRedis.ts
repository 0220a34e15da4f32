/**
 * The Redis of a fleet as a node of a {@link World}: its messages take time and get lost, and it is paused, cut off, killed
 * and started again, with nothing or as an older copy.
 *
 * It answers as `ClusterStore.layerRedis` over a real Redis does, by the same rules. What happens to it and to its messages is said by the
 * script of the world: `pause`, `crash`, `partition`, `degrade` and `skew` of its node.
 *
 * **Semantics.** What it changes is pushed to all other nodes, each by a message of its own. While it is down, calls
 * fail with `StoreFailed`. It executes a message that arrives twice twice.
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import * as Cluster from "@switchgear/core/Cluster"
 * import { SimulatedRedis, World } from "@switchgear/core/testing"
 * import { Context, Effect, Layer } from "effect"
 *
 * class Model extends Context.Service<Model, CircuitBreaker.CircuitBreaker>()("Model") {}
 *
 * // Calls a target that is down, ten times a second.
 * const app = Layer.effect(
 *   Model,
 *   Effect.tap(CircuitBreaker.make({ name: "model", shared: true, openFor: "1 minute" }), ({ protect }) => {
 *     const call = Effect.exit(protect(Effect.fail("503")))
 *     return Effect.forkScoped(Effect.forever(Effect.andThen(call, Effect.sleep("100 millis"))))
 *   })
 * ).pipe(Layer.provide(Cluster.layer()), Layer.provide(SimulatedRedis.layerStore("redis")))
 *
 * const opensOnce = World.invariant("what is open stays open", (view) => {
 *   let wasOpen = false
 *   return () => {
 *     const model = view.service("a", Model)
 *     const isOpen = model !== undefined && view.runSync("a", model.state) === "Open"
 *     if (wasOpen && !isOpen) return "it closed"
 *     wasOpen = isOpen
 *     return undefined
 *   }
 * })
 *
 * // It is emptied in the midst of the opening, and the nodes tell it what they know.
 * const told = await Effect.runPromise(World.run({
 *   nodes: { redis: SimulatedRedis.layer(), a: app, b: app },
 *   invariants: [opensOnce],
 *   script: [{ at: "10 seconds", crash: "redis", for: "2 seconds" }],
 *   for: "30 seconds"
 * }))
 * told.millis // => 30000
 * ```
 *
 * @since 0.1.0
 * @stability unstable
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import {
  type BookingAnswer,
  type BookingCall,
  type BudgetAnswer,
  type BudgetCall,
  type CircuitCall,
  type CircuitEvent,
  type CircuitReply,
  ClusterStore,
  type FleetState,
  StoreFailed
} from "../ClusterStore.ts"
import { type Copy, MemoryTable } from "../clusterStore/memoryTable.ts"
import { OptionsOf } from "../internal/config/checks.ts"
import { Node } from "./World.ts"

/**
 * What a Redis has of one circuit.
 *
 * @since 0.1.0
 * @category models
 */
export interface Circuit {
  readonly state: FleetState
  readonly epoch: number
  /** Of the window. */
  readonly rows: number
  /** That are held, or have results: of this opening. */
  readonly probes: number
}

/**
 * The Redis itself, as a service of its node.
 *
 * @since 0.1.0
 * @category services
 */
export class Server extends Context.Service<Server, {
  readonly circuits: (call: CircuitCall) => Effect.Effect<CircuitReply>
  readonly limits: (call: BookingCall) => Effect.Effect<ReadonlyArray<BookingAnswer>>
  readonly budgets: (call: BudgetCall) => Effect.Effect<ReadonlyArray<BudgetAnswer>>
  /** What it has of a circuit; undefined where it has nothing. */
  readonly circuit: (name: string) => Circuit | undefined
}>()("@switchgear/core/testing/SimulatedRedis/Server") {}

/**
 * Where a node hears of changes. {@link layerStore} provides it.
 *
 * @since 0.1.0
 * @category services
 */
export class Listener extends Context.Service<Listener, {
  readonly push: (event: CircuitEvent) => Effect.Effect<void>
}>()("@switchgear/core/testing/SimulatedRedis/Listener") {}

/**
 * How it begins again.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * How often it is copied. After a crash, it goes on as the last copy, as where a replica takes over that is behind.
   * @default it begins with nothing
   */
  readonly copies?: Duration.Input | undefined
}

/**
 * The node that is the Redis. Dies with a `RangeError` where an option is out of its range.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Server, never, Node> =>
  Layer.effect(
    Server,
    Effect.gen(function*() {
      const check = new OptionsOf("SimulatedRedis.layer")
      check.known(options, ["copies"])
      const node = yield* Node
      const clock = yield* Clock.Clock
      const scope = yield* Effect.scope
      const copy = yield* node.disk<Copy | undefined>("copy", undefined)
      const table = new MemoryTable(yield* Ref.get(copy))
      if (options.copies !== undefined) {
        const save = Effect.suspend(() => Ref.set(copy, table.copy()))
        const often = Effect.sleep(check.positive("copies", options.copies))
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(often, save)))
      }
      const micros = () => Math.floor(Number(clock.currentTimeNanosUnsafe()) / 1000)
      // A node that is down, or has no shared circuits, does not listen.
      const push = (event: CircuitEvent) => (peer: string) =>
        Effect.forkIn(Effect.exit(node.call(peer, Listener, ({ push }) => push(event))), scope)
      return {
        circuits: (call) =>
          Effect.suspend(() => {
            const events: Array<CircuitEvent> = []
            const reply = table.callCircuits(call, micros(), (event) => events.push(event))
            const pushing = Effect.forEach(events, (event) => Effect.forEach(node.peers, push(event)))
            return Effect.as(pushing, reply)
          }),
        limits: (call) => Effect.sync(() => table.callLimits(call, micros())),
        budgets: (call) => Effect.sync(() => table.callBudgets(call, micros())),
        circuit: (name) => {
          const record = table.circuit(name)
          return record && {
            state: record.state,
            epoch: record.epoch,
            rows: record.rows.length,
            probes: record.halfOpen === undefined ? 0 : record.halfOpen.holders.length + record.halfOpen.results
          }
        }
      }
    })
  )

/**
 * The store of a fleet for another node of the world, over the Redis that is the node of this name.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStore = (redis: string): Layer.Layer<ClusterStore | Listener, never, Node> =>
  Layer.effectContext(Effect.gen(function*() {
    const node = yield* Node
    const events = yield* PubSub.unbounded<CircuitEvent>()
    const call = <A>(operation: StoreFailed["operation"], use: (server: Server["Service"]) => Effect.Effect<A>) =>
      Effect.mapError(
        node.call(redis, Server, use),
        (cause) => new StoreFailed({ operation, reason: "failed", cause })
      )
    return Context.make(ClusterStore, {
      circuits: (asked) => call("circuits", ({ circuits }) => circuits(asked)),
      limits: (asked) => call("limits", ({ limits }) => limits(asked)),
      budgets: (asked) => call("budgets", ({ budgets }) => budgets(asked)),
      subscribe: Effect.map(PubSub.subscribe(events), Stream.fromSubscription)
    }).pipe(Context.add(Listener, { push: (event) => Effect.asVoid(PubSub.publish(events, event)) }))
  }))
