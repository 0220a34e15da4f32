import { Effect } from "effect"
import { spawn } from "node:child_process"
import { resolve } from "node:path"

/** How a program of this package ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** All programs load the same modules: what one has compiled, the others use. */
const { NODE_COMPILE_CACHE = "" } = process.env

/**
 * Runs a program of this package, or one that was bundled, with nothing else in its environment but what is given; ended with
 * the test.
 */
export const run = (
  program: string,
  options: {
    readonly args?: ReadonlyArray<string>
    readonly env?: Readonly<Record<string, string>>
    /** Interrupts it as soon as this has been printed. */
    readonly interruptAt?: string
    /** Is given what was printed each time, until it answers with an effect; the program is interrupted when that ends. */
    readonly meanwhile?: (stdout: string) => Effect.Effect<void> | undefined
  } = {}
): Effect.Effect<Ended> =>
  Effect.callback<Ended>((resume) => {
    const child = spawn(
      process.execPath,
      [resolve(import.meta.dirname, "..", "..", program), ...(options.args ?? [])],
      {
        env: { NODE_COMPILE_CACHE, ...options.env },
        stdio: ["ignore", "pipe", "pipe"]
      }
    )
    let stdout = ""
    let stderr = ""
    let interrupted = false
    const { interruptAt, meanwhile = (printed) => printed.includes(interruptAt ?? "\0") ? Effect.void : undefined } =
      options
    const look = (printed: string) => {
      const work = interrupted ? undefined : meanwhile(printed)
      if (work === undefined) return
      interrupted = true
      Effect.runFork(Effect.ensuring(work, Effect.sync(() => child.kill("SIGINT"))))
    }
    child.stdout.on("data", (chunk) => look(stdout += chunk))
    child.stderr.on("data", (chunk) => look(stderr += chunk))
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => void child.kill("SIGKILL"))
  })
