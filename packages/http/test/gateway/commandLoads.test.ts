/** What the command loads before it serves: its start waits for every module. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const main = join(import.meta.dirname, "../../src/gateway/main.ts")

/** Writes the modules that are for simulations to stderr, as they are loaded. */
const listing = `
import { registerHooks } from "node:module"
registerHooks({
  load(url, context, next) {
    if (/\\/src\\/testing\\/|\\/rehearse/.test(url)) process.stderr.write(url + "\\n")
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
            `data:text/javascript,${encodeURIComponent(listing)}`,
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
