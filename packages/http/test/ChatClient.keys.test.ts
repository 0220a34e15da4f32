import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatError, ChatModel, ChatSchema, ChatStream } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Cause, Context, Duration, Effect, Exit, Fiber, Formatter, Layer, Logger, Redacted, Tracer } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"

const secrets = ["sk-first-0123456789abcdef", "sk-other-fedcba9876543210", "sk-third-a1b2c3d4e5f6g7h8"] as const
const [first, second, third] = secrets
const apiKey = [Redacted.make(first, { label: "main" }), Redacted.make(second), Redacted.make(third)] as const
const two = [apiKey[0], apiKey[1]] as const
const hello = { model: "gpt-4.1", messages: [{ role: "user" as const, content: "Hello" }] }

const { quotaExhausted, unauthorized } = Behaviour
const spentFor = (retryAfter: string) =>
  Behaviour.error(429, { message: "Spent", type: "insufficient_quota" }, { "retry-after": retryAfter })

/** A provider that has the model and these keys, its client, and how many requests each key has made. */
const setup = Effect.fnUntraced(function*(
  keys: Readonly<Record<string, Behaviour.Behaviour>>,
  options: Partial<ChatClient.Options> = {}
) {
  const provider = yield* SimulatedProvider.make({ models: { "gpt-4.1": { outcome: Behaviour.ok("Good day") } }, keys })
  const client = yield* ChatClient.make({
    provider: "openai",
    baseUrl: "http://simulated.test/v1",
    apiKey,
    ...options
  }).pipe(Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider)))
  const requests = Effect.forEach(secrets, (key) => Effect.map(provider.keyStats(key), ({ started }) => started))
  return { client, provider, requests }
})

type Client = ChatClient.ChatClient["Service"]

/** The two ways in which an answer comes, each whole. */
const deliveries: ReadonlyArray<readonly [string, (client: Client) => Effect.Effect<string, ChatError.ChatError>]> = [
  ["whole", (client) => Effect.map(client.complete(hello), ChatSchema.text)],
  ["as a stream", (client) => Effect.map(ChatStream.collect(client.stream(hello)), ChatSchema.text)]
]

/** The keys that are parked, for how many seconds, and why. */
const parked = (client: Client) =>
  Effect.map(
    client.keys,
    (keys) =>
      keys.flatMap(({ because, key, parkedFor }) =>
        parkedFor === undefined ? [] : [[key, Duration.toSeconds(parkedFor), because]]
      )
  )

const forked = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(Effect.exit(effect), { startImmediately: true })

