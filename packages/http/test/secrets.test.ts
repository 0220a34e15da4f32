import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker } from "@switchgear/core"
import {
  Canned,
  ChatClient,
  type ChatError,
  ChatModel,
  type ChatSchema,
  ChatStream,
  ModelCascade
} from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Cause, Effect, Fiber, Layer, Redacted, type Scope, Stream } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { rows } from "./support/errorTable.ts"
import * as Loopback from "./support/loopback.ts"
import { leaks, planted, quotations } from "./support/secrets.ts"
import { ofError, watched } from "./support/spy.ts"
import { modelOf } from "./support/modelOf.ts"

const apiKey = Redacted.make(planted.key)

/** A conversation in which a tool was called. */
const asked: ChatModel.Request = {
  messages: [
    { role: "system", content: planted.system },
    { role: "user", content: planted.short },
    {
      role: "assistant",
      content: null,
      tool_calls: [{
        id: "call_1",
        type: "function",
        function: { name: "look", arguments: JSON.stringify({ who: planted.argument }) }
      }]
    },
    { role: "tool", tool_call_id: "call_1", content: [{ type: "text", text: "found" }] },
    { role: "user", content: [{ type: "text", text: planted.prompt }] }
  ],
  tools: [{ type: "function", function: { name: "look", description: planted.definition } }]
}

const said = {
  choices: [{
    index: 0,
    message: {
      role: "assistant",
      content: planted.reply,
      reasoning_content: planted.reasoning,
      tool_calls: [{
        id: "call_2",
        type: "function",
        function: { name: "look", arguments: JSON.stringify({ who: planted.called }) }
      }]
    },
    finish_reason: "stop"
  }],
  usage: { prompt_tokens: 60, completion_tokens: 20, total_tokens: 80 }
}

const names = ["first", "second"] as const

/** Two models in a cascade that do as told, all of them guarded, and asked with all secrets. */
const cascade = Effect.fnUntraced(function*(
  behaviour: Partial<Record<(typeof names)[number], Behaviour.Outcome>>,
  options: Partial<ModelCascade.OptionsWithFloor> = {}
) {
  const provider = yield* SimulatedProvider.make({
    models: Object.fromEntries(
      names.map((name) => [name, { outcome: behaviour[name] ?? Behaviour.respond(200, said) }])
    )
  })
  const client = yield* clientOf(SimulatedProvider.httpClient(provider))
  const model = (model: string) =>
    Effect.map(
      modelOf({ model, breaker: { minimumCalls: 2, openFor: "1 day" } }),
      (model) => ({ model, optIn: ["InvalidRequest", "ContentBlocked", "Forbidden"] as const })
    ).pipe(Effect.provideService(ChatClient.ChatClient, client))
  const made = yield* ModelCascade.make({
    cache: { timeToLive: "5 minutes" },
    models: [yield* model("first"), yield* model("second")],
    ...options
  })
  return { ...made, client, provider }
})

const clientOf = (http: HttpClient.HttpClient, query = "") =>
  ChatClient.make({ provider: "openai", baseUrl: `http://simulated.test/v1${query}`, apiKey }).pipe(
    Effect.provideService(HttpClient.HttpClient, http)
  )

/** Runs to the end of all waits. */
const played = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(self, { startImmediately: true })
    for (let i = 0; i < 20 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  })

const assertSilent = (seen: string) => assert.deepStrictEqual(leaks(seen), [])

const quoting = (secret: string, text = `You sent ${secret} to us`) => ({
  error: { message: text, type: text, code: text }
})

