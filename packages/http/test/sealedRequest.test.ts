import { assert, describe, it } from "@effect/vitest"
import { ChatClient, ChatModel, type ChatSchema, CostLedger, ModelCascade, Pricing } from "@switchgear/http"
import { Effect, Fiber, Schema, Stream } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { modelOf } from "./support/modelOf.ts"

const model = "gpt-4.1"
const within = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

type Answering = (body: unknown, n: number) => Response

/** A client that keeps the bodies it sends, and is answered after a second. */
const setting = Effect.fnUntraced(function*(answer: Answering = whole) {
  const sent: Array<any> = []
  const http = HttpClient.make((request) =>
    Effect.suspend(() => {
      const body = request.body._tag === "Uint8Array" ? JSON.parse(new TextDecoder().decode(request.body.body)) : "none"
      sent.push(body)
      const response = answer(body, sent.length)
      return Effect.delay(Effect.sync(() => HttpClientResponse.fromWeb(request, response)), "1 second")
    })
  )
  const client = yield* ChatClient.make({ provider: "openai", baseUrl: "http://simulated.test/v1" }).pipe(
    Effect.provideService(HttpClient.HttpClient, http)
  )
  return { client, sent }
})

const reply: ChatSchema.ChatReply = {
  choices: [{ index: 0, message: { role: "assistant", content: "Yes" }, finish_reason: "stop" }]
}

const whole: Answering = (body) =>
  typeof body === "object" && body !== null && "stream" in body && body.stream === true
    ? new Response(
      `data: ${
        JSON.stringify({ choices: [{ index: 0, delta: { content: "Yes" }, finish_reason: "stop" }] })
      }\n\ndata: [DONE]\n\n`
    )
    : Response.json(reply)

const played = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(self, { startImmediately: true })
    for (let i = 0; i < 100 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("500 millis")
    return yield* Fiber.join(fiber)
  })

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** Values as callers have them, which JSON leaves out, writes in other ways, or has to escape. */
const Odd = Schema.Literals(["undefined", "toJSON", "date", "lone", "proto", "nested", "function", "symbol", "nan"])
const odd = (kind: typeof Odd.Type): unknown =>
  ({
    undefined: undefined,
    toJSON: { toJSON: (key: string) => ({ key, stream: true }) },
    date: new Date(0),
    lone: "\ud800 \udc00 \u2028 \u0000 é 我 😀",
    proto: JSON.parse("{\"__proto__\":{\"a\":1},\"toJSON\":1}"),
    nested: [{ a: [undefined, { toJSON: () => undefined }] }],
    function: () => 1,
    symbol: Symbol("x"),
    nan: [Number.NaN, -0, 1e300]
  })[kind]

const Fields = Schema.Record(
  Schema.Literals(["model", "stream", "stream_options", "messages", "temperature", "__proto__", "toJSON", "a b"]),
  Schema.Union([Schema.Json, Odd])
)

const requestOf = (fields: typeof Fields.Type): Record<string, unknown> => {
  const request: Record<string, unknown> = { messages: [{ role: "user", content: "Hello" }] }
  for (const [field, value] of Object.entries(fields)) {
    if (field === "messages" && !Array.isArray(value)) continue
    const given = Schema.is(Odd)(value) ? odd(value) : value
    if (field === "toJSON" && typeof given === "function") continue
    Object.defineProperty(request, field, { value: given, enumerable: true, configurable: true, writable: true })
  }
  return request
}