describe.each(deliveries)("several keys, answered %s", (_, ask) => {
  const refusals: ReadonlyArray<readonly [string, Behaviour.Outcome, "Unauthorized" | "QuotaExhausted"]> = [
    ["a rejected key", unauthorized, "Unauthorized"],
    ["a spent quota", quotaExhausted, "QuotaExhausted"],
    ["no money", Behaviour.error(402, { message: "Insufficient Balance" }), "QuotaExhausted"],
    [
      "a key of Gemini",
      Behaviour.respond(400, [{
        error: { code: 400, message: "API key not valid.", status: "INVALID_ARGUMENT" }
      }]),
      "Unauthorized"
    ]
  ]
  it.effect.each(refusals)(
    "%s is parked, and the call goes on with the next key",
    ([, outcome, because]) =>
      Effect.gen(function*() {
        const { client, requests } = yield* setup({ [first]: { outcome } })
        assert.strictEqual(yield* ask(client), "Good day")
        assert.strictEqual(yield* ask(client), "Good day")
        assert.deepStrictEqual(yield* requests, [1, 2, 0])
        assert.deepStrictEqual(yield* parked(client), [["main", 300, because]])
      })
  )

  it.effect.each(
    [
      ["a rate limit", Behaviour.rateLimited("1 minute")],
      ["a closed model", Behaviour.error(403, { message: "no" })],
      ["a bad request", Behaviour.error(400, { message: "no" })],
      ["a fault", Behaviour.serverError],
      ["overload", Behaviour.overloaded],
      ["a lost connection", Behaviour.cut("before-headers")]
    ] as const
  )("%s parks no key and asks no other", ([, outcome]) =>
    Effect.gen(function*() {
      const { client, requests } = yield* setup({ [first]: { outcome } })
      yield* Effect.flip(ask(client))
      assert.deepStrictEqual(yield* requests, [1, 0, 0])
      assert.deepStrictEqual(yield* parked(client), [])
    }))

  it.effect("without a key that is free no request is made, and the error says which is free first, and when", () =>
    Effect.gen(function*() {
      const { client, requests } = yield* setup({
        [first]: { outcome: unauthorized },
        [second]: { outcome: spentFor("40") },
        [third]: { outcome: spentFor("90") }
      })
      const told = ({ _tag, model, retryAfter }: ChatError.ChatError) => [_tag, model, Duration.toSeconds(retryAfter!)]
      assert.deepStrictEqual(told(yield* Effect.flip(ask(client))), ["QuotaExhausted", "gpt-4.1", 40])
      yield* TestClock.adjust("15 seconds")
      const error = yield* Effect.flip(ask(client))
      assert.deepStrictEqual(told(error), ["QuotaExhausted", "gpt-4.1", 25])
      assert.include(error.message, "(429 insufficient_quota: Spent). Add credit, raise the limit, or wait 25s")
      assert.isFalse(ChatError.countsOnBreaker(error))
      assert.deepStrictEqual(yield* requests, [1, 1, 1])
    }))

  it.effect("an error inside a 200 parks the key, and the call is not made again", () =>
    Effect.gen(function*() {
      const inside = Behaviour.respond(200, { error: { message: "Spent", code: "insufficient_quota" } })
      const { client, requests } = yield* setup({ [first]: { outcome: inside } })
      assert.strictEqual((yield* Effect.flip(ask(client)))._tag, "QuotaExhausted")
      assert.deepStrictEqual(yield* requests, [1, 0, 0])
      assert.strictEqual(yield* ask(client), "Good day")
      assert.deepStrictEqual(yield* requests, [1, 1, 0])
    }))

  it.effect("calls that run at once ask with a bad key once each at most, and later calls never", () =>
    Effect.gen(function*() {
      const bad = { latency: Behaviour.constant("1 second") }
      const { client, requests } = yield* setup({
        [first]: { ...bad, outcome: unauthorized },
        [second]: { ...bad, outcome: quotaExhausted }
      })
      const hundred = Effect.replicateEffect(ask(client), 100, { concurrency: "unbounded" })
      const fiber = yield* Effect.forkChild(hundred, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).length, 100)
      assert.deepStrictEqual(yield* requests, [100, 100, 100])
      assert.deepStrictEqual(yield* parked(client), [["main", 299, "Unauthorized"], ["key 2", 300, "QuotaExhausted"]])
      yield* hundred
      assert.deepStrictEqual(yield* requests, [100, 100, 200])
    }))

  it.effect("an interrupt leaves no request behind, and parks no key that was being asked", () =>
    Effect.gen(function*() {
      const { client, provider, requests } = yield* setup({
        [first]: { outcome: unauthorized },
        [second]: { outcome: Behaviour.hang }
      })
      const fiber = yield* forked(ask(client))
      assert.deepStrictEqual(yield* requests, [1, 1, 0])
      yield* Fiber.interrupt(fiber)
      const { aborted, answered, inFlight } = yield* provider.total
      assert.deepStrictEqual({ aborted, answered, inFlight }, { aborted: 1, answered: 1, inFlight: 0 })
      assert.deepStrictEqual(yield* parked(client), [["main", 300, "Unauthorized"]])
    }))

  it.effect("the time of a call is that of all its keys together, and a time-out parks none", () =>
    Effect.gen(function*() {
      const { client, requests } = yield* setup({
        [first]: { latency: Behaviour.constant("6 seconds"), outcome: unauthorized },
        [second]: { outcome: Behaviour.hang }
      }, { timeout: "10 seconds" })
      const fiber = yield* forked(ask(client))
      yield* TestClock.adjust("9999 millis")
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      const exit = yield* Fiber.join(fiber)
      assert.strictEqual(Exit.isFailure(exit) && (Cause.squash(exit.cause) as ChatError.ChatError)._tag, "TimedOut")
      assert.deepStrictEqual(yield* requests, [1, 1, 0])
      assert.deepStrictEqual(yield* parked(client), [["main", 296, "Unauthorized"]])
    }))
})