describe("nothing that is secret is in a log line, a span, a metric or an error", () => {
  it.effect("of calls that succeed, whole, from the cache and streamed", () =>
    Effect.gen(function*() {
      const { exit, seen } = yield* watched(Effect.gen(function*() {
        const { complete, provider, stream } = yield* cascade({})
        const steps = [(yield* complete(asked)).step, (yield* complete(asked)).step]
        yield* provider.set("first", { outcome: Behaviour.stream({ text: planted.reply, chunks: 2 }) })
        yield* Stream.runDrain(stream({ ...asked, temperature: 1 }))
        return steps
      }))
      assert.deepStrictEqual(exit._tag === "Success" && exit.value, ["first", "cache"])
      assertSilent(seen)
    }))

  it.effect("of calls that are retried, moved on, given up and answered with a sentence", () =>
    Effect.gen(function*() {
      const down = {
        first: Behaviour.respond(500, quoting(planted.key)),
        second: Behaviour.respond(503, quoting(planted.prompt))
      }
      const { exit, seen } = yield* watched(Effect.gen(function*() {
        const { complete } = yield* cascade(down)
        yield* played(Effect.exit(complete(asked)))
        const open = yield* played(Effect.flip(complete(asked)))
        const { complete: polite } = yield* cascade(down, { canned: Canned.sentences })
        const { degradation, failures } = yield* played(polite(asked))
        return { open, degradation, failures }
      }))
      if (exit._tag === "Failure") return assert.fail(String(exit.cause))
      const { degradation, failures, open } = exit.value
      assert.deepStrictEqual([open._tag, degradation, failures.length], ["CascadeExhausted", "canned", 2])
      assert.include(seen, "Closed → Open")
      assertSilent([seen, ...ofError(open), ...failures.flatMap(({ error }) => ofError(error))].join("\n"))
    }))

  it.effect("of every error that a response means", () =>
    Effect.gen(function*() {
      const quoted = JSON.stringify(`${planted.key}, ${planted.prompt}; ${planted.system} `).slice(1, -1)
      const tags = new Set<string>()
      const { seen } = yield* watched(Effect.gen(function*() {
        const { client, provider } = yield* cascade({})
        for (const { body, headers, status } of rows) {
          const quoting = JSON.stringify(body).replaceAll("\"message\":\"", (field) => field + quoted)
          yield* provider.set("first", { outcome: Behaviour.respond(status, JSON.parse(quoting), headers) })
          const call = client.complete({ ...asked, model: "first" })
          const failed = yield* Effect.flip(Effect.tapError(call, (error) => Effect.logError("It failed", error)))
          tags.add(failed._tag)
          yield* Effect.logTrace(...ofError(failed))
        }
      }))
      assert.strictEqual(tags.size, 12)
      assertSilent(seen)
    }))

  describe("of a stream that", () => {
    const text = `${planted.reply} ${planted.reply}`
    const ends: ReadonlyArray<readonly [string, Behaviour.StreamEnd, ChatError.ChatError["_tag"]]> = [
      ["is cut", Behaviour.cutAfter(1), "Truncated"],
      ["has no end", Behaviour.endWithout("both"), "Truncated"],
      ["stalls", Behaviour.stallAfter(1), "TimedOut"],
      ["ends in an error that quotes", Behaviour.errorAfter(1, quoting(planted.prompt)), "ProviderFault"],
      ["ends in an error that quotes its words", Behaviour.errorAfter(1, quoting(planted.reply)), "ProviderFault"],
      [
        "ends in a bare error that quotes",
        Behaviour.errorAfter(1, JSON.stringify(quoting(planted.key))),
        "ProviderFault"
      ],
      ["ends in garbage that quotes", Behaviour.garbageAfter(1, `data: ${planted.prompt}\n\n`), "MalformedReply"],
      ["ends in stray text", Behaviour.garbageAfter(1, `\n{${planted.reply}`), "Truncated"]
    ]
    for (const [name, end, tag] of ends) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const { exit, seen } = yield* watched(Effect.gen(function*() {
            const { stream } = yield* cascade({ first: Behaviour.stream({ text, chunks: 2, end }) })
            return yield* played(ChatStream.collect(stream(asked)))
          }))
          assert.strictEqual(
            exit._tag === "Failure" ? (Cause.squash(exit.cause) as ChatModel.ModelError)._tag : "Success",
            tag
          )
          assertSilent(seen)
        }))
    }
  })

  describe("of a connection that", () => {
    const proxied = (url: string) => ({ proxy: { http: url.replace("//", `//agent:${planted.password}@`) } })
    const fails: ReadonlyArray<
      readonly [
        string,
        Effect.Effect<readonly [url: string, options?: Partial<NodeTransport.Options>], never, Scope.Scope>
      ]
    > = [
      ["is refused", Effect.map(Loopback.closedPort, (port) => [`http://127.0.0.1:${port}/v1`])],
      ["is reset", Effect.map(Loopback.resetting, (port) => [`http://127.0.0.1:${port}/v1`])],
      ["speaks no TLS", Effect.map(Loopback.chatty(planted.reply), (port) => [`https://127.0.0.1:${port}/v1`])],
      [
        "speaks no HTTP",
        Effect.map(Loopback.chatty(`220 ${planted.prompt}\r\n`), (port) => [`http://127.0.0.1:${port}/v1`])
      ],
      [
        "has a broken head",
        Effect.map(
          Loopback.chatty(`HTTP/1.1 200 OK\r\nx-key ${planted.key}\r\n\r\n`),
          (port) => [`http://127.0.0.1:${port}/v1`]
        )
      ],
      [
        "has a broken head behind a SOCKS proxy",
        Effect.map(
          Loopback.socks(`HTTP/1.1 200 OK\r\nx-key ${planted.key}\r\n\r\n`),
          (port) => ["http://models.invalid/v1", { proxy: { http: `socks5://127.0.0.1:${port}` } }]
        )
      ],
      [
        "has a password for a proxy that is not there",
        Effect.map(Loopback.closedPort, (port) => ["http://models.invalid/v1", proxied(`http://127.0.0.1:${port}`)])
      ],
      [
        "has a password for a proxy that refuses",
        Effect.map(Loopback.chatty("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), (port) => [
          "http://models.invalid/v1",
          proxied(`http://127.0.0.1:${port}`)
        ])
      ],
      [
        "has a password for a proxy that refuses a tunnel",
        Effect.map(Loopback.proxy, ({ url }) => [
          "https://models.invalid/v1",
          { proxy: { https: url.replace("//", `//agent:${planted.password}@`) } }
        ])
      ]
    ]
    for (const [name, failing] of fails) {
      it.live(name, () =>
        Effect.gen(function*() {
          const [baseUrl, options] = yield* failing
          const layer = NodeTransport.layerChatClient({
            provider: "openai",
            baseUrl,
            apiKey,
            proxy: "none",
            ...options
          })
          const { exit, seen } = yield* watched(
            Effect.flatMap(ChatClient.ChatClient, (client) => client.complete({ ...asked, model: "first" })).pipe(
              Effect.provide(layer)
            )
          )
          assert.strictEqual(exit._tag, "Failure")
          assertSilent(seen)
        }))
    }
  })

  describe("of nonsense options:", () => {
    const nonsense: ReadonlyArray<readonly [string, Partial<ChatClient.Options & NodeTransport.Options>]> = [
      ["a key on two lines", { apiKey: Redacted.make(`${planted.key}\n`) }],
      ["a password in the base URL", { baseUrl: `http://agent:${planted.password}@models.invalid/v1` }],
      ["a proxy that is no URL", { proxy: { https: `agent:${planted.password} at proxy` } }]
    ]
    for (const [name, options] of nonsense) {
      it.effect(name, () =>
        Effect.gen(function*() {
          const layer = NodeTransport.layerChatClient({
            provider: "openai",
            baseUrl: "http://models.invalid",
            ...options
          })
          const { exit, seen } = yield* watched(Effect.scoped(Layer.build(layer)))
          assert.isTrue(exit._tag === "Failure" && Cause.hasDies(exit.cause))
          assertSilent(seen)
        }))
    }
  })

  it.effect("of the query of a base URL", () =>
    Effect.gen(function*() {
      const { seen } = yield* watched(Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: {} })
        const client = yield* clientOf(SimulatedProvider.httpClient(provider), `?key=${planted.query}`)
        return yield* client.complete({ ...asked, model: "first" })
      }))
      assertSilent(seen)
    }))
})

