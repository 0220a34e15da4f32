import { assert, describe, it } from "@effect/vitest"
import { ChatClient, type ChatError, ChatSchema, ChatStream } from "@switchgear/http"
import { Context, Deferred, Effect, Layer, Stream } from "effect"
import { createServer, type ServerResponse } from "node:http"
import * as Zlib from "node:zlib"
import * as Loopback from "./support/loopback.ts"
import { bothWays } from "./support/ways.ts"

bothWays((layerChatClient) => {
  const request = { model: "m", messages: [{ role: "user" as const, content: "Hello" }] }

  const event = (content: string, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`
  const reply = JSON.stringify({
    choices: [{ index: 0, message: { content: "Good day, 世界" }, finish_reason: "stop" }]
  })
  const stream = `${event("Good day, ")}${event("世界", "stop")}data: [DONE]\n\n`

  const clientAt = (port: number) =>
    Effect.map(
      Layer.build(
        layerChatClient({ provider: "p", baseUrl: `http://127.0.0.1:${port}/v1`, proxy: "none" })
      ),
      Context.get(ChatClient.ChatClient)
    )

  const answered = (head: string, body: Uint8Array) => () => Buffer.concat([Buffer.from(`${head}\r\n\r\n`), body])

  const packed = (encoding: string, body: Uint8Array, status = "200 OK") =>
    answered(`HTTP/1.1 ${status}\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${body.length}`, body)

  const encodings: ReadonlyArray<readonly [string, (text: string | Buffer) => Buffer]> = [
    ["gzip", (text) => Zlib.gzipSync(text)],
    ["x-gzip", (text) => Zlib.gzipSync(text)],
    ["br", (text) => Zlib.brotliCompressSync(text)],
    ["zstd", (text) => Zlib.zstdCompressSync(text)],
    ["deflate", (text) => Zlib.deflateSync(text)],
    ["deflate", (text) => Zlib.deflateRawSync(text)],
    ["GZIP, br", (text) => Zlib.brotliCompressSync(Zlib.gzipSync(text))]
  ]

  describe("a body that is packed", () => {
    it.live.each(encodings)(
      "as %s is read, whole, streamed, and of an error",
      ([encoding, pack]) =>
        Effect.gen(function*() {
          let says = packed(encoding, pack(reply))
          const client = yield* clientAt(yield* Loopback.speaking(() => says()))
          assert.strictEqual(ChatSchema.text(yield* client.complete(request)), "Good day, 世界")
          says = packed(encoding, pack(stream))
          const collected = yield* ChatStream.collect(client.stream(request))
          assert.strictEqual(ChatSchema.text(collected), "Good day, 世界")
          says = packed(
            encoding,
            pack(JSON.stringify({ error: { code: "insufficient_quota", message: "Spent" } })),
            "429 No"
          )
          const error = yield* Effect.flip(client.complete(request))
          assert.deepStrictEqual([error._tag, error.code, error.detail], [
            "QuotaExhausted",
            "insufficient_quota",
            "Spent"
          ])
        }).pipe(Effect.scoped)
    )

    it.live.each(encodings)("as %s and broken is a typed failure", ([encoding, pack]) =>
      Effect.gen(function*() {
        const body = pack(reply)
        const tags: Array<ReadonlyArray<ChatError.ChatError["_tag"]>> = []
        let says = packed(encoding, body)
        const client = yield* clientAt(yield* Loopback.speaking(() => says()))
        for (
          const broken of [
            body.subarray(0, body.length >> 1),
            Buffer.alloc(40, 0xff),
            Buffer.from("{\"no\":\"packing\"}")
          ]
        ) {
          says = packed(encoding, broken)
          const whole = yield* Effect.flip(client.complete(request))
          const streamed = yield* Effect.flip(Stream.runDrain(client.stream(request)))
          tags.push([whole._tag, streamed._tag])
        }
        assert.deepStrictEqual(tags[0], ["Truncated", "Truncated"])
        for (const [whole, streamed] of tags.slice(1)) {
          assert.include(["MalformedReply", "Truncated"], whole)
          assert.strictEqual(streamed, whole)
        }
      }).pipe(Effect.scoped))

    it.live("is read when its encodings are told in headers of their own", () =>
      Effect.gen(function*() {
        const told = [
          ["gzip", "identity", Zlib.gzipSync(reply)],
          ["identity", "br", Zlib.brotliCompressSync(reply)],
          ["gzip", "br", Zlib.brotliCompressSync(Zlib.gzipSync(reply))]
        ] as const
        let says = answered("", Buffer.alloc(0))
        const client = yield* clientAt(yield* Loopback.speaking(() => says()))
        for (const [one, other, body] of told) {
          says = packed(`${one}\r\ncontent-encoding: ${other}`, body)
          assert.strictEqual(ChatSchema.text(yield* client.complete(request)), "Good day, 世界")
        }
      }).pipe(Effect.scoped))

    it.live("is read as it is flushed, and its connection is closed by a reader that leaves", () =>
      Effect.gen(function*() {
        const closed = yield* Deferred.make<void>()
        const port = yield* serving((response) => {
          const gzip = Zlib.createGzip()
          response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" })
          gzip.pipe(response)
          gzip.write(event("Good day"))
          gzip.flush(Zlib.constants.Z_SYNC_FLUSH)
          response.on("close", () => Deferred.doneUnsafe(closed, Effect.void))
        })
        const client = yield* clientAt(port)
        const [first] = yield* Stream.runCollect(Stream.take(client.stream(request), 1))
        assert.strictEqual(ChatStream.text(first!), "Good day")
        yield* Effect.timeout(Deferred.await(closed), "5 seconds")
      }).pipe(Effect.scoped))

    it.live("cannot fill the memory: what comes out of it counts", () =>
      Effect.gen(function*() {
        const bomb = Zlib.gzipSync(Buffer.alloc(128 * 2 ** 20, " "))
        assert.isBelow(bomb.length, 2 ** 20)
        let status = "200 OK"
        const client = yield* clientAt(yield* Loopback.speaking(() => packed("gzip", bomb, status)()))
        const before = process.memoryUsage().rss
        const error = yield* Effect.flip(client.complete(request))
        assert.include(error.message, "more than 32 MiB")
        status = "503 Busy"
        assert.strictEqual((yield* Effect.flip(client.complete(request)))._tag, "Overloaded")
        assert.isBelow(process.memoryUsage().rss - before, 300 * 2 ** 20)
      }).pipe(Effect.scoped), 20_000)
  })

  describe("what HTTP allows", () => {
    const interim = [
      ["100", "HTTP/1.1 100 Continue\r\n\r\n"],
      ["102", "HTTP/1.1 102 Processing\r\n\r\n"],
      ["103", "HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n"],
      [
        "103 and two 100",
        "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100\r\nx: y\r\n\r\n"
      ]
    ] as const
    it.live.each(interim)("an unasked %s before the response is passed over", ([, text]) =>
      Effect.gen(function*() {
        const ok = (body: string) =>
          Buffer.from(`${text}HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
        let says = ok(reply)
        const client = yield* clientAt(yield* Loopback.speaking(() => says))
        assert.strictEqual(ChatSchema.text(yield* client.complete(request)), "Good day, 世界")
        says = ok(stream)
        assert.strictEqual(ChatSchema.text(yield* ChatStream.collect(client.stream(request))), "Good day, 世界")
      }).pipe(Effect.scoped))

    it.live("a body without a length that ends with its connection is a reply when its JSON is whole", () =>
      Effect.gen(function*() {
        let body = reply
        const client = yield* clientAt(yield* Loopback.speaking(() => Buffer.from(`HTTP/1.0 200 OK\r\n\r\n${body}`)))
        assert.strictEqual(ChatSchema.text(yield* client.complete(request)), "Good day, 世界")
        for (let end = 1; end < reply.length; end += 7) {
          body = reply.slice(0, end)
          assert.strictEqual((yield* Effect.flip(client.complete(request)))._tag, "Truncated", body)
        }
      }).pipe(Effect.scoped))

    it.live("a chunked body whose end is lost is a reply when its JSON is whole", () =>
      Effect.gen(function*() {
        const length = Buffer.byteLength(reply).toString(16)
        let rest = "\r\n"
        const says = () =>
          Buffer.from(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${length}\r\n${reply}${rest}`)
        const client = yield* clientAt(yield* Loopback.speaking(says))
        assert.strictEqual(ChatSchema.text(yield* client.complete(request)), "Good day, 世界")
        rest = ""
        assert.strictEqual(ChatSchema.text(yield* client.complete(request)), "Good day, 世界")
      }).pipe(Effect.scoped))
  })

  const serving = (respond: (response: ServerResponse) => void) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((incoming, outgoing) => void incoming.resume().on("end", () => respond(outgoing)))
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) =>
          Effect.callback<void>((resume) => {
            server.close(() => resume(Effect.void))
            server.closeAllConnections()
          })
      ),
      (server) => (server.address() as { readonly port: number }).port
    )
})
