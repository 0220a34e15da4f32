import { assert, describe, it } from "@effect/vitest"
import { Account, ChatClient, ChatError } from "@switchgear/http"
import * as NodeTransport from "@switchgear/http/NodeTransport"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Cause, Context, Effect, Exit, Fiber, Layer, Redacted, Schema } from "effect"
import { HttpClient, UrlParams } from "effect/http"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { clientOf } from "./support/clientOf.ts"

const apiKey = Redacted.make("sk-planted-0123456789abcdef", { label: "main" })

/** A client of a provider that has these pages, at an address. */
const setup = Effect.fnUntraced(function*(
  baseUrl: string,
  pages: Readonly<Record<string, Behaviour.Behaviour>>,
  options: Partial<ChatClient.Options> = {},
  keys: Readonly<Record<string, Behaviour.Behaviour>> = {}
) {
  const provider = yield* SimulatedProvider.make({ models: { "gpt-4.1": {} }, pages, keys })
  const client = yield* ChatClient.make({ provider: "the provider", baseUrl, apiKey, ...options }).pipe(
    Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider))
  )
  return { client, provider }
})

const page = (body: unknown, status = 200): Behaviour.Behaviour => ({ outcome: Behaviour.respond(status, body) })

const deepseek = {
  is_available: true,
  balance_infos: [
    { currency: "CNY", total_balance: "110.00", granted_balance: "10.00", topped_up_balance: "100.00" },
    { currency: "USD", total_balance: "-0.25", granted_balance: "0.00", topped_up_balance: "-0.25" }
  ]
}
const moonshot = {
  code: 0,
  data: { available_balance: 49.58894, voucher_balance: 46.58893, cash_balance: 3.00001 },
  scode: "0x0",
  status: true
}
const siliconflow = {
  code: 20000,
  message: "OK",
  status: true,
  data: { id: "userid", email: "somebody@example.test", balance: "0.88", chargeBalance: "88.00", totalBalance: "88.88" }
}
const parts = { remaining: 49.58894, granted: 46.58893, toppedUp: 3.00001 }
const flow = { remaining: 88.88, granted: 0.88, toppedUp: 88 }

interface Case {
  readonly baseUrl: string
  readonly path: string
  readonly body: unknown
  readonly said: Pick<Account.Account, "available" | "balances">
}

const cases: ReadonlyArray<readonly [string, Case]> = [
  ...["https://api.deepseek.com", "https://api.deepseek.com/v1", "https://api.deepseek.com/beta/"].map((
    baseUrl
  ): readonly [string, Case] => [`DeepSeek at ${baseUrl}`, {
    baseUrl,
    path: "/user/balance",
    body: deepseek,
    said: {
      available: true,
      balances: [
        { currency: "CNY", remaining: 110, granted: 10, toppedUp: 100 },
        { currency: "USD", remaining: -0.25, granted: 0, toppedUp: -0.25 }
      ]
    }
  }]),
  ["DeepSeek with nothing", {
    baseUrl: "https://api.deepseek.com",
    path: "/user/balance",
    body: { is_available: false, balance_infos: [] },
    said: { available: false, balances: [] }
  }],
  ["OpenRouter", {
    baseUrl: "https://openrouter.ai/api/v1",
    path: "/api/v1/credits",
    body: { data: { total_credits: 100.3, total_usage: 25.1 } },
    said: { balances: [{ currency: "USD", remaining: 75.2, used: 25.1 }] }
  }],
  ["Moonshot in yuan", {
    baseUrl: "https://api.moonshot.cn/v1",
    path: "/v1/users/me/balance",
    body: moonshot,
    said: { available: true, balances: [{ currency: "CNY", ...parts }] }
  }],
  ["Moonshot in dollars", {
    baseUrl: "https://api.moonshot.ai/v1",
    path: "/v1/users/me/balance",
    body: { data: { available_balance: 0 } },
    said: {
      available: false,
      balances: [{ currency: "USD", remaining: 0, granted: undefined, toppedUp: undefined }]
    }
  }],
  ["SiliconFlow in yuan", {
    baseUrl: "https://api.siliconflow.cn/v1",
    path: "/v1/user/info",
    body: siliconflow,
    said: { balances: [{ currency: "CNY", ...flow }] }
  }],
  ["SiliconFlow in dollars", {
    baseUrl: "https://api.siliconflow.com/v1",
    path: "/v1/user/info",
    body: siliconflow,
    said: { balances: [{ currency: "USD", ...flow }] }
  }]
]

