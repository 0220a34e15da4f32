/** Many long requests that fail at once, and what else the process can do meanwhile. */
import { assert, it } from "@effect/vitest"
import { ChatClient, ChatStream } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Deadline } from "@switchgear/core"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import type { Socket } from "node:net"
import * as Loopback from "./support/loopback.ts"

const calls = 20

/** Refuses all calls in one turn of the loop, when the last of them has arrived. */
const refusing = Effect.suspend(() => {
  const waiting: Array<Socket> = []
  return Loopback.connections(({ socket }) => {
    waiting.push(socket)
    if (waiting.length < calls) return
    for (const each of waiting.splice(0))
      Loopback.answer(each, { error: { message: "no" } }, "500 Internal Server Error")
  })
})

/** Counts the turns of the loop. */
const turns = Effect.acquireRelease(
  Effect.sync(() => {
    const counted = { turn: 0, immediate: undefined as NodeJS.Immediate | undefined }
    const count = () => {
      counted.turn++
      counted.immediate = setImmediate(count)
    }
    count()
    return counted
  }),
  ({ immediate }) => Effect.sync(() => clearImmediate(immediate))
)

const ways = {
  "whole answers": (client: ChatClient.ChatClient["Service"], request: Parameters<typeof client.complete>[0]) =>
    client.complete(request),
  streams: (client: ChatClient.ChatClient["Service"], request: Parameters<typeof client.complete>[0]) =>
    ChatStream.collect(client.stream(request))
}

for (const [name, ask] of Object.entries(ways)) {
  it.live(`the errors of ${calls} long requests for ${name} that fail at once are read in ${calls} turns of the loop`, () =>
    Effect.gen(function*() {
      const { url } = yield* refusing
      const client = Context.get(
        yield* Layer.build(NodeTransport.layerChatClient({ provider: "p", baseUrl: url, proxy: "none" })),
        ChatClient.ChatClient
      )
      const counted = yield* turns
      const content = "Where is my parcel? ".repeat(10_000)
      const call = Effect.map(
        Effect.flip(ask(client, { model: "m", messages: [{ role: "user", content }] })),
        ({ _tag }) => [_tag, counted.turn] as const
      )
      const all = yield* Effect.all(Array.from({ length: calls }, () => call), { concurrency: "unbounded" })
      assert.deepStrictEqual(new Set(all.map(([tag]) => tag)), new Set(["ProviderFault"]))
      assert.strictEqual(new Set(all.map(([, turn]) => turn)).size, calls)
    }))
}

it.effect("a deadline holds for a call whose failure waits for its turn", () =>
  Effect.gen(function*() {
    const { url } = yield* refusing
    const client = Context.get(
      yield* Layer.build(NodeTransport.layerChatClient({ provider: "p", baseUrl: url, proxy: "none" })),
      ChatClient.ChatClient
    )
    const content = "Where is my parcel? ".repeat(10_000)
    const call = Deadline.within("10 seconds")(client.complete({ model: "m", messages: [{ role: "user", content }] }))
    // The first to hear of its failure lets all the time pass.
    const all = yield* Effect.all(
      Array.from({ length: calls }, () => Effect.flip(Effect.tapError(call, () => TestClock.setTime(10_000)))),
      { concurrency: "unbounded" }
    )
    const tags = all.map(({ _tag }) => _tag)
    assert.include(tags, "ProviderFault")
    assert.include(tags, "DeadlineExceeded")
  }))