const complete = (client: Client) => client.complete(hello)

describe("a parked key", () => {
  it.effect("is used again as soon as its time is over, before the others", () =>
    Effect.gen(function*() {
      const { client, provider, requests } = yield* setup({ [first]: { outcome: quotaExhausted } }, {
        parkFor: "30 seconds"
      })
      yield* complete(client)
      yield* provider.setKey(first, undefined)
      yield* TestClock.adjust("29999 millis")
      yield* complete(client)
      assert.deepStrictEqual(yield* requests, [1, 2, 0])
      yield* TestClock.adjust("1 millis")
      yield* complete(client)
      assert.deepStrictEqual(yield* requests, [2, 2, 0])
      assert.deepStrictEqual(yield* parked(client), [])
    }))

  it.effect.each([["42", 42], ["0.5", 0.5], ["0", 300], ["-1", 300]] as const)(
    "stays parked for a retry-after of %s seconds, where that is a time",
    ([retryAfter, seconds]) =>
      Effect.gen(function*() {
        const { client } = yield* setup({ [first]: { outcome: spentFor(retryAfter) } })
        yield* complete(client)
        assert.deepStrictEqual(yield* parked(client), [["main", seconds, "QuotaExhausted"]])
      })
  )

  it.effect("stays parked for the longest time that the provider names", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* setup({})
      const answers = [["60", 1], ["20", 2], ["90", 3]] as const
      const fibers = yield* Effect.forEach(answers, ([retryAfter, seconds]) =>
        Effect.andThen(
          provider.setKey(first, { latency: Behaviour.constant(`${seconds} seconds`), outcome: spentFor(retryAfter) }),
          forked(complete(client))
        ))
      const seen: Array<unknown> = []
      for (const _ of answers) {
        yield* TestClock.adjust("1 second")
        seen.push((yield* parked(client))[0]![1])
      }
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(seen, [60, 59, 90])
    }))

  it.effect("is parked no longer by a refusal that comes late, nor again after its time", () =>
    Effect.gen(function*() {
      const { client, provider, requests } = yield* setup({}, { timeout: "1 hour" })
      const late = yield* Effect.forEach([2, 6], (minutes) =>
        Effect.andThen(
          provider.setKey(first, { latency: Behaviour.constant(`${minutes} minutes`), outcome: unauthorized }),
          forked(complete(client))
        ))
      yield* provider.setKey(first, { outcome: unauthorized })
      yield* complete(client)
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* parked(client), [["main", 180, "Unauthorized"]])
      yield* TestClock.adjust("4 minutes")
      assert.deepStrictEqual(yield* parked(client), [])
      assert.deepStrictEqual((yield* Effect.forEach(late, Fiber.join)).map(({ _tag }) => _tag), ["Success", "Success"])
      assert.deepStrictEqual(yield* requests, [3, 3, 0])
    }))

  it.effect("is asked once a call, however soon it is free again", () =>
    Effect.gen(function*() {
      const soon = { latency: Behaviour.constant("1 second"), outcome: spentFor("0.001") }
      const { client, requests } = yield* setup({ [first]: soon, [second]: soon, [third]: soon })
      const fiber = yield* forked(complete(client))
      yield* TestClock.adjust("10 seconds")
      const exit = yield* Fiber.join(fiber)
      assert.strictEqual(
        Exit.isFailure(exit) && (Cause.squash(exit.cause) as ChatError.ChatError)._tag,
        "QuotaExhausted"
      )
      assert.deepStrictEqual(yield* requests, [1, 1, 1])
    }))

  it.effect("holds no connection while the next key's answer is read", () =>
    Effect.gen(function*() {
      const page = Behaviour.respond(401, "x".repeat(100_000))
      const { client, provider } = yield* setup({ [first]: { outcome: page }, [second]: { outcome: Behaviour.hang } })
      yield* forked(complete(client))
      assert.strictEqual((yield* provider.keyStats(first)).inFlight, 0)
      assert.strictEqual((yield* provider.keyStats(second)).inFlight, 1)
    }))
})

