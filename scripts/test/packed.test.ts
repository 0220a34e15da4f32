import * as core from "@switchgear/core"
import * as http from "@switchgear/http"
import { spawn, spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { page, provider, responds, says, service } from "./support/service.ts"

const root = join(import.meta.dirname, "..", "..")
const bin = join(root, "node_modules", ".bin")
const { machinePath, pnpm } = createRequire(import.meta.url)("../run.cjs") as {
  readonly machinePath: (path: string | undefined) => string
  readonly pnpm: string
}

const home = mkdtempSync(join(tmpdir(), "switchgear-packed-"))

// The project lies elsewhere each time: what is compiled of it is of no use later, but all programs here load the same.
const NODE_COMPILE_CACHE = join(home, "compile-cache")

const exec = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  const env = {
    ...process.env,
    NODE_COMPILE_CACHE,
    PATH: machinePath(process.env["PATH"]),
    CI: "true",
    npm_config_loglevel: "error"
  }
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, env, encoding: "utf8" })
  assert.strictEqual(status, 0, `${command} ${args.join(" ")}\n${error?.message ?? ""}${stdout}${stderr}`)
  return stdout
}

const version = (name: string): string =>
  JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version

/** Builds, packs and installs the way a user gets the packages: no workspace, no sources to resolve to. */
describe("the packed packages", () => {
  const project = join(home, "project")
  const tarball = (name: string) => join(home, `switchgear-${name}-${version(`@switchgear/${name}`)}.tgz`)

  beforeAll(() => {
    exec(root, join(bin, "tsc"), "-b", "packages/core", "packages/http")
    const packages = ["core", "http"].flatMap((name) => ["--filter", `@switchgear/${name}`])
    exec(root, "npx", "-y", pnpm, ...packages, "pack", "--pack-destination", home)
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
    writeFileSync(join(project, "server.ts"), page.server)
    writeFileSync(join(project, "switchgear.yaml"), page.configuration)
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

  it("have the connection of a fleet to Redis as a module of its own", () => {
    const program = "console.log(Object.keys(await import('@switchgear/http/FleetRedis')).join())"
    assert.strictEqual(
      exec(project, join(bin, "node"), "--input-type=module", "--eval", program),
      "ClusterOptionsSchema,OptionsSchema,layer,layerCluster,layerClusterConfig,layerConfig\n"
    )
  }, 30_000)

  it("give the command switchgear, which checks a file, serves and stops", async () => {
    const command = join(project, "node_modules", ".bin", "switchgear")
    writeFileSync(join(project, "gateway.yaml"), "models: { a: { provider: b } }")
    const env = { ...process.env, NODE_COMPILE_CACHE, PATH: `${bin}:${process.env["PATH"]}` }
    const checked = spawnSync(command, ["check", "gateway.yaml"], { cwd: project, encoding: "utf8", env })
    assert.strictEqual(checked.status, 1)
    assert.include(checked.stderr, "models.a.provider: Expected a name of nothing, because there is none, got \"b\"")

    const serving = spawn(command, ["start", "--port", "0", "--admin-port", "0"], { cwd: project, env })
    const ended = new Promise<number | null>((resolve) => serving.on("exit", resolve))
    const url = await new Promise<string>((resolve) => {
      let printed = ""
      serving.stdout.on("data", (data) => {
        printed += data
        const [found] = /http:\S+\/v1\/chat\/completions/.exec(printed) ?? []
        if (found !== undefined) resolve(found)
      })
    })
    const response = await fetch(url, {
      method: "POST",
      body: JSON.stringify({ model: "assistant", messages: [{ role: "user", content: "Hello" }] })
    })
    assert.strictEqual(response.status, 200)
    assert.strictEqual(response.headers.get("x-switchgear-step"), "gpt-4.1")
    await response.text()
    serving.kill("SIGTERM")
    assert.strictEqual(await ended, 0)
  }, 60_000)

  it("have the JSON schema of the gateway's file, which is what its command prints", () => {
    const program =
      "console.log(JSON.stringify((await import('@switchgear/http/gateway.schema.json', { with: { type: 'json' } })).default, null, 2))"
    const published = exec(project, join(bin, "node"), "--input-type=module", "--eval", program)
    const env = { ...process.env, NODE_COMPILE_CACHE, PATH: `${bin}:${process.env["PATH"]}` }
    const command = join(project, "node_modules", ".bin", "switchgear")
    assert.strictEqual(spawnSync(command, ["schema"], { cwd: project, encoding: "utf8", env }).stdout, published)
    assert.include(published, "\"title\": \"A gateway of Switchgear\"")
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
        include: ["quickstart.ts", "exports.ts", "server.ts"]
      })
    )
    const files = exec(project, join(bin, "tsc"), "-p", ".", "--listFiles")
    assert.match(files, /@switchgear\/core\/dist\/index\.d\.ts/)
    assert.match(files, /@switchgear\/http\/dist\/index\.d\.ts/)
    assert.notMatch(files, /@switchgear\/\w+\/src\//)
  }, 30_000)

  describe.concurrent("run the service of docs/http-service.md", () => {
    const started = (folder: string, env: Readonly<Record<string, string>>) =>
      service(folder, "server.ts", { NODE_COMPILE_CACHE, ...env })

    it("which asks both providers, and says how it is", async () => {
      await using openai = await provider(says("from openai"))
      await using deepseek = await provider(says("from deepseek"))
      await using app = await started(project, {
        OPENAI_BASE_URL: openai.url,
        OPENAI_API_KEY: "sk-openai-1",
        DEEPSEEK_BASE_URL: deepseek.url,
        DEEPSEEK_API_KEY: "sk-deepseek-1"
      })
      assert.deepEqual(await app.ask(), { status: 200, degradation: "none", text: "from openai" })
      assert.deepEqual(await app.get("/health"), { status: 200, body: `{"status":"up","reasons":[]}` })

      openai.answer = responds(401, { error: { message: "no" } })
      assert.deepEqual(await app.ask(), { status: 200, degradation: "fallback", text: "from deepseek" })
      assert.deepEqual(openai.keys, ["Bearer sk-openai-1", "Bearer sk-openai-1"])
      assert.deepEqual(deepseek.keys, ["Bearer sk-deepseek-1"])
      assert.include(app.log(), "gpt cannot answer, and chat answered instead. openai did not accept the API key")
      const metrics = (await app.get("/metrics")).body
      assert.match(metrics, /^switchgear_cascade_served_total\{.*step="chat".*\} 1$/m)
      assert.notInclude(app.log() + metrics, "sk-")

      deepseek.answer = openai.answer
      assert.deepEqual(await app.ask(), { status: 200, degradation: "stale", text: "from deepseek" })
      assert.include((await app.get("/health")).body, `"status":"degraded"`)
    }, 30_000)

    it("whose models have names in any script", async () => {
      await using openai = await provider(says("from openai"))
      await using app = await started(project, { OPENAI_BASE_URL: openai.url, GPT_NAME: "通义千问" })
      assert.deepEqual(await app.ask(), { status: 200, degradation: "none", text: "from openai" })
    }, 30_000)

    it("which ends the calls in flight when it is told to stop", async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>()
      await using openai = await provider((response) => {
        isAsked()
        void promise.then(() => says("in time")(response))
      })
      await using app = await started(project, {
        OPENAI_BASE_URL: openai.url,
        DEEPSEEK_BASE_URL: openai.url
      })
      const answer = app.ask()
      await asked
      app.stop()
      // It takes no more requests, for long enough that a service that waits for none would be gone.
      for (let refused = 0; refused < 100;) if (await app.get("/health").then(() => false, () => true)) refused++
      resolve()
      assert.deepEqual(await answer, { status: 200, degradation: "none", text: "in time" })
      assert.strictEqual(await app.exited, 130)
    }, 30_000)

    /** The service with changes to one of the files of the page. */
    const changed = async (
      name: string,
      file: "server.ts" | "switchgear.yaml",
      changes: ReadonlyArray<readonly [what: string, by: string]>,
      env: Readonly<Record<string, string>> = {}
    ) => {
      const home = join(project, name)
      mkdirSync(home)
      for (const copied of ["server.ts", "switchgear.yaml"]) cpSync(join(project, copied), join(home, copied))
      let text = readFileSync(join(home, file), "utf8")
      for (const [what, by] of changes) {
        assert.include(text, what)
        text = text.replace(what, by)
      }
      writeFileSync(join(home, file), text)
      return started(home, env)
    }

    it("whose clients are released before the models: the log and the health say so", async () => {
      await using openai = await provider(says("from openai"))
      const chat = `ChatModel.make({ model: "deepseek-chat", client: NodeTransport.layerChatClientConfig("deepseek") })`
      const mistakes = [
        [
          `client: NodeTransport.layerChatClientConfig("openai")`,
          `client: await Effect.runPromise(Effect.provide(ChatClient.ChatClient, NodeTransport.layerChatClientConfig("openai")))`
        ],
        ["{ model: Chat }", `{ model: Effect.scoped(${chat}) }`],
        ["import { Canned,", "import { ChatClient, Canned,"]
      ] as const
      const env = { OPENAI_PROVIDER: "openai", OPENAI_BASE_URL: openai.url, DEEPSEEK_BASE_URL: openai.url }
      await using app = await changed("released", "server.ts", mistakes, env)
      assert.strictEqual((await app.ask()).degradation, "canned")
      const instead = "cannot answer, and canned answered instead. The client of"
      assert.include(app.log(), `gpt ${instead} openai was released`)
      assert.include(app.log(), `deepseek-chat ${instead} deepseek was released`)
      assert.include((await app.get("/health")).body, `"status":"degraded"`)
      assert.deepEqual(openai.keys, [])
    }, 30_000)

    it("whose addresses lead nowhere: the log says so, and the health is degraded, then down", async () => {
      const nowhere = "http://127.0.0.1:1"
      await using app = await started(project, { OPENAI_BASE_URL: nowhere, DEEPSEEK_BASE_URL: nowhere })
      assert.strictEqual((await app.ask()).degradation, "canned")
      assert.include(app.log(), "gpt cannot answer, and canned answered instead. Could not reach openai for gpt-4.1 at")
      assert.include((await app.get("/health")).body, `"status":"degraded"`)
      for (let calls = 0; calls < 10; calls++) await app.ask()
      const health = await app.get("/health")
      assert.strictEqual(health.status, 503)
      assert.include(health.body, `"status":"down"`)
    }, 30_000)

    it.each(
      [
        [
          "option",
          "model: gpt-4.1",
          "modle: gpt-4.1",
          "There is no such option. There are: model,",
          "[\"gpt\"][\"modle\"]"
        ],
        [
          "address",
          "https://api.openai.com",
          "api.openai.com",
          "baseUrl must be a URL that",
          "[\"openai\"][\"baseUrl\"]"
        ]
      ] as const
    )("with a wrong %s, which does not start, and says why", async (name, what, by, message, place) => {
      await using app = await changed(name, "switchgear.yaml", [[what, by]])
      assert.strictEqual(await app.exited, 1)
      assert.include(app.log(), message)
      assert.include(app.log(), place)
    }, 30_000)
  })

  it("do not compile a model without a client, around which a client is provided", () => {
    const program = `import { ChatModel } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Effect } from "effect"
export const model = Effect.provide(
  ChatModel.make({ model: "gpt-4.1" }),
  NodeTransport.layerChatClient({ provider: "openai", baseUrl: "https://api.openai.com/v1" })
)
`
    writeFileSync(join(project, "wrong.ts"), program)
    const options = [
      "--noEmit",
      "--strict",
      "--module",
      "NodeNext",
      "--target",
      "ES2024",
      "--skipLibCheck",
      "--pretty",
      "false"
    ]
    const { stdout } = spawnSync(join(bin, "tsc"), ["--ignoreConfig", ...options, "wrong.ts"], {
      cwd: project,
      encoding: "utf8"
    })
    assert.match(
      stdout,
      /^wrong\.ts\(5,18\): error TS\d+: .*\n\s+Property 'client' is missing in type '\{ model: string; \}'/
    )
  }, 30_000)
})
