/**
 * What has happened to other gateways, by the name under which it is known: none of it happens here. What is not in this file
 * is in `safety.test.ts` and `admin.api.test.ts`, by its name as well.
 */
import { createServer } from "node:http"
import { type AddressInfo } from "node:net"
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour } from "@switchgear/http/testing"
import { Effect, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { administered, control, reader } from "./administered.ts"
import { send } from "./rawSocket.ts"
import { ask, chat, hello, running, runningOver, token } from "./running.ts"
import { scripted, sendWhole } from "./scripted.ts"

const json = { "content-type": "application/json" }

const post = (url: string, body: object | string, headers: Record<string, string> = {}) =>
  ask(url, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(body) })

/** A server that nobody may be led to ask. */
const stranger: Effect.Effect<{ readonly url: string; readonly asked: ReadonlyArray<string> }, never, Scope.Scope> =
  Effect.gen(function*() {
    const asked: Array<string> = []
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      response.end("a secret of the network within")
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.sync(() => {
          server.close()
          server.closeAllConnections()
        })
    )
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
  })

/** The paths for clients at which a model is asked, each with a body that is right. */
const questions: ReadonlyArray<readonly [path: string, body: Readonly<Record<string, unknown>>]> = [
  ["/v1/chat/completions", hello],
  ["/v1/embeddings", { model: "first", input: "Hello" }],
  ["/v1/responses", { model: "first", input: "Hello" }],
  ["/v1/messages", { model: "first", max_tokens: 9, messages: hello.messages }],
  ["/v1/messages/count_tokens", { model: "first", messages: hello.messages }]
]

describe("a token", () => {
  const odd = [
    "' OR '1'='1",
    "sk-x'; DROP TABLE tokens; --",
    "__proto__",
    "constructor",
    "%73%6b-shop-0123456789",
    "{\"$ne\":null}",
    "*",
    "x".repeat(15_000)
  ]

  it.live("is a text that is looked up, whatever it says: no store is asked before (CVE-2026-42208)", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl, provider, url } = yield* administered()
      for (const [i, one] of odd.entries()) {
        assert.strictEqual((yield* chat(url, hello, { authorization: `Bearer ${one}` })).status, 401, one)
        assert.strictEqual((yield* chat(url, hello, { authorization: "", "x-api-key": one })).status, 401, one)
        const admin = yield* ask(`${adminUrl}/admin/overview`, { headers: { authorization: `Bearer ${one}` } })
        assert.strictEqual(admin.status, 401, `${i}`)
      }
      assert.strictEqual((yield* provider.total).started, 0)
    })))

  it.live("is told from another one that begins with the same 60 characters, and so are their cached answers (CVE-2026-35030)", () =>
    Effect.scoped(Effect.gen(function*() {
      const begin = "sk-".padEnd(60, "0")
      const { provider, url } = yield* running(
        `clients: [{ name: one, token: ${begin}a }, { name: two, token: ${begin}b }]`
      )
      const as = (token: string) => chat(url, hello, { authorization: `Bearer ${token}` })
      assert.strictEqual((yield* as(begin)).status, 401)
      assert.strictEqual((yield* as(`${begin}a`)).json.choices[0].message.content, "Good day")
      yield* provider.set("first", { outcome: Behaviour.unavailable })
      yield* provider.set("second", { outcome: Behaviour.unavailable })
      const own = yield* as(`${begin}a`)
      assert.deepStrictEqual([own.status, own.headers.get("x-switchgear-degradation")], [200, "stale"])
      assert.strictEqual((yield* as(`${begin}b`)).status, 503)
      // The tenant is that of the token, whatever a request says of itself.
      const claimed = yield* chat(url, { ...hello, user: "one", metadata: { tenant: "one" } }, {
        authorization: `Bearer ${begin}b`,
        "x-tenant": "one",
        "openai-organization": "one"
      })
      assert.strictEqual(claimed.status, 503)
    })))

  it.live("is never taken from a cookie, a query or a body, and none is set (CVE-2026-12772)", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl, url } = yield* administered()
      for (
        const [base, path, secret] of [[url, "/v1/models", token], [adminUrl, "/admin/overview", control]] as const
      ) {
        for (
          const [query, cookie] of [
            ["", `token=${secret}; authorization=Bearer ${secret}; Authorization=${secret}`],
            [`?token=${secret}&api_key=${secret}&authorization=Bearer%20${secret}`, "a=b"]
          ] as const
        ) {
          const got = yield* ask(`${base}${path}${query}`, { headers: { cookie } })
          assert.strictEqual(got.status, 401)
          assert.notInclude(got.text, secret)
        }
        const right = yield* ask(`${base}${path}`, { headers: { authorization: `Bearer ${secret}` } })
        assert.strictEqual(right.status, 200)
        assert.isNull(right.headers.get("set-cookie"))
      }
    })))

  it.live("of a client or of an operator, or a key, is in nothing that operators can read (GHSA-6x2c)", () =>
    Effect.scoped(Effect.gen(function*() {
      const old = "sk-old-token-0123456789"
      const collector = "key-of-the-collector-0123456789"
      const { admin, url } = yield* administered(
        `clients: [{ name: shop, token: [${token}, ${old}] }]
otlp: { endpoint: http://127.0.0.1:9, headers: { authorization: ${collector} } }`
      )
      yield* chat(url, hello)
      yield* chat(url, hello, { authorization: `Bearer ${old}` })
      const { json: document } = yield* admin("/admin/openapi.json")
      const paths = Object.entries<any>(document.paths).filter(([path, { get }]) =>
        get !== undefined && path !== "/admin/stream"
      ).map(([path]) => path)
      assert.isAbove(paths.length, 6)
      for (const path of [...paths, "/", "/admin/docs", "/metrics", "/actuator/health", "/actuator/metrics"]) {
        const { headers, status, text } = yield* admin(path)
        assert.strictEqual(status, 200, path)
        for (const secret of [token, control, reader, old, collector]) {
          assert.notInclude(text + JSON.stringify([...headers]), secret, path)
        }
      }
    })))
})

