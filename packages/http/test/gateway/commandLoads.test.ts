/** What the command loads before it serves: its start waits for every module. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const main = join(import.meta.dirname, "../../src/gateway/main.ts")

/** Writes the modules of a pattern to stderr, as they are loaded. */
const listing = (pattern: string) => `
import { registerHooks } from "node:module"
registerHooks({
  load(url, context, next) {
    if (/${pattern}/.test(url)) process.stderr.write(url + "\\n")
    return next(url, context)
  }
})`

it.live(
  "the command loads nothing of simulations and rehearsals for a file with providers",
  () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "switchgear-loads-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
      )
      const file = join(folder, "gateway.yaml")
      writeFileSync(file, "{ providers: { p: { baseUrl: http://p.test/v1 } }, models: { m: { provider: p } } }")
      const loading = (...args: ReadonlyArray<string>) =>
        Effect.promise((): Promise<{ readonly stderr: string }> =>
          promisify(execFile)(process.execPath, [
            "--import",
            `data:text/javascript,${encodeURIComponent(listing("\\/src\\/testing\\/|\\/rehearse"))}`,
            main,
            ...args
          ]).catch((ended) => ended)
        )
      assert.deepInclude(yield* loading("check", file), { stderr: "" })
      // The modules are found where they are loaded.
      const { stderr } = yield* loading("rehearse", file, "--night", "no night of this name")
      assert.match(stderr, /\/src\/testing\//)
    }).pipe(Effect.scoped),
  60_000
)

/** Starts a gateway, ends it when it serves, and tells what it has loaded until then of Redis and of the fleet. */
const ofFleets = (file: string): Promise<string> =>
  new Promise((resolve) => {
    const pattern = "node_modules\\/(@redis|redis)\\/|\\/gateway\\/cluster\\/|\\/core\\/src\\/Cluster"
    const gateway = spawn(process.execPath, [
      "--import",
      `data:text/javascript,${encodeURIComponent(listing(pattern))}`,
      main,
      "start",
      "--config",
      file
    ])
    let [stderr, stdout] = ["", ""]
    gateway.stderr.on("data", (text: Buffer) => stderr += text)
    gateway.stdout.on("data", (text: Buffer) => {
      stdout += text
      if (stdout.includes("Clients:")) gateway.kill()
    })
    gateway.once("close", () => resolve(stderr))
  })

it.live(
  "the command loads nothing of Redis for a file without a fleet",
  () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "switchgear-fleet-"))),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
      )
      const written = (name: string, more: string) => {
        const file = join(folder, name)
        writeFileSync(
          file,
          `{ listen: { port: 0 }, providers: { p: { baseUrl: http://p.test/v1 } }, models: { m: { provider: p } }${more} }`
        )
        return file
      }
      assert.strictEqual(yield* Effect.promise(() => ofFleets(written("alone.yaml", ""))), "")
      // The modules are found where they are loaded. Nothing listens there.
      const fleet = ", cluster: { redis: \"redis://127.0.0.1:1\", fleet: f }"
      assert.match(
        yield* Effect.promise(() => ofFleets(written("fleet.yaml", fleet))),
        /\/gateway\/cluster\/[^]*@redis/
      )
    }).pipe(Effect.scoped),
  60_000
)
