/** Numbers of requests that a double does not hold: 64-bit seeds and ids, and what is beyond all doubles. */
import { assert, describe, it } from "@effect/vitest"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Effect } from "effect"
import { ask, token } from "./running.ts"
import { type Asked, scripted, sendWhole } from "./scripted.ts"
import type { ServerResponse } from "node:http"

const numbers = [
  "9007199254740993",
  "9007199254740992",
  "12345678901234567890",
  "-9223372036854775807",
  "1e400",
  "1.0e999"
]

const usual = ["1", "0.7", "-0.0", "9007199254740991", "1e3", "0.1234567890123456789"]

const message = `{"role":"user","content":"Hello 12345678901234567890"}`

/** Bodies of each API with a number in some place, whole and streamed. */
const bodies: ReadonlyArray<readonly [what: string, path: string, body: (number: string) => string]> = [
  ["a chat completion", "chat/completions", (n) => `{"model":"kept","messages":[${message}],"seed":${n}}`],
  [
    "a streamed chat completion",
    "chat/completions",
    (n) => `{"stream":true,"model":"kept","seed":${n},"messages":[${message}]}`
  ],
  [
    "a schema of a chat completion",
    "chat/completions",
    (n) => `{"messages":[${message}],"tools":[{"a":[{"const":${n},"__proto__":{"b":${n}}}]}],"model":"kept"}`
  ],
  ["a message", "messages", (n) => `{"model":"kept","max_tokens":9,"messages":[{"role":"user","content":[${n}]}]}`],
  [
    "a message with a field twice",
    "messages",
    (n) => `{"model":"kept","top_k":1,"max_tokens":9,"messages":[${message}],"top_k":${n}}`
  ],
  ["a response", "responses", (n) => `{"model":"kept","input":[{"id":${n}}]}`]
]

const inOrder = (fields: object) => Object.entries(fields).sort(([a], [b]) => a < b ? -1 : 1)

const answer = ({ text, headers }: Asked, response: ServerResponse) => {
  if (headers["anthropic-version"] !== undefined) {
    response.writeHead(200, { "content-type": "application/json" })
    return response.end(JSON.stringify({
      id: "msg_1",
      type: "message",
      role: "assistant",
      content: [{ type: "text", text: "Good day" }],
      stop_reason: "end_turn",
      usage: { input_tokens: 1, output_tokens: 1 }
    }))
  }
  if (text.includes("\"input\"")) {
    response.writeHead(200, { "content-type": "application/json" })
    const content = [{ type: "output_text", text: "Good day" }]
    return response.end(JSON.stringify({
      id: "r",
      object: "response",
      status: "completed",
      output: [{ type: "message", role: "assistant", content }],
      usage: { input_tokens: 1, output_tokens: 1 }
    }))
  }
  return sendWhole(response, { content: "Good day" })
}

const opened = Effect.gen(function*() {
  const provider = yield* scripted(answer)
  const config = yield* GatewayConfig.parse(
    `listen: { port: 0 }
providers: { sim: { baseUrl: "${provider.url}", speaks: [chat, messages, responses] } }
models: { first: { provider: sim, retry: { maxAttempts: 1 } } }
cascades: { kept: { steps: [first], cache: { timeToLive: 1 hour } } }
clients: [{ name: shop, token: ${token} }]`,
    {}
  )
  const { address } = yield* Gateway.make(config)
  const send = (path: string, body: string) =>
    ask(`http://127.0.0.1:${address.port}/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body
    })
  return { provider, send }
}).pipe(Effect.orDie)

describe("a number of a request that no double holds", () => {
  for (const [what, path, body] of bodies) {
    it.live(`reaches the provider of ${what} as it is written`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { provider, send } = yield* opened
        for (const number of [...numbers, ...usual]) {
          const given = body(number)
          yield* send(path, given)
          const { text } = provider.asked.at(-1)!
          // Others may be written in another way, which says the same.
          if (numbers.includes(number)) assert.match(text, new RegExp(`[:[]${number.replace(".", "\\.")}[,\\]}]`))
          const { stream_options: _, ...sent } = JSON.parse(text)
          assert.strictEqual(
            JSON.stringify(inOrder(sent)),
            JSON.stringify(inOrder({ ...JSON.parse(given), model: "first" }))
          )
        }
      })))
  }

  for (const [what, path, body] of bodies) {
    if (what.includes("streamed")) continue
    it.live(`tells the kept answer of ${what} from that to the number beside it`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { provider, send } = yield* opened
        for (const number of [...numbers, ...numbers]) yield* send(path, body(number))
        assert.strictEqual(provider.asked.length, numbers.length)
        for (const number of usual.slice(0, 2)) yield* send(path, body(number))
        assert.strictEqual(provider.asked.length, numbers.length + 2)
      })))
  }
})