describe("the account", () => {
  it.effect.each(cases)(
    "of %s is told with the key it belongs to",
    ([, { baseUrl, body, path, said }]) =>
      Effect.gen(function*() {
        const { client, provider } = yield* setup(baseUrl, { [path]: page(body) })
        const account = yield* client.account
        assert.deepStrictEqual(account, { provider: "the provider", key: "main", ...said })
        assert.strictEqual((yield* provider.keyStats(Redacted.value(apiKey))).answered, 1)
        assert.isTrue(Schema.is(Account.Account)(account))
      })
  )

  it.effect("is found behind another address by the host it stands for, with its path and its query", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const client = yield* clientOf(({ method, url, urlParams }) => {
        asked.push(`${method} ${url}?${UrlParams.toString(urlParams)}`)
        return Response.json(deepseek)
      }, { baseUrl: "https://proxy.test/deepseek/v1/?team=a", accountHost: "api.deepseek.com" })
      const { balances, key } = yield* client.account
      assert.deepStrictEqual([key, balances[0]!.remaining], [undefined, 110])
      yield* Effect.exit(client.complete({ model: "deepseek-chat", messages: [] }))
      assert.deepStrictEqual(asked, [
        "GET https://proxy.test/deepseek/user/balance?team=a",
        "POST https://proxy.test/deepseek/v1/chat/completions?team=a"
      ])
    }))

  it.effect.each(
    [
      "https://api.openai.com/v1",
      "https://api.anthropic.com/v1",
      "https://generativelanguage.googleapis.com/v1beta/openai",
      "http://127.0.0.1:11434/v1",
      "https://constructor/v1"
    ]
  )("is not offered at %s, and nobody is asked", (baseUrl) =>
    Effect.gen(function*() {
      const { client, provider } = yield* setup(baseUrl, {})
      const error = yield* Effect.flip(client.account)
      const { host } = new URL(baseUrl)
      assert.deepStrictEqual(
        [error._tag, error.isRetryable, error.provider],
        ["AccountNotOffered", false, "the provider"]
      )
      assert.match(
        error.message,
        new RegExp(`^the provider tells no account balance to an API key at ${host}\\. Read it `)
      )
      assert.include(error.message, "name that in accountHost: api.deepseek.com, openrouter.ai,")
      assert.strictEqual((yield* provider.total).started, 0)
    }))

  it.effect("is not offered where the endpoint is not found", () =>
    Effect.gen(function*() {
      const { client } = yield* setup("https://proxy.test/v1", {}, { accountHost: "openrouter.ai" })
      assert.strictEqual((yield* Effect.flip(client.account))._tag, "AccountNotOffered")
    }))

  it.effect.each(
    [
      ["a 410", Behaviour.respond(410, "")],
      ["a 405", Behaviour.error(405, { message: "Method Not Allowed" })],
      ["a 404 in HTML", Behaviour.respond(404, "<html><title>404</title></html>")],
      ["a 401 that says so", Behaviour.error(401, { message: "This endpoint has been removed." })],
      ["a 403 that says so", Behaviour.error(403, { message: "This API is no longer available." })],
      ["a 400 in Chinese", Behaviour.error(400, { message: "该接口已下线" })]
    ] as const
  )(
    "is not offered where the endpoint is gone by %s, and no key is parked by it",
    ([, outcome]) =>
      Effect.gen(function*() {
        const { client, provider } = yield* setup("https://api.siliconflow.cn/v1", { "/v1/user/info": { outcome } }, {
          apiKey: [apiKey, Redacted.make("sk-other-fedcba9876543210")]
        })
        assert.strictEqual((yield* Effect.flip(client.account))._tag, "AccountNotOffered")
        assert.strictEqual((yield* provider.total).started, 1)
        assert.deepStrictEqual((yield* client.keys).map(({ because }) => because), [undefined, undefined])
      })
  )

  const Amount = Schema.Union([Schema.Number, Schema.String, Schema.NumberFromString, Schema.Unknown])
  const amounts: ReadonlyArray<unknown> = [
    "",
    " ",
    "NaN",
    "Infinity",
    "0x10",
    "1e3",
    "1,000.00",
    "12 USD",
    null,
    true,
    {}
  ]
  it.effect.each([
    ...amounts.map((total_balance) => ({ is_available: true, balance_infos: [{ currency: "CNY", total_balance }] })),
    { is_available: true, balance_infos: [{ currency: "CNY", total_balance: "1", granted_balance: "none" }] },
    { is_available: true, balance_infos: [{ currency: "yuan and more", total_balance: "1" }] },
    { is_available: "yes", balance_infos: [] },
    { is_available: true },
    {},
    [],
    null,
    7,
    "{\"is_available\":true,\"balance_infos\":[{\"currency\":\"CNY\",\"total_balance\":1e400}]}",
    "<html><title>Welcome</title></html>",
    "",
    { choices: [{ message: { content: "Hello" } }] }
  ])("is malformed as %j", (body) =>
    Effect.gen(function*() {
      const { client } = yield* setup("https://api.deepseek.com", { "/user/balance": page(body) })
      const error = yield* Effect.flip(client.account)
      assert.strictEqual(error._tag, "MalformedReply")
      assert.match(error.message, /^the provider answered for the account balance with (JSON that tells no|text that)/)
    }))

  it.effect.prop(
    "is an account with finite numbers or a typed error, whatever JSON comes",
    { total: Amount, granted: Amount },
    ({ granted, total }) =>
      Effect.gen(function*() {
        const said = { is_available: true, balance_infos: [{ currency: "CNY", total_balance: total, granted }] }
        const { client } = yield* setup("https://api.deepseek.com", { "/user/balance": page(said) })
        const exit = yield* Effect.exit(client.account)
        if (Exit.isSuccess(exit)) assert.isTrue(Number.isFinite(exit.value.balances[0]!.remaining))
        else assert.strictEqual((Cause.squash(exit.cause) as ChatError.ChatError)._tag, "MalformedReply")
      })
  )

  it.effect.each(
    [
      ["Unauthorized", Behaviour.unauthorized],
      ["Forbidden", Behaviour.error(403, { message: "Only management keys can fetch credits" })],
      ["ProviderRateLimited", Behaviour.rateLimited("1 minute")],
      ["ProviderFault", Behaviour.serverError],
      ["QuotaExhausted", Behaviour.respond(200, { error: { message: "Spent", code: "insufficient_quota" } })],
      ["ConnectFailed", Behaviour.cut("before-headers")],
      ["Truncated", Behaviour.cut("mid-body")],
      ["MalformedReply", Behaviour.respond(200, "x".repeat(33 * 2 ** 20))]
    ] as const
  )("fails with %s as a call does, and no key is parked by it", ([tag, outcome]) =>
    Effect.gen(function*() {
      const { client, provider } = yield* setup("https://openrouter.ai/api/v1", { "/api/v1/credits": { outcome } }, {
        apiKey: [apiKey, Redacted.make("sk-other-fedcba9876543210")]
      })
      const error = yield* Effect.flip(client.account)
      assert.strictEqual(error._tag, tag)
      assert.strictEqual((yield* provider.total).started, 1)
      assert.deepStrictEqual((yield* client.keys).map(({ because }) => because), [undefined, undefined])
    }))

  it.effect("is that of the first key that is not parked, or else of the one that comes free first", () =>
    Effect.gen(function*() {
      const other = Redacted.make("sk-other-fedcba9876543210", { label: "spare" })
      const spent = (retryAfter: string) =>
        Behaviour.error(429, { message: "Spent", code: "insufficient_quota" }, { "retry-after": retryAfter })
      const { client, provider } = yield* setup(
        "https://api.deepseek.com",
        { "/user/balance": page(deepseek) },
        { apiKey: [apiKey, other] },
        { [Redacted.value(apiKey)]: { outcome: spent("60") } }
      )
      const asked = client.complete({ model: "gpt-4.1", messages: [] })
      const whose = Effect.map(client.account, ({ key }) => key)
      yield* asked
      assert.strictEqual(yield* whose, "spare")
      yield* provider.setKey(Redacted.value(other), { outcome: spent("90") })
      yield* Effect.flip(asked)
      yield* provider.setKey(Redacted.value(apiKey), undefined)
      yield* provider.setKey(Redacted.value(other), undefined)
      assert.strictEqual(yield* whose, "main")
    }))

  it.effect("is told within the time of a call, or not at all", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* setup(
        "https://api.deepseek.com",
        { "/user/balance": { outcome: Behaviour.hang } },
        { timeout: "5 seconds" }
      )
      const fiber = yield* Effect.forkChild(Effect.flip(client.account), { startImmediately: true })
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.isTrue(error._tag === "TimedOut" && error.phase === "total")
      assert.strictEqual((yield* provider.total).aborted, 1)
    }))

  it.effect("leaves nothing behind when its reader is interrupted", () =>
    Effect.gen(function*() {
      const { client, provider } = yield* setup("https://api.deepseek.com", {
        "/user/balance": { outcome: Behaviour.hang }
      })
      const fiber = yield* Effect.forkChild(client.account, { startImmediately: true })
      assert.strictEqual((yield* provider.total).inFlight, 1)
      yield* Fiber.interrupt(fiber)
      const { aborted, inFlight } = yield* provider.total
      assert.deepStrictEqual({ aborted, inFlight }, { aborted: 1, inFlight: 0 })
    }))

  it.effect("quotes no key in an error", () =>
    Effect.gen(function*() {
      const secret = Redacted.value(apiKey)
      const outcome = Behaviour.error(401, { message: `Wrong key ${secret}`, code: secret })
      const { client } = yield* setup("https://api.deepseek.com", { "/user/balance": { outcome } })
      const error = yield* Effect.flip(client.account)
      const seen = `${inspect(error, { depth: 9, showHidden: true })} ${error.message} ${JSON.stringify(error)}`
      assert.include(seen, "[redacted]")
      assert.notInclude(seen, secret.slice(3, 12))
    }))

  it.effect("cannot be read at a host that is none of those known, and says so when the client is made", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(setup("https://proxy.test/v1", {}, { accountHost: "api.openai.com" as never }))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, RangeError)
      assert.match(
        String(defect),
        /ChatClient\.make: accountHost must be one of api\.deepseek\.com, .*, got "api\.openai\.com"$/
      )
    }))

  it.live("comes over a real socket", () =>
    Effect.gen(function*() {
      const { provider } = yield* setup("https://api.moonshot.cn/v1", { "/v1/users/me/balance": page(moonshot) })
      const { url: baseUrl } = yield* SimulatedProvider.serve(provider)
      const client = Context.get(
        yield* Layer.build(
          NodeTransport.layerChatClient({
            provider: "kimi",
            baseUrl,
            apiKey,
            accountHost: "api.moonshot.cn",
            proxy: "none"
          })
        ),
        ChatClient.ChatClient
      )
      assert.deepStrictEqual(yield* client.account, {
        provider: "kimi",
        key: "main",
        available: true,
        balances: [{ currency: "CNY", ...parts }]
      })
    }))
})
