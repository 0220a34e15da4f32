/** What a gateway does not let happen: each rule with what happened where it was missing. */
import { createHash } from "node:crypto"
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour } from "@switchgear/http/testing"
import { Cause, Effect, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import { administered, control } from "./administered.ts"
import { ask, chat, hello, running, token } from "./running.ts"

/** What a server answers to bytes, until it closes or a while has passed. */
const raw = (url: string, bytes: string | Uint8Array, options: { readonly reads?: boolean } = {}) =>
  Effect.callback<string>((resume) => {
    const { port } = new URL(url)
    const socket = connect(Number(port), "127.0.0.1")
    let text = ""
    const end = () => resume(Effect.succeed(text))
    socket.on("connect", () => socket.write(bytes))
    if (options.reads === false) socket.pause()
    else socket.on("data", (data) => (text += data.toString("latin1")))
    socket.on("error", end)
    socket.on("close", end)
    return Effect.sync(() => socket.destroy())
  })

/** What a client is told that reads nothing before all that it has to send is on its way. */
const toldAfter = (url: string, bytes: string) =>
  Effect.callback<string>((resume) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1")
    let text = ""
    const end = () => resume(Effect.succeed(text))
    socket.pause()
    socket.write(bytes, "latin1", () => {
      socket.on("data", (data) => (text += data.toString("latin1")))
      socket.resume()
    })
    socket.on("error", end)
    socket.on("close", end)
    return Effect.sync(() => socket.destroy())
  })

/** A connection that stays. */
const connectTo = (url: string) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly write: (bytes: string) => Effect.Effect<void>
      readonly text: () => string
      /** What comes next. */
      readonly say: (bytes: string) => Effect.Effect<string>
      readonly closed: Effect.Effect<void>
      readonly close: () => void
    }>((resume) => {
      let text = ""
      let isClosed = false
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => {
        const write = (bytes: string) => Effect.sync(() => void socket.write(bytes))
        resume(Effect.succeed({
          write,
          text: () => text,
          say: (bytes) =>
            Effect.callback<string>((resume) => {
              socket.once("data", (data) => resume(Effect.succeed(data.toString("latin1"))))
              socket.write(bytes)
            }),
          closed: Effect.callback<void>((resume) => {
            if (isClosed) return resume(Effect.void)
            socket.once("close", () => resume(Effect.void))
          }),
          close: () => void socket.destroy()
        }))
      })
      socket.on("data", (data) => (text += data.toString("latin1")))
      socket.on("error", () => {})
      socket.on("close", () => (isClosed = true))
    }),
    ({ close }) => Effect.sync(close)
  )