describe("every path", () => {
  it.live(
    "asks for a token, but for the two of health: there is none that passes on what it does not know (Portkey#1718)",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { provider, url } = yield* running()
        const known = [...questions.map(([path]) => path), "/v1/models", "/v1/models/first"]
        const paths = [
          ...known,
          "/v1/proxy/chat/completions",
          "/v1/proxy/v1/models",
          "/proxy",
          "/v1/files",
          "/v1/completions",
          "/v1",
          "/",
          "/openai/v1/chat/completions",
          "/v1/chat/completions/",
          "/v1/chat/completions;a",
          "/%76%31/models"
        ]
        for (const path of paths) {
          for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]) {
            for (const authorization of [undefined, `Bearer ${token}x`]) {
              const bearer = authorization === undefined ? "" : `authorization: ${authorization}\r\n`
              const got = yield* send(
                url,
                `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${bearer}connection: close\r\ncontent-length: 0\r\n\r\n`
              )
              assert.match(got, /^HTTP\/1\.1 4(01|04|05|29) /, `${method} ${path}`)
            }
            if (known.includes(path)) continue
            const got = yield* send(
              url,
              `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`
            )
            assert.match(got, /^HTTP\/1\.1 404 /, `${method} ${path} with a token`)
          }
        }
        assert.strictEqual((yield* provider.total).started, 0)
      })),
    30_000
  )
})

