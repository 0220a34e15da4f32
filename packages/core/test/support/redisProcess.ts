/** A server of the test's own, ended by its process and by nothing else. */
import { Effect } from "effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

export type Program = "redis-server" | "valkey-server"

export const isInstalled = (program: Program): boolean => spawnSync(program, ["--version"]).error === undefined

const spawned = async (program: Program, args: ReadonlyArray<string>): Promise<ChildProcess> => {
  const server = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"] })
  await new Promise<void>((resolve, reject) => {
    server.stdout.on("data", (text: Buffer) => {
      if (text.includes("eady to accept connections") || text.includes("is now ready")) resolve()
    })
    server.once("exit", (code) => reject(new Error(`${program} ended with ${code}`)))
  })
  return server
}

const killed = async (server: ChildProcess): Promise<void> => {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = once(server, "exit")
  server.kill("SIGKILL")
  await ended
}

/** A server in a folder of its own, without persistence. `args` is asked again at each start. */
export const redisProcess = (args: (folder: string) => ReadonlyArray<string>, program: Program = "redis-server") =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "redis-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    const start = () => spawned(program, ["--save", "", "--dir", folder, ...args(folder)])
    let running: ChildProcess = yield* Effect.acquireRelease(
      Effect.promise(start),
      () => Effect.promise(() => killed(running))
    )
    return {
      folder,
      kill: Effect.promise(() => killed(running)),
      /** Starts it again after it was killed. */
      start: Effect.promise(async () => {
        running = await start()
      }),
      /** Stops it where it stands, for as long as the effect runs. */
      frozen: <A, E, R>(meanwhile: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
        Effect.acquireUseRelease(
          Effect.sync(() => running.kill("SIGSTOP")),
          () => meanwhile,
          () => Effect.sync(() => running.kill("SIGCONT"))
        )
    }
  })

/** A port of the loopback address that nobody listens on. */
export const freePort: Effect.Effect<number> = Effect.promise(async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, "close")
  return port
})
