import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundled } from "../../http/test/support/bundled.ts"
import { run } from "./support/run.ts"

/** As it is, once: the others start dozens of processes, each of which would read hundreds of modules. */
const asItIs = join(import.meta.dirname, "..", "fleet", "main.ts")

const fleet = await bundled(asItIs, join(import.meta.dirname, "..", "fleet", "node", "main.ts"))

const { NODE_COMPILE_CACHE = "", PATH = "" } = process.env

const isMissing = spawnSync("redis-server", ["--version"]).error !== undefined

const isLinux = process.platform === "linux"

/** An environment that the processes of one run have, and no others, with a folder for all that they keep. */
const marked = (mark: string) => ({
  PATH,
  NODE_COMPILE_CACHE,
  TMPDIR: mkdtempSync(join(tmpdir(), "fleet-test-")),
  SWITCHGEAR_RUN: `${mark}-${process.pid}`
})

/** What a run has left: processes that have its environment or live in its folder, and files. */
const left = ({ SWITCHGEAR_RUN, TMPDIR }: ReturnType<typeof marked>): ReadonlyArray<string> => [
  ...(isLinux ? readdirSync("/proc") : []).filter((pid) => {
    try {
      return /^\d+$/.test(pid) && (
        readFileSync(`/proc/${pid}/environ`, "utf8").includes(`=${SWITCHGEAR_RUN}\0`) ||
        // Redis writes its title over its environment.
        readlinkSync(`/proc/${pid}/cwd`).startsWith(TMPDIR)
      )
    } catch {
      // It has ended, or is somebody else's.
      return false
    }
  }),
  ...readdirSync(TMPDIR)
]

/** The command, which is ended with the test. */
const started = (args: ReadonlyArray<string>, env: ReturnType<typeof marked>) =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [fleet, ...args], { env, stdio: ["ignore", "pipe", "inherit"] })),
    (command) => Effect.sync(() => command.kill("SIGTERM"))
  )

/** A process that this one has started, by what it is called. */
const childOf = (parent: number, name: string): string | undefined =>
  readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").split(" ").find((pid) =>
    pid !== "" && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(name)
  )

const assertNothingLeft = (env: ReturnType<typeof marked>) => {
  assert.deepStrictEqual(left(env), [])
  rmdirSync(env.TMPDIR)
}

const whole = ["calls", "badCalls", "lastBadCallMs", "probes"] as const

