/** Clients and providers that do what they should not: nobody else is hurt, nothing is lost, and nothing is held for ever. */
import { connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Gateway, GatewayConfig } from "@switchgear/http/gateway"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Fiber, type Scope } from "effect"
import { chat, hello, running, runningOver, token } from "./running.ts"
import { chunkOf, scripted, sendEvents, sendWhole, usageChunk } from "./scripted.ts"
import { counted, tokensBetween } from "./spoken.ts"

const scoped = (effect: Effect.Effect<void, never, Scope.Scope>) => () => Effect.scoped(effect)

const until = (condition: () => boolean) =>
  Effect.repeat(Effect.delay(Effect.sync(condition), 5), { until: (isSo) => isSo })

const post = (body: object, more = "", version = "1.1"): string => {
  const text = JSON.stringify(body)
  return `POST /v1/chat/completions HTTP/${version}\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n` +
    `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n${more}\r\n${text}`
}

interface Line {
  readonly socket: Socket
  text: string
  isClosed: boolean
}

/** A connection to the gateway. */
const dial = (url: string): Effect.Effect<Line, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Line>((resume) => {
      const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", allowHalfOpen: true }, () => {
        resume(Effect.succeed(line))
      })
      const line: Line = { socket, text: "", isClosed: false }
      socket.on("data", (data) => (line.text += data.toString("utf8")))
      socket.on("error", () => {})
      socket.on("end", () => socket.end())
      socket.on("close", () => (line.isClosed = true))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const eventsOf = (text: string): ReadonlyArray<string> =>
  text.split("\n\n").filter((event) => event.startsWith("data: ")).map((event) => event.slice(6))

const contentOf = (events: ReadonlyArray<string>, index = 0): string =>
  events.filter((event) => event !== "[DONE]").flatMap((event) => JSON.parse(event).choices ?? [])
    .filter((choice: any) => choice.index === index).map((choice: any) => choice.delta.content ?? "").join("")

const streaming = { ...hello, model: "first", stream: true }

describe.concurrent("requests on one connection, all at once", () => {
  it.live(
    "are answered in their order, streams as well",
    scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      yield* provider.set("first", { outcome: Behaviour.ok("slow"), latency: Behaviour.constant(150) })
      const line = yield* dial(url)
      line.socket.write(
        post(streaming) + post({ ...hello, model: "second" }) +
          post({ ...hello, model: "gpt-9" }, "connection: close\r\n")
      )
      yield* until(() => line.isClosed)
      const statuses = [...line.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
      assert.deepStrictEqual(statuses, ["200", "200", "404"])
      assert.isBelow(line.text.indexOf("slow"), line.text.indexOf("[DONE]"))
      assert.isBelow(line.text.indexOf("[DONE]"), line.text.indexOf("Good evening"))
    }))
  )

  it.live(
    "are all answered, however long each takes: nobody is cut off who cannot take an answer yet",
    scoped(Effect.gen(function*() {
      const large = "x".repeat(10_000_000)
      const { url } = yield* scripted(({ body }, response) => {
        switch (body.user) {
          case "long": {
            let left = 10
            const next = () => {
              sendEvents(response, chunkOf({ content: "a" }))
              if (--left > 0) return void setTimeout(next, 100)
              sendEvents(response, chunkOf({}, "stop"), "[DONE]")
              response.end()
            }
            return next()
          }
          case "large":
            return sendWhole(response, { content: large })
          case "late":
            return void setTimeout(() => sendWhole(response, { content: "late" }), 2000)
        }
        for (let i = 0; i < 100; i++) sendEvents(response, chunkOf({ content: "b".repeat(10_000) }))
        sendEvents(response, chunkOf({}, "stop"), "[DONE]")
        response.end()
      })
      const gateway = yield* runningOver(url, "listen: { port: 0, writeTimeout: 300 millis }")
      const line = yield* dial(gateway.url)
      line.socket.write(
        post({ ...streaming, user: "long" }) + post({ ...streaming, user: "waits" }) +
          post({ ...hello, model: "first", user: "large" }) +
          post({ ...hello, model: "first", user: "late" }, "connection: close\r\n")
      )
      yield* until(() => line.isClosed)
      assert.strictEqual(line.text.split("data: [DONE]").length, 3)
      assert.strictEqual(line.text.split("bbbbb").length > 100, true)
      assert.include(line.text, large)
      assert.include(line.text, "\"late\"")
    })),
    30_000
  )

  it.live(
    "end all their calls, and give back their places, when it is closed",
    scoped(Effect.gen(function*() {
      const { provider, url } = yield* running("listen: { port: 0, maxRequests: 3 }")
      yield* provider.set("first", { outcome: Behaviour.hang })
      const line = yield* dial(url)
      line.socket.write(post({ ...hello, model: "first" }).repeat(3))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 3 })
      assert.strictEqual((yield* chat(url, { ...hello, model: "second" })).status, 503)
      line.socket.destroy()
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ aborted }) => aborted === 3 })
      const other = yield* dial(url)
      other.socket.write(post({ ...hello, model: "first" }).repeat(3))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 6 })
    }))
  )
})

