/** A guarded fetch on Cloudflare's `workerd`, made once for all requests of a worker, each of which ends with its response. */
import { assert, describe, it } from "@effect/vitest"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
// It has no declarations.
// @ts-expect-error
import workerd from "workerd"
import { bundledForWeb } from "../support/bundledForWeb.ts"
import { served } from "./served.ts"

const workerOf = (provider: string) => `
  import { guardedFetch } from "@switchgear/http/fetch"

  const guarded = guardedFetch({
    bulkhead: { queue: 0 },
    deadline: 2000,
    idleTimeout: 2000,
    readerTimeout: 2000,
    breaker: { consecutiveFailures: 3, openFor: 1000, halfOpen: { calls: 1 } }
  })

  export default {
    async fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname === "/health") return Response.json(Object.values(guarded.health().targets)[0] ?? {})
      const asked = guarded("${provider}" + pathname)
      // Its client has its response, and with that the platform ends what it has begun.
      if (pathname === "/left") return asked.catch(() => {}) && new Response("left")
      const response = await asked
      if (pathname === "/unread") return new Response("unread")
      return new Response(response.body, response)
    }
  }
`

const configuration = `
  using Workerd = import "/workerd/workerd.capnp";
  const config :Workerd.Config = (
    services = [
      (name = "main", worker = (modules = [(name = "worker", esModule = embed "worker.js")], compatibilityDate = "2026-01-01")),
      (name = "internet", network = (allow = ["private", "public"]))
    ],
    sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
  );
`

const provider = () =>
  served((response, { url }) => {
    if (url === "/hangs" || url === "/left") return
    if (url === "/slow") return void setTimeout(() => response.end("slow"), 200)
    if (url === "/fails") return void response.writeHead(503).end("no")
    if (url !== "/streams" && url !== "/unread") return void response.end("ok")
    let left = 6
    const next = () => left-- > 0 ? (response.write("piece "), setTimeout(next, 100)) : response.end()
    next()
  })

/** The worker, and where it listens. */
const working = (code: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function*() {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "worker-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
    )
    writeFileSync(join(folder, "worker.js"), code)
    writeFileSync(join(folder, "worker.capnp"), configuration)
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(workerd as string, ["serve", "--control-fd=3", join(folder, "worker.capnp")], {
          stdio: ["ignore", "ignore", "inherit", "pipe"]
        })
      ),
      (child) => Effect.promise(() => ended(child))
    )
    return yield* Effect.promise(() => listening(child))
  })

const listening = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("exit", (code) => reject(new Error(`workerd has ended with ${code}`)))
    child.stdio[3]!.on("data", (line) => {
      const { event, port } = JSON.parse(String(line)) as { readonly event: string; readonly port: number }
      if (event === "listen") resolve(`http://127.0.0.1:${port}`)
    })
  })

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.on("close", () => resolve())
    child.kill()
  })

describe("a guarded fetch on workerd", () => {
  it.live(
    "keeps its times and its counts over requests that have ended",
    () =>
      Effect.gen(function*() {
        const { url } = yield* Effect.acquireRelease(
          Effect.promise(provider),
          (served) => Effect.promise(() => Promise.resolve(served[Symbol.asyncDispose]()))
        )
        const { entry } = yield* Effect.promise(() => bundledForWeb(workerOf(url), "es"))
        const worker = yield* working(entry.code)
        const ask = (path: string) =>
          Effect.promise(async () => {
            const response = await fetch(worker + path, { signal: AbortSignal.timeout(30_000) })
            return `${response.status} ${(await response.text()).replace(/^\{"error".*"code":"(\w+)".*$/, "$1")}`
          })
        const health = Effect.promise(async () => {
          const { inFlight, state } = await (await fetch(`${worker}/health`)).json() as Record<string, unknown>
          return [state, inFlight]
        })

        // The first request sets the first timer, and ends.
        assert.strictEqual(yield* ask("/works"), "200 ok")
        assert.deepStrictEqual(
          yield* Effect.forEach(["/slow", "/hangs", "/works", "/streams"], ask, { concurrency: "unbounded" }),
          ["200 slow", "504 deadline_exceeded", "200 ok", `200 ${"piece ".repeat(6)}`]
        )
        assert.strictEqual(yield* ask("/hangs"), "504 deadline_exceeded")
        assert.strictEqual(yield* ask("/works"), "200 ok")
        assert.deepStrictEqual(yield* health, ["Closed", 0])

        for (let i = 0; i < 3; i++) assert.strictEqual(yield* ask("/fails"), "503 no")
        assert.strictEqual(yield* ask("/works"), "503 circuit_open")
        yield* Effect.sleep(1200)
        assert.strictEqual(yield* ask("/works"), "200 ok")
        assert.deepStrictEqual(yield* health, ["Closed", 0])

        // Nothing of the platform ends these. A later call does, when their time has been over for a while.
        for (let i = 0; i < 3; i++) assert.strictEqual(yield* ask("/left"), "200 left")
        assert.strictEqual(yield* ask("/unread"), "200 unread")
        const later = Effect.andThen(ask("/works"), Effect.delay(health, 500))
        const [state, inFlight] = yield* Effect.repeat(later, { until: ([, inFlight]) => inFlight === 0, times: 100 })
        assert.deepStrictEqual([state, inFlight], ["Closed", 0])
      }).pipe(Effect.scoped),
    120_000
  )
})
