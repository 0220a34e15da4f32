/** A whole answer has the bytes of its provider, also where JavaScript would write its JSON otherwise, and from a cache. */
import { assert, describe, it } from "@effect/vitest"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Effect } from "effect"
import { chat, hello, token } from "./running.ts"
import { scripted } from "./scripted.ts"

const message = `{"role":"assistant","content":"h\\u00e9 é 世 \\ud83d\\/","refusal":null}`
const choice = `{"index":0,"message":${message},"logprobs":null,"finish_reason":"stop"}`
const usage = `"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}`

const answerOf = (more: string, own = choice): string =>
  `{ "id":"x","object":"chat.completion",${more}"created":1,"model":"m","choices":[${own}],${usage}}\n`

const answers: ReadonlyArray<readonly [what: string, text: string]> = [
  ["of a plain shape", answerOf("")],
  ["with numbers that are rounded", answerOf(`"a":1.0,"b":1e400,"c":12345678901234567890,"d":-0.0,"e":0.10,`)],
  ["with a field twice", answerOf(`"a":1,"a":2,`)],
  ["with fields that have other places", answerOf(`"b":1,"2":2,"1":1,`)],
  ["with the names of an object's own", answerOf(`"__proto__":{"a":1.0},"constructor":{"a":1},"toString":null,`)],
  ["with fields that nobody knows", answerOf(`"a":[[1.0]],`, choice.replace(`"index"`, `"b":{"c":1.50},"index"`))],
  ["with a content of parts", answerOf("", choice.replace(/"h.*?\/"/, `[{"type":"text","text":"h","a":1.0}]`))],
  ["whose choice has no number", answerOf("", choice.replace(`"index":0,`, ""))]
]

const running = (provider: string) =>
  Effect.gen(function*() {
    const config = yield* GatewayConfig.parse(
      `listen: { port: 0 }
providers: { sim: { baseUrl: "${provider}" } }
models: { first: { provider: sim, retry: { maxAttempts: 1 }, breaker: { minimumCalls: 100 } } }
cascades:
  plain: { steps: [first] }
  fresh: { steps: [first], cache: { timeToLive: 1 hour } }
prices: { first: { input: 2, output: 8 } }
clients: [{ name: shop, token: ${token} }]`,
      {}
    )
    const { address } = yield* Gateway.make(config)
    return `http://127.0.0.1:${address.port}`
  }).pipe(Effect.orDie)

describe("the bytes of a whole answer", () => {
  for (const [what, text] of answers) {
    it.live(`${what} are those of its provider, fresh, shared, kept and stale`, () =>
      Effect.scoped(Effect.gen(function*() {
        let isDown = false
        const { url } = yield* scripted((_, response) => {
          response.writeHead(isDown ? 500 : 200, { "content-type": "application/json" })
          setTimeout(() => response.end(isDown ? "{}" : text), 20)
        })
        const gateway = yield* running(url)
        const asked = (model: string) => chat(gateway, { ...hello, model })
        for (const model of ["first", "plain", "fresh"]) {
          isDown = false
          const got = yield* Effect.all([asked(model), asked(model)], { concurrency: "unbounded" })
          isDown = true
          if (model !== "first") got.push(yield* asked(model), yield* asked(model))
          assert.deepStrictEqual(got.map((one) => [one.status, one.text]), got.map(() => [200, text]), model)
          const cache = got.at(-1)!.headers.get("x-switchgear-cache")
          assert.strictEqual(cache, model === "first" ? null : model === "plain" ? "stale" : "hit")
        }
      })))
  }
})