describe("a request", () => {
  it.live(
    "with HEAD has the head and no body, and makes no call",
    scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      const line = yield* dial(url)
      const head = (path: string, more = "") =>
        `HEAD ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n${more}\r\n`
      line.socket.write(
        head("/v1/models") + head("/v1/chat/completions") + head("/health/ready") +
          head("/v1/x", "connection: close\r\n")
      )
      yield* until(() => line.isClosed)
      const answers = line.text.split("\r\n\r\n")
      assert.deepStrictEqual(answers.map((answer) => answer.slice(9, 12)), ["200", "405", "200", "404", ""])
      assert.strictEqual((yield* provider.total).started, 0)
    }))
  )

  it.live(
    "of HTTP/1.0 gets a whole answer by its length, and a stream without the frames of HTTP/1.1, up to the end of the connection",
    scoped(Effect.gen(function*() {
      const { url } = yield* running()
      const whole = yield* dial(url)
      whole.socket.write(post({ ...hello, model: "first" }, "", "1.0"))
      yield* until(() => whole.isClosed)
      assert.match(whole.text, /content-length: \d+\r\n/)
      assert.include(whole.text, "Good day")
      const stream = yield* dial(url)
      stream.socket.write(post(streaming, "", "1.0"))
      yield* until(() => stream.isClosed)
      assert.notMatch(stream.text, /transfer-encoding/i)
      const [, body = ""] = stream.text.split("\r\n\r\n")
      assert.isTrue(body.startsWith("data: "))
      assert.isTrue(body.endsWith("data: [DONE]\n\n"))
    }))
  )

  for (
    const [what, leave] of [
      ["ends its side of the connection", (socket: Socket) => socket.end()],
      ["closes it", (socket: Socket) => socket.destroy()],
      ["resets it", (socket: Socket) => socket.resetAndDestroy()]
    ] as const
  ) {
    for (
      const [when, outcome] of [
        ["before the first byte", Behaviour.hang],
        ["amid a stream", Behaviour.stream({ end: Behaviour.stallAfter(2) })]
      ] as const
    ) {
      it.live(
        `whose client ${what} ${when} ends its call and gives back its place`,
        scoped(Effect.gen(function*() {
          const { provider, url } = yield* running("listen: { port: 0, maxRequests: 1 }")
          yield* provider.set("first", { outcome })
          const line = yield* dial(url)
          line.socket.write(post(streaming))
          if (outcome === Behaviour.hang)
            yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
          else yield* until(() => line.text.includes("data: "))
          leave(line.socket)
          yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ aborted }) => aborted === 1 })
          assert.strictEqual((yield* chat(url, { ...hello, model: "second" })).status, 200)
        }))
      )
    }
  }

  it.live(
    "that expects what nobody knows is answered as any other, in the words of OpenAI where it is refused",
    scoped(Effect.gen(function*() {
      const { url } = yield* running()
      const line = yield* dial(url)
      const expecting = "expect: 200-ok\r\n"
      line.socket.write(
        post({ ...hello, model: "first" }, expecting) + post({ model: "first" }, `${expecting}connection: close\r\n`)
      )
      yield* until(() => line.isClosed)
      assert.match(line.text, /^HTTP\/1\.1 200 [^]*Good day[^]*HTTP\/1\.1 400 [^]*"code":"missing_required_parameter"/)
    }))
  )

  it.live(
    "whose client sends a part of its body and leaves gives back its place",
    scoped(Effect.gen(function*() {
      const { provider, url } = yield* running("listen: { port: 0, maxRequests: 1, maxBodiesSize: 1000 }")
      for (let i = 0; i < 3; i++) {
        const line = yield* dial(url)
        const bytes = post({ ...streaming, user: "x".repeat(700) })
        line.socket.write(bytes.slice(0, -100))
        yield* Effect.sleep(20)
        assert.strictEqual((yield* chat(url, hello)).status, 503)
        line.socket.resetAndDestroy()
        yield* Effect.repeat(Effect.delay(chat(url, hello), 5), { until: ({ status }) => status === 200 })
      }
      assert.strictEqual((yield* provider.total).started, 3)
    }))
  )

  const options: ReadonlyArray<readonly [what: string, more: object, isStream: boolean]> = [
    ["stream_options: null", { stream: true, stream_options: null }, true],
    ["stream_options: {}", { stream: true, stream_options: {} }, true],
    ["include_usage: false", { stream: true, stream_options: { include_usage: false } }, true],
    ["stream: null", { stream: null }, false],
    ["stream: false with stream_options: null", { stream: false, stream_options: null }, false]
  ]
  for (const [what, more, isStream] of options) {
    it.live(
      `with ${what} is answered as without`,
      scoped(Effect.gen(function*() {
        const { url } = yield* running()
        const { json, status, text } = yield* chat(url, { ...hello, ...more })
        assert.strictEqual(status, 200)
        if (!isStream) {
          assert.strictEqual(json.choices[0].message.content, "Good day")
          return
        }
        const events = eventsOf(text)
        assert.strictEqual(contentOf(events), "Good day")
        assert.strictEqual(events.at(-1), "[DONE]")
        for (const event of events.slice(0, -1)) assert.strictEqual(JSON.parse(event).choices.length, 1)
      }))
    )
  }
})