describe("the address of a provider", () => {
  it.live("is that of the file: no header, no field and no name of a model changes it (CVE-2025-66405, Portkey#1596)", () =>
    Effect.scoped(Effect.gen(function*() {
      const other = yield* stranger
      const host = other.url.slice("http://".length)
      const { asked, url: base } = yield* scripted((_, response) => sendWhole(response, { content: "Good day" }))
      const { url } = yield* runningOver(base)
      const headers = {
        "x-portkey-custom-host": other.url,
        "x-portkey-config": JSON.stringify({ provider: "openai", custom_host: other.url }),
        "x-portkey-provider": "ollama",
        "helicone-openai-api-base": other.url,
        "openai-base-url": other.url,
        "cf-aig-custom-host": other.url,
        "x-forwarded-host": host,
        "x-forwarded-proto": "http",
        "x-original-url": `${other.url}/v1/chat/completions`,
        "x-rewrite-url": "/admin/overview",
        forwarded: `host=${host}`
      }
      const fields = {
        base_url: other.url,
        baseUrl: other.url,
        api_base: other.url,
        custom_host: other.url,
        provider: { base_url: other.url },
        extra_headers: { host }
      }
      const { status } = yield* chat(`${url}`, { ...hello, model: "first", ...fields }, headers)
      assert.strictEqual(status, 200)
      assert.lengthOf(asked, 1)
      for (const [name, value] of Object.entries(headers)) assert.notStrictEqual(asked[0]!.headers[name], value, name)
      assert.include(base, asked[0]!.headers.host!)
      for (
        const model of [
          `first#@${host}`,
          `first?x=${host}`,
          `../../${host}`,
          `@${host}/v1`,
          `${other.url}/v1`,
          `first/../../admin`,
          "first\r\nhost: evil.example"
        ]
      ) {
        const { json, status } = yield* chat(url, { ...hello, model })
        assert.deepStrictEqual([status, json.error.code], [404, "model_not_found"], model)
        const one = yield* ask(`${url}/v1/models/${encodeURIComponent(model)}`, {
          headers: { authorization: `Bearer ${token}` }
        })
        assert.strictEqual(one.status, 404, model)
      }
      assert.lengthOf(asked, 1)
      assert.deepStrictEqual(other.asked, [])
    })))

  it.live("is left for no redirect: the next model answers, and no key goes there (CVE-2025-62155)", () =>
    Effect.scoped(Effect.gen(function*() {
      const other = yield* stranger
      for (const status of [301, 302, 303, 307, 308]) {
        const { asked, url: base } = yield* scripted(({ body }, response) => {
          if (body.model === "second") return sendWhole(response, { content: "Good evening" })
          response.writeHead(status, { location: `${other.url}/latest/meta-data` })
          response.end("elsewhere")
        })
        const { url } = yield* runningOver(base)
        const moved = yield* chat(url, hello)
        assert.deepStrictEqual([moved.status, moved.json.choices[0].message.content], [200, "Good evening"])
        const alone = yield* chat(url, { ...hello, model: "first" })
        assert.isAtLeast(alone.status, 500)
        assert.isNull(alone.headers.get("location"))
        assert.notInclude(alone.text, other.url)
        assert.isAtLeast(asked.length, 3)
      }
      assert.deepStrictEqual(other.asked, [])
    })))
})