describe.concurrent("npm run fleet", () => {
  if (isMissing) {
    it("is played on a real Redis", ({ skip }) => {
      assert.notStrictEqual(
        process.env["SWITCHGEAR_REQUIRE_REDIS"],
        "1",
        "redis-server is not installed, and SWITCHGEAR_REQUIRE_REDIS=1 asks for it"
      )
      skip("redis-server is not installed")
    })
  } else {
    it.live(
      "with --json prints one object and nothing else, holds what a fleet promises, and leaves nothing behind",
      () =>
        Effect.gen(function*() {
          const env = marked("json")
          const { code, stderr, stdout } = yield* run(fleet, {
            args: ["--json", "--nodes", "10", "--seconds", "5"],
            env
          })
          assert.deepStrictEqual([code, stderr], [0, ""])
          assertNothingLeft(env)
          const told = JSON.parse(stdout)
          assert.hasAllKeys(told, ["local", "store", "fleet", "redis", "faults"])
          for (const night of [told.local, told.store, told.fleet]) {
            assert.hasAllKeys(night, ["nodes", ...whole, "recoveredMs", "callerWaitP99Ms"])
            assert.strictEqual(night.nodes, 10)
            for (const name of whole) assert.isTrue(Number.isInteger(night[name]) && night[name] >= 0, name)
            // The same customers come to all.
            assert.strictEqual(night.calls, told.local.calls)
          }
          assert.isBelow(told.fleet.badCalls, told.local.badCalls)
          assert.isAtMost(told.fleet.probes, told.local.probes)
          assert.hasAllKeys(told.redis, ["opsPerNodePerSecond", "syncP50Ms", "syncP99Ms", "pushP99Ms"])
          for (const number of Object.values(told.redis)) assert.isAbove(number as number, 0)
          assert.hasAllKeys(told.faults, ["paused", "killed", "flushed", "halfCut"])
          for (const [name, fault] of Object.entries<Record<string, number>>(told.faults)) {
            assert.hasAllKeys(fault, ["customersWithError", "badCalls", "closedTooEarly", "rejoinedMs", "executedLate"])
            assert.strictEqual(fault["customersWithError"], 0, name)
            assert.strictEqual(fault["closedTooEarly"], 0, name)
            assert.isAtMost(fault["executedLate"]!, name === "paused" ? 1 : 0, name)
            assert.isNotNull(fault["rejoinedMs"], name)
          }
        }),
      120_000
    )

    it.live(
      "tells the nights in plain lines, and leaves nothing behind when it is interrupted",
      () =>
        Effect.gen(function*() {
          const env = marked("interrupted")
          const args = ["--nodes", "3", "--seconds", "5"]
          const { code, stdout } = yield* run(asItIs, { args, env, interruptAt: "in vain" })
          assert.strictEqual(code, 130)
          assert.include(stdout, "3 nodes, 100 calls a second in all")
          assert.include(stdout, "Local breakers")
          assert.notInclude(stdout, "\x1b")
          assert.notInclude(stdout, "Nodes that closed too early")
          assertNothingLeft(env)
        }),
      60_000
    )

    it.live.skipIf(!isLinux)(
      "ends with a sentence when a node or its Redis ends, and leaves nothing behind",
      () =>
        Effect.gen(function*() {
          for (const child of ["node/main", "redis-server"]) {
            const env = marked(child.replace("/", "-"))
            const args = ["--json", "--nodes", "2", "--seconds", "5"]
            const command = yield* started(args, env)
            // Redis that ends before it is ready is started on another port: it is, once there are nodes.
            const victim = Effect.sync(() => childOf(command.pid!, "node/main") && childOf(command.pid!, child))
            const pid = yield* Effect.repeat(victim, {
              until: (pid) => pid !== undefined,
              schedule: Schedule.spaced("20 millis")
            })
            let stdout = ""
            command.stdout.on("data", (text) => stdout += text)
            yield* Effect.promise(async () => {
              const exit = once(command, "close")
              process.kill(Number(pid), "SIGKILL")
              assert.deepStrictEqual(await exit, [1, null])
            })
            assert.match(JSON.parse(stdout).error, /^(Node \d|redis-server) failed: ./)
            assertNothingLeft(env)
          }
        }).pipe(Effect.scoped),
      60_000
    )

    for (const signal of ["SIGKILL", "SIGHUP"] as const) {
      it.live(`leaves nothing behind when it is ended by ${signal}`, () =>
        Effect.gen(function*() {
          const env = marked(signal)
          const command = yield* started(["--nodes", "2", "--seconds", "5"], env)
          yield* Effect.promise(async () => {
            await new Promise<void>((resolve) =>
              command.stdout.on("data", (text) => String(text).includes("in vain") && resolve())
            )
            const exit = once(command, "exit")
            command.kill(signal)
            await exit
          })
          // Its nodes do it where the command cannot.
          const none = Effect.sync(() => left(env).length === 0)
          yield* Effect.repeat(none, { until: (is) => is, schedule: Schedule.spaced("20 millis") }).pipe(
            Effect.timeout("10 seconds")
          )
          assertNothingLeft(env)
        }).pipe(Effect.scoped), 60_000)
    }
  }

  it.live("says how to get redis-server where there is none, also as JSON", () =>
    Effect.gen(function*() {
      const env = { PATH: "/nowhere" }
      const [text, json] = yield* Effect.all([run(fleet, { env }), run(fleet, { env, args: ["--json"] })], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([text.code, json.code, json.stderr], [1, 1, ""])
      assert.include(text.stderr, "There is no redis-server on the PATH: install it")
      assert.notInclude(text.stderr, "    at ")
      assert.include(JSON.parse(json.stdout).error, "There is no redis-server on the PATH: install it")
    }), 60_000)

  it.live("refuses what there cannot be with a sentence, also as JSON", () =>
    Effect.gen(function*() {
      for (const [args, sentence] of [[["--nodes", "1"], "--nodes must be"], [["--jsn"], "--jsn"]] as const) {
        const text = yield* run(fleet, { args })
        assert.strictEqual(text.code, 1)
        assert.include(text.stderr + text.stdout, sentence)
        assert.notInclude(text.stderr, "    at ")
        const json = yield* run(fleet, { args: ["--json", ...args] })
        assert.deepStrictEqual([json.code, json.stderr], [1, ""])
        assert.include(JSON.parse(json.stdout).error, sentence)
      }
    }), 60_000)
})