describe("the keys of a client", () => {
  it.effect("are shown by label or place, and parked only for as long as it lasts", () =>
    Effect.gen(function*() {
      const { client } = yield* setup({ [first]: { outcome: unauthorized } }, { parkFor: "1 minute" })
      yield* complete(client)
      const free = { parkedFor: undefined, because: undefined }
      const parkedFor = Duration.minutes(1)
      assert.deepStrictEqual(yield* client.keys, [
        { key: "main", parkedFor, because: "Unauthorized" },
        { key: "key 2", ...free },
        { key: "key 3", ...free }
      ])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* client.keys)[0], { key: "main", ...free })
    }))

  it.effect("are none where none is needed", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* setup({}, { apiKey: undefined })
      yield* complete(client)
      assert.deepStrictEqual(yield* client.keys, [])
      assert.strictEqual((yield* provider.keyStats("")).started, 0)
    }))

  it.effect.each([["alone", apiKey[0]], ["in a list", [apiKey[0]]]] as const)(
    "are asked by every call when there is only one, given %s",
    ([, apiKey]) =>
      Effect.gen(function*() {
        const { client, requests } = yield* setup({ [first]: { outcome: spentFor("40") } }, { apiKey })
        for (let i = 0; i < 3; i++) {
          const error = yield* Effect.flip(complete(client))
          assert.deepStrictEqual([error._tag, error.retryAfter], ["QuotaExhausted", Duration.seconds(40)])
        }
        assert.deepStrictEqual(yield* requests, [3, 0, 0])
        assert.deepStrictEqual(yield* parked(client), [])
      })
  )

  it.effect("park nothing when the connection dies of a bug", () =>
    Effect.gen(function*() {
      const client = yield* ChatClient.make({ provider: "openai", baseUrl: "http://simulated.test", apiKey }).pipe(
        Effect.provideService(HttpClient.HttpClient, HttpClient.make(() => Effect.die("bug")))
      )
      const exit = yield* Effect.exit(complete(client))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual(yield* parked(client), [])
    }))

  it.effect("are in no error, log line or span, whichever of them the provider quotes", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const see = (value: unknown) => {
        seen.push(String(value), inspect(value, { depth: 12, showHidden: true }), Formatter.format(value))
      }
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span(options) {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const logger = Logger.make(({ cause, message }) => {
        see(message)
        see(Cause.pretty(cause))
      })
      const echo = `Not ${secrets.join(" nor ")}, also known as ...${third.slice(-9)}`
      const { client } = yield* setup({
        [first]: { outcome: Behaviour.error(401, { message: echo, code: second }) },
        [second]: { outcome: Behaviour.error(429, { message: echo, type: "insufficient_quota" }) },
        [third]: { outcome: Behaviour.error(402, { message: echo }, { "x-request-id": first }) }
      })
      for (let i = 0; i < 2; i++) {
        const exit = yield* complete(client).pipe(
          Effect.withSpan("test"),
          Effect.tapCause((cause) => Effect.logError("failed", cause)),
          Effect.withTracer(tracer),
          Effect.provide(Logger.layer([logger])),
          Effect.exit
        )
        see(exit)
        if (Exit.isFailure(exit)) see(JSON.stringify(Cause.squash(exit.cause)))
      }
      for (const { attributes, events, name, status } of spans) see([name, [...attributes], events, status])
      see(client)
      see(yield* client.keys)
      const all = seen.join("\n")
      assert.strictEqual(spans.length, 2 + 3)
      assert.include(all, "[redacted]")
      for (const secret of secrets) {
        for (let i = 0; i + 8 <= secret.length; i++) assert.notInclude(all, secret.slice(i, i + 8))
      }
    }))

  it.effect.each(
    [
      [{ apiKey: [] as never }, "apiKey must be a key or a list of at least one, got an empty list"],
      [{ apiKey: [apiKey[0], Redacted.make("two words")] }, "apiKey[1] must be printable ASCII without spaces"],
      [{ apiKey: [apiKey[0], apiKey[1], Redacted.make(first)] }, "apiKey[2] must be another key than apiKey[0]"],
      [{ parkFor: 0 }, "parkFor must be a finite duration above zero, got 0"],
      [{ parkFor: Duration.infinity }, "parkFor must be a finite duration above zero"]
    ] as const
  )("are refused when they make no sense: %#", ([options, message]) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(setup({}, options))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, RangeError)
      assert.include(String(defect), `ChatClient.make: ${message}`)
      assert.notMatch(String(defect), /sk-first|two words/)
    }))
})

