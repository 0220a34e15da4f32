/**
 * Random bytes at the address for clients: no crash, no hang, and no 500 of the gateway's own making. `SWITCHGEAR_RUNS` says
 * how many connections.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { send } from "./rawSocket.ts"
import { chat, hello, running, token } from "./running.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 300)

const bodies = [
  JSON.stringify(hello),
  JSON.stringify({ ...hello, stream: true }),
  JSON.stringify({ ...hello, n: 1e308 }),
  "{\"model\":\"assistant\",\"messages\":[null]}",
  "{\"model\":\"assistant\",\"messages\":[{\"role\":{},\"content\":[[[]]]}]}",
  "{\"model\":\"assistant\",\"messages\":[],\"__proto__\":{\"stream\":true}}",
  "{\"model\":\"assistant\",\"max_tokens\":{},\"messages\":[null],\"model\":\"assistant\",\"stream\":true}",
  "{\"model\":\"assistant\",\"input\":[null,[[]]],\"max_output_tokens\":\"x\",\"__proto__\":1}"
]

const paths = ["/v1/chat/completions", "/v1/embeddings", "/v1/messages", "/v1/messages/count_tokens", "/v1/responses"]

const pieces = [
  "GET ",
  "POST ",
  "PUT ",
  ...paths,
  "/v1/models",
  "/v1/models/%",
  "/health/live",
  "*",
  " HTTP/1.1\r\n",
  " HTTP/1.0\r\n",
  "host: 127.0.0.1\r\n",
  "host: \r\n",
  `authorization: Bearer ${token}\r\n`,
  "authorization: Bearer \r\n",
  "content-length: 40\r\n",
  "content-length: -1\r\n",
  "content-length: 5\r\ncontent-length: 6\r\n",
  "transfer-encoding: chunked\r\n",
  "expect: 100-continue\r\n",
  "connection: upgrade\r\nupgrade: websocket\r\n",
  "content-encoding: gzip\r\n",
  "x-stainless-timeout: NaN\r\n",
  "x-stainless-timeout: 0.001\r\n",
  "idempotency-key: a\r\n",
  `x-api-key: ${token}\r\n`,
  "anthropic-beta: \u00ff\r\n",
  "\r\n",
  "\r\n\r\n",
  "5\r\nhello\r\n0\r\n\r\n",
  "zz\r\n",
  ...bodies,
  "[".repeat(5000),
  "\0",
  "\u00ff\u00fe",
  "🦊"
]

/** A request that is whole, but for what chance changes of it. */
const nearly = (path: string, body: string): ReadonlyArray<string> => [
  "POST ",
  path,
  " HTTP/1.1\r\n",
  "host: 127.0.0.1\r\n",
  `authorization: Bearer ${token}\r\n`,
  `content-length: ${Buffer.byteLength(body)}\r\n`,
  "\r\n",
  body
]

const bytesOf = Effect.gen(function*() {
  const any = Random.choice(pieces)
  if ((yield* Random.next) < 0.3) {
    return (yield* Effect.all(Array.from({ length: yield* Random.nextIntBetween(1, 12) }, () => any))).join("")
  }
  const whole = [...nearly(yield* Random.choice(paths), yield* Random.choice(bodies))]
  for (let changes = yield* Random.nextIntBetween(0, 3); changes > 0; changes--) {
    whole[yield* Random.nextIntBetween(0, whole.length - 1)] = yield* any
  }
  return whole.join("")
})

it.live(
  `${runs} connections with odd bytes get no 500, and the next client is answered`,
  () =>
    Effect.scoped(Effect.gen(function*() {
      const { url } = yield* running("listen: { port: 0, headersTimeout: 300 millis, requestTimeout: 300 millis }")
      const seed = process.env.SWITCHGEAR_SEED ?? String(Math.random())
      const all = yield* Random.withSeed(Effect.all(Array.from({ length: runs }, () => bytesOf)), seed)
      const statuses: Record<string, number> = {}
      yield* Effect.forEach([nearly("/v1/chat/completions", bodies[0]!).join(""), "\0", ...all], (bytes) =>
        Effect.map(Effect.timeout(send(url, bytes), "20 seconds"), (got) => {
          for (const [, status] of got.matchAll(/^HTTP\/1\.1 (\d+)/gm)) {
            statuses[status!] = (statuses[status!] ?? 0) + 1
            assert.notStrictEqual(status, "500", `seed ${seed}: ${JSON.stringify(bytes)}`)
          }
        }), { concurrency: 32, discard: true })
      assert.containsAllKeys(statuses, ["200", "400"])
      assert.strictEqual((yield* chat(url, hello)).status, 200)
    })),
  60_000 + 20 * runs
)
