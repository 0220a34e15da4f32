/**
 * A `redis-server` of the test's own on a free port of loopback, with a password. Where there is none, tests are skipped and say so;
 * with SWITCHGEAR_REQUIRE_REDIS=1 that is a failure.
 */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const isMissing = spawnSync("redis-server", ["--version"]).error !== undefined

export const mayBeMissing = process.env["SWITCHGEAR_REQUIRE_REDIS"] !== "1"

export const password = "hunter2-0123456789"

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly kill: Effect.Effect<void>
  /** With nothing in it. */
  readonly start: Effect.Effect<void>
  /** Accepts connections and answers nothing. */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { readonly port: number }
  await new Promise((closed) => server.close(closed))
  return port
}

const spawned = async (port: number, folder: string): Promise<ChildProcess> => {
  const options = ["--port", `${port}`, "--bind", "127.0.0.1", "--requirepass", password, "--save", "", "--dir", folder]
  const server = spawn("redis-server", options, { stdio: ["ignore", "pipe", "ignore"] })
  await new Promise<void>((resolve, reject) => {
    server.stdout.on("data", (text: Buffer) => {
      if (text.includes("eady to accept connections")) resolve()
    })
    server.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)))
  })
  return server
}

const killed = async (server: ChildProcess): Promise<void> => {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = once(server, "exit")
  server.kill("SIGKILL")
  await ended
}

/** A server that runs. Another program may take the port before it does. */
export const redisServer: Effect.Effect<RedisServer, never, Scope.Scope> = Effect.gen(function*() {
  const folder = mkdtempSync(join(tmpdir(), "redis-"))
  const begin = Effect.tryPromise(async () => {
    const port = await freePort()
    return { port, server: await spawned(port, folder) }
  })
  const begun = yield* Effect.orDie(Effect.retry(begin, { times: 5 }))
  const { port } = begun
  let { server } = begun
  const signal = (name: NodeJS.Signals) => Effect.sync(() => void server.kill(name))
  yield* Effect.addFinalizer(() =>
    Effect.promise(async () => {
      await killed(server)
      rmSync(folder, { recursive: true })
    })
  )
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    port,
    kill: Effect.promise(() => killed(server)),
    start: Effect.promise(async () => {
      server = await spawned(port, folder)
    }),
    pause: signal("SIGSTOP"),
    resume: signal("SIGCONT")
  }
})
