import * as core from "@switchgear/core"
import * as http from "@switchgear/http"
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const root = join(import.meta.dirname, "..", "..")
const bin = join(root, "node_modules", ".bin")
const { machinePath, pnpm } = createRequire(import.meta.url)("../run.cjs") as {
  readonly machinePath: (path: string | undefined) => string
  readonly pnpm: string
}

const exec = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  const env = { ...process.env, PATH: machinePath(process.env["PATH"]), CI: "true", npm_config_loglevel: "error" }
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, env, encoding: "utf8" })
  assert.strictEqual(status, 0, `${command} ${args.join(" ")}\n${error?.message ?? ""}${stdout}${stderr}`)
  return stdout
}

const version = (name: string): string =>
  JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version

/** Builds, packs and installs the way a user gets the packages: no workspace, no sources to resolve to. */
describe("the packed packages", () => {
  const home = mkdtempSync(join(tmpdir(), "switchgear-packed-"))
  const project = join(home, "project")
  const tarball = (name: string) => join(home, `switchgear-${name}-${version(`@switchgear/${name}`)}.tgz`)

  beforeAll(() => {
    exec(root, join(bin, "tsc"), "-b", "packages/core", "packages/http")
    for (const name of ["core", "http"]) {
      exec(join(root, "packages", name), "npx", "-y", pnpm, "pack", "--pack-destination", home)
    }
    mkdirSync(project)
    const file = (name: string) => `file:${tarball(name)}`
    writeFileSync(
      join(project, "package.json"),
      JSON.stringify({
        private: true,
        type: "module",
        dependencies: {
          "@switchgear/core": file("core"),
          "@switchgear/http": file("http"),
          "@effect/platform-node": version("@effect/platform-node"),
          "@types/node": version("@types/node"),
          effect: version("effect")
        }
      })
    )
    // Not published yet, so the dependency of http on core has to be told where its tarball is.
    writeFileSync(
      join(project, "pnpm-workspace.yaml"),
      JSON.stringify({ overrides: { "@switchgear/core": file("core") } })
    )
    exec(project, "npx", "-y", pnpm, "install", "--prefer-offline", "--ignore-scripts")
    cpSync(join(root, "scripts", "exports.ts"), join(project, "exports.ts"))
    cpSync(join(root, "packages", "examples", "01_quickstart.ts"), join(project, "quickstart.ts"))
  }, 150_000)

  afterAll(() => rmSync(home, { recursive: true, force: true }))

  it.each(["core", "http"])("%s satisfies publint", (name) => {
    assert.include(exec(home, join(bin, "publint"), "run", tarball(name), "--strict"), "All good!")
  }, 30_000)

  it.each(["core", "http"])("%s carries its licence, and no build state", (name) => {
    const installed = join(project, "node_modules", "@switchgear", name)
    assert.isTrue(existsSync(join(installed, "LICENSE")))
    assert.isFalse(existsSync(join(installed, "dist", ".tsbuildinfo")))
  })

  it("run the quickstart in an empty project", () => {
    const printed = exec(project, join(bin, "node"), "quickstart.ts")
    assert.match(printed, /A circuit breaker stops calling what is down\.\s+step: +gpt-4\.1\s+degradation: none/)
  }, 30_000)

  it("export all that the sources export", () => {
    const printed = exec(project, join(bin, "node"), "exports.ts")
    assert.deepEqual(JSON.parse(printed), { core: Object.keys(core), http: Object.keys(http) })
    assert.includeMembers(Object.keys(core), ["CircuitBreaker"])
    assert.includeMembers(Object.keys(http), ["ChatClient"])
  }, 30_000)

  it("resolve to the build, not to sources", () => {
    const program = "console.log(import.meta.resolve('@switchgear/core'), import.meta.resolve('@switchgear/http'))"
    const resolved = exec(project, join(bin, "node"), "--input-type=module", "--eval", program)
    assert.match(resolved, /core\/dist\/index\.js .*http\/dist\/index\.js/)
  }, 30_000)

  it("have declarations the quickstart type-checks against, their own types included", () => {
    writeFileSync(
      join(project, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          target: "ES2024",
          lib: ["ES2024", "ESNext.Disposable"],
          module: "NodeNext",
          types: ["node"],
          strict: true,
          noEmit: true,
          allowImportingTsExtensions: true,
          skipLibCheck: true
        },
        include: ["quickstart.ts", "exports.ts"]
      })
    )
    const files = exec(project, join(bin, "tsc"), "-p", ".", "--listFiles")
    assert.match(files, /@switchgear\/core\/dist\/index\.d\.ts/)
    assert.match(files, /@switchgear\/http\/dist\/index\.d\.ts/)
    assert.notMatch(files, /@switchgear\/\w+\/src\//)
  }, 30_000)
})