describe("the usage of a stream", () => {
  it.live(
    "is asked of the provider, and billed, also where the client does not want it",
    scoped(Effect.gen(function*() {
      const { asked, url } = yield* scripted((_, response) => {
        sendEvents(response, chunkOf({ content: "x" }, "stop"), usageChunk, "[DONE]")
        response.end()
      })
      const gateway = yield* runningOver(
        url,
        `clients: [{ name: shop, token: ${token}, limits: [{ resource: tokens, limit: 10000, per: 1 hour }] }]`
      )
      const all = [undefined, null, { include_usage: false }, { include_obfuscation: false }]
      for (const [i, stream_options] of all.entries()) {
        const { headers, text } = yield* chat(gateway.url, { ...hello, max_tokens: 50, stream: true, stream_options })
        assert.isTrue(asked.at(-1)!.body.stream_options.include_usage)
        assert.notInclude(text, "total_tokens")
        // Each answer before took the seven tokens that its provider told.
        assert.isAtMost(Number(headers.get("x-ratelimit-remaining-tokens")), 10_000 - 7 * i)
        assert.isAtLeast(Number(headers.get("x-ratelimit-remaining-tokens")), 10_000 - 7 * i - 250)
      }
      assert.isFalse(asked.at(-1)!.body.stream_options.include_obfuscation)
    }))
  )
})

describe("the tokens that a client's limit takes for a chat completion", () => {
  const told = [
    ["as OpenAI names them", { prompt_tokens: 100, completion_tokens: 20 }, 120],
    ["as Anthropic names them", { input_tokens: 100, output_tokens: 20 }, 120],
    ["as text", { prompt_tokens: "100", completion_tokens: "20" }, 120],
    ["with thought that is in the total alone", { prompt_tokens: 100, completion_tokens: 20, total_tokens: 150 }, 150]
  ] as const
  const untold = [
    ["enormous", { prompt_tokens: 1e18, completion_tokens: 1e300 }],
    ["negative", { prompt_tokens: -5, completion_tokens: -1e9 }],
    ["empty", {}],
    ["null", null]
  ] as const

  const takenBy = (usage: object | null, stream: boolean) =>
    Effect.gen(function*() {
      const { url } = yield* scripted((_, response) => {
        const json = { id: "c", object: "chat.completion", created: 1, model: "scripted" }
        if (!stream) {
          const choices = [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }]
          response.writeHead(200, { "content-type": "application/json" })
          return response.end(JSON.stringify({ ...json, choices, usage }))
        }
        const last = JSON.stringify({ ...json, object: "chat.completion.chunk", choices: [], usage })
        sendEvents(response, chunkOf({ content: "Hi" }), chunkOf({}, "stop"), last, "[DONE]")
        return response.end()
      })
      const gateway = yield* runningOver(url, counted)
      const asking = chat(gateway.url, { ...hello, model: "first", stream })
      return tokensBetween(yield* asking, yield* asking)
    })

  for (const stream of [false, true]) {
    for (const [what, usage, tokens] of told) {
      it.live(
        `are those that its provider told ${what}, ${stream ? "streamed" : "whole"}`,
        scoped(Effect.gen(function*() {
          assert.approximately(yield* takenBy(usage, stream), tokens, 1)
        }))
      )
    }
    for (const [what, usage] of untold) {
      it.live(
        `stay those of the estimate where the usage is ${what}, ${stream ? "streamed" : "whole"}`,
        scoped(Effect.gen(function*() {
          // No answer is estimated at less.
          const taken = yield* takenBy(usage, stream)
          assert.isAbove(taken, 4000)
          assert.isBelow(taken, 5000)
        }))
      )
    }
  }
})

