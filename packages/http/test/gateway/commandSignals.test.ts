/** What the command does when it is told to end, by real signals: no answer is cut off that can still come. */
import { assert, describe, it } from "@effect/vitest"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Fiber, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chat, hello } from "./running.ts"

const main = join(import.meta.dirname, "../../src/gateway/main.ts")

interface Command {
  readonly process: ChildProcess
  /** All that it has printed. */
  readonly printed: () => string
  readonly ended: Effect.Effect<number | NodeJS.Signals>
}

const started = (file: string): Effect.Effect<Command, never, Scope.Scope> =>
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
    return {
      process: child,
      printed: () => printed,
      ended: Effect.map(Effect.promise(() => end), ([code, signal]) => code ?? signal)
    }
  })

/** A command that serves, with a stream of its model in flight. */
const serving = Effect.gen(function*() {
  const provider = yield* SimulatedProvider.make({
    models: { first: { outcome: Behaviour.stream({ text: "one two three four", chunks: 4, pause: 400 }) } }
  })
  const { url } = yield* SimulatedProvider.serve(provider)
  const command = yield* started(
    `{ listen: { port: 0 }, providers: { sim: { baseUrl: ${url} } }, models: { first: { provider: sim } } }`
  )
  const address = () => /Clients: +(http:\S+)\/v1/.exec(command.printed())?.[1]
  yield* Effect.repeat(Effect.delay(Effect.sync(address), 10), { until: (url) => url !== undefined })
  const answer = yield* Effect.forkChild(chat(address()!, { ...hello, model: "first", stream: true }))
  yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
  return { ...command, answer: Fiber.join(answer) }
})

const wait = 60_000

describe("the command lets the calls in flight end, with code 0,", () => {
  for (
    const [what, signals] of [
      ["when it is told so", ["SIGTERM"]],
      ["when npm passes one Ctrl-C on several times", ["SIGINT", "SIGINT", "SIGINT"]],
      ["when the terminal closes meanwhile", ["SIGTERM", "SIGHUP"]]
    ] as const
  ) {
    it.live(what, () =>
      Effect.scoped(Effect.gen(function*() {
        const { answer, ended, process } = yield* serving
        for (const signal of signals) {
          process.kill(signal)
          yield* Effect.sleep(30)
        }
        assert.include((yield* answer).text, "[DONE]")
        assert.strictEqual(yield* ended, 0)
      })), wait)
  }
})

it.live("the command ends at once when it is told so a second time", () =>
  Effect.scoped(Effect.gen(function*() {
    const { ended, process } = yield* serving
    process.kill("SIGTERM")
    yield* Effect.sleep(400)
    process.kill("SIGTERM")
    assert.strictEqual(yield* ended, 130)
  })), wait)
