/**
 * A `redis-server` of the test's own, on a socket in a folder of its own. Where there is none, tests are skipped and say so; with
 * SWITCHGEAR_REQUIRE_REDIS=1 that is a failure.
 */
import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { Context, Effect, Layer } from "effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const isMissing = spawnSync("redis-server", ["--version"]).error !== undefined

export const mayBeMissing = process.env["SWITCHGEAR_REQUIRE_REDIS"] !== "1"

interface Place {
  readonly folder: string
  readonly path: string
}

const spawned = async ({ folder, path }: Place): Promise<ChildProcess> => {
  const server = spawn("redis-server", [
    "--port",
    "0",
    "--unixsocket",
    path,
    "--save",
    "",
    "--dir",
    folder,
    "--enable-debug-command",
    "local"
  ], { stdio: ["ignore", "pipe", "ignore"] })
  await new Promise<void>((resolve, reject) => {
    server.stdout.on("data", (text: Buffer) => {
      if (text.includes("eady to accept connections") || text.includes("is now ready")) resolve()
    })
    server.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)))
  })
  return server
}

const killed = async (server: ChildProcess): Promise<void> => {
  const ended = once(server, "exit")
  server.kill("SIGKILL")
  await ended
}

/** A server that runs. */
export class Server extends Context.Service<Server, {
  readonly path: string
  /** Kills it, and starts it again with nothing in it. */
  readonly restart: Effect.Effect<void>
}>()("test/RedisServer") {}

export const server = Server

const layerServer = Layer.effect(
  Server,
  Effect.gen(function*() {
    const folder = mkdtempSync(join(tmpdir(), "redis-"))
    const place = { folder, path: join(folder, "redis.sock") }
    let running = yield* Effect.promise(() => spawned(place))
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        await killed(running)
        rmSync(folder, { recursive: true })
      })
    )
    return {
      path: place.path,
      restart: Effect.promise(async () => {
        await killed(running)
        running = await spawned(place)
      })
    }
  })
)

/** The client of the platform over it. */
export const layerRedis = Layer.unwrap(
  Effect.map(Server, ({ path }) => NodeRedis.layer({ socket: { path, tls: false }, disableOfflineQueue: true }))
).pipe(Layer.provideMerge(layerServer))