describe("a chat model whose client has several keys", () => {
  const modelOf = (client: Client) => ChatModel.make({ model: "gpt-4.1", client })

  it.effect("answers by the next key, and its circuit hears of one success", () =>
    Effect.gen(function*() {
      const { client, requests } = yield* setup({ [first]: { outcome: quotaExhausted } }, { apiKey: two })
      const model = yield* modelOf(client)
      const { value } = yield* model.complete({ messages: hello.messages })
      assert.strictEqual(ChatSchema.text(value), "Good day")
      const { calls, failed } = yield* model.breaker.snapshot
      assert.deepStrictEqual({ calls, failed }, { calls: 1, failed: 0 })
      assert.deepStrictEqual(yield* requests, [1, 1, 0])
    }))

  it.effect("is left alone by its circuit however long all keys are parked, and retries nothing", () =>
    Effect.gen(function*() {
      const { client, requests } = yield* setup(
        { [first]: { outcome: quotaExhausted }, [second]: { outcome: unauthorized } },
        { apiKey: two }
      )
      const model = yield* modelOf(client)
      for (let i = 0; i < 50; i++) yield* Effect.flip(model.complete({ messages: hello.messages }))
      const { calls, state } = yield* model.breaker.snapshot
      assert.deepStrictEqual({ calls, state }, { calls: 0, state: "Closed" })
      assert.deepStrictEqual(yield* requests, [1, 1, 0])
    }))
})

describe("several keys over real sockets", () => {
  it.live.each(deliveries)(
    "the next key answers %s",
    ([, ask]) =>
      Effect.gen(function*() {
        const { provider } = yield* setup({ [first]: { outcome: unauthorized } })
        const { url } = yield* SimulatedProvider.serve(provider)
        const client = Context.get(
          yield* Layer.build(
            NodeTransport.layerChatClient({ provider: "openai", baseUrl: url, apiKey: two, proxy: "none" })
          ),
          ChatClient.ChatClient
        )
        assert.strictEqual(yield* ask(client), "Good day")
        assert.strictEqual(yield* ask(client), "Good day")
        assert.strictEqual((yield* provider.keyStats(first)).started, 1)
        assert.strictEqual((yield* provider.keyStats(second)).answered, 2)
        assert.deepStrictEqual((yield* client.keys).map(({ because, key }) => [key, because]), [
          ["main", "Unauthorized"],
          ["key 2", undefined]
        ])
      })
  )
})

describe("the keys of a simulated provider", () => {
  it.effect("are accepted beside its only key, and no other is", () =>
    Effect.gen(function*() {
      const provider = yield* SimulatedProvider.make({
        models: { "gpt-4.1": {} },
        apiKey: apiKey[0],
        keys: { [second]: { outcome: Behaviour.ok("of the second") } }
      })
      const answers = yield* Effect.forEach(apiKey, (apiKey) =>
        ChatClient.make({ provider: "openai", baseUrl: "http://simulated.test/v1", apiKey }).pipe(
          Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider)),
          Effect.flatMap(complete),
          Effect.match({
            onSuccess: ChatSchema.text,
            onFailure: ({ _tag }) =>
              _tag
          })
        ))
      assert.deepStrictEqual(answers, ["Hello from gpt-4.1.", "of the second", "Unauthorized"])
      assert.strictEqual((yield* provider.stats("gpt-4.1")).started, 3)
    }))

  it.effect("are not shown when their behaviour makes no sense", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(setup({ [first]: { latency: Behaviour.constant(-1) } }))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.match(String(defect), /^RangeError: SimulatedProvider: the behaviour of a key: latency\.duration must be/)
    }))
})
