/** Calls that were left while they waited for a connection. */
import { assert, it } from "@effect/vitest"
import { ChatClient, ChatSchema, ChatStream } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Context, Deferred, Effect, Fiber, Layer } from "effect"
import type { Socket } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Loopback from "./support/loopback.ts"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")
const held = () => {
  collect()
  const { external, heapUsed } = process.memoryUsage()
  return external + heapUsed
}

const requestOf = (content: string) => ({ model: "m", messages: [{ role: "user" as const, content }] })
type Client = ChatClient.ChatClient["Service"]
type Request = Parameters<Client["complete"]>[0]

const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

const ways = {
  "whole answers": (client: Client, request: Request) => client.complete(request),
  streams: (client: Client, request: Request) => ChatStream.collect(client.stream(request))
}

for (const [name, ask] of Object.entries(ways)) {
  it.live(`of ${name}: none is sent, and none keeps its request in memory`, () =>
    Effect.gen(function*() {
      const first = yield* Deferred.make<Socket>()
      const { seen, url } = yield* Loopback.connections(({ socket }) => {
        if (seen.requests === 1) Deferred.doneUnsafe(first, Effect.succeed(socket))
        else Loopback.answer(socket, { error: { message: "no" } }, "400 Bad Request")
      })
      const client = Context.get(
        yield* Layer.build(
          NodeTransport.layerChatClient({ provider: "p", baseUrl: url, proxy: "none", connections: 1 })
        ),
        ChatClient.ChatClient
      )
      const hung = yield* Effect.forkChild(ask(client, requestOf("Hello")))
      const socket = yield* Deferred.await(first)
      const before = held()
      for (let i = 0; i < 100; i++) {
        const call = yield* Effect.forkChild(ask(client, requestOf(`${i} `.repeat(100_000))), {
          startImmediately: true
        })
        yield* Fiber.interrupt(call)
      }
      assert.isBelow(held() - before, 10 * 2 ** 20)
      Loopback.answer(socket, { error: { message: "no" } }, "400 Bad Request")
      yield* Effect.exit(Fiber.join(hung))
      assert.strictEqual((yield* Effect.flip(ask(client, requestOf("Hello"))))._tag, "ProviderFault")
      assert.deepStrictEqual(seen, { connections: 1, requests: 2, open: 1 })
    }))
}

it.live("leave a connection that the next call uses; where it was closed, the call is sent once more over a new one", () =>
  Effect.gen(function*() {
    const reply = {
      choices: [{ index: 0, message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }]
    }
    const { seen, url } = yield* Loopback.connections(({ connection, socket }) => {
      if (connection === 1) socket.resetAndDestroy()
      else Loopback.answer(socket, reply)
    })
    const client = Context.get(
      yield* Layer.build(NodeTransport.layerChatClient({ provider: "p", baseUrl: url, proxy: "none", connections: 1 })),
      ChatClient.ChatClient
    )
    const left = yield* Effect.forkChild(client.complete(requestOf("Hello")), { startImmediately: true })
    yield* Fiber.interrupt(left)
    while (seen.connections === 0) yield* turn
    // Our side knows of the connection, too.
    yield* turn
    yield* turn
    assert.strictEqual(ChatSchema.text(yield* client.complete(requestOf("Hello"))), "Good day")
    assert.deepStrictEqual([seen.connections, seen.requests], [2, 2])
  }))
