/** A server of the test's own, on a socket in a folder of its own. */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { Context, Effect, Layer } from "effect"
import { join } from "node:path"
import { type Program, redisProcess } from "../support/redisProcess.ts"

/** A server that runs. */
export class Server extends Context.Service<Server, {
  readonly path: string
  /** Kills it, and starts it again with nothing in it. */
  readonly restart: Effect.Effect<void>
  readonly kill: Effect.Effect<void>
  readonly start: Effect.Effect<void>
  /** Stops its process for as long as the effect runs. */
  readonly frozen: <A, E, R>(meanwhile: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}>()("test/RedisServer") {}

export const server = Server

const socketIn = (folder: string): string => join(folder, "redis.sock")

const layerServer = (program: Program) =>
  Layer.effect(
    Server,
    Effect.map(
      redisProcess(
        (folder) => ["--port", "0", "--unixsocket", socketIn(folder), "--enable-debug-command", "local"],
        program
      ),
      ({ folder, frozen, kill, start }) => ({
        path: socketIn(folder),
        restart: Effect.andThen(kill, start),
        kill,
        start,
        frozen
      })
    )
  )

/** The client of the platform over a server. */
export const layerRedisOf = (program: Program) =>
  Layer.unwrap(
    Effect.map(Server, ({ path }) => NodeRedis.layer({ socket: { path, tls: false }, disableOfflineQueue: true }))
  ).pipe(Layer.provideMerge(layerServer(program)))

export const layerRedis = layerRedisOf("redis-server")
