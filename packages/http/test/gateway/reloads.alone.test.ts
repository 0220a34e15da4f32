/** A gateway that takes over files for months keeps nothing of those that are gone. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { ChatClient } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Context, Effect, Layer } from "effect"
import { ask } from "./running.ts"
import { scripted } from "./scripted.ts"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const message = JSON.stringify({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "first",
  content: [{ type: "text", text: "Good day" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 1, output_tokens: 2 }
})

const files = 10

describe("what a file says that is gone", () => {
  for (const asked of ["never", "after every file"]) {
    it.live(`is not kept, where messages were asked for ${asked}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const { url: provider } = yield* scripted((_, response) =>
          response.writeHead(200, { "content-type": "application/json" }).end(message)
        )
        const clients: Array<WeakRef<object>> = []
        const client = (options: NodeTransport.ChatClientOptions) =>
          NodeTransport.layerChatClient(options).pipe(
            Layer.tap((made) => Effect.sync(() => clients.push(new WeakRef(Context.get(made, ChatClient.ChatClient)))))
          )
        const read = (file: number) =>
          GatewayConfig.parse(
            `listen: { port: 0 }
providers: { sim: { baseUrl: ${provider}, timeout: ${60 + file} seconds, speaks: [chat, messages] } }
models: { first: { provider: sim } }
cascades: { kept: { steps: [first] } }`,
            {}
          )
        const { address, reload } = yield* Effect.flatMap(read(0), (config) => Gateway.make(config, { client }))
        for (let file = 1; file <= files; file++) {
          if (asked !== "never") {
            const { status } = yield* ask(`http://127.0.0.1:${address.port}/v1/messages`, {
              method: "POST",
              body: JSON.stringify({ model: "kept", max_tokens: 5, messages: [{ role: "user", content: `${file}` }] })
            })
            assert.strictEqual(status, 200)
          }
          yield* Effect.flatMap(read(file), reload)
        }
        assert.lengthOf(clients, files + 1)
        const left = Effect.sync(() => {
          collect()
          return clients.filter((client) => client.deref() !== undefined).length
        })
        // A weak reference keeps what it was made of until the turn is over.
        const least = yield* Effect.repeat(Effect.delay(left, 10), { until: (count) => count <= 3, times: 20 })
        assert.isAtMost(least, 3)
      })))
  }
})