describe("what is sent", () => {
  it.effect("passes the function of its client that is there when the model is asked", () =>
    Effect.gen(function*() {
      const { client, sent } = yield* setting()
      const chat = yield* Effect.provideService(modelOf({ model }), ChatClient.ChatClient, client)
      const request = { messages: [{ role: "user", content: "Hello" }] } as const
      yield* played(chat.complete(request))
      const { complete } = client
      const passed: Array<unknown> = []
      Object.assign(client, {
        complete: (request: ChatSchema.ChatRequest) => {
          passed.push(asJson(request))
          return complete(request)
        }
      })
      yield* played(chat.complete(request))
      assert.deepStrictEqual(passed, [{ ...request, model }])
      assert.deepStrictEqual(sent, [{ ...request, model }, { ...request, model }])
    }))

  it.effect.prop(
    "is what the request says as JSON, but for the model and the delivery",
    { fields: Fields },
    ({ fields }) =>
      Effect.gen(function*() {
        const { client, sent } = yield* setting()
        const chat = yield* Effect.provideService(modelOf({ model }), ChatClient.ChatClient, client)
        const request = requestOf(fields)
        const { stream: _, stream_options, ...rest } = request
        yield* played(chat.complete(request as never))
        yield* played(Stream.runDrain(chat.stream(request as never)))
        const written = asJson({ stream_options }) as { readonly stream_options?: any }
        const given = typeof written.stream_options === "object" ? written.stream_options : {}
        assert.deepStrictEqual(sent[0], asJson({ ...rest, model }))
        assert.deepStrictEqual(
          sent[1],
          asJson({
            ...rest,
            model,
            stream: true,
            ...given !== null &&
              { stream_options: given.include_usage === false ? given : { ...given, include_usage: true } }
          })
        )
      })
  )

  it.effect("is what a request says that writes itself", () =>
    Effect.gen(function*() {
      const { client, sent } = yield* setting()
      const messages = [{ role: "user", content: "Hello" }]
      const request = { messages: [], toJSON: () => ({ messages, stream: true, temperature: 1 }) }
      yield* played(client.complete({ ...request, model }))
      class Kept {
        readonly model = model
        readonly messages = messages
        readonly secret = "not sent"
        toJSON() {
          return { messages: this.messages, temperature: 1 }
        }
      }
      yield* played(client.complete(new Kept() as never))
      const expected = { messages, temperature: 1, model }
      assert.deepStrictEqual(sent, [expected, expected])
    }))

  const circle: Record<string, unknown> = {}
  circle["self"] = circle
  const withFields = (fields: object): Record<string, any> =>
    Object.defineProperties(
      { messages: [{ role: "user", content: "Hello" }], model },
      Object.getOwnPropertyDescriptors(fields)
    )
  const unwritable: Readonly<Record<string, () => Record<string, any>>> = {
    "has a circle": () => withFields({ a: circle }),
    "has a BigInt": () => withFields({ a: 1n }),
    "has a getter that throws": () =>
      withFields({
        get a() {
          throw new Error("no")
        }
      }),
    "has a toJSON that throws": () =>
      withFields({
        a: {
          toJSON: () => {
            throw new Error("no")
          }
        }
      }),
    "cannot be read any more": () => {
      const { proxy, revoke } = Proxy.revocable(withFields({}), {})
      revoke()
      return proxy
    }
  }
  for (const [name, request] of Object.entries(unwritable)) {
    it.effect(`is nothing where the request ${name}`, () =>
      Effect.gen(function*() {
        const { client, sent } = yield* setting()
        const chat = yield* Effect.provideService(modelOf({ model }), ChatClient.ChatClient, client)
        const cascade = yield* ModelCascade.make({ models: [{ model: chat }] })
        const ledger = yield* CostLedger.make({
          prices: { [model]: Pricing.price({ input: 1, output: 1 }) },
          primary: model
        })
        const given = request as () => any
        const models: ReadonlyArray<ChatModel.ChatModel<unknown>> = [
          chat,
          cascade,
          ledger.protect(chat),
          ledger.protect(cascade)
        ]
        const calls = [
          Stream.runDrain(client.stream(given())),
          client.complete(given()),
          ...models.flatMap((asked) => [
            asked.complete(given()),
            Stream.runDrain(asked.stream(given()))
          ])
        ]
        for (const call of calls) {
          const error: any = yield* Effect.flip(Effect.asVoid(call as Effect.Effect<unknown, unknown>))
          assert.deepStrictEqual([error._tag, error.detail], [
            "InvalidRequest",
            "the request cannot be written as JSON"
          ])
        }
        assert.deepStrictEqual(sent, [])
      }))
  }
})

/** What callers do to a request that they gave away. */
const mutations: ReadonlyArray<(request: any) => void> = [
  (request) => request.messages.length = 0,
  (request) => request.messages.push({ role: "user", content: "and my password is hunter2" }),
  (request) => request.messages[0] = { role: "user", content: "another question" },
  (request) => request.messages[0].content[0].text = "another text",
  (request) => delete request.messages,
  (request) => request.temperature = 7,
  (request) => request.stream_options = { include_usage: false },
  (request) => request.metadata.user = "somebody else",
  (request) => request.max_tokens = 1_000_000,
  (request) => request.model = "another"
]

