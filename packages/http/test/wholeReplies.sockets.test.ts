/** Answers that are whole although their bodies, or their connections, do not end as they should. */
import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatSchema, ChatStream } from "@switchgear/http"
import { Clock, Context, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Socket } from "node:net"
import * as Zlib from "node:zlib"
import * as Loopback from "./support/loopback.ts"
import { bothWays, type LayerChatClient } from "./support/ways.ts"

const request = { model: "m", messages: [{ role: "user" as const, content: "Where is my parcel?" }] }
const json = JSON.stringify({
  choices: [{ index: 0, message: { role: "assistant", content: "Good day" }, finish_reason: "stop" }]
})
const failure = JSON.stringify({
  error: { message: "Slow down", type: "rate_limit_error", code: "rate_limit_exceeded" }
})
const events = `data: ${
  JSON.stringify({ choices: [{ index: 0, delta: { content: "Good day" }, finish_reason: "stop" }] })
}\n\n`
const half = json.slice(0, 40)
const packed = Zlib.gzipSync(json)
/** Of a member, the last 8 bytes are its checksum and its length. */
const withoutTrailer = packed.subarray(0, -8)

const packers = { br: Zlib.brotliCompressSync, deflate: Zlib.deflateSync, zstd: Zlib.zstdCompressSync }

const head = (...fields: ReadonlyArray<string>) => ["HTTP/1.1 200 OK", ...fields, "", ""].join("\r\n")
const chunk = (bytes: string | Uint8Array) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), Buffer.from(bytes), Buffer.from("\r\n")])

/** The client's clock goes so much faster than that of the server. */
const speed = 4

type Says = (socket: Socket) => void

const json200 = "content-type: application/json"
const stream200 = "content-type: text/event-stream"
const inChunks = (body: string | Uint8Array, ...fields: ReadonlyArray<string>): Says => (socket) => {
  socket.write(head(json200, "transfer-encoding: chunked", ...fields))
  socket.write(chunk(body))
}
const tooLong = (body: string | Uint8Array, ...fields: ReadonlyArray<string>): Says => (socket) => {
  socket.write(head(json200, "content-length: 100000", ...fields))
  socket.write(body)
}
const thenEnd = (says: Says): Says => (socket) => {
  says(socket)
  socket.end()
}

/** When an answer is there: without waiting, when nothing more came for a second, or not before the time-out of the call. */
type When = "at once" | "after a second" | "at the time-out"

const whole: ReadonlyArray<readonly [how: string, says: Says, answer: string, when: When]> = [
  ["in chunks without a last one", inChunks(json), "Good day", "after a second"],
  ["in chunks without a last one, and closed", thenEnd(inChunks(json)), "Good day", "at once"],
  ["shorter than its length", tooLong(json), "Good day", "after a second"],
  ["shorter than its length, with connection: close", tooLong(json, "connection: close"), "Good day", "after a second"],
  ["shorter than its length, and closed", thenEnd(tooLong(json)), "Good day", "at once"],
  [
    "shorter than its length, with connection: close, and closed",
    thenEnd(tooLong(json, "connection: close")),
    "Good day",
    "at once"
  ],
  [
    "up to a close that never comes",
    (socket) => socket.write(head(json200, "connection: close") + json),
    "Good day",
    "after a second"
  ],
  ["with spaces after it", inChunks(`${json}\r\n\r\n`), "Good day", "after a second"],
  ["packed, in chunks without a last one", inChunks(packed, "content-encoding: gzip"), "Good day", "after a second"],
  ["packed without a trailer", inChunks(withoutTrailer, "content-encoding: gzip"), "Good day", "after a second"],
  [
    "packed without a trailer, and closed",
    thenEnd(inChunks(withoutTrailer, "content-encoding: gzip")),
    "Good day",
    "at once"
  ],
  [
    "packed without a trailer, and whole otherwise",
    (socket) => {
      socket.write(head(json200, "content-encoding: gzip", `content-length: ${withoutTrailer.length}`))
      socket.write(withoutTrailer)
    },
    "Good day",
    "at once"
  ],
  [
    "half of it packed, and closed",
    thenEnd(inChunks(packed.subarray(0, 60), "content-encoding: gzip")),
    "Truncated",
    "at once"
  ],
  [
    "half of it packed, and whole otherwise",
    (socket) => {
      socket.write(head(json200, "content-encoding: gzip", "content-length: 60"))
      socket.write(packed.subarray(0, 60))
    },
    "Truncated",
    "at once"
  ],
  ...(["br", "deflate", "zstd"] as const).map((encoding) =>
    [
      `packed by ${encoding}, in chunks without a last one, and closed`,
      thenEnd(inChunks(packers[encoding](json), `content-encoding: ${encoding}`)),
      "Good day",
      "at once"
    ] as const
  ),
  ["an error in a 200, in chunks without a last one", inChunks(failure), "ProviderRateLimited", "after a second"],
  ["events that nobody asked for, up to [DONE]", inChunks(`${events}data: [DONE]\n\n`), "Good day", "after a second"],
  // What is not whole may go on.
  ["half, in chunks without a last one", inChunks(half), "TimedOut", "at the time-out"],
  ["half, shorter than its length, and closed", thenEnd(tooLong(half)), "Truncated", "at once"],
  [
    "half at first, whole after two seconds",
    (socket) => {
      inChunks(half)(socket)
      setTimeout(() => socket.write(chunk(json.slice(40))), 2000 / speed)
    },
    "Good day",
    "after a second"
  ],
  [
    "whole as soon as it has ended",
    (socket) => {
      inChunks(json)(socket)
      setTimeout(() => socket.write("0\r\n\r\n"), 300 / speed)
    },
    "Good day",
    "at once"
  ]
]

