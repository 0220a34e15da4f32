/** What a guarded fetch is told, what it tells, and what its refusals are. */
import { createOpenAI } from "@ai-sdk/openai"
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { ChatOpenAI } from "@langchain/openai"
import { Bulkhead, CircuitBreaker, RateLimiter, Retry } from "@switchgear/core"
import {
  type BreakerOptions,
  type BulkheadOptions,
  type FetchTransition,
  guard,
  type GuardedFetch,
  guardedFetch,
  GuardedFetchError,
  type GuardedFetchOptions,
  type LimitOptions,
  type RateLimiterOptions,
  type RetryOptions,
  type Time
} from "@switchgear/http/fetch"
import { type LanguageModelMiddleware, wrapLanguageModel } from "ai"
import OpenAI from "openai"
import OpenAI6 from "openai-6"
import { expectTypeOf } from "vitest"
import { guardedModel, target } from "./guardedModel.ts"
import * as Days from "./days.ts"
import { served, until } from "./served.ts"

const good = () => Promise.resolve(new Response("good"))
const bad = () => Promise.resolve(new Response("bad", { status: 500 }))

describe("the options of a guarded fetch", () => {
  const wrong: ReadonlyArray<readonly [options: unknown, message: string]> = [
    [
      { fetch: "fetch" },
      `fetch must be a function that is called as the platform's fetch, such as globalThis.fetch, got "fetch"`
    ],
    [
      { fetch: null },
      "fetch must be a function that is called as the platform's fetch, such as globalThis.fetch, got null"
    ],
    [
      { deadline: "30" },
      `deadline must be a finite duration above zero, got "30". A duration is written as "30 seconds" or as a number of milliseconds`
    ],
    [
      { idleTimeout: "5" },
      `idleTimeout must be a duration above zero, got "5". A duration is written as "30 seconds" or as a number of milliseconds`
    ],
    [
      { breaker: { openFor: "30" } },
      `breaker.openFor must be a finite duration above zero, got "30". A duration is written as "30 seconds" or as a number of milliseconds`
    ],
    [{ firstContentTimeout: 0 }, "firstContentTimeout must be a duration above zero, got 0"],
    [{ retry: { maxAttempts: 0 } }, "retry.maxAttempts must be a whole number of at least 1, got 0"],
    [{ bulkhead: { concurrency: "many" } }, `bulkhead.concurrency must be a whole number of at least 1, got "many"`],
    [{ onRefused: "ignore" }, `onRefused must be one of respond, throw, got "ignore"`],
    [{ name: "host" }, `name must be a function, got "host"`],
    [{ capacity: 1e6 }, "capacity must be at most 100000, got 1000000"],
    [
      { attempts: 3 },
      "there is no attempts. There are: name, capacity, breaker, bulkhead, rateLimiter, retry, deadline, attemptTimeout, firstContentTimeout, idleTimeout, readerTimeout, onRefused, fetch"
    ],
    [
      { retry: { attempts: 3 } },
      "retry.attempts: There is no such option. There are: maxAttempts, baseDelay, factor, maxDelay, jitter, maxDuration"
    ],
    [
      { rateLimiter: { limits: [{ resource: "requests", limit: 1, per: "1" }] } },
      `rateLimiter.limits[0].per must be a finite duration above zero, got "1". A duration is written as "30 seconds" or as a number of milliseconds`
    ],
    [
      { rateLimiter: { limits: [{ resource: "tokens", limit: 1, per: "1 minute" }] } },
      `rateLimiter.limits[0].resource must be "requests", got "tokens"`
    ],
    ["fast", `options must be an object, got "fast"`]
  ]

  it("that are wrong are refused by name, with what would be right", () => {
    for (const [options, message] of wrong) {
      assert.throws(() => guardedFetch(options as GuardedFetchOptions), RangeError, `guardedFetch: ${message}`)
    }
    assert.throws(() => guard.openai({ deadline: "30" }), RangeError, "guard.openai: deadline must be")
    assert.throws(
      () => guard.langchain({ retry: 3 as never }),
      RangeError,
      "guard.langchain: retry must be an object with options"
    )
    assert.throws(() => guard.middleware({ fetch: good } as never), RangeError, "guard.middleware: there is no fetch.")
  })

  it("may be left out one by one, and be undefined", () => {
    guardedFetch(undefined)
    guardedFetch({ deadline: undefined, breaker: { openFor: undefined }, fetch: undefined } as never)
  })

  it("have the names and the values of the written options of each guard, with no type of Effect", () => {
    type Bare<A> = { readonly [K in keyof A]-?: NonNullable<A[K]> }
    expectTypeOf<keyof BreakerOptions>().toEqualTypeOf<Exclude<keyof CircuitBreaker.WrittenOptions, "name">>()
    expectTypeOf<keyof BulkheadOptions>().toEqualTypeOf<Exclude<keyof Bulkhead.WrittenOptions, "name" | "share">>()
    expectTypeOf<keyof RateLimiterOptions>().toEqualTypeOf<Exclude<keyof RateLimiter.WrittenOptions, "name">>()
    expectTypeOf<keyof RetryOptions>().toEqualTypeOf<Exclude<keyof Retry.WrittenOptions, "name">>()
    expectTypeOf<Bare<BreakerOptions>>().toExtend<Partial<Omit<CircuitBreaker.WrittenOptions, "name">>>()
    expectTypeOf<Bare<RetryOptions>>().toExtend<Partial<Omit<Retry.WrittenOptions, "name">>>()
    expectTypeOf<LimitOptions["per"]>().toEqualTypeOf<Time>()
  })

  it("of the limits are kept", async () => {
    await using guarded = guardedFetch({
      fetch: good,
      rateLimiter: { limits: [{ resource: "requests", limit: 2, per: "1 minute" }] }
    })
    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push((await guarded("https://api.test")).status)
    assert.deepStrictEqual(statuses, [200, 200, 429])
  })
})

