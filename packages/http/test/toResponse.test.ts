import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, Cascade, CircuitBreaker, Deadline, RateLimiter } from "@switchgear/core"
import { respondable } from "@switchgear/core/runtime"
import { ChatError, ChatFailure, ChatModel, CostLedger } from "@switchgear/http"
import { Duration, Effect, Schema } from "effect"
import { HttpServerError, HttpServerRespondable, HttpServerResponse } from "effect/http"
import { expectTypeOf } from "vitest"

const wait = Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 31 * 86_400_000 })))
const secret = "sk-live-0123456789 Mrs Grivolt's results"

const classes = {
  ...ChatError,
  ClientReleased: ChatError.ClientReleased
} as unknown as Readonly<Record<string, new(fields: object) => ChatError.ChatError>>

const tags = ChatError.ChatError.members.map(({ identifier }) => identifier.split("/").at(-1)!)

const fieldsOf = (retryAfter: number | undefined, phase: ChatError.Phase) => ({
  provider: "openai",
  model: "gpt-4.1",
  phase,
  host: "10.0.0.7:8080",
  advice: secret,
  found: secret,
  code: "sk-live",
  type: secret,
  detail: secret,
  ...retryAfter !== undefined && { retryAfter: Duration.millis(retryAfter) }
})

const rejections: ReadonlyArray<ChatFailure.ChatFailure> = [
  new CircuitBreaker.CircuitOpen({ breaker: "gpt", state: "Open", retryAfter: Duration.millis(1500) }),
  new Bulkhead.BulkheadFull({ bulkhead: "gpt", reason: "queue-full" }),
  new RateLimiter.RateLimited({ limiter: "gpt", bucket: "tokens", retryAfter: Duration.seconds(90) }),
  new RateLimiter.RateLimited({ limiter: "gpt", bucket: "tokens", reason: "too-large" }),
  new Deadline.DeadlineExceeded({ limit: "total", after: Duration.seconds(3) }),
  new ChatModel.AnswerRefused({ model: "gpt", reason: secret, countsAs: "success" }),
  new Cascade.CascadeExhausted({
    failures: [{ step: "gpt", error: new ChatError.Overloaded({ ...fieldsOf(2000, "total") }) }]
  }),
  new CostLedger.BudgetExceeded({
    tenant: "acme",
    budget: "tenant",
    limit: 1,
    spent: 1,
    reserved: 0,
    retryAfter: Duration.hours(2)
  })
]

/** Rejections that tell a wait. */
const waiting: ReadonlyArray<(retryAfter: Duration.Duration | undefined) => ChatFailure.ChatFailure> = [
  (retryAfter) => new CircuitBreaker.CircuitOpen({ breaker: "gpt", state: "Open", retryAfter }),
  (retryAfter) => new Bulkhead.BulkheadFull({ bulkhead: "gpt", reason: "queue-full", retryAfter }),
  (retryAfter) => new RateLimiter.RateLimited({ limiter: "gpt", bucket: "tokens", retryAfter })
]

/**
 * What a program is told of an error, and the next one of it, is the same. That a wait is too long for a client to believe in
 * is told by the same header as that no try helps.
 */
const passesOn = (error: ChatFailure.ChatFailure): void => {
  const response = ChatError.toResponse(error)
  const again = ChatError.fromResponse({ provider: "a", model: "b", ...response })
  assert.strictEqual(again.status, response.status)
  assert.strictEqual(again.isRetryable, mayBeTriedAgain(error, response))
  const next = ChatError.toResponse(again)
  assert.strictEqual(next.status, response.status)
  const { "x-should-retry": _, ...headers } = response.headers
  assert.deepStrictEqual(next.headers, again.isRetryable ? headers : { ...headers, "x-should-retry": "false" })
}

/** A model may have worked until the deadline: that is not repeated, although the caller may come again. */
const mayBeTriedAgain = (
  error: ChatFailure.ChatFailure,
  { headers }: ReturnType<typeof ChatError.toResponse>
): boolean => error._tag !== "DeadlineExceeded" && error.isRetryable && headers["x-should-retry"] === undefined