const question = () => ({
  messages: [
    { role: "user" as const, content: [{ type: "text", text: "Mrs Grivolt of Askemund asks about her results" }] }
  ],
  metadata: { user: "Plonkwitz" },
  temperature: 0.5,
  max_tokens: 100
})

describe("what a caller does to a request after it was given changes nothing:", () => {
  const quoting = JSON.stringify({
    error: { message: "Invalid: Mrs Grivolt of Askemund asks, user Plonkwitz, also hunter2", code: "server_error" }
  })
  it.effect.prop("no body, no key, no cost and no error of any attempt, at whatever moment", {
    mutation: within(0, mutations.length - 1),
    after: within(-1, 12),
    streamed: Schema.Boolean
  }, ({ after, mutation, streamed }) =>
    Effect.gen(function*() {
      // Two attempts at the first model fail, and the second one answers.
      const { client, sent } = yield* setting((body, n) =>
        n <= 2 ? new Response(quoting, { status: 503 }) : whole(body, n)
      )
      const first = yield* Effect.provideService(
        modelOf({ model: "first", bulkhead: { concurrency: 1 } }),
        ChatClient.ChatClient,
        client
      )
      const second = yield* Effect.provideService(modelOf({ model: "second" }), ChatClient.ChatClient, client)
      const cascade = yield* ModelCascade.make({
        cache: { timeToLive: "5 minutes" },
        models: [{ model: first }, { model: second }]
      })
      const ledger = yield* CostLedger.make({
        prices: { second: Pricing.price({ input: 1, output: 1 }) },
        primary: "second",
        budgets: [CostLedger.perTenant(1, "day")]
      })
      const asked = ledger.protect(cascade)
      const request = question()
      const call: Effect.Effect<any, any, any> = streamed
        ? Effect.scoped(Effect.flatMap(asked.open(request), (open) =>
          Effect.andThen(Stream.runDrain(open.value), Effect.map(open.bill, (bill) => ({ ...open, bill })))))
        : asked.complete(request)
      if (after === -1)
        mutations[mutation]!(request)
      const fiber = yield* Effect.forkChild(call, { startImmediately: true })
      for (let i = 0; i < 60; i++) {
        if (i === after)
          mutations[mutation]!(request)
        yield* TestClock.adjust("250 millis")
      }
      const { bill, failures, step } = yield* Fiber.join(fiber)
      assert.strictEqual(step, "second")
      const told = sent.map(({ stream: _, stream_options: __, model: ___, ...rest }) =>
        rest
      )
      assert.deepStrictEqual(told, sent.map(() => question()) as never)
      for (const { error } of failures) {
        assert.notInclude(error.message, "Grivolt")
        assert.notInclude(error.message, "Plonkwitz")
      }
      assert.strictEqual(bill.used.input, new TextEncoder().encode(JSON.stringify(question())).length)
      const again = yield* asked.complete(question())
      assert.deepStrictEqual([again.step, sent.length], ["cache", 3])
    }), { arbitrary: { runs: 60 } })

  it.effect("not what a model of the user's own gets, which cannot change it either", () =>
    Effect.gen(function*() {
      const seen: Array<ChatModel.Request> = []
      const own = ChatModel.of<never>({
        name: "own",
        complete: (request) =>
          Effect.sync(() => {
            seen.push(request)
            return { ...answer, value: reply }
          })
      })
      const cascade = yield* ModelCascade.make({ models: [{ model: own }] })
      const request = question()
      const call = cascade.complete(request)
      request.messages.length = 0
      yield* call
      assert.deepStrictEqual(seen, [question()])
      assert.throws(() => (seen[0]!.messages as Array<unknown>).push(1), TypeError)
      assert.throws(() => ((seen[0] as any).messages[0].content[0].text = "x"), TypeError)
    }))

  it.effect("and a copy of what such a model gets is a request of its own", () =>
    Effect.gen(function*() {
      const { client, sent } = yield* setting()
      const own = ChatModel.of({
        name: "own",
        complete: (request) =>
          Effect.map(client.complete({ ...request, temperature: 2, model }), (value) => ({ ...answer, value }))
      })
      const cascade = yield* ModelCascade.make({ models: [{ model: own }] })
      yield* played(cascade.complete(question()))
      assert.deepStrictEqual(sent, [{ ...question(), temperature: 2, model }])
    }))
})

const answer = {
  step: "own",
  degradation: "none" as const,
  failures: [],
  attempts: 1,
  possiblyBilledAttempts: 1
}
