/**
 * Three keys for one provider: one is spent and one revoked, and nobody who asks hears of it.
 *
 * ```sh
 * node packages/examples/05_many_keys.ts
 * ```
 *
 * It talks to a simulated provider on a real loopback socket.
 */
import { NodeRuntime } from "@effect/platform-node"
import { ChatClient, ChatModel, ChatSchema } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Console, Effect, Layer, Redacted } from "effect"

const names = ["main", "spare", "last"] as const
const secret = (name: typeof names[number]) => `sk-${name}-0123456789abcdef`

// The label is what a key is shown by. The key itself is shown nowhere.
const key = (name: typeof names[number]) => Redacted.make(secret(name), { label: name })

const provider = SimulatedProvider.layer({
  models: { "deepseek-chat": { outcome: Behaviour.ok("It leaves tonight.") } },
  keys: {
    [secret("main")]: { outcome: Behaviour.quotaExhausted },
    [secret("spare")]: { outcome: Behaviour.unauthorized }
  },
  pages: {
    "/user/balance": {
      outcome: Behaviour.respond(200, {
        is_available: true,
        balance_infos: [{
          currency: "CNY",
          total_balance: "110.00",
          granted_balance: "10.00",
          topped_up_balance: "100.00"
        }]
      })
    }
  }
})

const client = Layer.unwrap(Effect.gen(function*() {
  const { url } = yield* SimulatedProvider.serve(yield* SimulatedProvider.SimulatedProvider)
  return NodeTransport.layerChatClient({
    provider: "deepseek",
    baseUrl: url,
    apiKey: [key("main"), key("spare"), key("last")],
    // For the example. Money does not come in two seconds.
    parkFor: "2 seconds",
    accountHost: "api.deepseek.com",
    proxy: "none"
  })
}))

const program = Effect.gen(function*() {
  const client = yield* ChatClient.ChatClient
  const { account, keys } = client
  const simulated = yield* SimulatedProvider.SimulatedProvider
  const model = yield* ChatModel.make({ model: "deepseek-chat", client })

  const ask = Effect.gen(function*() {
    const { value } = yield* model.complete({ messages: [{ role: "user", content: "When does it leave?" }] })
    const { calls, failed } = yield* model.breaker.snapshot
    yield* Console.log(`answered: ${ChatSchema.text(value)}`)
    yield* Console.log(`  circuit: ${calls} calls, ${failed} failed`)
    for (const { because, key } of yield* keys) yield* Console.log(`  ${key}: ${because ?? "free"}`)
  })

  yield* ask
  yield* ask

  // Somebody pays, and two seconds later the first key is the first again.
  yield* simulated.setKey(secret("main"), undefined)
  yield* Effect.sleep("2100 millis")
  yield* ask
  for (const name of names) {
    yield* Console.log(`${name}: ${(yield* simulated.keyStats(secret(name))).started} requests`)
  }

  const { balances, key } = yield* account
  for (const { currency, granted, remaining } of balances) {
    yield* Console.log(`account of ${key}: ${remaining} ${currency} left, ${granted} of it given`)
  }
})

program.pipe(Effect.provide(Layer.provideMerge(client, provider)), NodeRuntime.runMain)
