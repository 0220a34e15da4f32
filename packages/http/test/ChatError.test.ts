import { assert, describe, it } from "@effect/vitest"
import { ChatError, CostLedger } from "@switchgear/http"
import { Duration, Effect, Schema } from "effect"
import { assertRow } from "./support/assertRow.ts"
import { exchange } from "./support/clientOf.ts"
import { rows } from "./support/errorTable.ts"

const at = { provider: "openai", model: "gpt-4.1" }
const respond = (
  headers: Readonly<Record<string, string>>,
  body: unknown = "",
  status = 429,
  now: number | undefined = 0
) =>
  ChatError.fromResponse({ ...at, status, headers, body: typeof body === "string" ? body : JSON.stringify(body), now })
const millis = (error: ChatError.ChatError) => error.retryAfter && Duration.toMillis(error.retryAfter)
const bodyOf = (body: unknown) => typeof body === "string" ? body : JSON.stringify(body)

describe("ChatError", () => {
  describe("makes of a response what the error table says", () => {
    for (const row of rows) {
      it.effect(row.name, () =>
        Effect.gen(function*() {
          assertRow(yield* Effect.flip(exchange(bodyOf(row.body), row.status, row.headers)), row)
        }))
    }
  })

  describe("reads how long to wait", () => {
    const cases: ReadonlyArray<readonly [string, Readonly<Record<string, string>>, unknown, number | undefined]> = [
      ["retry-after-ms before anything else", { "retry-after-ms": "120", "retry-after": "9" }, "", 120],
      ["x-ms-retry-after-ms before retry-after", { "x-ms-retry-after-ms": "130", "retry-after": "9" }, "", 130],
      ["seconds", { "retry-after": "20" }, "", 20_000],
      ["fractional seconds", { "retry-after": "0.25" }, "", 250],
      ["zero", { "retry-after": "0" }, "", 0],
      ["headers in any case", { "Retry-After": "2" }, "", 2000],
      ["a date, counted from now", { "retry-after": "Thu, 01 Jan 1970 00:01:00 GMT" }, "", 60_000],
      ["a date before the body", { "retry-after": "Thu, 01 Jan 1970 00:01:00 GMT" }, {
        error: { details: [{ retryDelay: "1s" }] }
      }, 60_000],
      ["1s", { "x-ratelimit-reset-requests": "1s" }, "", 1000],
      ["6m0s", { "x-ratelimit-reset-tokens": "6m0s" }, "", 360_000],
      ["120ms", { "x-ratelimit-reset-tokens": "120ms" }, "", 120],
      ["1h2m3.5s", { "x-ratelimit-reset-tokens": "1h2m3.5s" }, "", 3_723_500],
      ["a reset in bare seconds", { "x-ratelimit-reset-requests": "7" }, "", 7000],
      [
        "the reset of the limit that is used up",
        {
          "x-ratelimit-remaining-requests": "0",
          "x-ratelimit-reset-requests": "1s",
          "x-ratelimit-remaining-tokens": "5",
          "x-ratelimit-reset-tokens": "6m0s"
        },
        "",
        1000
      ],
      [
        "the reset of the limit the error names",
        {
          "x-ratelimit-reset-requests": "1s",
          "x-ratelimit-reset-tokens": "2s"
        },
        { error: { type: "requests", code: "rate_limit_exceeded" } },
        1000
      ],
      ["retryDelay", {}, { error: { details: [{ retryDelay: "46s" }] } }, 46_000],
      ["a sentence in seconds", {}, { error: { message: "Please try again in 41.724s. Contact us" } }, 41_724],
      ["a sentence in milliseconds", {}, { error: { message: "Please try again in 20ms." } }, 20],
      ["a sentence in minutes", {}, { error: { message: "try again in 7m12.5s" } }, 432_500],
      ["a sentence in words", {}, { error: { message: "Please retry after 6 seconds." } }, 6000],
      ["a negative number as none", { "retry-after": "-5" }, "", undefined],
      ["a negative number before a good hint", { "retry-after": "-5", "x-ratelimit-reset-requests": "1s" }, "", 1000],
      ["infinity as none", { "retry-after": "Infinity" }, "", undefined],
      ["not a number as none", { "retry-after": "soon" }, "", undefined],
      ["an exponent as none", { "retry-after": "1e9" }, "", undefined],
      ["years as none", { "retry-after": "999999999" }, "", undefined],
      ["a date in the past as none", { "retry-after": "Wed, 31 Dec 1969 23:59:00 GMT" }, "", undefined],
      ["a date far off as none", { "retry-after": "Fri, 01 Jan 2100 00:00:00 GMT" }, "", undefined]
    ]
    for (const [name, headers, body, expected] of cases) {
      it(name, () => assert.strictEqual(millis(respond(headers, body)), expected))
    }

    it("takes no date without a clock", () => {
      const error = ChatError.fromResponse({
        ...at,
        status: 429,
        headers: { "retry-after": "Thu, 01 Jan 1970 00:01:00 GMT" },
        body: ""
      })
      assert.strictEqual(error.retryAfter, undefined)
    })

    it("ignores reset headers on anything but a rate limit", () => {
      assert.strictEqual(millis(respond({ "x-ratelimit-reset-requests": "9s" }, "", 500)), undefined)
    })
  })

  it.prop("gives a wait that is whole, finite and not negative, whatever the hints say", {
    header: Schema.String,
    text: Schema.String,
    unit: Schema.Literals(["", "s", "ms", "m", "h"]),
    number: Schema.Number
  }, ({ header, number, text, unit }) => {
    const hint = `${number}${unit}`
    for (const value of [header, hint, `${header}${hint}`]) {
      for (const name of ["retry-after", "retry-after-ms", "x-ms-retry-after-ms", "x-ratelimit-reset-tokens"]) {
        const error = respond({ [name]: value }, {
          error: { message: `${text} try again in ${hint}`, details: [{ retryDelay: hint }] }
        })
        const wait = millis(error)
        if (wait !== undefined) assert.isTrue(Number.isInteger(wait) && wait >= 0 && wait <= 31 * 86_400_000, `${wait}`)
      }
    }
  })

  it.prop(
    "has an error for every status and any text",
    { status: Schema.Int, body: Schema.String },
    ({ body, status }) => {
      const error = ChatError.fromResponse({ ...at, status, headers: {}, body })
      assert.isTrue(ChatError.isChatError(error))
      assert.isAtMost((error.detail ?? "").length, 301)
      assert.isString(error.message)
    }
  )

  it.prop("has an error for any JSON in any place of an error object", {
    json: Schema.Json,
    place: Schema.Literals(["", "error", "message", "code", "type", "details", "detail", "errors", "innererror"]),
    status: Schema.Literals([200, 400, 429, 500])
  }, ({ json, place, status }) => {
    for (const value of [json, { [place]: json }, { error: { [place]: json } }, [{ error: { [place]: json } }]]) {
      const response = { ...at, status, headers: {}, body: JSON.stringify(value) }
      assert.isTrue(ChatError.isChatError(ChatError.fromResponse(response)))
      const inside = ChatError.fromReply(response, value)
      assert.isTrue(inside === undefined || ChatError.isChatError(inside))
    }
  })

  describe("prints a duration in two units at most", () => {
    const common = { provider: "openai", model: "gpt-4.1" }
    const retryAfter = Duration.millis(59_810_887)
    const budget = { tenant: "acme", budget: "tenant", limit: 1, spent: 1, reserved: 0 } as const
    const errors: ReadonlyArray<Error> = [
      new ChatError.QuotaExhausted({ ...common, retryAfter }),
      new ChatError.ProviderRateLimited({ ...common, retryAfter }),
      new ChatError.Overloaded({ ...common, retryAfter }),
      new ChatError.TimedOut({ ...common, phase: "total", limit: retryAfter }),
      new CostLedger.BudgetExceeded({ ...budget, retryAfter })
    ]
    for (const error of errors) it(error.name, () => assert.match(error.message, /16h 37m(?! \d)/))
  })

  it("carries what the provider says of itself", () => {
    const error = respond({ "x-request-id": "req_7" }, { error: { message: "No\n\nway", type: "t", code: "c" } }, 500)
    assert.deepStrictEqual(
      [error.status, error.requestId, error.type, error.code, error.detail],
      [500, "req_7", "t", "c", "No way"]
    )
    assert.strictEqual(
      error.message,
      "openai failed while answering for gpt-4.1 (500 c: No way). Try again, or use another model."
    )
  })

  it("bounds the provider's sentence", () => {
    const error = respond({}, { error: { message: "blah ".repeat(10_000) } }, 400)
    assert.strictEqual(error.detail?.length, 301)
  })

  it.effect("survives the way through JSON and back", () =>
    Effect.gen(function*() {
      const codec = Schema.toCodecJson(ChatError.ChatError)
      const error = respond({ "retry-after": "1.5" }, { error: { message: "slow", code: "rate_limit_exceeded" } })
      const json = yield* Schema.encodeEffect(codec)(error)
      const back = yield* Schema.decodeUnknownEffect(codec)(JSON.parse(JSON.stringify(json)))
      assert.strictEqual(back._tag, "ProviderRateLimited")
      assert.strictEqual(back.message, error.message)
      assert.strictEqual(back.isRetryable, true)
    }))

  describe("keeps secrets to itself", () => {
    const apiKey = "sk-live-0123456789abcdefSECRET"
    const prompt = "The patient, Mrs Lindqvist of Uppsala, asks about her results"
    const detail = (message: string, key = apiKey) =>
      ChatError.fromResponse({
        ...at,
        status: 400,
        headers: {},
        body: JSON.stringify({ error: { message } }),
        secrets: { apiKey: key, prompt: [prompt, "hush now"] }
      }).detail ?? ""

    it("hides the key that was sent", () => {
      assert.strictEqual(
        detail(`Incorrect API key provided: ${apiKey}. Find it`),
        "Incorrect API key provided: [redacted]. Find it"
      )
    })
    it("hides a part of the key", () => {
      assert.notInclude(detail(`your key "...${apiKey.slice(-10)}" is bad`), apiKey.slice(-10))
    })
    it("hides a key the provider masked itself", () => {
      assert.strictEqual(
        detail("Incorrect API key provided: sk-li**********CRET."),
        "Incorrect API key provided: [redacted]"
      )
      assert.notInclude(detail("Your api key: ****CRET is invalid"), "CRET")
    })
    it("hides another key and a bearer token", () => {
      assert.notInclude(detail("got sk-proj-AAAABBBBCCCCDDDD"), "AAAABBBB")
      assert.notInclude(detail("header was Bearer abc.def"), "abc.def")
    })
    it("hides a key of an unusual form", () => {
      assert.notInclude(detail("the token hunter2-hunter2 is unknown", "hunter2-hunter2"), "hunter2")
    })
    it("hides what it quotes of the prompt", () => {
      const shown = detail(`Invalid content: 'Mrs Lindqvist of Uppsala, asks about' at messages.0`)
      assert.strictEqual(shown, "Invalid content: '[prompt]' at messages.0")
      assert.notInclude(detail(`Input: ${prompt} was refused`), "Lindqvist")
      assert.strictEqual(detail("Bad input 'hush now' there"), "Bad input '[prompt]' there")
    })
    it("leaves a sentence alone that holds no secret", () => {
      const sentence = "This model's maximum is 8192 tokens; reduce the length of the messages at position 3."
      assert.strictEqual(detail(sentence), sentence)
    })
    it("leaves the words of errors alone that a long conversation has, too", () => {
      const conversation =
        "However, the maximum context length of this model is not what you requested. Please reduce the length of the messages or completion, and check your plan and billing details; the parameter temperature must be between 0 and 2."
      const shown = (message: string) =>
        ChatError.fromResponse({
          ...at,
          status: 400,
          headers: {},
          body: JSON.stringify({ error: { message } }),
          secrets: { apiKey, prompt: [conversation] }
        }).detail
      const sentences = [
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
        "You exceeded your current quota, please check your plan.",
        "Unsupported parameter: 'max_tokens' is not supported with this model."
      ]
      for (const sentence of sentences) assert.strictEqual(shown(sentence), sentence)
      assert.strictEqual(
        shown("Refused: please reduce the length of the messages or completion, and check your plan"),
        "Refused: [prompt]"
      )
    })
    it.prop("hides a rare word of the prompt, however it is written", {
      word: Schema.Literals(["Quarzlinsen", "Nebelquist-77", "我的包裹在", "Ångström-Straße"]),
      how: Schema.Literals(["as it is", "in capitals", "in a URL", "as JSON"])
    }, ({ how, word }) => {
      const written = {
        "as it is": word,
        "in capitals": word.toUpperCase(),
        "in a URL": encodeURIComponent(word),
        "as JSON": JSON.stringify(word).replace(
          /[^\x20-\x7e]/g,
          (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`
        )
      }[how]
      const shown = ChatError.fromResponse({
        ...at,
        status: 400,
        headers: {},
        body: JSON.stringify({ error: { message: `Invalid value ${written} here` } }),
        secrets: { apiKey, prompt: [`a long text with ${word} in it`] }
      }).detail ?? ""
      assert.match(shown, /^Invalid value .?\[prompt\].? here$/)
    })
    it("does not repeat the input FastAPI repeats", () => {
      const error = respond({}, { detail: [{ loc: ["body", "messages", 0], msg: "bad", input: prompt }] }, 422)
      assert.strictEqual(error.detail, "bad at body.messages.0")
    })
    it.prop("shows no run of the key, wherever the provider puts it", {
      before: Schema.String,
      after: Schema.String,
      from: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10 }))
    }, ({ after, before, from }) => {
      const quoted = apiKey.slice(from)
      const shown = detail(`${before}${quoted}${after}`)
      for (let i = 0; i + 8 <= quoted.length; i++) assert.notInclude(shown, quoted.slice(i, i + 8))
    })
  })
})