describe("the response to a failed request", () => {
  for (const tag of tags) {
    it.prop(
      `of ${tag} is read again as the same class with the same wait, and has no word of the provider`,
      { millis: wait, phase: ChatError.Phase },
      ({ millis, phase }) => {
        const error = new classes[tag]!(fieldsOf(millis, phase))
        const response = ChatError.toResponse(error)
        const again = ChatError.fromResponse({ provider: "a", model: "b", ...response })
        assert.strictEqual(again._tag, tag)
        assert.strictEqual(again.retryAfter && Duration.toMillis(again.retryAfter), millis)
        if (again._tag === "TimedOut") assert.strictEqual(again.phase, phase)
        assert.notInclude(JSON.stringify(response), "sk-live")
        assert.notInclude(JSON.stringify(response), "Grivolt")
        assert.notInclude(JSON.stringify(response), "10.0.0.7")
        const { error: body } = JSON.parse(response.body)
        assert.deepStrictEqual(Object.keys(body), ["message", "type", "param", "code"])
        assert.match(body.message, /openai/)
      }
    )
  }

  it.prop(
    "is read again as an error with the same status, that may be tried again as before and after the same wait",
    {
      tag: Schema.Literals(tags),
      millis: Schema.optional(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 60_000 }))),
      phase: ChatError.Phase,
      status: Schema.optional(Schema.Literals([200, 400, 408, 413, 429, 500, 502, 503, 504, 529])),
      isForbidden: Schema.Boolean
    },
    ({ isForbidden, millis, phase, status, tag }) => {
      const error = new classes[tag]!({
        ...fieldsOf(millis, phase),
        ...status !== undefined && { status },
        ...tag === "TimedOut" && { isRetryable: phase === "connect" },
        ...isForbidden && { isRetryable: false }
      })
      passesOn(error)
    }
  )

  it("of a rejection is read again with the same status, and is no more worth a try than before", () => {
    for (const error of rejections) passesOn(error)
  })

  it("of a rejection tells when to come back, and whether at all", () => {
    const table = rejections.map((error) => {
      const { body, headers, status } = ChatError.toResponse(error)
      assert.notInclude(body, "Grivolt")
      const { code } = JSON.parse(body).error
      return [error._tag, status, code, headers["retry-after"], headers["retry-after-ms"], headers["x-should-retry"]]
    })
    assert.deepStrictEqual(table, [
      ["CircuitOpen", 503, "circuit_open", "2", "1500", undefined],
      ["BulkheadFull", 503, "bulkhead_full", undefined, undefined, undefined],
      ["RateLimited", 429, "rate_limit_exceeded", "90", "90000", "false"],
      ["RateLimited", 429, "rate_limit_exceeded", undefined, undefined, "false"],
      ["DeadlineExceeded", 504, "deadline_exceeded", undefined, undefined, undefined],
      ["AnswerRefused", 502, "answer_refused", undefined, undefined, "false"],
      ["CascadeExhausted", 503, "cascade_exhausted", "2", "2000", "false"],
      ["BudgetExceeded", 429, "insufficient_quota", "7200", "7200000", "false"]
    ])
  })

  it("of a rejection is an error of a provider to the next program, with the same wait", () => {
    const read = rejections.map((error) => {
      const again = ChatError.fromResponse({ provider: "a", model: "b", ...ChatError.toResponse(error) })
      assert.deepStrictEqual(
        again.retryAfter && Duration.toMillis(again.retryAfter),
        error.retryAfter && Duration.toMillis(error.retryAfter)
      )
      return again._tag
    })
    assert.deepStrictEqual(read, [
      "Overloaded",
      "Overloaded",
      "ProviderRateLimited",
      "ProviderRateLimited",
      "TimedOut",
      "ProviderFault",
      "Overloaded",
      "QuotaExhausted"
    ])
  })

  it.prop(
    "of a rejection has its wait and whether to try again, read once and passed on any number of times",
    { millis: wait, which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: waiting.length - 1 })) },
    ({ millis, which }) => {
      const retryAfter = millis === undefined ? undefined : Duration.millis(millis)
      const rejection = waiting[which]!(retryAfter)
      const first = ChatError.toResponse(rejection)
      let response = first
      for (let hop = 0; hop < 3; hop++) {
        const again = ChatError.fromResponse({ provider: "a", model: "b", ...response })
        assert.strictEqual(again.retryAfter && Duration.toMillis(again.retryAfter), millis)
        response = ChatError.toResponse(again)
        for (const name of ["retry-after", "retry-after-ms", "x-should-retry"]) {
          assert.strictEqual(response.headers[name], first.headers[name], `${rejection._tag} ${name}`)
        }
        assert.strictEqual(response.status >= 500, first.status >= 500)
      }
    }
  )

  it.effect("is that of an Effect server, by a handler of one line and without a handler", () =>
    Effect.gen(function*() {
      assert.strictEqual(respondable, HttpServerRespondable.symbol)
      const all = [...rejections, ...tags.map((tag) => new classes[tag]!(fieldsOf(1000, "idle")))]
      for (const error of all) {
        const { body, status } = ChatError.toResponse(error)
        const handled = yield* Effect.fail(error).pipe(Effect.catch(ChatFailure.respond))
        const [left] = yield* HttpServerError.causeResponse(yield* Effect.flip(Effect.sandbox(Effect.fail(error))))
        for (const response of [handled, left]) {
          const sent = HttpServerResponse.toWeb(response)
          assert.deepStrictEqual([sent.status, sent.headers.get("content-type")], [status, "application/json"])
          assert.strictEqual(yield* Effect.promise(() => sent.text()), body)
        }
        assert.isTrue(ChatFailure.isChatFailure(error))
      }
      assert.isFalse(ChatFailure.isChatFailure(new Error("another")))
      expectTypeOf(ChatFailure.respond).parameter(0).toEqualTypeOf<ChatFailure.ChatFailure>()
    }))

  it("every failure says who has to act, whether again, and when", () => {
    expectTypeOf<ChatFailure.ChatFailure["blame"]>().toEqualTypeOf<ChatError.Blame>()
    expectTypeOf<ChatFailure.ChatFailure["isRetryable"]>().toEqualTypeOf<boolean>()
    expectTypeOf<ChatFailure.ChatFailure["retryAfter"]>().toEqualTypeOf<Duration.Duration | undefined>()
    assert.deepStrictEqual(rejections.map(({ blame, isRetryable }) => [blame, isRetryable]), [
      ["provider", true],
      ["application", true],
      ["application", true],
      ["application", false],
      ["provider", true],
      ["provider", false],
      ["provider", true],
      ["caller", false]
    ])
  })
})