describe("a stream that is asked for in a way that is none", () => {
  const ways: ReadonlyArray<readonly [param: string, value: unknown]> = [
    ...["true", 1, {}, []].map((value) => ["stream", value] as const),
    ...["x", 1, [1]].map((value) => ["stream_options", value] as const)
  ]
  for (const [param, value] of ways) {
    it.live(
      `is refused: ${param}: ${JSON.stringify(value)}; no provider is asked, and no circuit counts it`,
      scoped(Effect.gen(function*() {
        const { provider, url } = yield* running()
        const { json, status } = yield* chat(url, { ...hello, stream: true, [param]: value })
        assert.deepStrictEqual([status, json.error.code, json.error.param], [400, "invalid_type", param])
        assert.strictEqual((yield* provider.total).started, 0)
      }))
    )
  }
})

describe("names that a header cannot have", () => {
  it.live(
    "are told encoded",
    scoped(
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: { "模型🦊": {} } })
        const { url: baseUrl } = yield* SimulatedProvider.serve(provider)
        const config = yield* Effect.orDie(GatewayConfig.parse(
          `listen: { port: 0 }\nproviders: { sim: { baseUrl: "${baseUrl}" } }\nmodels: { 模型🦊: { provider: sim } }\ncascades: { 助手: { steps: [模型🦊] } }`,
          {}
        ))
        const { address } = yield* Gateway.make(config)
        const url = `http://127.0.0.1:${address.port}`
        for (const stream of [false, true]) {
          const { headers, status } = yield* chat(url, { ...hello, model: "助手", stream })
          assert.strictEqual(status, 200)
          assert.strictEqual(headers.get("x-switchgear-model"), encodeURIComponent("助手"))
          assert.strictEqual(headers.get("x-switchgear-step"), encodeURIComponent("模型🦊"))
        }
      }).pipe(Effect.orDie)
    )
  )
})

