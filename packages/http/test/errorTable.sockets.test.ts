import { assert, describe, layer } from "@effect/vitest"
import { ChatClient, ChatError, ChatModel, ChatSchema, ChatStream, ModelCascade } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Context, Effect, Layer, type Scope } from "effect"
import { assertRow } from "./support/assertRow.ts"
import { type Row, rows } from "./support/errorTable.ts"
import * as Loopback from "./support/loopback.ts"
import { modelOf } from "./support/modelOf.ts"
import { bothWays } from "./support/ways.ts"

bothWays((layerChatClient) => {
  type Client = ChatClient.ChatClient["Service"]

  /** Something that goes wrong, and what has to be made of it. */
  interface Case extends Pick<Row, "name" | "expect"> {
    /** What the provider does, or where there is no provider. */
    readonly failing: Behaviour.Outcome | Effect.Effect<string, never, Scope.Scope>
    /** The answer has begun when it goes wrong. */
    readonly begun?: true
    /** The clock that runs out. */
    readonly phase?: ChatError.Phase
    readonly options?: Partial<ChatClient.Options & NodeTransport.Options>
  }

  const hello: ChatModel.Request = { messages: [{ role: "user", content: "Hello" }] }

  /** A provider on a real socket, which is told what to do by the name of the model. */
  class Served extends Context.Service<Served, {
    readonly provider: SimulatedProvider.SimulatedProvider["Service"]
    readonly url: string
    readonly client: Client
  }>()("test/Served") {
    static readonly layer = Layer.effect(
      Served,
      Effect.gen(function*() {
        const provider = yield* SimulatedProvider.make({ models: {} })
        const { url } = yield* SimulatedProvider.serve(provider)
        return { provider, url, client: yield* clientAt(url) }
      })
    )
  }

  const clientAt = (baseUrl: string, options: Partial<ChatClient.Options & NodeTransport.Options> = {}) =>
    Effect.map(
      Layer.build(layerChatClient({ provider: "openai", baseUrl, proxy: "none", ...options })),
      Context.get(ChatClient.ChatClient)
    )

  type Ask = <E>(model: ChatModel.ChatModel<E>) => Effect.Effect<ChatModel.Answer, E | ChatError.ChatError>

  /** The two ways in which an answer comes. */
  const deliveries: ReadonlyArray<readonly [string, Ask]> = [
    ["whole", (model) => model.complete(hello)],
    ["as a stream", (model) =>
      Effect.scoped(Effect.gen(function*() {
        const { value, ...told } = yield* model.open(hello)
        return { ...told, value: yield* ChatStream.collect(value) }
      }))]
  ]

  /** Milliseconds. */
  const longestWait = 1

  const guarded = (client: Client, model: string, attempts: number) =>
    modelOf({
      model,
      retry: { maxAttempts: attempts, baseDelay: longestWait, maxDelay: longestWait, jitter: "none" }
    }).pipe(
      Effect.provideService(ChatClient.ChatClient, client)
    )

  /**
   * Requests that are made where three attempts are allowed. An answer that has begun is not begun again, and an error that
   * asks for a longer wait than the cap of the retry is returned at once.
   */
  const requestsFor = ({ begun, expect }: Case): number =>
    begun || (expect.retryAfterMillis ?? 0) > longestWait ? 1 : { yes: 3, once: 2, no: 1 }[expect.retries]

  /** Shows what an error is, how often it is retried and what the circuit makes of it. */
  const assertGuarded = Effect.fnUntraced(function*(ask: Ask, client: Client, name: string, row: Case) {
    const model = yield* guarded(client, name, 3)
    const error = yield* Effect.flip(ask(model))
    assert.isTrue(ChatError.isChatError(error), String(error))
    assertRow(error as ChatError.ChatError, row)
    assert.strictEqual(error._tag === "TimedOut" ? error.phase : undefined, row.phase)
    const { calls, failed } = yield* model.breaker.snapshot
    const counted = row.expect.counts ? requestsFor(row) : 0
    assert.deepStrictEqual({ calls, failed }, { calls: counted, failed: counted })
  })

  type Known = Omit<ModelCascade.Step, "model">

  /** What a cascade may know of its two models, and which errors then move on from the one to the other. */
  const cascades: ReadonlyArray<
    readonly [first: Known, second: Known, moving: ReadonlyArray<Row["expect"]["movesOn"]>]
  > = [
    [{}, {}, ["yes"]],
    [{ optIn: ["InvalidRequest", "ContentBlocked", "Forbidden"] }, {}, ["yes", "opt-in"]],
    [{ contextWindow: 8192 }, { contextWindow: 128_000 }, ["yes", "larger-window"]],
    [{ contextWindow: 128_000 }, { contextWindow: 128_000 }, ["yes"]]
  ]

  /** Shows whether a healthy model is asked after this one, and whose answer or error the caller gets. */
  const assertMoves = (ask: Ask, client: Client, model: string, { begun, expect }: Case) =>
    Effect.forEach(cascades, ([first, second, moving], i) =>
      Effect.gen(function*() {
        const { client: other, provider } = yield* Served
        const healthy = `${model}, next ${i}`
        yield* provider.set(healthy, { outcome: Behaviour.ok("Good day") })
        const cascade = yield* ModelCascade.make({
          models: [
            { ...first, model: yield* guarded(client, model, 1) },
            { ...second, model: yield* guarded(other, healthy, 1) }
          ]
        })
        const told = yield* Effect.match(ask(cascade), {
          onFailure: ({ _tag }) => _tag,
          onSuccess: ({ degradation, failures, step, value }) => ({
            text: ChatSchema.text(value),
            step,
            degradation,
            failures: failures.map(({ error, step }) => [step, error._tag])
          })
        })
        const moves = begun === undefined && moving.includes(expect.movesOn)
        assert.deepStrictEqual<unknown>(
          told,
          moves
            ? { text: "Good day", step: healthy, degradation: "fallback", failures: [[model, expect.tag]] }
            : expect.tag
        )
        assert.strictEqual((yield* provider.stats(healthy)).started, moves ? 1 : 0)
      }), { concurrency: "unbounded", discard: true })

  const broken = { blame: "network", retries: "yes", movesOn: "yes", counts: true, parks: false } as const
  const unreachable = { ...broken, tag: "ConnectFailed" } as const
  const truncated = { ...broken, tag: "Truncated" } as const
  const fault = { ...broken, tag: "ProviderFault", blame: "provider" } as const
  const malformed = { ...broken, tag: "MalformedReply", blame: "provider", retries: "once" } as const
  const late = { ...broken, tag: "TimedOut", blame: "provider", retries: "no" } as const

  const answered: ReadonlyArray<Case> = rows.map(({ body, expect, headers, name, status }) => ({
    name,
    expect,
    failing: Behaviour.respond(status, body, headers)
  }))

  const url = (protocol: "http" | "https", port: Effect.Effect<number, never, Scope.Scope>) =>
    Effect.map(port, (port) => `${protocol}://127.0.0.1:${port}/v1`)
  // Long enough for a request to reach the provider on a machine that has other work.
  const inTime = (limit: "timeout" | "firstContentTimeout" | "idleTimeout") => ({
    options: { [limit]: "1 second" }
  })

  const unanswered: ReadonlyArray<Case> = [
    { name: "a refused connection", expect: unreachable, failing: url("http", Loopback.closedPort) },
    { name: "a connection that is reset", expect: unreachable, failing: url("http", Loopback.resetting) },
    {
      name: "a connection that is closed before the head",
      expect: unreachable,
      failing: Behaviour.cut("before-headers"),
      // A client of its own: over a connection that has answered before, each request would be sent once more.
      options: {}
    },
    { name: "no TLS", expect: unreachable, failing: url("https", Loopback.chatty("HTTP/1.1 400 Bad Request\r\n\r\n")) },
    {
      name: "no HTTP",
      expect: { ...malformed, retries: "no" },
      failing: url("http", Loopback.chatty("220 mail.test ESMTP\r\n"))
    },
    {
      name: "no connection in time",
      expect: { ...late, blame: "network", retries: "yes" },
      failing: url("https", Loopback.silent),
      phase: "connect",
      // No request has to arrive.
      options: { connectTimeout: "100 millis" }
    },
    { name: "no head in time", expect: late, failing: Behaviour.hang, phase: "total", ...inTime("timeout") },
    {
      name: "no end in time",
      expect: late,
      failing: Behaviour.slowBody("1 minute"),
      phase: "total",
      ...inTime("timeout")
    }
  ]

  const whole: ReadonlyArray<Case> = [{ name: "a cut", expect: truncated, failing: Behaviour.cut("mid-body") }]

  const stream = (end: Behaviour.StreamEnd) => Behaviour.stream({ text: "Good day to you", chunks: 3, end })

  const streamed: ReadonlyArray<Case> = [
    { name: "a cut before the first word", expect: truncated, failing: stream(Behaviour.cutAfter(0)) },
    { name: "garbage before the first word", expect: malformed, failing: stream(Behaviour.garbageAfter(0)) },
    { name: "an error before the first word", expect: fault, failing: stream(Behaviour.errorAfter(0)) },
    {
      name: "no head of a stream in time",
      expect: late,
      failing: Behaviour.hang,
      phase: "first-content",
      ...inTime("firstContentTimeout")
    },
    {
      name: "nothing but heartbeats",
      expect: late,
      failing: stream(Behaviour.heartbeatAfter(0, "10 millis")),
      phase: "first-content",
      ...inTime("firstContentTimeout")
    },
    { name: "a cut", expect: truncated, failing: stream(Behaviour.cutAfter(1)), begun: true },
    { name: "no end", expect: truncated, failing: stream(Behaviour.endWithout("both")), begun: true },
    { name: "garbage", expect: malformed, failing: stream(Behaviour.garbageAfter(1)), begun: true },
    { name: "an error", expect: fault, failing: stream(Behaviour.errorAfter(1)), begun: true },
    {
      name: "an error that does not count",
      expect: { ...fault, tag: "ProviderRateLimited", blame: "account", counts: false },
      failing: stream(Behaviour.errorAfter(1, { error: { message: "slow", code: "rate_limit_exceeded" } })),
      begun: true
    },
    {
      name: "a pause without end",
      expect: late,
      failing: stream(Behaviour.stallAfter(1)),
      begun: true,
      phase: "idle",
      ...inTime("idleTimeout")
    },
    {
      name: "words without end",
      expect: late,
      failing: Behaviour.stream({ text: "x".repeat(10_000), pause: "10 millis" }),
      begun: true,
      phase: "total",
      ...inTime("timeout")
    }
  ]

  const holds = (name: string, isAmong: (row: Case) => boolean) =>
    layer(Served.layer, { concurrent: true, excludeTestServices: true })(name, (it) => {
      for (const [delivery, ask] of deliveries) {
        for (const row of [...answered, ...unanswered, ...(delivery === "whole" ? whole : streamed)].filter(isAmong)) {
          const model = `${row.name}, ${delivery}`
          it.effect(model, () =>
            Effect.gen(function*() {
              const { failing, options } = row
              const { client: shared, provider, url } = yield* Served
              const client = Effect.isEffect(failing)
                ? yield* clientAt(yield* failing, options)
                : options === undefined
                ? shared
                : yield* clientAt(url, options)
              if (!Effect.isEffect(failing)) yield* provider.set(model, { outcome: failing })
              yield* assertGuarded(ask, client, model, row)
              if (!Effect.isEffect(failing)) {
                assert.strictEqual((yield* provider.stats(model)).started, requestsFor(row))
              }
              yield* assertMoves(ask, client, model, row)
            }), 30_000)
        }
      }
    })

  holds("the error table holds over a socket", ({ phase }) => phase === undefined)

  // After the others, which keep this process so busy that clocks run out before a request has left.
  describe("the error table holds over a socket", () =>
    holds("where a clock runs out", ({ phase }) => phase !== undefined))
})
