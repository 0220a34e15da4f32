/** The API for operators over the running gateway. */
import * as CircuitBreaker from "@switchgear/core/CircuitBreaker"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { onCircuit } from "../acts/circuits.ts"
import { clearCache, pauseLimiter, refreshCache, reload, resizeBulkhead, resumeLimiter } from "../acts/guards.ts"
import { parkKey, unparkKey } from "../acts/keys.ts"
import type { Journal } from "../journal/journal.ts"
import { everyMillis } from "../journal/samples.ts"
import type { Running, Scope } from "../model.ts"
import { api, NotFound, ReloadFailed } from "./api.ts"
import { CurrentToken } from "./currentToken.ts"
import * as Readings from "./readings.ts"
import type * as Schemas from "./schemas.ts"

const observe = (running: Running) =>
  HttpApiBuilder.group(api, "observe", (handlers) =>
    handlers
      .handle("overview", () => Effect.flatMap(CurrentToken, (scope) => Readings.overviewOf(running, scope)))
      .handle("models", () => Effect.map(running.view.guards, (all) => Readings.modelsOf(running, all)))
      .handle("cascades", () => Effect.map(running.view.guards, (all) => Readings.cascadesOf(running, all)))
      .handle("clients", () => Effect.flatMap(running.view.guards, (all) => Readings.clientsOf(running, all)))
      .handle("caches", () => Effect.map(running.view.guards, Readings.cachesOf))
      .handle("cluster", () => Readings.clusterOf(running))
      .handle("providers", () => Readings.providersOf(running))
      .handle(
        "events",
        ({ query: { since = 0 } }) =>
          Effect.sync(() => ({ lastId: running.journal.lastId, events: running.journal.since(since) }))
      )
      .handle("samples", () =>
        Effect.sync(() => ({
          everyMillis,
          durationBounds: running.counts.waits.bounds,
          samples: running.samples.all
        })))
      .handle("stream", () => Effect.map(CurrentToken, (scope) => streamOf(running, scope))))

/** The overview now and each second, and every event. Who reads too slowly loses the oldest events. */
const streamOf = (running: Running, scope: Scope) =>
  Stream.merge(
    Stream.map(
      Stream.fromEffectSchedule(Readings.overviewOf(running, scope), Schedule.spaced("1 second")),
      (data) => ({ event: "snapshot" as const, data })
    ),
    Stream.map(eventsOf(running.journal), (data) => ({ id: String(data.id), event: "event" as const, data }))
  )

const eventsOf = (journal: Journal): Stream.Stream<typeof Schemas.Event.Type> =>
  Stream.callback<typeof Schemas.Event.Type>(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => journal.listen((entry) => Queue.offerUnsafe(queue, entry))),
        (stop) => Effect.sync(stop)
      ),
    { bufferSize: 128, strategy: "sliding" }
  )

/** Who asks, and why. */
const actorOf = (reason: string) => Effect.map(CurrentToken, (by) => ({ by, reason }))

const found = <A>(what: string, id: string, one: A | undefined): Effect.Effect<A, NotFound> =>
  one === undefined
    ? Effect.fail(new NotFound({ message: `There is no ${what} ${JSON.stringify(id.slice(0, 100))}.` }))
    : Effect.succeed(one)

const control = (running: Running) =>
  HttpApiBuilder.group(api, "control", (handlers) =>
    handlers
      .handle("circuit", ({ params: { id }, payload }) =>
        Effect.gen(function*() {
          const duration = payload.command === "trip" ? Duration.seconds(payload.seconds) : undefined
          const actor = yield* actorOf(payload.reason)
          yield* found("circuit", id, yield* onCircuit(running, id, payload.command, actor, duration))
          const guards = yield* running.view.guards
          return Readings.circuitOf(guards, yield* found("circuit", id, guards.find(CircuitBreaker.kind, id)))
        }))
      .handle("limiter", ({ params: { id }, payload }) =>
        Effect.gen(function*() {
          const actor = yield* actorOf(payload.reason)
          const limiter = payload.command === "pause"
            ? yield* pauseLimiter(running, id, Duration.seconds(payload.seconds), actor)
            : yield* resumeLimiter(running, id, actor)
          return Readings.limiterOf(yield* found("rate limiter", id, limiter))
        }))
      .handle("bulkhead", ({ params: { id }, payload: { concurrency, reason } }) =>
        Effect.gen(function*() {
          const bulkhead = yield* resizeBulkhead(running, id, concurrency, yield* actorOf(reason))
          return Readings.bulkheadOf(yield* found("bulkhead", id, bulkhead))
        }))
      .handle("cache", ({ params: { id }, payload: { command, reason } }) =>
        Effect.gen(function*() {
          const act = command === "refresh" ? refreshCache : clearCache
          const cache = yield* act(running, id, yield* actorOf(reason))
          return Readings.cacheOf(yield* found("cache", id, cache))
        }))
      .handle("key", ({ params: { id, key }, payload }) =>
        Effect.gen(function*() {
          const actor = yield* actorOf(payload.reason)
          const duration = payload.command === "park" && payload.seconds !== undefined
            ? Duration.seconds(payload.seconds)
            : undefined
          const isThere = payload.command === "park"
            ? yield* parkKey(running, id, key, duration, actor)
            : yield* unparkKey(running, id, key, actor)
          const all = yield* Readings.providersOf(running)
          // What was taken for the name of a key may be the key itself.
          return yield* found("such key of", id, isThere ? all.find(({ name }) => name === id) : undefined)
        }))
      .handle("reload", ({ payload: { reason } }) =>
        Effect.gen(function*() {
          yield* reload(running, yield* actorOf(reason))
          return { generation: running.generation }
        }).pipe(Effect.mapError(({ message }) => new ReloadFailed({ message })))))

export const handlersOf = (running: Running) => Layer.mergeAll(observe(running), control(running))
