/** The gateway with limits, circuits, costs and a cache, in front of one model. */
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Effect } from "effect"
import { measured } from "./measured.ts"

const file = `
listen: { port: 0, maxRequests: 100000 }
providers: { p: { baseUrl: ${process.argv[2]!.replace("/chat/completions", "")}, apiKey: sk-0123456789abcdefghij } }
models:
  gpt-4.1:
    provider: p
    bulkhead: { concurrency: 1000 }
    rateLimiter: { limits: [{ resource: requests, limit: 1000000000, per: 1 minute }, { resource: tokens, limit: 1000000000000, per: 1 minute }] }
cascades: { assistant: { steps: [gpt-4.1] } }
prices: { gpt-4.1: { input: 2, output: 8 } }
clients:
  - name: shop
    token: sk-shop-0123456789
    limits: [{ resource: requests, limit: 1000000000, per: 1 minute }]
    budget: { dollars: 1000000, window: month }
`

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const config = yield* GatewayConfig.parse(file, {})
  const { address } = yield* Gateway.make(config)
  measured(address.port)
  return yield* Effect.never
})))
