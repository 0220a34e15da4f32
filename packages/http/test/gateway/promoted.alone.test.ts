/**
 * What a call made is given back with the young generation, which costs next to nothing. What is given back only with the
 * whole heap cost a busy gateway an eighth of its time.
 */
import { createServer } from "node:http"
import { connect } from "node:net"
import { once } from "node:events"
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { hello, runningOver, token } from "./running.ts"

setFlagsFromString("--expose-gc")
const collect: (options?: { readonly type: "minor" }) => void = runInNewContext("gc")

const connections = 32

const reply = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "first",
  choices: [{ index: 0, message: { role: "assistant", content: "Good day" }, finish_reason: "stop", logprobs: null }],
  usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 }
})

const provider = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer((incoming, outgoing) => {
      incoming.resume()
      incoming.on("end", () => {
        outgoing.writeHead(200, { "content-type": "application/json" })
        outgoing.end(reply)
      })
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return { server, url: `http://127.0.0.1:${(server.address() as { readonly port: number }).port}` }
  }),
  ({ server }) => Effect.promise(() => new Promise((resolve) => server.close(resolve).closeAllConnections()))
)

/** Makes calls one after the other on each connection, and collects the young now and then. */
const calling = (url: string, body: object, calls: number): Promise<void> => {
  const text = JSON.stringify(body)
  const request =
    `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`
  let asked = 0
  let answered = 0
  return new Promise((resolve, reject) => {
    for (let i = 0; i < connections; i++) {
      const socket = connect(Number(new URL(url).port), "127.0.0.1")
      let got = ""
      const next = () => {
        got = ""
        if (asked++ < calls) socket.write(request)
        else socket.end()
      }
      socket.setEncoding("latin1")
      socket.on("connect", next)
      socket.on("error", reject)
      socket.on("data", (data: string) => {
        got += data
        if (!got.endsWith("}")) return
        if (!got.startsWith("HTTP/1.1 200")) return reject(new Error(got))
        if (++answered % (2 * connections) === 0) collect({ type: "minor" })
        if (answered === calls) resolve()
        next()
      })
    }
  })
}

const old = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")!.space_used_size

describe("a gateway under load", () => {
  it.live("has nothing of an answer survive in the old generation", () =>
    Effect.scoped(Effect.gen(function*() {
      const { url: provided } = yield* provider
      const { url } = yield* runningOver(provided)
      // What runs often is compiled, and what was learned of it stays.
      yield* Effect.promise(() => calling(url, hello, 2000))
      collect()
      const before = old()
      const calls = 3000
      yield* Effect.promise(() => calling(url, hello, calls))
      // In bytes. Where a call in flight was known in a `Set`, they were 590.
      assert.isBelow((old() - before) / calls, 350)
    })), 60_000)
})