describe.concurrent("a provider", () => {
  const answering = (...data: ReadonlyArray<string>) =>
    Effect.gen(function*() {
      const { asked, url } = yield* scripted(({ body }, response) => {
        if (body.model === "first") sendEvents(response, ...data)
        else sendEvents(response, chunkOf({ content: "other" }, "stop"), "[DONE]")
        response.end()
      })
      const gateway = yield* runningOver(url)
      return { asked, url: gateway.url }
    })

  const asked = (url: string, more: object = {}) =>
    Effect.map(chat(url, { ...hello, stream: true, ...more }), ({ status, text }) => {
      assert.strictEqual(status, 200)
      return eventsOf(text)
    })

  it.live(
    "that says that it is done before it has said anything is passed over",
    scoped(Effect.gen(function*() {
      const { url } = yield* answering(chunkOf({ role: "assistant" }), "[DONE]")
      const events = yield* asked(url)
      assert.strictEqual(contentOf(events), "other")
      assert.strictEqual(events.at(-1), "[DONE]")
    }))
  )

  it.live(
    "that answers in one piece where a stream was asked for is passed on as one, whose chunks say that they are chunks",
    scoped(Effect.gen(function*() {
      const { url } = yield* scripted((_, response) => sendWhole(response, { role: "assistant", content: "whole" }))
      const gateway = yield* runningOver(url)
      const events = yield* asked(gateway.url)
      assert.strictEqual(contentOf(events), "whole")
      assert.strictEqual(events.at(-1), "[DONE]")
      for (const event of events.slice(0, -1))
        assert.strictEqual(JSON.parse(event).object, "chat.completion.chunk")
    }))
  )

  it.live(
    "that says something after it is done is not listened to, also where it has not said why it has ended",
    scoped(Effect.gen(function*() {
      for (const reason of ["stop", null]) {
        const { url } = yield* answering(chunkOf({ content: "whole" }, reason), "[DONE]", chunkOf({ content: " more" }))
        const events = yield* asked(url)
        assert.strictEqual(contentOf(events), "whole")
        assert.deepStrictEqual([events.at(-1), events.indexOf("[DONE]")], ["[DONE]", events.length - 1])
      }
    }))
  )

  for (const connection of ["closed", "open"] as const) {
    it.live(
      `that never says that it is done, and leaves the connection ${connection}, has ended when its choice has`,
      scoped(Effect.gen(function*() {
        const { provider, url } = yield* running()
        yield* provider.set("first", {
          outcome: Behaviour.stream({ text: "whole", end: Behaviour.endWithout("[DONE]", connection) })
        })
        const events = yield* asked(url)
        assert.strictEqual(contentOf(events), "whole")
        assert.strictEqual(events.at(-1), "[DONE]")
      }))
    )
  }

  it.live(
    "that does not tell its usage, though it was asked for, has given a whole answer",
    scoped(Effect.gen(function*() {
      const { url } = yield* answering(chunkOf({ content: "whole" }), chunkOf({}, "stop"), "[DONE]")
      const events = yield* asked(url, { stream_options: { include_usage: true } })
      assert.strictEqual(contentOf(events), "whole")
      assert.strictEqual(events.at(-1), "[DONE]")
    }))
  )

  it.live(
    "that gives three choices is passed on with all of them, in any order of their pieces",
    scoped(Effect.gen(function*() {
      const pieces = ["a", "b", "c", "d"].flatMap((text) =>
        [2, 0, 1].map((index) => chunkOf({ content: `${text}${index}` }, null, index))
      )
      const ends = [1, 2, 0].map((index) => chunkOf({}, "stop", index))
      const { url } = yield* answering(...pieces, ...ends, usageChunk, "[DONE]")
      const events = yield* asked(url, { n: 3 })
      for (const index of [0, 1, 2])
        assert.strictEqual(contentOf(events, index), `a${index}b${index}c${index}d${index}`)
      assert.strictEqual(events.at(-1), "[DONE]")
    }))
  )

  const framings: ReadonlyArray<readonly [what: string, frame: (data: string) => string]> = [
    ["lines that end with CR LF", (data) => `data: ${data}\r\n\r\n`],
    ["lines that end with CR", (data) => `data: ${data}\r\r`],
    ["JSON over several lines", (data) =>
      data === "[DONE]"
        ? `data: ${data}\n\n`
        : JSON.stringify(JSON.parse(data), null, 2).split("\n").map((line) => `data: ${line}\n`).join("") + "\n"],
    [
      "no space behind the colon, comments, names and ids",
      (data) => `: hi\nevent: message\nid: 7\ndata:${data}\nretry: 1\n\n`
    ],
    ["space around its JSON", (data) => `data:   ${data}  \n\n`]
  ]
  for (const [what, frame] of framings) {
    it.live(
      `that writes events with ${what} is passed on in events that every client reads`,
      scoped(Effect.gen(function*() {
        const { url } = yield* scripted((_, response) => {
          response.writeHead(200, { "content-type": "text/event-stream" })
          const data = [
            chunkOf({ role: "assistant", content: "" }),
            chunkOf({ content: "one\n\n" }),
            chunkOf({ content: "two" }, "stop"),
            "[DONE]"
          ]
          response.end(data.map(frame).join(""))
        })
        const gateway = yield* runningOver(url)
        const { text } = yield* chat(gateway.url, { ...hello, stream: true })
        assert.match(text, /^(data: [^\r\n]+\n\n)+$/)
        assert.strictEqual(contentOf(eventsOf(text)), "one\n\ntwo")
        assert.isTrue(text.endsWith("data: [DONE]\n\n"))
      }))
    )
  }

  it.live(
    "that cuts its characters anywhere is passed on without a fault, byte for byte",
    scoped(Effect.gen(function*() {
      const { provider, url } = yield* running()
      const text = "Grüezi 世界 👩‍👩‍👧‍👦 \u2028 \ufeff end"
      yield* provider.set("first", { outcome: Behaviour.stream({ text, bytes: "one-by-one" }) })
      const events = yield* asked(url)
      assert.strictEqual(contentOf(events), text)
      assert.isFalse(events.join("").includes("\ufffd"))
    }))
  )

  it.live(
    "that sends arguments of a tool of four megabytes, in one piece or in many, is passed on whole",
    scoped(Effect.gen(function*() {
      const given = JSON.stringify({ text: "\"\\ü".repeat(500_000) })
      const call = (piece: string, more: object = {}) =>
        chunkOf({ tool_calls: [{ index: 0, function: { arguments: piece }, ...more }] })
      for (const size of [given.length, 1000]) {
        const pieces = Array.from(
          { length: Math.ceil(given.length / size) },
          (_, i) => call(given.slice(i * size, (i + 1) * size), i === 0 ? { id: "call_1", type: "function" } : {})
        )
        const { url } = yield* answering(...pieces, chunkOf({}, "tool_calls"), "[DONE]")
        const events = yield* asked(url)
        const got = events.slice(0, -1).flatMap((event) => JSON.parse(event).choices[0].delta.tool_calls ?? []).map((
          call: any
        ) => call.function.arguments).join("")
        assert.isTrue(got === given)
        assert.strictEqual(events.at(-1), "[DONE]")
      }
    }))
  )

  it.live(
    "that sends a whole answer of many choices and odd texts is passed on byte for byte",
    scoped(Effect.gen(function*() {
      const { url } = yield* scripted((_, response) =>
        sendWhole(response, { content: "\ud83d lone \u0000 \u2028 世界" })
      )
      const gateway = yield* runningOver(url)
      const { json, status } = yield* chat(gateway.url, { ...hello, n: 3 })
      assert.strictEqual(status, 200)
      assert.strictEqual(json.choices[0].message.content, "\ud83d lone \u0000 \u2028 世界")
    }))
  )
})

