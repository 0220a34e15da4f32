/**
 * Random bytes at the address for operators: no crash, no hang, no 500, and nothing controlled without the control token.
 * `SWITCHGEAR_RUNS` says how many connections.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { administered, control, reader } from "./administered.ts"
import { send } from "./rawSocket.ts"
import { token } from "./running.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 300)

const targets = [
  "/admin/overview",
  "/admin/events?since=-1",
  "/admin/events?since=x",
  "/admin/circuits/first",
  "/admin/circuits/%",
  "/admin/circuits/%2e%2e%2foverview",
  "/admin/circuits/..%2f..%2fmetrics",
  "/admin/overview/../circuits/first",
  "/admin/./overview",
  "/admin/reload",
  "/admin/stream",
  "/metrics",
  "/actuator/metrics/%00?tag=",
  "/actuator/metrics/x?tag=a:b&tag=c",
  "/actuator/circuitbreakers/first",
  "/actuator/circuitbreakerevents/first/%ff",
  "/actuator/health/circuitBreakers/__proto__",
  "//",
  "//admin/overview",
  "/admin\\overview",
  "http://evil.example/admin/overview",
  "http://evil.example:99999999/",
  "http://[/",
  "*",
  "?",
  "/?#",
  "evil.example:443"
]

const bodies = [
  JSON.stringify({ command: "open", updateState: "FORCE_OPEN", reason: "an attack" }),
  "{\"command\":\"trip\",\"seconds\":1e999,\"reason\":\"x\"}",
  "{\"command\":\"open\",\"reason\":\"\\u0000\"}",
  "{\"__proto__\":{\"command\":\"open\"},\"reason\":\"x\"}",
  "[[[[",
  "null",
  "\u00ff\0"
]

const hosts = ["127.0.0.1", "localhost:1", "[::1]", "evil.example", "", "127.0.0.1.evil.example", "[::"]

const authorizations = (tokens: ReadonlyArray<string>) => tokens.map((token) => `authorization: Bearer ${token}\r\n`)

/** A request of odd parts, with the tokens given. */
const requestOf = (tokens: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const method = yield* Random.choice(["GET", "GET", "POST", "POST", "DELETE", "HEAD", "OPTIONS", "PUT"])
    const body = yield* Random.choice(bodies)
    const length = yield* Random.choice([Buffer.byteLength(body), Buffer.byteLength(body), 0, 3, -1])
    const parts = [
      `${method} ${yield* Random.choice(targets)} HTTP/1.1\r\n`,
      `host: ${yield* Random.choice(hosts.flatMap((host) => [host, "127.0.0.1"]))}\r\n`,
      yield* Random.choice(["", "authorization: Basic x\r\n", ...authorizations(tokens)]),
      yield* Random.choice(["content-type: application/json\r\n", "content-type: x\r\n", "accept: ;;q=,\r\n", ""]),
      `content-length: ${length}\r\n`,
      "\r\n",
      body
    ]
    if ((yield* Random.next) < 0.2) {
      parts[yield* Random.nextIntBetween(0, parts.length - 1)] = yield* Random.choice(["\r\n", "\0", "🦊", ...targets])
    }
    return parts.join("")
  })

const plain = (method: string, path: string, host: string, bearer: string): string =>
  `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${bearer}\r\ncontent-length: 0\r\n\r\n`

/** So that each kind of answer is there, whatever chance says. */
const sure = (bearer: string): ReadonlyArray<string> => [
  plain("GET", "/admin/overview", "127.0.0.1", bearer),
  plain("GET", "/admin/overview", "evil.example", bearer),
  plain("GET", "/admin/nowhere", "127.0.0.1", bearer),
  plain("POST", "/admin/reload", "127.0.0.1", reader),
  plain("GET", "/admin/overview", "127.0.0.1", "nobody"),
  "\0"
]

const listen = "listen: { port: 0, headersTimeout: 300 millis, requestTimeout: 300 millis }"

const fuzz = (tokens: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const made = yield* administered(listen)
    const seed = process.env.SWITCHGEAR_SEED ?? String(Math.random())
    const odd = yield* Random.withSeed(Effect.all(Array.from({ length: runs }, () => requestOf(tokens))), seed)
    const all = [...sure(tokens[0]!), ...odd]
    const statuses: Record<string, number> = {}
    yield* Effect.forEach(all, (bytes) =>
      Effect.map(Effect.timeout(send(made.adminUrl, bytes), "20 seconds"), (got) => {
        for (const [, status] of got.matchAll(/^HTTP\/1\.1 (\d+)/gm)) {
          statuses[status!] = (statuses[status!] ?? 0) + 1
          assert.notStrictEqual(status, "500", `seed ${seed}: ${JSON.stringify(bytes)}`)
        }
      }), { concurrency: 16, discard: true })
    const { json, status } = yield* made.admin("/admin/events")
    assert.strictEqual(status, 200)
    return { statuses, events: json.events as ReadonlyArray<{ readonly by?: string }> }
  })

describe(`${runs} odd requests`, () => {
  it.live("with the control token get no 500", () =>
    Effect.scoped(Effect.gen(function*() {
      const { events, statuses } = yield* fuzz([control, control, control])
      assert.containsAllKeys(statuses, ["200", "400", "404", "421"])
      for (const { by } of events) assert.include([undefined, "control"], by)
    })), 60_000 + 20 * runs)

  it.live("without it control nothing", () =>
    Effect.scoped(Effect.gen(function*() {
      const { events, statuses } = yield* fuzz([reader, reader, token, `${control}x`])
      assert.containsAllKeys(statuses, ["200", "401", "403"])
      assert.deepStrictEqual(events, [])
    })), 60_000 + 20 * runs)
})