describe("what a provider quotes is not in its error", () => {
  const sent = {
    "the key": planted.key,
    "what the user said": planted.prompt,
    "a word of the user": planted.short,
    "what the system said": planted.system,
    "the argument of a tool call": planted.argument,
    "the definition of a tool": planted.definition
  }
  /** Where a provider puts words, as responses. */
  const places: ReadonlyArray<
    (text: string) => readonly [status: number, body: unknown, headers?: Record<string, string>]
  > = [
    (text) => [400, { error: { message: text } }],
    (text) => [401, { error: { message: "no", type: text, code: text } }],
    (text) => [429, [{ error: { code: 429, message: text, status: text, details: [{ reason: text }] } }]],
    (text) => [422, { detail: [{ msg: text, loc: ["body", text], input: text }] }],
    (text) => [422, { detail: text }],
    (text) => [500, { error: text }],
    (text) => [503, { errors: [{ message: text }] }],
    (text) => [502, `<html><title>${text}</title></html>`],
    (text) => [504, text],
    (text) => [403, { message: text, status: "failure" }],
    (text) => [404, { error: { message: "no" } }, { "x-request-id": text }],
    (text) => [200, { error: { message: text, code: text } }],
    (text) => [200, { choices: [{ error: { code: 502, message: text }, finish_reason: "error", message: {} }] }]
  ]
  for (const [what, secret] of Object.entries(sent)) {
    for (const [how, quoted] of quotations) {
      it.effect(`${what}, ${how}`, () =>
        Effect.gen(function*() {
          const seen: Array<string> = []
          for (const place of places) {
            const [status, body, headers] = place(`Invalid value: '${quoted(secret)}' was not accepted.`)
            const provider = yield* SimulatedProvider.make({
              models: { first: { outcome: Behaviour.respond(status, body, headers) } }
            })
            const client = yield* clientOf(SimulatedProvider.httpClient(provider))
            for (
              const call of [
                client.complete,
                (request: ChatSchema.ChatRequest) => Stream.runDrain(client.stream(request))
              ]
            ) {
              seen.push(...ofError(yield* Effect.flip(Effect.asVoid(call({ ...asked, model: "first" })))))
            }
          }
          assertSilent(seen.join("\n"))
        }))
    }
  }
})