describe.concurrent("512 streams at once", () => {
  it.live(
    "lose no event, mix no two, and leave nothing behind",
    scoped(Effect.gen(function*() {
      const [streams, length] = [512, 16]
      const provider = yield* scripted(({ body }, response) => {
        let i = 0
        const next = () => {
          if (i === length) {
            sendEvents(response, chunkOf({}, "stop"), "[DONE]")
            response.end()
          } else {
            sendEvents(response, chunkOf({ content: `${body.user}:${i++} ` }))
            setImmediate(next)
          }
        }
        next()
      })
      const { url } = yield* runningOver(
        provider.url,
        "listen: { port: 0, maxRequests: 512 }\ndefaults: { bulkhead: { concurrency: 600 } }"
      )
      const all = yield* Effect.forEach(
        Array.from({ length: streams }, (_, i) => `u${i}`),
        (user) => Effect.map(chat(url, { ...streaming, user }), (got) => ({ user, ...got })),
        { concurrency: "unbounded" }
      )
      for (const { status, text, user } of all) {
        assert.strictEqual(status, 200)
        const events = eventsOf(text)
        assert.strictEqual(events.length, length + 2)
        assert.strictEqual(contentOf(events), Array.from({ length }, (_, i) => `${user}:${i} `).join(""))
      }
      assert.strictEqual((yield* chat(url, { ...streaming, user: "last" })).status, 200)
    })),
    60_000
  )
})

describe("a slow reader", () => {
  it.live(
    "gets all of its stream, and leaves no listeners behind",
    scoped(Effect.gen(function*() {
      const warnings: Array<Error> = []
      const warned = (warning: Error) => void warnings.push(warning)
      process.on("warning", warned)
      const { provider, url } = yield* running()
      const text = "x".repeat(20_000_000)
      yield* provider.set("first", { outcome: Behaviour.stream({ text, chunks: 2000 }) })
      const line = yield* dial(url)
      let bytes = 0
      line.socket.removeAllListeners("data")
      line.socket.on("data", (data) => {
        bytes += data.length
        line.text = (line.text + data.toString("latin1")).slice(-100)
        line.socket.pause()
        setImmediate(() => line.socket.resume())
      })
      line.socket.write(post(streaming, "connection: close\r\n"))
      yield* until(() => line.isClosed)
      process.off("warning", warned)
      assert.isAbove(bytes, text.length)
      assert.include(line.text, "[DONE]")
      assert.deepStrictEqual(warnings.map(({ message }) => message), [])
    }))
  )
})

