/** The processes of the nodes. They are ended by their ids with the scope, however it ends. */
import { Deferred, Effect, type Scope } from "effect"
import { type ChildProcess, fork } from "node:child_process"
import { join } from "node:path"
import { ProcessFailed } from "./failures.ts"
import type { Change, Estate, Order, Part, Played, Report } from "./messages.ts"

type Changed = (node: number, night: string, change: Change) => void

export interface NodeProcesses {
  /** Each builds its guards. */
  readonly prepare: (parts: (node: number) => ReadonlyArray<Part>) => Effect.Effect<void, ProcessFailed>
  /** Each plays its nights, which are told night by night. */
  readonly play: (
    startsAt: number,
    changed: Changed
  ) => Effect.Effect<ReadonlyArray<ReadonlyArray<Played>>, ProcessFailed>
  /** This is the estate from now on. */
  readonly inherit: (estate: Estate) => Effect.Effect<void>
}

class NodeProcess {
  readonly process: ChildProcess
  private readonly name: string
  private waiting: Deferred.Deferred<Report, ProcessFailed> = Deferred.makeUnsafe()
  private failure: ProcessFailed | undefined
  changed: (night: string, change: Change) => void = () => {}

  constructor(index: number, cache: string, estate: Estate) {
    this.name = `Node ${index + 1}`
    this.process = fork(join(import.meta.dirname, "node", "main.ts"), [JSON.stringify(estate)], {
      // Much of a process is its young generation, of which a node needs little.
      execArgv: ["--max-semi-space-size=2", "--max-old-space-size=128"],
      env: { NODE_COMPILE_CACHE: cache, ...process.env },
      stdio: ["ignore", "ignore", "inherit", "ipc"]
    })
    this.process.on("message", (report: Report) => {
      if (report._tag === "changed") this.changed(report.night, report.change)
      else if (report._tag === "failed") this.fail(report.message)
      else Deferred.doneUnsafe(this.waiting, Effect.succeed(report))
    })
    // More than once: each message to a process that is gone is one.
    this.process.on("error", (error) => this.fail(error.message))
    this.process.once("exit", (code, signal) => this.fail(`it ended with ${signal ?? code}`))
  }

  private fail(why: string): void {
    this.failure ??= new ProcessFailed({ process: this.name, why })
    Deferred.doneUnsafe(this.waiting, Effect.fail(this.failure))
  }

  /** The next report. One that came before is taken. */
  get report(): Effect.Effect<Report, ProcessFailed> {
    return Deferred.await(this.waiting)
  }

  ask(order: Order): Effect.Effect<Report, ProcessFailed> {
    return Effect.suspend(() => {
      if (this.failure !== undefined) return Effect.fail(this.failure)
      this.waiting = Deferred.makeUnsafe()
      this.process.send(order)
      return this.report
    })
  }

  end(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const { exitCode, pid, signalCode } = this.process
      if (pid === undefined || exitCode !== null || signalCode !== null) return resume(Effect.void)
      this.process.once("exit", () => resume(Effect.void))
      this.process.kill("SIGKILL")
    })
  }
}

/**
 * They clear the estate away if the command is killed and cannot. `cache` is where what they have compiled is kept, where the
 * environment names no other place.
 */
export const nodeProcesses = (
  count: number,
  cache: string,
  estate: Estate
): Effect.Effect<NodeProcesses, ProcessFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const started = (index: number) =>
      Effect.acquireRelease(Effect.sync(() => new NodeProcess(index, cache, estate)), (node) => node.end())
    // The first one compiles, and the others use what it has compiled.
    const first = yield* started(0)
    yield* first.report
    const others = yield* Effect.forEach(Array.from({ length: count - 1 }, (_, i) => i + 1), started)
    yield* Effect.forEach(others, (node) => node.report)
    const all = [first, ...others]
    const askAll = (order: (node: number) => Order) =>
      Effect.forEach(all, (node, index) => node.ask(order(index)), { concurrency: "unbounded" })
    return {
      prepare: (parts) => Effect.asVoid(askAll((node) => ({ _tag: "prepare", parts: parts(node) }))),
      play: (startsAt, changed) =>
        Effect.suspend(() => {
          all.forEach((node, index) => node.changed = (night, change) => changed(index, night, change))
          return askAll(() => ({ _tag: "play", startsAt }))
        }).pipe(Effect.map((reports) => {
          const played = reports.map((report) => report._tag === "played" ? report.nights : [])
          return played[0]!.map((_, night) => played.map((nights) => nights[night]!))
        })),
      inherit: (estate) =>
        Effect.sync(() => all.forEach(({ process }) => process.send({ _tag: "inherit", estate } satisfies Order)))
    }
  })