describe("the types of a guarded fetch", () => {
  it("are those that clients take", () => {
    expectTypeOf<GuardedFetch>().toExtend<typeof fetch>()
    expectTypeOf(guard.openai()).toExtend<ConstructorParameters<typeof OpenAI>[0]>()
    expectTypeOf(guard.openai()).toExtend<ConstructorParameters<typeof OpenAI6>[0]>()
    expectTypeOf(guard.openai()).toExtend<ConstructorParameters<typeof Anthropic>[0]>()
    expectTypeOf(guard.langchain()).toExtend<ConstructorParameters<typeof ChatOpenAI>[0]>()
    expectTypeOf(guard.middleware()).toExtend<LanguageModelMiddleware>()
    new OpenAI({ apiKey: "k", fetch: guardedFetch() })
    new OpenAI6({ apiKey: "k", ...guard.openai() })
    new Anthropic({ apiKey: "k", ...guard.openai() })
    new ChatOpenAI({ apiKey: "k", ...guard.langchain() })
    const { chat } = createOpenAI({ apiKey: "k", fetch: guardedFetch({ onRefused: "throw" }) })
    wrapLanguageModel({ model: chat("m"), middleware: guard.middleware() })
  })
})

describe("a refusal", () => {
  const opened = (options: GuardedFetchOptions = {}) => {
    const guarded = guardedFetch({ fetch: good, ...options })
    guarded.control("api.test").open("20 seconds")
    return guarded
  }

  it("is a response in the words of OpenAI, which stops the client", async () => {
    const response = await opened()("https://api.test/v1/chat/completions", { method: "POST", body: "{}" })
    assert.strictEqual(response.status, 503)
    const { "retry-after-ms": millis, ...headers } = Object.fromEntries(response.headers)
    assert.deepStrictEqual(headers, {
      "content-type": "application/json",
      "retry-after": "20",
      "x-should-retry": "false"
    })
    assert.isAbove(Number(millis), 19_000)
    assert.deepStrictEqual((await response.json() as any).error, {
      message: `Circuit "api.test" is Open: the call was not made. Try again in 20s, or use another target.`,
      type: "service_unavailable_error",
      param: null,
      code: "circuit_open"
    })
  })

  it("is one in the words of Anthropic on its routes", async () => {
    const response = await opened()("https://api.test/v1/messages", {
      method: "POST",
      body: "{\"model\":\"claude\"}"
    })
    const { error, type } = await response.json() as any
    assert.deepStrictEqual([response.status, type, error.type], [503, "error", "overloaded_error"])
  })

  it("is a rejection where it is asked for", async () => {
    const error = await opened({ onRefused: "throw" })("https://api.test").catch((error: unknown) => error)
    assert.instanceOf(error, GuardedFetchError)
    assert.instanceOf(error, Error)
    const { code, isRetryable, retryAfter, status } = error
    assert.deepStrictEqual([code, status, isRetryable], ["circuit_open", 503, true])
    assert.isAbove(retryAfter!, 19_000)
  })

  it("leaves what it was given unread, so that it can be sent elsewhere", async () => {
    const request = new Request("https://api.test", { method: "POST", body: "text" })
    await opened()(request)
    assert.strictEqual(await request.text(), "text")
  })

  it("is of one target: others are asked", async () => {
    const guarded = opened()
    assert.strictEqual((await guarded("https://other.test")).status, 200)
    const named = guardedFetch({ fetch: good, name: ({ pathname }) => pathname })
    named.control("/a").open()
    assert.deepStrictEqual([(await named("https://x.test/a")).status, (await named("https://x.test/b")).status], [
      503,
      200
    ])
  })

  it("of a name that is none is a rejection", async () => {
    const guarded = guardedFetch({ fetch: good, name: () => undefined as never })
    const error = await guarded("https://api.test").catch((error: unknown) => error)
    assert.instanceOf(error, TypeError)
    assert.match((error as Error).message, /name must give a text that is not empty, and gave undefined for api\.test/)
  })
})