describe("what a body names", () => {
  it.live(
    "is passed on as it is, and never fetched, whatever address it is (CVE-2025-59146, GHSA-6qcr, one-api#2388, GHSA-w98g)",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const other = yield* stranger
        const port = new URL(other.url).port
        const message = { type: "message", role: "assistant", content: [{ type: "text", text: "A cat" }] }
        const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
        const { asked, url: base } = yield* scripted(({ body }, response) => {
          if (body.messages !== undefined && body.max_tokens === undefined) {
            return sendWhole(response, { content: "A cat" })
          }
          response.writeHead(200, json)
          response.end(JSON.stringify(
            body.input === undefined
              ? { ...message, id: "m", model: "first", stop_reason: "end_turn", usage }
              : { object: "response", id: "r", model: "first", status: "completed", output: [message], usage }
          ))
        })
        // Tokens and dollars are estimated of what is in a body.
        const { url } = yield* runningOver(
          base,
          `clients: [{ name: shop, token: ${token}, limits: [{ resource: tokens, limit: 1000000, per: 1 minute }], budget: { dollars: 5, window: day } }]`
        )
        const addresses = [
          `${other.url}/cat.png`,
          `http://localhost:${port}/cat.png`,
          `http://0.0.0.0:${port}/cat.png`,
          `http://127.1:${port}/cat.png`,
          `http://2130706433:${port}/cat.png`,
          `http://[::ffff:127.0.0.1]:${port}/cat.png`,
          "file:///etc/passwd",
          "http://169.254.169.254/latest/meta-data/"
        ]
        const bodies = (address: string): ReadonlyArray<readonly [string, object]> => [
          ["/v1/chat/completions", {
            model: "first",
            messages: [{
              role: "user",
              content: [
                { type: "image_url", image_url: { url: address } },
                { type: "video_url", video_url: { url: address } },
                { type: "file", file: { file_data: address } }
              ]
            }]
          }],
          ["/v1/messages", {
            model: "first",
            max_tokens: 9,
            messages: [{
              role: "user",
              content: [
                { type: "image", source: { type: "url", url: address } },
                { type: "document", source: { type: "url", url: address } }
              ]
            }],
            mcp_servers: [{ type: "url", url: address, name: "x" }]
          }],
          ["/v1/responses", {
            model: "first",
            input: [{
              role: "user",
              content: [
                { type: "input_image", image_url: address },
                { type: "input_file", file_url: address }
              ]
            }],
            tools: [{ type: "mcp", server_label: "x", server_url: address }]
          }]
        ]
        for (const address of addresses) {
          for (const [path, body] of bodies(address)) {
            const { status, text } = yield* post(`${url}${path}`, body, { authorization: `Bearer ${token}` })
            assert.strictEqual(status, 200, `${path}: ${text}`)
            assert.include(JSON.stringify(asked.at(-1)!.body), JSON.stringify(address), path)
          }
        }
        assert.lengthOf(asked, addresses.length * 3)
        assert.deepStrictEqual(other.asked, [])
      })),
    30_000
  )
})

describe("the address for operators", () => {
  const file = (admin: string) =>
    `providers: { a: { baseUrl: http://x.test } }\nmodels: { m: { provider: a } }\n${admin}`
  const problemsOf = (more: string) =>
    GatewayConfig.check(file(more), { EMPTY: "", SPACES: "   " }).problems.map(({ path }) => path.join("."))

  it("needs a token: none is there by default, and an empty one is refused (GHSA-vj9g, CVE-2026-41432)", () => {
    assert.deepStrictEqual(problemsOf("admin: { port: 4181 }"), ["admin.token"])
    for (const empty of ["''", "null", "'${EMPTY:-}'", "'   '", "'${SPACES}'", "[]", "'sha256:'", "${EMPTY}"]) {
      assert.deepStrictEqual(problemsOf(`admin: { token: ${empty} }`), ["admin.token"], empty)
      assert.include(
        problemsOf(`clients: [{ name: a, token: ${empty} }]`).join(),
        "clients.0.token",
        `of a client: ${empty}`
      )
    }
    for (const empty of ["''", "'   '", "'${SPACES}'", "'${EMPTY:-}'"]) {
      assert.deepStrictEqual(problemsOf(`admin: { token: t, readToken: ${empty} }`), ["admin.readToken"], empty)
    }
    assert.isUndefined(GatewayConfig.check(file(""), {}).config!.admin)
  })

  it.live(
    "writes no configuration, makes no keys and runs nothing: it has these commands and no other (CVE-2026-35029, CVE-2026-47101, CVE-2026-42271, CVE-2026-42203, CVE-2026-40217)",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { admin } = yield* administered()
        const { json: document } = yield* admin("/admin/openapi.json")
        const commands = Object.entries<any>(document.paths).flatMap(([path, methods]) =>
          Object.keys(methods).filter((method) => method !== "get").map((method) => `${method} ${path}`)
        )
        assert.deepStrictEqual(commands.toSorted(), [
          "post /admin/bulkheads/{id}",
          "post /admin/caches/{id}",
          "post /admin/circuits/{id}",
          "post /admin/limiters/{id}",
          "post /admin/providers/{id}/keys/{key}",
          "post /admin/reload"
        ])
        const elsewhere = [
          "/config/update",
          "/config/field/update",
          "/key/generate",
          "/key/update",
          "/user/new",
          "/model/new",
          "/mcp-rest/test/connection",
          "/mcp-rest/test/tools/list",
          "/prompts/test",
          "/guardrails/test_custom_code",
          "/admin/config",
          "/admin/providers",
          "/admin/models/first"
        ]
        for (const path of elsewhere) {
          for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
            const { status } = yield* admin(path, { method, headers: json, body: "{\"reason\":\"x\"}" })
            assert.include([404, 405], status, `${method} ${path}`)
          }
        }
        const before = yield* admin("/admin/providers")
        const told = {
          reason: "a test {{ 7*7 }} ${process.exit(1)} $(id)",
          baseUrl: "http://evil.example",
          apiKey: "sk-x"
        }
        yield* admin("/admin/providers/sim/keys/key%201", {
          method: "POST",
          headers: json,
          body: JSON.stringify({ command: "add", ...told })
        })
        yield* admin("/admin/reload", {
          method: "POST",
          headers: json,
          body: JSON.stringify({ ...told, file: "/etc/passwd", config: "models: {}" })
        })
        assert.deepStrictEqual((yield* admin("/admin/providers")).json, before.json)
        yield* admin("/admin/circuits/first", {
          method: "POST",
          headers: json,
          body: JSON.stringify({ command: "open", reason: told.reason })
        })
        const { json: { events } } = yield* admin("/admin/events")
        assert.strictEqual(events.at(-1).reason ?? events.at(-2).reason, told.reason, "a reason is a text")
      }))
  )
})

