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
const process = (args: (folder: string) => ReadonlyArray<string>, program: Program) =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "redis-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    const start = () => spawned(program, ["--save", "", "--dir", folder, ...args(folder)])
    let running: ChildProcess = yield* Effect.acquireRelease(
      Effect.tryPromise(start),
      () => Effect.promise(() => killed(running))
    )
    const signal = (name: NodeJS.Signals) => Effect.sync(() => void running.kill(name))
    const [pause, resume] = [signal("SIGSTOP"), signal("SIGCONT")]
    return {
      folder,
      kill: Effect.promise(() => killed(running)),
      /** Starts it again after it was killed. */
      start: Effect.promise(async () => {
        running = await start()
      }),
      /** Stops it where it stands: it accepts connections and answers nothing. */
      pause,
      resume,
      /** The same for as long as the effect runs. */
      frozen: <A, E, R>(meanwhile: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
        Effect.acquireUseRelease(pause, () => meanwhile, () => resume)
    }
  })

/** A server where `args` say. */
export const redisProcess = (args: (folder: string) => ReadonlyArray<string>, program: Program = "redis-server") =>
  Effect.orDie(process(args, program))

/** A port of the loopback address that nobody listens on. */
export const freePort: Effect.Effect<number> = Effect.promise(async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, "close")
  return port
})

/** A server on a port that was free. Another program may take that before the server does: then it is another one. */
export const redisOnPort = (more: ReadonlyArray<string> = [], program: Program = "redis-server") =>
  freePort.pipe(
    Effect.flatMap((port) =>
      Effect.map(
        process(() => ["--port", String(port), "--bind", "127.0.0.1", ...more], program),
        (server) => ({ ...server, port })
      )
    ),
    Effect.retry({ times: 5 }),
    Effect.orDie
  )