describe("the search finds", () => {
  const channels: Readonly<Record<string, (secret: string) => Effect.Effect<unknown, unknown>>> = {
    "a line of the log": (secret) => Effect.log(secret),
    "a line of the least level": (secret) => Effect.logTrace("x", { secret }),
    "an annotation of the log": (secret) => Effect.log("x").pipe(Effect.annotateLogs({ secret })),
    "a cause in the log": (secret) => Effect.logDebug(Cause.fail(secret)),
    "the name of a span": (secret) => Effect.withSpan(Effect.void, secret),
    "an attribute of a span": (secret) => Effect.withSpan(Effect.void, "x", { attributes: { secret } }),
    "an event of a span": (secret) =>
      Effect.currentSpan.pipe(Effect.map((span) => span.event("x", 0n, { secret })), Effect.withSpan("x")),
    "a failure in a span": (secret) => Effect.ignore(Effect.withSpan(Effect.fail(secret), "x")),
    "the name of a circuit, and so in the metrics": (name) => CircuitBreaker.make({ name }),
    "the message of an error": (secret) => Effect.fail<unknown>(new Error(secret)),
    "a field of an error": (secret) => Effect.fail<unknown>(Object.assign(new Error("x"), { secret })),
    "the cause of an error": (secret) => Effect.fail<unknown>(new Error("x", { cause: { deep: [{ secret }] } })),
    "a defect": (secret) => Effect.die(secret)
  }
  for (const [name, leak] of Object.entries(channels)) {
    it.effect(`a secret in ${name}`, () =>
      Effect.gen(function*() {
        for (
          const [name, secret] of [...Object.entries(planted), [
            "prompt",
            planted.prompt.toUpperCase().slice(9, 20)
          ]] as const
        ) {
          const found = leaks((yield* watched(leak(secret))).seen)
          assert.deepStrictEqual(found.map((leak) => leak.split(":")[0]), [name], found.join("\n"))
        }
      }))
  }
})