describe("a request whose body comes slowly while another file is taken over", () => {
  for (
    const [what, clients, status, asked] of [
      [
        "is refused where its token is no longer that of a client",
        "clients: [{ name: shop, token: sk-other }]",
        401,
        0
      ],
      [
        "is held to the limits of the new file",
        `clients: [{ name: shop, token: ${token}, limits: [{ resource: tokens, limit: 1, per: 1 hour }] }]`,
        429,
        0
      ],
      ["asks the providers of the new file", `clients: [{ name: shop, token: ${token} }]`, 200, 1]
    ] as const
  ) {
    it.live(
      what,
      scoped(
        Effect.gen(function*() {
          const before = yield* scripted((_, response) => sendWhole(response, { content: "before" }))
          const after = yield* scripted((_, response) => sendWhole(response, { content: "after" }))
          const read = (provider: string, clients: string) =>
            GatewayConfig.parse(
              `listen: { port: 0 }
providers: { sim: { baseUrl: ${provider} } }
models: { first: { provider: sim } }
${clients}`,
              {}
            )
          const file = yield* read(before.url, `clients: [{ name: shop, token: ${token} }]`)
          const gateway = yield* Gateway.make(file)
          const line = yield* dial(`http://127.0.0.1:${gateway.address.port}`)
          const [head = "", body = ""] = post({ ...hello, model: "first" }, "expect: 100-continue\r\n").split(
            "\r\n\r\n"
          )
          line.socket.write(`${head}\r\n\r\n`)
          yield* until(() => line.text.includes("100 Continue"))
          yield* Effect.flatMap(read(after.url, clients), gateway.reload)
          line.socket.write(body)
          yield* until(() => line.text.includes("\r\n\r\n{"))
          assert.include(line.text, `HTTP/1.1 ${status} `)
          assert.deepStrictEqual([before.asked.length, after.asked.length], [0, asked])
        }).pipe(Effect.orDie)
      )
    )
  }
})

describe.concurrent("streams that run while", () => {
  const paused = Behaviour.stream({ text: "one two three four five", chunks: 5, pause: 100 })

  it.live(
    "another file is taken over that changes their model end as they began",
    scoped(Effect.gen(function*() {
      const { provider, reload, url } = yield* running()
      yield* provider.set("first", { outcome: paused })
      const fibers = yield* Effect.forEach(Array.from({ length: 8 }), () => Effect.forkChild(chat(url, streaming)))
      yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 8 })
      for (let i = 0; i < 3; i++) yield* Effect.orDie(reload(`defaults: { deadline: ${9 + i} seconds }`))
      for (const fiber of fibers) {
        const events = eventsOf((yield* Fiber.join(fiber)).text)
        assert.strictEqual(contentOf(events), "one two three four five")
        assert.strictEqual(events.at(-1), "[DONE]")
      }
    }))
  )

  it.live("the gateway is stopped end whole in the time for that, and are told an error after it", () =>
    Effect.gen(function*() {
      const lines = yield* Effect.scoped(Effect.gen(function*() {
        const { provider, url } = yield* running("listen: { port: 0, drainTimeout: 1500 millis }")
        yield* provider.set("first", { outcome: paused })
        yield* provider.set("second", { outcome: Behaviour.stream({ end: Behaviour.stallAfter(2) }) })
        const fibers = yield* Effect.forEach(
          ["first", "second"],
          (model) => Effect.forkDetach(chat(url, { ...streaming, model }))
        )
        yield* Effect.repeat(Effect.delay(provider.total, 5), { until: ({ started }) => started === 2 })
        yield* Effect.sleep(100)
        return fibers
      }))
      const [whole, broken] = yield* Effect.forEach(
        lines,
        (fiber) => Effect.map(Fiber.join(fiber), ({ text }) => eventsOf(text))
      )
      assert.strictEqual(whole!.at(-1), "[DONE]")
      assert.strictEqual(JSON.parse(broken!.at(-1)!).error.code, "overloaded")
      assert.isFalse(broken!.includes("[DONE]"))
    }))
})