describe("the patience of a client", () => {
  it("ends a call before the client gives up, and the circuit hears of it", async () => {
    await using provider = await served(Days.hang)
    await using guarded = guardedFetch({ breaker: { patience: 0 } })
    const openai = new OpenAI({ baseURL: `${provider.url}/v1`, apiKey: "k", fetch: guarded })
    const error = await openai.models.list({ timeout: 1900 }).then(() => undefined, (error: unknown) => error)
    assert.instanceOf(error, OpenAI.APIError)
    assert.deepStrictEqual([error.status, error.code], [504, "deadline_exceeded"])
    assert.strictEqual(guarded.health().targets[provider.host]!.failed, 1)
  })
})

describe("the headers in which callers tell how long they wait", () => {
  const told: ReadonlyArray<readonly [headers: Record<string, string>, status: number]> = [
    [{ "x-stainless-timeout": "0" }, 200],
    [{ "x-stainless-timeout": "soon" }, 200],
    [{ "x-stainless-timeout": "600" }, 200],
    [{ "x-stainless-timeout": "0.2" }, 504],
    [{ "grpc-timeout": "40m", "x-stainless-timeout": "600" }, 504],
    [{ "X-Switchgear-Timeout": "0.05" }, 504],
    [{ "x-switchgear-timeout": "0" }, 504]
  ]
  it("are read as by the servers of this library, in options and in a Request", async () => {
    await using provider = await served((response) => setTimeout(() => response.end("late"), 400))
    for (const [headers, status] of told) {
      const calls: ReadonlyArray<Parameters<typeof fetch>> = [
        [provider.url, { headers }],
        [new Request(provider.url, { headers })]
      ]
      for (const call of calls) {
        await using guarded = guardedFetch()
        assert.strictEqual((await guarded(...call)).status, status, JSON.stringify(headers))
      }
    }
  })
})

describe("the targets of a guarded fetch", () => {
  it("are read: health, metrics, and each change of a circuit", async () => {
    await using guarded = guardedFetch({ fetch: bad, breaker: { minimumCalls: 2 } })
    const heard: Array<FetchTransition> = []
    const stop = guarded.on("transition", (transition) => heard.push(transition))
    assert.deepStrictEqual(guarded.health(), { status: "up", targets: {} })
    for (let i = 0; i < 2; i++) await (await guarded("https://api.test")).text()
    assert.strictEqual((await guarded("https://api.test")).status, 503)
    assert.deepStrictEqual(heard.map(({ from, reason, target, to }) => [target, from, to, reason]), [
      ["api.test", "Closed", "Open", "failure-rate"]
    ])
    const { status, targets } = guarded.health()
    assert.strictEqual(status, "down")
    assert.include(targets["api.test"]!, {
      state: "Open",
      failureRate: 1,
      calls: 2,
      failed: 2,
      refused: 1,
      openings: 1
    })
    assert.deepStrictEqual(JSON.parse(JSON.stringify(targets["api.test"])).state, "Open")
    assert.include(guarded.metrics(), `switchgear_circuitbreaker_state{name="api.test",state="open"} 1`)
    stop()
    guarded.control("api.test").close()
    assert.deepStrictEqual([heard.length, guarded.health().status], [1, "up"])
    assert.throws(() => guarded.on("change" as never, () => {}), RangeError)
    assert.throws(() => guarded.control(""), RangeError)
    assert.throws(() => guarded.control("api.test").pause("20"), RangeError)
  })

  it("are set by hand", async () => {
    await using guarded = guardedFetch({ fetch: good })
    const control = guarded.control("api.test")
    const statusAfter = async (change: () => void) => {
      change()
      return (await guarded("https://api.test")).status
    }
    assert.strictEqual(await statusAfter(() => control.open()), 503)
    assert.strictEqual(await statusAfter(() => control.disable()), 200)
    assert.strictEqual(await statusAfter(() => control.pause("1 minute")), 429)
    assert.strictEqual(await statusAfter(() => control.resume()), 200)
    assert.strictEqual(await statusAfter(() => control.metricsOnly()), 200)
    assert.strictEqual(await statusAfter(() => control.reset()), 200)
  })

  it("are no more than the capacity, the busy and the open ones first", async () => {
    const never = new AbortController()
    await using guarded = guardedFetch({
      capacity: 3,
      fetch: (url) => String(url).includes("busy") ? new Promise(() => {}) : good()
    })
    const busy = guarded("https://busy.test", { signal: never.signal }).catch(() => {})
    guarded.control("open.test").open()
    for (let i = 0; i < 50; i++) await (await guarded(`https://${i}.test`)).text()
    assert.deepStrictEqual(Object.keys(guarded.health().targets).sort(), ["49.test", "busy.test", "open.test"])
    assert.notInclude(guarded.metrics(), "\"48.test\"")
    never.abort()
    await busy
  })

  it("are the platform's fetch, when that is replaced by what guards it", async () => {
    const { fetch } = globalThis
    await using provider = await served((response) => response.end("good"))
    try {
      globalThis.fetch = guardedFetch()
      assert.strictEqual(await (await globalThis.fetch(provider.url)).text(), "good")
    } finally {
      globalThis.fetch = fetch
    }
  })
})

