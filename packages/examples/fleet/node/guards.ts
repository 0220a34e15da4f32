/** The three ways of guarding a call: a breaker of the node's own, the platform's over its Redis store, and one of a fleet. */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Cluster from "@switchgear/core/Cluster"
import * as ClusterStore from "@switchgear/core/ClusterStore"
import * as FleetRedis from "@switchgear/http/FleetRedis"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Platform from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Guarding, Part, RedisPlace, State } from "../messages.ts"
import { settings } from "../scenario.ts"
import { CallFailed } from "./ask.ts"
import { type StoreDiary, watched } from "./watchedStore.ts"

/** Runs the work, which is told whether it is a probe, behind the guard. */
export interface Guarded {
  readonly protect: <E>(work: (isProbe: boolean) => Effect.Effect<void, E>) => Effect.Effect<void, unknown>
  /** Whether an error is the guard's word that it made no call. */
  readonly isRefusal: (error: unknown) => boolean
  readonly changes: Stream.Stream<State>
}

/** Builds the guard of a night; it lasts for as long as the scope. */
export const guardOf = (part: Part, diary: StoreDiary): Effect.Effect<Guarded, unknown, Scope.Scope> =>
  makers[part.guarding](part, diary)

const breaker = ({ night }: Part, shared: boolean): Effect.Effect<Guarded> =>
  Effect.map(
    CircuitBreaker.make({
      name: "model",
      shared,
      window: CircuitBreaker.lastCalls(settings.window),
      minimumCalls: settings.minimumCalls,
      failureRate: settings.failureRate,
      openFor: night.openFor
    }),
    (breaker) => ({
      protect: (work) => breaker.protect(Effect.flatMap(breaker.state, (state) => work(state === "HalfOpen"))),
      isRefusal: (error) => error instanceof CircuitBreaker.CircuitOpen,
      changes: Stream.filter(
        Stream.map(breaker.transitions, ({ to }) => to),
        (to): to is State => to === "Open" || to === "HalfOpen" || to === "Closed"
      )
    })
  )

// All processes come at once, to a machine that may have other work.
const connectTimeout = 30_000

const redis = ({ port, username }: RedisPlace) =>
  FleetRedis.layer({
    connectTimeout,
    url: Redacted.make(`redis://127.0.0.1:${port}`),
    ...username !== undefined && { username, password: Redacted.make(username) }
  })

const fleet = Effect.fnUntraced(function*(part: Part, diary: StoreDiary) {
  const store = Layer.provide(ClusterStore.layerRedis({ fleet: part.name }), redis(part.redis!))
  const context = yield* Layer.build(Layer.provide(Cluster.layer(), Layer.provide(watched(diary), store)))
  const guarded = yield* Effect.provideContext(breaker(part, true), context)
  const { status } = Context.get(context, Cluster.Cluster)
  yield* Effect.repeat(status, {
    until: ({ state }) => state === "joined",
    schedule: Schedule.spaced("20 millis")
  }).pipe(Effect.timeout("15 seconds"))
  return guarded
})

/** The platform tells whether a call is a probe only to its store: so each fiber that was let in as one is noted there. */
const store = Effect.fnUntraced(function*({ name, night, redis: place }: Part) {
  const probing = new Set<number>()
  const noted = Layer.effect(
    Platform.CircuitBreakerStore,
    Effect.map(Platform.CircuitBreakerStore, (store) => ({
      ...store,
      admit: (key: string) =>
        Effect.tap(
          store.admit(key),
          ({ probe }) => Effect.withFiber(({ id }) => Effect.sync(() => probe && probing.add(id)))
        )
    }))
  )
  const context = yield* Layer.build(
    Layer.provide(
      noted,
      Layer.provide(
        Platform.layerStoreRedis({ prefix: `${name}:` }),
        NodeRedis.layer({ socket: { host: "127.0.0.1", port: place!.port, connectTimeout }, disableOfflineQueue: true })
      )
    )
  )
  const breaker = yield* Effect.provideContext(
    Platform.make({
      tripPolicy: Platform.rate({
        threshold: settings.failureRate,
        size: settings.window,
        minimumCalls: settings.minimumCalls
      }),
      openDuration: night.openFor
    }),
    context
  )
  return {
    protect: (work) =>
      breaker.execute(Effect.withFiber(({ id }) => Effect.suspend(() => work(probing.delete(id)))), { key: "model" }),
    isRefusal: (error) => error instanceof Platform.CircuitBreakerError,
    changes: Stream.map(breaker.transitions, ({ to }) => to)
  } satisfies Guarded
})

const makers: Record<Guarding, (part: Part, diary: StoreDiary) => Effect.Effect<Guarded, unknown, Scope.Scope>> = {
  local: (part) => breaker(part, false),
  store,
  fleet
}

/** Whether the customer gets the canned reply: the provider failed, or was not asked. */
export const isForeseen = ({ isRefusal }: Guarded, error: unknown): boolean =>
  error instanceof CallFailed || isRefusal(error)
