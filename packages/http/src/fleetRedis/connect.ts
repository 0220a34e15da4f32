/** Connects a fleet to its Redis, or Redis Cluster, without waiting for it. */
import { OptionsOf } from "@switchgear/core/runtime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redis from "effect/persistence/Redis"
import type * as Scope from "effect/Scope"
import type { OpenClient } from "./client.ts"
import { clusterClient } from "./clusterClient.ts"
import { KeptClient } from "./keptClient.ts"
import type { ClusterOptions, Options } from "./options.ts"
import { clusterSettings, type Settings, singleSettings } from "./settings.ts"
import { singleClient } from "./singleClient.ts"

export interface Connection {
  readonly redis: Redis.Redis["Service"]
  /** Ends after the first attempt to connect. */
  readonly tried: Effect.Effect<void>
  /** Why there is no connection, in one word; undefined where there is one, and before the first attempt has ended. */
  readonly lostBy: () => string | undefined
}

export const toOne = (options: Options): Effect.Effect<Connection, never, Scope.Scope> =>
  kept(() => singleSettings(options, new OptionsOf("FleetRedis.layer")), singleClient)

export const toCluster = (options: ClusterOptions): Effect.Effect<Connection, never, Scope.Scope> =>
  kept(() => clusterSettings(options, new OptionsOf("FleetRedis.layerCluster")), clusterClient)

const kept = (
  settingsOf: () => Settings,
  open: (settings: Settings) => OpenClient
): Effect.Effect<Connection, never, Scope.Scope> =>
  Effect.gen(function*() {
    const settings = yield* Effect.sync(settingsOf)
    const client = new KeptClient(() => open(settings), settings)
    const starting = yield* Effect.forkScoped(client.start)
    return { redis: yield* Redis.make(client), tried: Fiber.join(starting), lostBy: () => client.lostBy }
  })