describe("the middleware for models of the AI SDK", () => {
  const asked = async (application: ReturnType<typeof guardedModel>, day: keyof typeof Days, more: object = {}) => {
    await using provider = await served(Days[day])
    const settings = { baseURL: `${provider.url}/v1`, apiKey: "k", model: "m", fetch, ...more }
    const streamed = await application.streamed(settings)
    const before = provider.heard.length
    const whole = await application.whole(settings)
    return { streamed, whole, requests: [before, provider.heard.length - before], provider }
  }

  it("gives what the model gives", async () => {
    const { requests, streamed, whole } = await asked(guardedModel(), "good")
    assert.deepStrictEqual([streamed.text, streamed.finish, whole.text, whole.finish, requests], [
      "Good day",
      "stop",
      "Good day",
      "stop",
      [1, 1]
    ])
  })

  it("opens a circuit, and refuses without a request", async () => {
    const application = guardedModel({ breaker: { minimumCalls: 4 } })
    const { requests } = await asked(application, "busy")
    assert.deepStrictEqual(requests, [2, 2])
    assert.strictEqual(application.middleware.health().targets[target]!.state, "Open")
    const { requests: none, streamed, whole } = await asked(application, "good")
    assert.deepStrictEqual([none, (streamed.error as any).code, (whole.error as any).code], [
      [0, 0],
      "circuit_open",
      "circuit_open"
    ])
    application.middleware.control(target).close()
    assert.strictEqual((await asked(application, "good")).whole.text, "Good day")
  })

  it("tells that a stream was cut, and that it fell silent", async () => {
    const days = [[Days.cut, "truncated_reply", {}], [Days.stall, "idle_timeout", { idleTimeout: 50 }]] as const
    for (const [day, code, options] of days) {
      const application = guardedModel(options)
      await using provider = await served(day)
      const got = await application.streamed({ baseURL: `${provider.url}/v1`, apiKey: "k", model: "m", fetch })
      assert.deepStrictEqual([got.text, (got.error as any).code], ["Good", code])
      assert.strictEqual(application.middleware.health().targets[target]!.failed, 1)
    }
  })

  it("ends the call at the provider when its caller gives up, or its time is over", async () => {
    for (const how of ["whole", "streamed"] as const) {
      await using provider = await served(Days.hang)
      const application = guardedModel({ attemptTimeout: 60_000 })
      const abort = new AbortController()
      const call = application[how]({
        baseURL: `${provider.url}/v1`,
        apiKey: "k",
        model: "m",
        fetch,
        signal: abort.signal
      })
      await until(() => provider.heard.length === 1)
      abort.abort()
      assert.isDefined((await call).error)
      await until(() => provider.heard[0]!.hasLeft)
      const { calls, inFlight } = application.middleware.health().targets[target]!
      assert.deepStrictEqual([calls, inFlight], [0, 0])

      const impatient = guardedModel({ attemptTimeout: 40 })
      const late = await impatient[how]({ baseURL: `${provider.url}/v1`, apiKey: "k", model: "m", fetch })
      assert.strictEqual((late.error as any).code, "deadline_exceeded")
      assert.strictEqual(impatient.middleware.health().targets[target]!.inFlight, 0)
      await until(() => provider.open() === 0)
    }
  })
})
