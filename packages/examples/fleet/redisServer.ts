/**
 * A `redis-server` of the command's own, on a free port of this machine: it keeps nothing, in a folder of its own. It is ended by
 * its id with the scope, also where it is stopped.
 */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { type AddressInfo, connect, createServer } from "node:net"
import { folder } from "./folder.ts"
import { ProcessFailed, RedisMissing } from "./failures.ts"

export interface RedisServer {
  readonly port: number
  readonly folder: string
  readonly pid: () => number
  /** Sends commands as they would be typed, one a line, and answers with all that was said. */
  readonly send: (...commands: ReadonlyArray<string>) => Effect.Effect<string, ProcessFailed>
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  readonly kill: Effect.Effect<void>
  /** Starts it again, with nothing in it. */
  readonly start: Effect.Effect<void, ProcessFailed | RedisMissing>
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}

const failed = (why: string) => new ProcessFailed({ process: "redis-server", why })

const isRunning = ({ exitCode, pid, signalCode }: ChildProcess): boolean =>
  pid !== undefined && exitCode === null && signalCode === null

const spawned = (port: number, folder: string): Effect.Effect<ChildProcess, ProcessFailed | RedisMissing> =>
  Effect.callback((resume) => {
    const args = ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder]
    // In a group of its own: Ctrl-C reaches the command, which ends it.
    const server = spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"], detached: true })
    let said = ""
    server.stdout.on("data", (text: Buffer) => {
      said = (said + text).slice(-2000)
      if (said.includes("eady to accept connections")) resume(Effect.succeed(server))
    })
    server.once(
      "error",
      (error: NodeJS.ErrnoException) =>
        resume(Effect.fail(error.code === "ENOENT" ? new RedisMissing() : failed(error.message)))
    )
    server.once(
      "exit",
      (code) => resume(Effect.fail(failed(`it ended with ${code}: ${said.trim().split("\n").at(-1)}`)))
    )
    return Effect.sync(() => isRunning(server) && server.kill("SIGKILL"))
  })

const ended = (server: ChildProcess): Effect.Effect<void> =>
  Effect.promise(async () => {
    if (!isRunning(server)) return
    const exit = once(server, "exit")
    server.kill("SIGKILL")
    await exit
  })

const sent = (port: number, commands: ReadonlyArray<string>): Effect.Effect<string, ProcessFailed> =>
  Effect.callback<string, ProcessFailed>((resume) => {
    const socket = connect({ host: "127.0.0.1", port })
    let said = ""
    socket.on("data", (text) => said += text)
    socket.once("error", (error) => resume(Effect.fail(failed(error.message))))
    socket.once("close", () => resume(Effect.succeed(said)))
    socket.write([...commands, "QUIT"].map((command) => `${command}\r\n`).join(""))
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.fail(failed("it does not answer")) }),
    Effect.filterOrFail((said) => !/^-/m.test(said), (said) => failed(said.trim()))
  )

export const redisServer: Effect.Effect<RedisServer, ProcessFailed | RedisMissing, Scope.Scope> = Effect.gen(
  function*() {
    const place = yield* folder
    // Another program can take the port before Redis does.
    const first = Effect.gen(function*() {
      const port = yield* Effect.promise(freePort)
      return { port, process: yield* spawned(port, place) }
    })
    const running = yield* Effect.acquireRelease(
      Effect.retry(first, { times: 3, while: (error) => error._tag === "ProcessFailed" }),
      (running) => ended(running.process),
      { interruptible: true }
    )
    const { port } = running
    return {
      port,
      folder: place,
      pid: () => running.process.pid!,
      send: (...commands) => sent(port, commands),
      pause: Effect.sync(() => void running.process.kill("SIGSTOP")),
      resume: Effect.sync(() => void running.process.kill("SIGCONT")),
      kill: Effect.suspend(() => ended(running.process)),
      // Not to be interrupted between the start and what ends it.
      start: Effect.uninterruptible(Effect.map(spawned(port, place), (process) => {
        running.process = process
      }))
    }
  }
)
