/** The command as a process of its own. */
import { Effect, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const main = join(import.meta.dirname, "../../src/gateway/main.ts")

export interface Command {
  readonly process: ChildProcess
  /** All that it has printed. */
  readonly printed: () => string
  readonly ended: Effect.Effect<number | NodeJS.Signals>
  /** Once it serves. That of operators is empty where there is none. */
  readonly addresses: Effect.Effect<{ readonly clients: string; readonly operators: string }>
}

/** `switchgear start` over a file. It is killed with the scope. */
export const started = (file: string): Effect.Effect<Command, never, Scope.Scope> =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "switchgear-signals-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    const path = join(folder, "gateway.yaml")
    writeFileSync(path, file)
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(process.execPath, ["--conditions=source", main, "start", "--config", path])),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    let printed = ""
    child.stdout.on("data", (piece) => printed += piece)
    child.stderr.on("data", (piece) => printed += piece)
    const end = once(child, "close")
    const find = Effect.sync(() => /Clients: +(http:\S+)\/v1[^]*Try it/.exec(printed)?.[1])
    return {
      process: child,
      printed: () => printed,
      ended: Effect.map(Effect.promise(() => end), ([code, signal]) => code ?? signal),
      addresses: Effect.map(
        Effect.repeat(Effect.delay(find, 10), { until: (url) => url !== undefined }),
        (clients) => ({ clients: clients!, operators: /Operators: +(http:\S+)\//.exec(printed)?.[1] ?? "" })
      )
    }
  })