const post = (body: string, headers: string): string =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${body.length}\r\n${headers}\r\n${body}`

describe.concurrent("a token", () => {
  it.live("is asked for before a byte of the body is read (GHSA-v828)", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      const got = yield* raw(
        url,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000000\r\n\r\n"
      )
      assert.match(got, /^HTTP\/1\.1 401 /)
      assert.match(got, /connection: close/i)
      assert.strictEqual((yield* provider.total).started, 0)
    })))

  it.live("is asked for before the client is told to send its body, by operators as well", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl, url } = yield* administered()
      const heads = [
        [url, "/v1/chat/completions"],
        [adminUrl, "/admin/circuits/first"],
        [adminUrl, "/actuator/circuitbreakers/first"],
        [adminUrl, "/admin/nothing"]
      ] as const
      const wholes = ["content-length: 1000000\r\n", "transfer-encoding: chunked\r\n"]
      const refused = heads.flatMap(([address, path]) =>
        ["POST", "PATCH", "DELETE"].flatMap((method) =>
          wholes.flatMap((whole) => [whole, `${whole}expect: 100-continue\r\n`]).map((more) =>
            raw(address, `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${more}\r\n`)
          )
        )
      )
      for (const got of yield* Effect.all(refused, { concurrency: "unbounded" })) {
        assert.match(got, /^HTTP\/1\.1 40[145] /)
        assert.match(got, /connection: close/i)
      }
    })))

  it.live("is found by the whole of it, and is no digest of one (CVE-2026-35030)", () =>
    Effect.scoped(Effect.gen(function*() {
      const digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
      const { url } = yield* running(
        `clients: [{ name: shop, token: "sha256:${digest}" }, { name: other, token: ${token} }]`
      )
      const status = (token: string) =>
        Effect.map(chat(url, hello, { authorization: `Bearer ${token}` }), ({ status }) => status)
      assert.strictEqual(yield* status("test"), 200)
      assert.strictEqual(yield* status(`sha256:${digest}`), 401)
      assert.strictEqual(yield* status(token.slice(0, -1)), 401)
      assert.strictEqual(yield* status(`${token}x`), 401)
    })))

  it.live("is found by its digest by operators as well, and is no digest of one", () =>
    Effect.scoped(Effect.gen(function*() {
      const digestOf = (token: string) => `sha256:${createHash("sha256").update(token).digest("hex")}`
      const { adminUrl } = yield* administered(
        "",
        {},
        `admin: { port: 0, token: "${digestOf("may-control")}", readToken: "${digestOf("may-read")}" }`
      )
      const post = { method: "POST", body: JSON.stringify({ command: "open", reason: "a test" }) }
      const statuses = (token: string) =>
        Effect.forEach(["/admin/overview", "/admin/circuits/first"], (path, i) =>
          Effect.map(
            ask(`${adminUrl}${path}`, {
              ...i === 1 && post,
              headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }
            }),
            ({ status }) => status
          ))
      assert.deepStrictEqual(yield* statuses("may-control"), [200, 200])
      assert.deepStrictEqual(yield* statuses("may-read"), [200, 403])
      assert.deepStrictEqual(yield* statuses(digestOf("may-control")), [401, 401])
    })))

  it.live("takes whole milliseconds and parts of them for its times", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running(
        "listen: { port: 0, headersTimeout: 2000000500 micros, requestTimeout: 2000000501 micros, keepAliveTimeout: 900.5 }"
      )
      assert.strictEqual((yield* chat(url, hello)).status, 200)
    })))

  it.live("starts with the longest times that its file may have", () =>
    Effect.scoped(Effect.gen(function*() {
      const times = ["headersTimeout", "requestTimeout", "keepAliveTimeout", "writeTimeout", "headAfter"]
      const { url } = yield* running(`listen: { port: 0, ${times.map((time) => `${time}: 36500 days`).join(", ")} }`)
      assert.strictEqual((yield* chat(url, hello)).status, 200)
    })))

  it.effect("is refused from its end on, while the one that replaces it is taken", () =>
    Effect.scoped(Effect.gen(function*() {
      yield* TestClock.setTime(Date.parse("2026-11-30T12:00:00Z"))
      const soon = "2026-11-30T12:00:01.500Z"
      const { provider, url } = yield* running(
        `clients: [{ name: shop, token: [${token}, { token: sk-old-0123456789, expires: "${soon}" }, { token: sk-older-0123456789, expires: 2020-01-01 }] }]`
      )
      const as = (token: string) => chat(url, hello, { authorization: `Bearer ${token}` })
      assert.strictEqual((yield* as("sk-old-0123456789")).status, 200)
      const older = yield* as("sk-older-0123456789")
      assert.deepStrictEqual([older.status, older.json.error.code], [401, "invalid_api_key"])
      assert.strictEqual(older.json.error.message, "The API key provided has expired.")
      yield* TestClock.adjust(1499)
      assert.strictEqual((yield* as("sk-old-0123456789")).status, 200)
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* as("sk-old-0123456789")).status, 401)
      const { started } = yield* provider.total
      assert.strictEqual((yield* as(token)).status, 200)
      assert.strictEqual((yield* provider.total).started, started + 1)
    })))

  it.live("cannot be guessed at any speed, and a right one passes from the same address: it may be that of a balancer", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running()
      const wrong = yield* Effect.forEach(
        Array.from({ length: 30 }),
        (_, i) => chat(url, hello, { authorization: `Bearer guess-${i}` })
      )
      assert.deepStrictEqual([wrong[0]!.status, wrong.at(-1)!.status], [401, 429])
      assert.strictEqual((yield* chat(url, hello)).status, 200)
    })))

  it.live("is no part of any answer or header", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running()
      const wrong = "sk-secret-of-somebody"
      const got = yield* chat(url, hello, { authorization: `Bearer ${wrong}` })
      assert.notInclude(got.text + JSON.stringify([...got.headers]), wrong)
    })))
})

describe.concurrent("a bind to all addresses", () => {
  it.effect("is refused without clients that have tokens (CVE-2026-42339)", () =>
    Effect.gen(function*() {
      const file =
        "listen: { host: 0.0.0.0 }\nproviders: { a: { baseUrl: http://x.test } }\nmodels: { m: { provider: a } }"
      const { message } = yield* Effect.flip(GatewayConfig.parse(file, {}))
      assert.match(
        message,
        /listen\.host: Expected a loopback address where there are no clients with tokens, got "0\.0\.0\.0"/
      )
    }))
})

describe.concurrent("a name of a host", () => {
  it.live("that is not the address is not answered on loopback, so that no page of another origin can ask", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running()
      const got = yield* raw(url, "GET /v1/models HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n")
      assert.match(got, /^HTTP\/1\.1 421 /)
    })))
})

describe.concurrent("the path of a request", () => {
  it.live("is judged as it is matched, and a whole URL or a doubled slash opens nothing (CVE-2026-49468)", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      for (
        const path of [
          "//v1/models",
          "/v1/models/../chat/completions",
          "http://evil.example/v1/models",
          "/v1/models%2f",
          "/V1/models"
        ]
      ) {
        const got = yield* raw(
          url,
          `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`
        )
        assert.match(got, /^HTTP\/1\.1 40[045] /, path)
      }
      assert.strictEqual((yield* provider.total).started, 0)
    })))
})

describe.concurrent("headers", () => {
  it.live("of a client do not reach the provider, and those of the provider do not reach the client", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      yield* provider.set("first", {
        outcome: Behaviour.respond(200, {
          choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }]
        }, { "set-cookie": "a=b", "x-secret": "1", server: "nginx" })
      })
      const got = yield* chat(url, hello, { cookie: "session=1", "x-forwarded-for": "10.0.0.1" })
      assert.strictEqual(got.status, 200)
      assert.isNull(got.headers.get("set-cookie"))
      assert.isNull(got.headers.get("x-secret"))
    })))
})

describe.concurrent("a body", () => {
  it.live("that is too large is refused by what it says of itself, and by what comes", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running("listen: { port: 0, maxBodySize: 1000 }")
      const told = yield* raw(url, post("x".repeat(2000), `authorization: Bearer ${token}\r\n`))
      assert.match(told, /^HTTP\/1\.1 413 /)
      const chunk = `${(1500).toString(16)}\r\n${"x".repeat(1500)}\r\n`
      const came = yield* raw(
        url,
        `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\ntransfer-encoding: chunked\r\n\r\n${chunk}`
      )
      assert.match(came, /^HTTP\/1\.1 413 /)
    })))

  it.live("is asked for where it will be read: not where it is too large, or shed, and once its client may send it", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl, provider, url } = yield* administered("listen: { port: 0, maxRequests: 1 }")
      const head = (path: string, length: number, token: string) =>
        `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${length}\r\n` +
        `content-type: application/json\r\nauthorization: Bearer ${token}\r\nexpect: 100-continue\r\n\r\n`
      const chatHead = (length: number) => head("/v1/chat/completions", length, token)
      assert.match(yield* raw(url, chatHead(30_000_000)), /^HTTP\/1\.1 413 /)
      const body = JSON.stringify(hello)
      const line = yield* connectTo(url)
      assert.strictEqual(yield* line.say(chatHead(body.length)), "HTTP/1.1 100 Continue\r\n\r\n")
      const shed = yield* raw(url, chatHead(body.length))
      assert.match(shed, /^HTTP\/1\.1 503 /)
      assert.match(shed, /connection: close/i)
      assert.match(yield* line.say(body), /^HTTP\/1\.1 200 /)
      assert.strictEqual((yield* provider.total).started, 1)
      const commands = {
        "/admin/circuits/first": { command: "close", reason: "a test" },
        "/actuator/circuitbreakers/first": { updateState: "CLOSE", reason: "a test" }
      }
      for (const [path, said] of Object.entries(commands)) {
        const command = JSON.stringify(said)
        const operator = yield* connectTo(adminUrl)
        assert.strictEqual(
          yield* operator.say(head(path, command.length, control)),
          "HTTP/1.1 100 Continue\r\n\r\n"
        )
        assert.match(yield* operator.say(command), /^HTTP\/1\.1 20[04] /)
      }
    })))

  it.live("that is refused is let come to its end: a client that reads nothing before is told why, and not that it is cut off", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl, provider, url } = yield* administered("listen: { port: 0, maxRequests: 1 }")
      yield* provider.set("first", { outcome: Behaviour.hang })
      yield* Effect.forkScoped(chat(url, { ...hello, model: "first" }))
      yield* Effect.repeat(Effect.delay(provider.total, 5), { until: ({ started }) => started === 1 })
      const size = 30_000_000
      const whole = [`content-length: ${size}`, " ".repeat(size)] as const
      const chunked = ["transfer-encoding: chunked", `${size.toString(16)}\r\n${whole[1]}\r\n0\r\n\r\n`] as const
      const cases = [
        [url, "/v1/chat/completions", token, whole, 503],
        [url, "/v1/chat/completions", token, chunked, 503],
        [url, "/v1/chat/completions", "sk-another", whole, 401],
        [url, "/v1/nothing", token, chunked, 404],
        [adminUrl, "/admin/circuits/first", "another", whole, 401]
      ] as const
      for (const [address, path, token, [head, body], status] of cases) {
        const got = yield* toldAfter(
          address,
          `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n${head}\r\n\r\n${body}`
        )
        assert.match(got, new RegExp(`^HTTP/1.1 ${status} [^]*connection: close`, "i"))
      }
    })))

  it.live("that is refused need not come: a client that closes its connection once it is told has not left", () =>
    Effect.scoped(Effect.gen(function*() {
      const { adminUrl, url } = yield* administered()
      const line = yield* connectTo(url)
      const head = "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 30000000\r\n\r\n"
      assert.match(yield* line.say(head), /^HTTP\/1\.1 401 /)
      line.close()
      const metrics = ask(`${adminUrl}/metrics`, { headers: { authorization: `Bearer ${control}` } })
      const { text } = yield* Effect.repeat(Effect.delay(metrics, 5), {
        until: ({ text }) => text.includes(`status="401"`)
      })
      assert.match(text, /^switchgear_gateway_clients_left_total 0$/m)
    })))

  it.live("that is too large is let come to its end as well, as far as it comes in the time for a request", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running("listen: { port: 0, maxBodySize: 1000 }")
      const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n`
      const size = 30_000_000
      for (
        const rest of [
          `content-length: ${size}\r\n\r\n${" ".repeat(size)}`,
          `transfer-encoding: chunked\r\n\r\n${size.toString(16)}\r\n${" ".repeat(size)}\r\n0\r\n\r\n`
        ]
      ) assert.match(yield* toldAfter(url, head + rest), /^HTTP\/1\.1 413 /)
    })))

  it.live("that is too large takes no place of another request once that is told, whatever of it still comes", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running("listen: { port: 0, maxBodySize: 1000, maxRequests: 1 }")
      const line = yield* connectTo(url)
      const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n`
      assert.match(yield* line.say(`${head}content-length: 30000000\r\n\r\n`), /^HTTP\/1\.1 413 /)
      yield* Effect.forkScoped(Effect.forever(Effect.delay(line.write(" "), 20)))
      assert.strictEqual((yield* chat(url, hello)).status, 200)
    })))

  it.live("that does not come is not waited for beyond its time", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running("listen: { port: 0, requestTimeout: 300 millis, headersTimeout: 200 millis }")
      const got = yield* raw(
        url,
        `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\ncontent-length: 10\r\n\r\n`
      )
      assert.match(got, /^HTTP\/1\.1 408 |^$/)
    })))

  it.live("of all requests together has a bound", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running("listen: { port: 0, maxBodiesSize: 3000 }")
      yield* provider.set("first", { outcome: Behaviour.hang })
      const large = { ...hello, model: "first", user: "x".repeat(2000) }
      yield* Effect.forkScoped(chat(url, large))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
      const second = yield* chat(url, large)
      assert.strictEqual(second.status, 503)
      assert.strictEqual(second.json.error.code, "overloaded")
    })))
})

describe.concurrent("a connection", () => {
  const get = (more = "") => `GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n${more}\r\n`

  it.live("beyond those there may be is closed at once, and the others go on", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running("listen: { port: 0, maxConnections: 3 }")
      const kept = yield* Effect.forEach([1, 2, 3], () => connectTo(url))
      for (const line of kept) assert.match(yield* line.say(get()), /^HTTP\/1\.1 200 /)
      assert.strictEqual(yield* raw(url, get()), "")
      for (const line of kept) assert.match(yield* line.say(get()), /^HTTP\/1\.1 200 /)
      kept[0]!.close()
      yield* Effect.repeat(Effect.delay(raw(url, get("connection: close\r\n")), 20), {
        until: (got) => got.startsWith("HTTP/1.1 200 ")
      })
    })))

  it.live(
    "whose head does not come, or comes slowly, is closed after the time for that",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const { provider, url } = yield* running(
          "listen: { port: 0, headersTimeout: 500 millis, requestTimeout: 10 seconds }"
        )
        const line = yield* connectTo(url)
        yield* Effect.forkScoped(Effect.forever(Effect.delay(line.write("x-slow: 1\r\n"), 50)))
        const begun = Date.now()
        yield* line.write("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n")
        yield* line.closed
        assert.isBelow(Date.now() - begun, 8000)
        assert.match(line.text(), /^HTTP\/1\.1 408 |^$/)
        assert.strictEqual((yield* provider.total).started, 0)
      })),
    15_000
  )

  it.live("whose head is too large is refused, by one header and by many", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running()
      for (const more of [`x: ${"a".repeat(17_000)}\r\n`, "x: a\r\n".repeat(4000)]) {
        assert.match(yield* raw(url, get(more)), /^HTTP\/1\.1 431 /)
      }
    })))

  it.live("on which nothing comes any more is closed after the time for that", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running("listen: { port: 0, keepAliveTimeout: 300 millis }")
      const line = yield* connectTo(url)
      assert.match(yield* line.say(get()), /keep-alive/i)
      yield* line.closed
    })))
})

describe.concurrent("the log", () => {
  it.live("has no token, key, prompt, answer or text of a provider, and each entry is one line", () =>
    Effect.scoped(Effect.gen(function*() {
      const lines: Array<unknown> = []
      const log = Logger.layer([
        Logger.make(({ cause, fiber, message }) =>
          void lines.push(String(message), Cause.pretty(cause), fiber.getRef(References.CurrentLogAnnotations))
        )
      ])
      yield* Effect.gen(function*() {
        const { admin, provider, url } = yield* administered("", {
          source: GatewayConfig.parse(
            `models: { first: { provider: other } }
providers: { sim: { baseUrl: "https://name:hunter2@sim.test", apiKey: [hunter2-0123456789, [hunter2]], timeout: soon } }
clients: [{ name: shop, token: hunter2 }, { name: shop, token: [sk-hunter2-0123456789, { expires: never }] }]`,
            {}
          )
        })
        const said = "sk-provider-9876543210 Bearer hunter2\r\nERROR: forged \u001b[31m"
        const secret = { ...hello, messages: [{ role: "user", content: "my hunter2 prompt" }] }
        for (const status of [400, 401, 429, 500]) {
          yield* provider.set("first", { outcome: Behaviour.respond(status, { error: { message: said } }) })
          for (const stream of [false, true]) yield* chat(url, { ...secret, stream })
        }
        yield* chat(url, secret, { authorization: "Bearer hunter2" })
        yield* ask(`${url}/v1/hunter2?api_key=hunter2`)
        yield* admin("/admin/circuits/first", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ command: "open", reason: "a test\r\nERROR: forged \u001b[31m \u202e" })
        })
        yield* admin("/admin/reload", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ reason: "it\nis wrong" })
        })
      }).pipe(Effect.provide(log))
      const all = JSON.stringify(lines)
      assert.include(all, "a test")
      for (const place of ["models.first.provider", "providers.sim.timeout"]) assert.include(all, `${place}: `)
      for (const secret of ["hunter2", "sk-provider", token, control, "Good day"]) assert.notInclude(all, secret)
      const texts = lines.filter((line) => typeof line === "string")
      const acts = texts.filter((line) => line.startsWith("An operator"))
      assert.lengthOf(acts, 2)
      // eslint-disable-next-line no-control-regex
      for (const line of acts) assert.notMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/)
    })))
})

describe.concurrent("more requests than there may be", () => {
  it.live("are refused at once, and the gateway stays alive", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running("listen: { port: 0, maxRequests: 2 }")
      yield* provider.set("first", { outcome: Behaviour.hang })
      yield* Effect.forkScoped(
        Effect.all([chat(url, { ...hello, model: "first" }), chat(url, { ...hello, model: "first" })], {
          concurrency: 2
        })
      )
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 2 })
      const got = yield* chat(url, hello)
      assert.strictEqual(got.status, 503)
      assert.strictEqual(got.headers.get("retry-after"), "1")
      assert.strictEqual((yield* ask(`${url}/health/live`)).status, 200)
    })))
})

describe.concurrent("a client that takes nothing of its answer", () => {
  it.live("is cut off after a while, and its place is free again", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running("listen: { port: 0, writeTimeout: 500 millis, maxRequests: 1 }")
      const asked = (until: number) =>
        Effect.repeat(Effect.delay(chat(url, { ...hello, model: "second" }), 20), {
          until: ({ status }) => status === until
        })
      const large = "x".repeat(10_000_000)
      for (const stream of [false, true]) {
        yield* provider.set("first", {
          outcome: stream ? Behaviour.stream({ text: large, chunks: 1 }) : Behaviour.ok(large)
        })
        const body = JSON.stringify({ ...hello, model: "first", stream })
        const { started } = yield* provider.stats("first")
        yield* Effect.forkScoped(raw(url, post(body, `authorization: Bearer ${token}\r\n`), { reads: false }))
        // Nobody else may take the only place before.
        yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: (now) => now.started > started })
        yield* asked(503)
        yield* asked(200)
      }
    })))
})

describe.concurrent("a client that takes nothing of several answers on one connection", () => {
  it.live("is cut off after a while, and all their places are free again", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running("listen: { port: 0, writeTimeout: 500 millis, maxRequests: 3 }")
      yield* provider.set("first", { outcome: Behaviour.ok("x".repeat(10_000_000)) })
      // The others are there before it, and wait for their turn.
      yield* provider.set("second", { outcome: Behaviour.ok("late"), latency: Behaviour.constant(500) })
      const asking = (model: string) => post(JSON.stringify({ ...hello, model }), `authorization: Bearer ${token}\r\n`)
      const asked = asking("second") + asking("first").repeat(2)
      yield* Effect.forkScoped(raw(url, asked, { reads: false }))
      yield* Effect.repeat(Effect.delay(provider.total, 5), { until: ({ started }) => started === 3 })
      yield* provider.set("second", { outcome: Behaviour.hang })
      // A place may be free before the others are.
      const other = Effect.forever(Effect.delay(chat(url, { ...hello, model: "second" }), 20))
      yield* Effect.forkScoped(Effect.all([other, other, other], { concurrency: "unbounded" }))
      yield* Effect.repeat(Effect.delay(provider.stats("second"), 5), { until: ({ inFlight }) => inFlight === 3 })
    })))
})

describe.concurrent("a client that takes nothing of its stream", () => {
  it.live("is cut off after a while, and the call at the provider ends", () =>
    Effect.scoped(Effect.gen(function*() {
      const { provider, url } = yield* running("listen: { port: 0, writeTimeout: 300 millis }")
      yield* provider.set("first", {
        outcome: Behaviour.stream({ text: "x".repeat(30_000_000), chunks: 3000, end: Behaviour.stallAfter(2999) })
      })
      const body = JSON.stringify({ ...hello, model: "first", stream: true })
      yield* Effect.forkScoped(raw(url, post(body, `authorization: Bearer ${token}\r\n`), { reads: false }))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 20), { until: ({ aborted }) => aborted === 1 })
    })))
})