const streams: ReadonlyArray<readonly [how: string, says: Says, answer: string, when: When]> = [
  [
    "events up to [DONE], in chunks without a last one",
    (socket) => {
      socket.write(head(stream200, "transfer-encoding: chunked"))
      socket.write(chunk(`${events}data: [DONE]\n\n`))
    },
    "Good day",
    "at once"
  ],
  [
    "events up to [DONE], shorter than their length",
    (socket) => {
      socket.write(head(stream200, "content-length: 100000"))
      socket.write(`${events}data: [DONE]\n\n`)
    },
    "Good day",
    "at once"
  ],
  [
    "events up to [DONE], packed without a trailer",
    (socket) => {
      socket.write(head(stream200, "transfer-encoding: chunked", "content-encoding: gzip"))
      socket.write(chunk(Zlib.gzipSync(`${events}data: [DONE]\n\n`).subarray(0, -8)))
    },
    "Good day",
    "at once"
  ],
  [
    "events up to a close that never comes",
    (socket) => {
      socket.write(`${head(stream200, "connection: close")}${events}data: [DONE]\n\n`)
    },
    "Good day",
    "at once"
  ],
  ["a whole reply instead, in chunks without a last one", inChunks(json), "Good day", "after a second"],
  ["a whole reply instead, shorter than its length", tooLong(json), "Good day", "after a second"],
  ["a whole reply instead, shorter than its length, and closed", thenEnd(tooLong(json)), "Good day", "at once"],
  ["an error instead, in chunks without a last one", inChunks(failure), "ProviderRateLimited", "after a second"]
]

const clientOf = (layerChatClient: LayerChatClient, url: string) =>
  Effect.map(
    Layer.build(layerChatClient({ provider: "p", baseUrl: url, proxy: "none", timeout: "4 seconds" })),
    Context.get(ChatClient.ChatClient)
  )

/**
 * Gives the milliseconds of the client's clock that its answer took. They pass only while the client waits: so many for each
 * turn of the event loop in which nothing came.
 */
const timed = <E extends { readonly _tag: string }>(answer: Effect.Effect<string, E>) =>
  Effect.gen(function*() {
    const begun = yield* Clock.currentTimeMillis
    const asked = yield* Effect.forkChild(
      Effect.match(answer, { onSuccess: (text) => text, onFailure: ({ _tag }): string => _tag }),
      { startImmediately: true }
    )
    while (asked.pollUnsafe() === undefined) {
      yield* TestClock.withLive(Effect.sleep("5 millis"))
      yield* TestClock.adjust(5 * speed)
    }
    return { said: yield* Fiber.join(asked), after: (yield* Clock.currentTimeMillis) - begun }
  })

const earliest: Record<When, number> = { "at once": 0, "after a second": 1000, "at the time-out": 4000 }

bothWays((layerChatClient) => {
  for (const [kind, table] of [["reply", whole], ["stream", streams]] as const) {
    describe.concurrent(`a ${kind} is read as far as it is whole`, () => {
      for (const [how, says, answer, when] of table) {
        it.effect(how, () =>
          Effect.gen(function*() {
            const { seen, url } = yield* Loopback.connections(({ socket }) => says(socket))
            const client = yield* clientOf(layerChatClient, url)
            const { after, said } = yield* timed(
              kind === "reply"
                ? Effect.map(client.complete(request), ChatSchema.text)
                : Stream.mkString(Stream.map(client.stream(request), ChatStream.text))
            )
            assert.strictEqual(said, answer)
            assert.isAtLeast(after, earliest[when])
            if (when === "at once") assert.isBelow(after, 1000)
            assert.strictEqual(seen.requests, 1)
          }), 30_000)
      }
    })
  }
})