describe("a budget", () => {
  it.effect("is reserved before a call and settled after it: those who ask at once do not all pass (GHSA-j6gc)", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running(
        `clients: [{ name: shop, token: ${token}, budget: { dollars: 0.002, window: day } }]`
      )
      yield* provider.set("first", { outcome: Behaviour.ok("Good day"), latency: Behaviour.constant(50) })
      // Of $8 a million, 100 tokens are $0.0008 at most: two of them may be asked at once.
      const fibers = yield* Effect.forEach(
        Array.from({ length: 20 }),
        (_, i) =>
          Effect.forkChild(
            chat(url, { model: "first", max_tokens: 100, messages: [{ role: "user", content: `Question ${i}` }] })
          )
      )
      // None has its answer before all have asked.
      const refused = Effect.sync(() => fibers.filter((fiber) => fiber.pollUnsafe() !== undefined).length)
      yield* TestClock.withLive(Effect.repeat(Effect.delay(refused, 5), { until: (count) => count === 18 }))
      yield* TestClock.adjust(50)
      const all = yield* Effect.forEach(fibers, Fiber.join)
      const statuses = all.map(({ status }) => status)
      assert.strictEqual(statuses.filter((status) => status === 200).length, 2, statuses.join())
      assert.strictEqual(statuses.filter((status) => status === 429).length, 18)
      assert.strictEqual((yield* provider.total).started, 2)
      // What was not used of it is given back.
      const last = yield* Effect.forkChild(chat(url, { ...hello, model: "first", max_tokens: 100 }))
      yield* TestClock.withLive(
        Effect.repeat(Effect.delay(provider.total, 5), { until: ({ started }) => started === 3 })
      )
      yield* TestClock.adjust(50)
      assert.strictEqual((yield* Fiber.join(last)).status, 200)
    })))
})

describe("the package", () => {
  it("has three dependencies, whose bytes are in the lockfile, and runs nothing when it is installed (litellm#24518)", () => {
    const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")
    const { dependencies, publishConfig, scripts = {} } = JSON.parse(read("../../package.json"))
    assert.deepStrictEqual(Object.keys(dependencies), ["@effect/platform-node", "@switchgear/core", "redis"])
    assert.deepStrictEqual(Object.keys(scripts).filter((name) => /install|prepare/.test(name)), [])
    assert.isTrue(publishConfig.provenance, "npm tells from which commit it was built")
    const lock = read("../../../../pnpm-lock.yaml")
    const resolutions = lock.match(/^ {4}resolution: .*$/gm)!
    assert.isAbove(resolutions.length, 50)
    assert.deepStrictEqual(resolutions.filter((line) => !line.includes("integrity: sha512-")), [])
  })
})
