/** Bodies in a content encoding, whole, cut, harmed and of nothing: what comes of them depends on their bytes alone. */
import { assert, describe, it } from "@effect/vitest"
import { ChatClient, type ChatError, ChatStream } from "@switchgear/http"
import { Context, Effect, Exit, Layer, Schema, Stream } from "effect"
import type { Socket } from "node:net"
import * as Zlib from "node:zlib"
import * as Loopback from "./support/loopback.ts"
import { ways } from "./support/ways.ts"

const request = { model: "m", messages: [{ role: "user" as const, content: "Where is my parcel?" }] }
const runs = Number(process.env.SWITCHGEAR_RUNS ?? 60)

const event = (content: string, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`
const reply = JSON.stringify({
  choices: [{ index: 0, message: { role: "assistant", content: "Good day, 世界" }, finish_reason: "stop" }]
})

const texts = {
  reply,
  events: `${event("Good day, ")}${event("世界", "stop")}data: [DONE]\n\n`,
  error: JSON.stringify({ error: { message: "Slow down", code: "rate_limit_exceeded" } }),
  nothing: ""
}

type Encoding = "gzip" | "br" | "zstd" | "deflate" | "raw deflate"

const packers: Readonly<Record<Encoding, (bytes: Uint8Array) => Buffer>> = {
  gzip: (bytes) => Zlib.gzipSync(bytes),
  br: (bytes) => Zlib.brotliCompressSync(bytes),
  zstd: (bytes) => Zlib.zstdCompressSync(bytes),
  deflate: (bytes) => Zlib.deflateSync(bytes),
  "raw deflate": (bytes) => Zlib.deflateRawSync(bytes)
}
const encodings = Object.keys(packers) as ReadonlyArray<Encoding>

const packed = (text: string, layers: ReadonlyArray<Encoding>): Buffer =>
  layers.reduce<Buffer>((bytes, layer) => packers[layer](bytes), Buffer.from(text))

type Framing = "length" | "chunked" | "chunked, without a last one" | "until the close"

const wire = (
  { bytes, framing, layers, status }: {
    readonly status: number
    readonly layers: ReadonlyArray<Encoding>
    readonly framing: Framing
    readonly bytes: Uint8Array
  }
): Buffer => {
  const half = bytes.length >> 1
  const chunks = [bytes.subarray(0, half), bytes.subarray(half)].filter(({ length }) => length > 0)
    .flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")])
  const isChunked = framing.startsWith("chunked")
  const fields = [
    `HTTP/1.1 ${status} Said`,
    `content-encoding: ${layers.map((layer) => layer.split(" ").at(-1)).join(", ")}`,
    ...isChunked ? ["transfer-encoding: chunked"] : framing === "length" ? [`content-length: ${bytes.length}`] : []
  ]
  return Buffer.concat([
    Buffer.from(`${fields.join("\r\n")}\r\n\r\n`),
    ...isChunked ? chunks : [bytes],
    Buffer.from(framing === "chunked" ? "0\r\n\r\n" : "")
  ])
}

/** Writes pieces of a length, and closes. */
const play = (socket: Socket, bytes: Uint8Array, length = bytes.length): void => {
  let at = 0
  const next = () => {
    if (at >= bytes.length) socket.end()
    else socket.write(bytes.subarray(at, at += length), () => setImmediate(next))
  }
  next()
}

/** How the loss of a connection is told depends on what the system noticed first. */
const lost = /ECONNRESET|EPIPE|UND_ERR_SOCKET/g

interface Told {
  readonly tag: string
  readonly status: number | undefined
  readonly message: string
}

const told = (exit: Exit.Exit<unknown, ChatError.ChatError>): Told => {
  if (Exit.isSuccess(exit)) return { tag: "answer", status: 200, message: JSON.stringify(exit.value) }
  const [reason] = exit.cause.reasons
  if (reason?._tag !== "Fail") return { tag: "defect", status: undefined, message: String(exit.cause) }
  const { _tag, message, status } = reason.error
  return { tag: _tag, status, message: message.replace(lost, "lost") }
}

/** What clients of both ways say of a response, whole and as a stream. */
const answers = Effect.fnUntraced(function*(play: (socket: Socket) => void) {
  const { url } = yield* Loopback.connections(({ socket }) => play(socket))
  return yield* Effect.forEach(ways, ([, layerChatClient]) =>
    Effect.gen(function*() {
      const layer = layerChatClient({ provider: "p", baseUrl: url, proxy: "none", timeout: "20 seconds" })
      const client = Context.get(yield* Layer.build(layer), ChatClient.ChatClient)
      return yield* Effect.all({
        whole: Effect.map(Effect.exit(client.complete(request)), told),
        streamed: Effect.map(
          Effect.exit(Stream.mkString(Stream.map(client.stream(request), ChatStream.text))),
          told
        )
      }, { concurrency: "unbounded" })
    }), { concurrency: "unbounded" })
}, Effect.scoped)

describe("of a packed body that holds nothing both ways say the same:", () => {
  const nothings: Readonly<Record<string, (encoding: Encoding) => Uint8Array>> = {
    "no bytes": () => Buffer.alloc(0),
    "an empty text": (encoding) => packed("", [encoding]),
    "the first byte": (encoding) => packed(reply, [encoding]).subarray(0, 1),
    "garbage": () => Buffer.alloc(40, 0xff)
  }
  for (const [nothing, bytesOf] of Object.entries(nothings)) {
    it.live.each(encodings)(
      `${nothing}, in %s`,
      (encoding) =>
        Effect.forEach(
          [200, 429, 500],
          (status) =>
            Effect.forEach(["length", "chunked", "until the close"] as const, (framing) =>
              Effect.gen(function*() {
                const bytes = wire({ status, layers: [encoding], framing, bytes: bytesOf(encoding) })
                const [one, other] = yield* answers((socket) => play(socket, bytes))
                assert.deepStrictEqual(one, other)
                for (const { tag, status: seen } of Object.values(one!)) {
                  assert.strictEqual(seen, status)
                  assert.include(
                    status === 200
                      ? ["Truncated", "MalformedReply"]
                      : [status === 429 ? "ProviderRateLimited" : "ProviderFault"],
                    tag
                  )
                }
              }), { concurrency: 3 })
        )
    )
  }
})

const Harmed = Schema.Struct({
  text: Schema.Literals(["reply", "events", "error", "nothing"]),
  layers: Schema.Array(Schema.Literals(["gzip", "br", "zstd", "deflate", "raw deflate"])).check(
    Schema.isMinLength(1),
    Schema.isMaxLength(3)
  ),
  status: Schema.Literals([200, 200, 400, 429, 500]),
  framing: Schema.Literals(["length", "chunked", "chunked, without a last one", "until the close"]),
  harm: Schema.Literals(["none", "cut", "a bit", "the packing", "what follows"]),
  /** Where the harm is, as a part of the body. */
  at: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
  piece: Schema.Literals([1, 7, 50, 1000])
})
type Harmed = typeof Harmed.Type

const harmed = ({ at, harm, layers, text }: Harmed): Uint8Array => {
  const bytes = packed(texts[text], layers)
  const place = Math.min(Math.floor(at * bytes.length), bytes.length - 1)
  switch (harm) {
    case "none":
      return bytes
    case "cut":
      return bytes.subarray(0, place)
    case "a bit":
      bytes[place]! ^= 1 << (place % 8)
      return bytes
    case "the packing":
      return packed(texts[text], [...layers.slice(1), "gzip"])
    case "what follows":
      return Buffer.concat([bytes, Buffer.from("and something else")])
  }
}

describe("a packed body", () => {
  it.live.prop(
    "comes to the same both ways, however it is harmed",
    { script: Harmed },
    ({ script }) =>
      Effect.gen(function*() {
        const bytes = wire({ ...script, bytes: harmed(script) })
        const [one, other] = yield* answers((socket) => play(socket, bytes, script.piece))
        assert.deepStrictEqual(one, other)
        // The connection is closed each time, so that nothing is waited for.
        for (const { tag } of Object.values(one!)) assert.notInclude(["TimedOut", "defect"], tag)
      }),
    { arbitrary: { runs }, timeout: 20_000 + 4000 * runs }
  )

  it.live.each(encodings.filter((encoding) => encoding !== "gzip"))(
    "in %s that is followed by something else ends where the packing does",
    (encoding) =>
      Effect.forEach([[encoding], [encoding, encoding]], (layers) =>
        Effect.gen(function*() {
          for (const [text, tag] of [[reply, "answer"], ["", "Truncated"]] as const) {
            const body = Buffer.concat([packed(text, layers), Buffer.from("and something else")])
            const bytes = wire({ status: 200, layers, framing: "length", bytes: body })
            for (const piece of [bytes.length, 1]) {
              for (const { whole } of yield* answers((socket) => play(socket, bytes, piece))) {
                assert.strictEqual(whole.tag, tag, `in pieces of ${piece}`)
              }
            }
          }
        }))
  )

  it.live("that is wrong, and whose connection is lost as well, is told as wrong each time", () =>
    Effect.gen(function*() {
      const bytes = wire({
        status: 200,
        layers: ["zstd"],
        framing: "chunked, without a last one",
        bytes: packed(reply, ["deflate"])
      })
      const seen = yield* Effect.forEach(
        Array.from({ length: 200 }),
        () => answers((socket) => play(socket, bytes)),
        { concurrency: 10 }
      )
      const tags = new Set(seen.flat().flatMap(({ streamed, whole }) => [streamed.tag, whole.tag]))
      assert.deepStrictEqual([...tags], ["MalformedReply"])
    }))

  it.live("is told by the error of its inner encoding, which came of bytes before those that harm the outer one", () =>
    Effect.gen(function*() {
      const inner = Buffer.alloc(2000, 0xff)
      const outer = Zlib.gzipSync(inner)
      outer[outer.length - 6]! ^= 1
      const bytes = wire({ status: 200, layers: ["br", "gzip"], framing: "length", bytes: outer })
      const seen = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => answers((socket) => play(socket, bytes, 30)),
        { concurrency: 5 }
      )
      const messages = new Set(seen.flat().flatMap(({ streamed, whole }) => [streamed.message, whole.message]))
      assert.strictEqual(messages.size, 1, [...messages].join("\n"))
    }))

  it.live("with a wrong checksum is no answer, in whatever pieces it comes", () =>
    Effect.gen(function*() {
      const body = packed(reply, ["gzip"])
      body[body.length - 6]! ^= 1
      const bytes = wire({ status: 200, layers: ["gzip"], framing: "length", bytes: body })
      for (const piece of [bytes.length, bytes.length - 8, bytes.length - 4, 20]) {
        for (const { whole } of yield* answers((socket) => play(socket, bytes, piece))) {
          assert.strictEqual(whole.tag, "MalformedReply", `in pieces of ${piece}`)
        }
      }
    }))
})
