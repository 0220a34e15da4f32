import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { spawnSync } from "node:child_process"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

interface Versions {
  readonly npm: string | undefined
  readonly node: string
}

const runner = join(import.meta.dirname, "..", "run.cjs")
const run = createRequire(import.meta.url)(runner) as {
  readonly complaint: (versions: Versions) => string | undefined
  readonly fingerprint: (directory: string) => string
  readonly isSetUp: (directory: string) => boolean
  readonly machine: (userAgent: string | undefined, processVersion: string) => Versions
  readonly machinePath: (path: string) => string
}

describe("versions", () => {
  it("are those of the machine, not of the Node in node_modules", () => {
    const agent = "npm/10.8.2 node/v20.20.2 linux x64 workspaces/false"
    assert.deepEqual(run.machine(agent, "v26.10.0"), { npm: "10.8.2", node: "20.20.2" })
    assert.deepEqual(run.machine(undefined, "v22.19.0"), { npm: undefined, node: "22.19.0" })
    assert.deepEqual(run.machine("pnpm/12.21.0 npm/? node/v22.1.0", "v22.1.0"), { npm: undefined, node: "22.1.0" })
  })

  it("from Node 20 and npm 9 on are fine", () => {
    for (const versions of [{ node: "20.0.0", npm: "9.0.0" }, { node: "100.1.0", npm: undefined }]) {
      assert.isUndefined(run.complaint(versions))
    }
  })

  it("that are too old or missing are answered with one sentence that tells what to do", () => {
    assert.match(
      run.complaint({ node: "18.19.1", npm: "9.2.0" })!,
      /^Switchgear needs Node\.js 20 or newer, and this is 18\.19\.1: .*\.$/
    )
    assert.match(
      run.complaint({ node: "20.0.0", npm: "8.19.4" })!,
      /^Switchgear needs npm 9 or newer, and this is 8\.19\.4: .*\.$/
    )
    assert.match(run.complaint({ node: "20.0.0", npm: "" })!, /npm 9 or newer, and this is missing/)
  })

  it("that are too old end the command before anything is installed", () => {
    const old = spawnSync(process.execPath, [runner, "test"], {
      encoding: "utf8",
      env: { ...process.env, npm_config_user_agent: "npm/6.14.4 node/v12.22.9 linux x64" }
    })
    assert.deepEqual([old.status, old.stdout, old.stderr.trim().split("\n").length], [1, "", 1])
    assert.include(old.stderr, "this is 12.22.9")
  })
})

describe("set-up", () => {
  let root: string
  const write = (file: string, text: string) => writeFileSync(join(root, file), text)
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "switchgear-run-"))
    for (const directory of ["packages/a", "node_modules/.bin", "scripts"])
      mkdirSync(join(root, directory), { recursive: true })
    write("package.json", "{}")
    write("packages/a/package.json", "{}")
    write("pnpm-lock.yaml", "one")
  })
  afterAll(() => rmSync(root, { recursive: true }))

  it("is needed again when the lockfile, a package.json or node_modules changed", () => {
    write("node_modules/.bin/node", "")
    assert.isFalse(run.isSetUp(root))
    write("node_modules/.switchgear-setup", run.fingerprint(root))
    assert.isTrue(run.isSetUp(root))
    for (const file of ["pnpm-lock.yaml", "packages/a/package.json", "package.json", "pnpm-workspace.yaml"]) {
      write(file, "{\"changed\": true}")
      assert.isFalse(run.isSetUp(root), file)
      write("node_modules/.switchgear-setup", run.fingerprint(root))
    }
    rmSync(join(root, "node_modules/.bin/node"))
    assert.isFalse(run.isSetUp(root))
  })

  it("runs on the machine's own Node", () => {
    const path = ["/clone/node_modules/.bin", "/usr/bin", "/home/a/node_modules/.bin/"].join(delimiter)
    assert.strictEqual(run.machinePath(path), "/usr/bin")
  })

  it.runIf(process.platform !== "win32")(
    "that fails says why on stderr, leaves stdout alone and leaves no stamp",
    () => {
      cpSync(runner, join(root, "scripts/run.cjs"))
      const bin = join(root, "machine")
      mkdirSync(bin)
      writeFileSync(
        join(bin, "npx"),
        "#!/bin/sh\necho '[WARN] Unsupported engine'\necho \"no route to registry $*\"\nexit 7\n",
        { mode: 0o755 }
      )
      const failed = spawnSync(process.execPath, [join(root, "scripts/run.cjs"), "demo", "--json"], {
        encoding: "utf8",
        env: {
          PATH: [bin, process.env["PATH"]].join(delimiter),
          npm_config_user_agent: "npm/11.0.0 node/v20.0.0 linux x64"
        }
      })
      assert.deepEqual([failed.status, failed.stdout], [7, ""])
      assert.include(failed.stderr, "no route to registry -y pnpm@")
      assert.include(failed.stderr, "The set-up failed")
      assert.notInclude(failed.stderr, "Unsupported engine")
      assert.isFalse(run.isSetUp(root))
    }
  )
})

describe("the verb gateway", () => {
  it("takes each command of switchgear, and serves where it is given none", { timeout: 60_000 }, () => {
    const bin = join(import.meta.dirname, "..", "..", "node_modules", ".bin")
    const verb = (...args: ReadonlyArray<string>) =>
      spawnSync(process.execPath, [join(import.meta.dirname, "..", "verbs.ts"), "gateway", ...args], {
        encoding: "utf8",
        env: { ...process.env, PATH: [bin, process.env["PATH"]].join(delimiter) }
      })
    const checked = verb("check", "packages/http/package.json")
    assert.strictEqual(checked.status, 1)
    assert.include(checked.stderr, "bin: There is no such option.")
    assert.include(verb("schema").stdout, "A gateway of Switchgear")
    assert.include(verb("--help").stdout, "switchgear start")
  })
})