describe.concurrent("a client whose gateway is stopped", () => {
  interface Read {
    bytes: number
    end: string
    isClosed: boolean
  }

  /** What a client reads of these requests on one connection, of a gateway that is stopped when so much has come, and waits so long. */
  const read = (from: number, drainTimeout: string, ...requests: ReadonlyArray<object>) =>
    Effect.gen(function*() {
      const line: Read = { bytes: 0, end: "", isClosed: false }
      yield* Effect.scoped(Effect.gen(function*() {
        const { url } = yield* scripted(({ body }, response) => {
          if (body.user === "large") sendWhole(response, { content: "x".repeat(20_000_000) })
          if (body.user === "stalls") sendEvents(response, chunkOf({ content: "begun" }))
        })
        const gateway = yield* runningOver(url, `listen: { port: 0, drainTimeout: ${drainTimeout} }`)
        const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1")
        socket.on("data", (data) => {
          line.bytes += data.length
          line.end = (line.end + data.toString("latin1")).slice(-3000)
          socket.pause()
          setTimeout(() => socket.resume(), 1)
        })
        socket.on("error", () => {})
        socket.on("close", () => (line.isClosed = true))
        socket.write(requests.map((request) => post(request)).join(""))
        yield* until(() => line.bytes > from)
      }))
      yield* until(() => line.isClosed)
      return line
    })

  it.live("reads its answer to the end", () =>
    Effect.gen(function*() {
      const { bytes } = yield* read(100_000, "20 seconds", { ...hello, model: "first", user: "large" })
      assert.isAbove(bytes, 20_000_000)
    }))

  it.live("is told so where its body did not come in the time for the calls in flight", () =>
    Effect.gen(function*() {
      const lines = yield* Effect.scoped(Effect.gen(function*() {
        const { url } = yield* running("listen: { port: 0, drainTimeout: 50 millis }")
        const lines = ["", "{\"model\":"].map((begun) => {
          const line = { text: "", isClosed: false }
          const socket = connect(Number(new URL(url).port), "127.0.0.1", () =>
            socket.write(
              `POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\n` +
                `expect: 100-continue\r\ncontent-length: 1000\r\n\r\n${begun}`
            ))
          socket.on("data", (data) => (line.text += data.toString("latin1")))
          socket.on("error", () => {})
          socket.on("close", () => (line.isClosed = true))
          return line
        })
        yield* until(() => lines.every(({ text }) => text.includes(" 100 Continue")))
        return lines
      }))
      yield* until(() => lines.every(({ isClosed }) => isClosed))
      for (const { text } of lines) {
        assert.include(text, "\r\n\r\nHTTP/1.1 503 ")
        assert.include(text, "\"code\":\"overloaded\"")
      }
    }))

  it.live("is told of every request on a connection that was not answered", () =>
    Effect.gen(function*() {
      const asked = [{ ...streaming, user: "stalls" }, { ...hello, model: "first", user: "hangs" }]
      const { end } = yield* read(500, "500 millis", ...asked)
      assert.match(end, /begun[^]*"code":"overloaded","isRetryable"[^]*HTTP\/1.1 503[^]*"code":"overloaded"\}\}$/)
    }))
})

describe.concurrent("a request that is refused before its body is read", () => {
  const shed = "listen: { port: 0, maxRequests: 1 }"
  const full = Effect.gen(function*() {
    const { provider, url } = yield* running(shed)
    yield* provider.set("first", { outcome: Behaviour.hang })
    yield* Effect.forkScoped(chat(url, { ...hello, model: "first" }))
    yield* Effect.repeat(Effect.delay(provider.stats("first"), 5), { until: ({ started }) => started === 1 })
    return url
  })

  it.live(
    "is told so, however large it is",
    scoped(Effect.gen(function*() {
      const url = yield* full
      for (const size of [1000, 100_000, 5_000_000]) {
        for (let i = 0; i < 5; i++) {
          assert.strictEqual((yield* chat(url, { ...hello, user: "x".repeat(size) })).status, 503)
        }
      }
    }))
  )

  it.live(
    "leaves the connection for the next one where it is short, and none of its bytes are taken for a request",
    scoped(Effect.gen(function*() {
      const line = yield* dial(yield* full)
      const smuggled = "GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
      for (let i = 1; i <= 3; i++) {
        line.socket.write(post({ ...hello, user: smuggled.repeat(20) }))
        yield* until(() => line.text.split("HTTP/1.1 503").length === i + 1)
      }
      yield* Effect.sleep(50)
      assert.isFalse(line.isClosed)
      assert.strictEqual(line.text.split("HTTP/1.1 ").length, 4)
    }))
  )
})
