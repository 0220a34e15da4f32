import { assert, describe, it, vi } from "@effect/vitest"
import { ChatClient, ChatError, ChatStream } from "@switchgear/http"
import { Context, Effect, Exit, Fiber, Layer, Redacted, Schedule, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Socket } from "node:net"
import * as Zlib from "node:zlib"
import * as Loopback from "./support/loopback.ts"
import { ways } from "./support/ways.ts"

const { textOf } = await vi.importActual<{ readonly textOf: (reply: object) => string | undefined }>(
  "../src/chatReply/replyText.ts"
)

const request = { model: "m", messages: [{ role: "user" as const, content: "Where is my parcel?" }] }
const runs = Number(process.env.SWITCHGEAR_RUNS ?? 60)

/** Servers at the same time: many say nothing more, and are waited for. */
const atOnce = 6

const clientsOf = (url: string, options: Partial<ChatClient.Options> & { readonly connections?: number } = {}) =>
  Effect.forEach(ways, ([, layerChatClient]) =>
    Effect.map(
      Layer.build(
        layerChatClient({ provider: "p", baseUrl: url, apiKey: Redacted.make("sk-1"), proxy: "none", ...options })
      ),
      Context.get(ChatClient.ChatClient)
    ))

const event = (content: string, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`

const reply = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "Good day, 世界 👋🏽" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
}

const call = { id: "c1", type: "function", function: { name: "track", arguments: "{\"id\":7}" } }

/** What servers say, good and bad. */
const bodies = {
  reply: JSON.stringify(reply),
  "reply after blank lines": `\n\n \n${JSON.stringify(reply)}`,
  "reply with a mark of byte order": `\uFEFF${JSON.stringify(reply)}`,
  "tool call": JSON.stringify({
    ...reply,
    choices: [{
      index: 0,
      message: { role: "assistant", content: null, tool_calls: [call] },
      finish_reason: "tool_calls"
    }]
  }),
  "empty answer": JSON.stringify({
    ...reply,
    choices: [{ index: 0, message: { content: "" }, finish_reason: "stop" }]
  }),
  error: JSON.stringify({ error: { message: "Slow down", type: "requests", code: "rate_limit_exceeded" } }),
  quota: JSON.stringify({ error: { message: "Spent", code: "insufficient_quota" } }),
  events: `${event("Good day, ")}${event("世界", "stop")}data: [DONE]\n\n`,
  "events without an end": `${event("Good day, ")}${event("世界")}`,
  "an error among events": `${event("Good day, ")}data: {"error":{"message":"Overloaded","code":503}}\n\n`,
  page: "<html><body>502 Bad Gateway</body></html>",
  garbage: "220 mail.test ESMTP",
  nothing: ""
}

const packers: Readonly<Record<string, (text: string) => Buffer>> = {
  plain: (text) => Buffer.from(text),
  gzip: (text) => Zlib.gzipSync(text),
  br: (text) => Zlib.brotliCompressSync(text),
  "x-unknown": (text) => Buffer.from(text)
}

/** What a server does with a request. */
const Script = Schema.Struct({
  status: Schema.Literals([
    "200 OK",
    "201 Created",
    "204 None",
    "400 Bad",
    "401 No",
    "429 Slow",
    "500 Ill",
    "503 Busy",
    "205 Reset",
    "301 Moved",
    "304 Known",
    "402 Pay",
    "418",
    "600 Odd"
  ]),
  body: Schema.Literals(Object.keys(bodies) as [keyof typeof bodies, ...ReadonlyArray<keyof typeof bodies>]),
  packed: Schema.Literals(["plain", "gzip", "br", "x-unknown"]),
  framing: Schema.Literals(["length", "chunked", "none", "HTTP/1.0"]),
  before: Schema.Literals([
    "",
    "",
    "\r\n",
    "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
  ]),
  /** One more field of the head. */
  field: Schema.Literals([
    "",
    "",
    "connection: close\r\n",
    "retry-after: 5\r\nretry-after-ms: 100\r\n",
    "__proto__: x\r\nconstructor: y\r\n",
    "no colon\r\n",
    `x: ${"a".repeat(20_000)}\r\n`
  ]),
  /** The lengths of what it writes at a time, over and over. */
  pieces: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 120 }))).check(Schema.isMaxLength(3)),
  /** The part of its response that it sends. */
  sends: Schema.Literals([1, 1, 1, 0.9, 0.5, 0]),
  after: Schema.Literals(["stay", "end", "reset", "garbage", "another response"])
})
type Script = typeof Script.Type

const responseOf = ({ after, before, body, field, framing, packed, status }: Script): Buffer => {
  const bytes = packers[packed]!(bodies[body])
  const encoding = packed === "plain" ? "" : `content-encoding: ${packed}\r\n`
  const version = framing === "HTTP/1.0" ? "HTTP/1.0" : "HTTP/1.1"
  const length = framing === "length" ? `content-length: ${bytes.length}\r\n` : ""
  const chunked = framing === "chunked" ? "transfer-encoding: chunked\r\n" : ""
  const head =
    `${before}${version} ${status}\r\nx-request-id: r1\r\nset-cookie: a\r\nset-cookie: b\r\n${field}${encoding}${length}${chunked}\r\n`
  const half = bytes.length >> 1
  const chunk = (part: Buffer) =>
    part.length === 0 ? [] : [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]
  return Buffer.concat([
    Buffer.from(head),
    ...framing === "chunked"
      ? [...chunk(bytes.subarray(0, half)), ...chunk(bytes.subarray(half)), Buffer.from("0\r\n\r\n")]
      : [bytes],
    Buffer.from(unasked[after] ?? "")
  ])
}

/** What nobody asked for, behind a response. */
const unasked: Partial<Record<Script["after"], string>> = {
  garbage: "220 mail.test ESMTP",
  "another response": "HTTP/1.1 500 Ill\r\ncontent-length: 2\r\n\r\n{}"
}

/** Plays a script. Only what was written is followed by an end, since a reset takes back what was not read. */
const play = (socket: Socket, script: Script): void => {
  const all = responseOf(script)
  const bytes = all.subarray(0, Math.floor(all.length * script.sends))
  const finish = () => {
    if (script.after === "end") socket.end()
    else if (script.after === "reset") setTimeout(() => socket.resetAndDestroy(), 20)
  }
  let [at, i] = [0, 0]
  const next = () => {
    if (at >= bytes.length) return finish()
    const length = script.pieces.length === 0 ? bytes.length : script.pieces[i++ % script.pieces.length]!
    socket.write(bytes.subarray(at, at += length), () => setImmediate(next))
  }
  next()
}

/** How the loss of a connection is told depends on what the system noticed first. */
const lost = /ECONNRESET|EPIPE|UND_ERR_SOCKET/g

const shown = <A>(exit: Exit.Exit<A, ChatError.ChatError>): unknown => {
  if (Exit.isSuccess(exit)) return { value: exit.value }
  const [reason] = exit.cause.reasons
  if (reason?._tag !== "Fail") return String(exit.cause)
  const { _tag, message, name: _, ...fields } = reason.error as unknown as Record<string, unknown>
  const { blame, detail, isRetryable, requestId, retryAfter } = reason.error
  return JSON.parse(
    JSON.stringify({ _tag, message, ...fields, blame, detail, isRetryable, requestId, retryAfter }).replace(
      lost,
      "lost"
    )
  )
}

/** Servers of two ways have ports of their own. */
const withoutPorts = (results: unknown): string =>
  JSON.stringify(results, undefined, 1).replace(/127\.0\.0\.1:\d+/g, "a server")

const streamed = (client: ChatClient.ChatClient["Service"]) => {
  let text = ""
  return Effect.map(
    Effect.exit(
      Stream.runForEach(client.stream(request), (chunk) => Effect.sync(() => void (text += ChatStream.text(chunk))))
    ),
    (exit) => [text, shown(exit)]
  )
}

/** Longer than an explanation is waited for, so that it is told what ended a call. */
const limits = { timeout: "1500 millis", firstContentTimeout: "1500 millis" } as const

describe.concurrent("the two ways from a client to its connections", () => {
  it.live.prop(
    "come to the same, whatever a server does",
    { scripts: Schema.Array(Script).check(Schema.isMinLength(atOnce), Schema.isMaxLength(atOnce)) },
    ({ scripts }) =>
      Effect.forEach(scripts, (script) =>
        Effect.gen(function*() {
          const { url } = yield* Loopback.connections(({ socket }) => play(socket, script))
          const clients = yield* clientsOf(url, limits)
          const results = yield* Effect.forEach(
            clients,
            (client) =>
              Effect.all([Effect.map(Effect.exit(client.complete(request)), shown), streamed(client)], {
                concurrency: "unbounded"
              }),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(results[0], results[1], JSON.stringify(script))
        }).pipe(Effect.scoped), { concurrency: "unbounded", discard: true }),
    { arbitrary: { runs: Math.ceil(runs / atOnce) }, timeout: 20_000 + 4000 * runs }
  )

  it.live.prop(
    "come to the same in calls that follow each other over one connection",
    {
      histories: Schema.Array(Schema.Array(Script).check(Schema.isMinLength(2), Schema.isMaxLength(4))).check(
        Schema.isMinLength(atOnce),
        Schema.isMaxLength(atOnce)
      )
    },
    ({ histories }) =>
      Effect.forEach(histories, (scripts) =>
        Effect.gen(function*() {
          const results = yield* Effect.forEach([0, 1], (way) =>
            Effect.gen(function*() {
              const asked = { at: 0 }
              // The script is that of the call, also when its request is sent once more.
              const { url } = yield* Loopback.connections(({ socket }) => play(socket, scripts[asked.at]!))
              const client = (yield* clientsOf(url, { ...limits, connections: 1 }))[way]!
              return yield* Effect.forEach(scripts, (_, i) => {
                asked.at = i
                return i % 2 === 0 ? Effect.map(Effect.exit(client.complete(request)), shown) : streamed(client)
              })
            }), { concurrency: 2 })
          assert.strictEqual(withoutPorts(results[0]), withoutPorts(results[1]), JSON.stringify(scripts))
        }).pipe(Effect.scoped), { concurrency: "unbounded", discard: true }),
    { arbitrary: { runs: Math.ceil(runs / 6 / atOnce) }, timeout: 20_000 + 4000 * runs }
  )

  it.live("send the same request", () =>
    Effect.gen(function*() {
      const heads: Array<string> = []
      const { url } = yield* Loopback.connections(({ head, socket }) => {
        heads.push(head.replace(/\r\n(traceparent|b3): [^\r]*/gi, "").split("\r\n").sort().join("\n").toLowerCase())
        Loopback.answer(socket, reply)
      })
      const odd = {
        headers: { "X-Team": "parcels", Accept: "no", "Content-Type": "no" },
        timeout: "5 seconds"
      } as const
      for (const client of yield* clientsOf(`${url}?api-version=2&key=a%20b&key=%2B`, odd)) {
        yield* client.complete(request)
        yield* Stream.runDrain(client.stream(request))
      }
      assert.deepStrictEqual(heads.slice(0, 2), heads.slice(2))
      assert.include(heads[0], "authorization: bearer sk-1")
    }))

  it.live("keep the JSON of a whole reply as it came", () =>
    Effect.gen(function*() {
      const texts = [
        bodies.reply.replace("\"created\":1", "\"created\":1.00,\"exact\":12345678901234567890"),
        bodies["tool call"]
      ]
      const { url } = yield* Loopback.connections(({ ofConnection, socket }) => {
        const text = texts[ofConnection - 1]!
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
      })
      for (const client of yield* clientsOf(url, { connections: 1 })) {
        for (const text of texts) assert.strictEqual(textOf(yield* client.complete(request)), text)
      }
    }))

  it.live("send the trace of the span around a call", () =>
    Effect.gen(function*() {
      const traces: Array<string | undefined> = []
      const { url } = yield* Loopback.connections(({ head, socket }) => {
        traces.push(/traceparent: 00-(\w+)-/i.exec(head)?.[1])
        Loopback.answer(socket, reply)
      })
      const traceIds = yield* Effect.forEach(yield* clientsOf(url), (client) =>
        Effect.withSpan(
          Effect.andThen(
            client.complete(request),
            Effect.map(Effect.currentSpan, ({ traceId }) => traceId)
          ),
          "caller"
        ))
      assert.deepStrictEqual(traces, traceIds)
    }))

  it.effect("end a call by the Effect clock", () =>
    Effect.gen(function*() {
      let asked = 0
      const { url } = yield* Loopback.connections(() => void asked++)
      for (const client of yield* clientsOf(url, { timeout: "1 hour" })) {
        const before = asked
        const fiber = yield* Effect.forkChild(Effect.flip(client.complete(request)), { startImmediately: true })
        yield* TestClock.withLive(eventually(() => asked > before))
        yield* TestClock.adjust("59 minutes")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 minute")
        const error = yield* Fiber.join(fiber)
        assert.isTrue(error._tag === "TimedOut" && error.phase === "total")
      }
    }))

  it.live("leave no connection behind, whenever a call is interrupted", () =>
    Effect.gen(function*() {
      let [asked, open] = [0, 0]
      const { url } = yield* Loopback.connections(({ socket }) => {
        asked++
        open++
        // A head, and then a byte at a time without an end.
        socket.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        const timer = setInterval(() => socket.write(":"), 1)
        socket.on("close", () => {
          open--
          clearInterval(timer)
        })
      })
      for (const client of yield* clientsOf(url)) {
        yield* Effect.forEach(
          Array.from({ length: 100 }, (_, i) => i),
          (i) =>
            Effect.gen(function*() {
              const call = i % 2 === 0 ? client.complete(request) : Stream.runDrain(client.stream(request))
              const fiber = yield* Effect.forkChild(call, { startImmediately: i % 3 === 0 })
              // However slow the machine is, one has a connection by then.
              yield* i === 0 ? eventually(() => asked > 0) : Effect.sleep(i % 25)
              yield* Fiber.interrupt(fiber)
            }),
          { concurrency: 20 }
        )
        yield* eventually(() => open === 0)
        assert.isAbove(asked, 0)
        asked = 0
      }
    }), 30_000)

  it.live("send nothing for a call that was interrupted while it waited for a connection", () =>
    Effect.gen(function*() {
      const sockets: Array<Socket> = []
      const { seen, url } = yield* Loopback.connections(({ socket }) => void sockets.push(socket))
      const made: Array<number> = []
      for (const client of yield* clientsOf(url, { connections: 1 })) {
        const [before, connections] = [seen.requests, seen.connections]
        const start = (call: Effect.Effect<unknown, ChatError.ChatError>) =>
          Effect.forkChild(call, { startImmediately: true })
        const first = yield* start(client.complete(request))
        yield* eventually(() => sockets.length > before)
        const waiting = yield* Effect.forEach(
          [0, 1, 2, 3],
          (i) => i % 2 === 0 ? start(client.complete(request)) : start(Stream.runDrain(client.stream(request)))
        )
        const last = yield* start(client.complete(request))
        yield* Fiber.interruptAll(waiting)
        Loopback.answer(sockets[before]!, reply)
        yield* Fiber.join(first)
        yield* eventually(() => sockets.length > before + 1)
        Loopback.answer(sockets[before + 1]!, reply)
        yield* Fiber.join(last)
        assert.strictEqual(seen.requests, before + 2)
        made.push(seen.connections - connections)
      }
      // An HttpClient of undici closes the connection that it should have been sent on.
      assert.strictEqual(made[0], 1)
    }))
})

const eventually = (condition: () => boolean) =>
  Effect.suspend(() => condition() ? Effect.void : Effect.fail("not yet")).pipe(
    Effect.retry({ schedule: Schedule.spaced("2 millis"), times: 5000 }),
    Effect.orDie
  )

// Alone: an explanation is waited for a second, and what of it has come by then is told.
describe("the explanation of a failure", () => {
  it.live("comes to the same each time, in both ways from a client to its connections, when it breaks off within its encoding", () =>
    Effect.gen(function*() {
      const script: Script = {
        status: "500 Ill",
        body: "tool call",
        packed: "br",
        framing: "chunked",
        before: "",
        pieces: [],
        sends: 0.9,
        field: "",
        after: "end"
      }
      const { url } = yield* Loopback.connections(({ socket }) => play(socket, script))
      const clients = yield* clientsOf(url, limits)
      const seen = yield* Effect.forEach(
        Array.from({ length: 30 }).flatMap(() => clients),
        (client) => Effect.map(Effect.exit(client.complete(request)), (exit) => JSON.stringify(shown(exit))),
        { concurrency: 10 }
      )
      assert.lengthOf(new Set(seen), 1)
      assert.include(seen[0], "tool_calls")
    }).pipe(Effect.scoped))
})
