import { assert, describe, it } from "@effect/vitest"
import * as ProviderLimits from "@switchgear/http/ProviderLimits"
import { Schema } from "effect"

const now = Date.UTC(2026, 0, 1)

const said = (headers: Readonly<Record<string, string | undefined>>) => ProviderLimits.fromHeaders(headers, now)

const reset = (value: string) => said({ "x-ratelimit-reset-tokens": value })?.tokens?.resetsIn

const resources = ["requests", "tokens", "input-tokens", "output-tokens"]
const parts = ["limit", "remaining", "reset"]
const names = resources.flatMap((resource) =>
  parts.flatMap((part) => [`x-ratelimit-${part}-${resource}`, `anthropic-ratelimit-${resource}-${part}`])
)

describe("the headers of an answer", () => {
  it("of OpenAI say limit, remainder and reset of requests and tokens", () => {
    assert.deepStrictEqual(
      said({
        "content-type": "application/json",
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "6m0s"
      }),
      {
        requests: { limit: 500, remaining: 499, resetsIn: 120 },
        tokens: { limit: 30_000, remaining: 0, resetsIn: 360_000 }
      }
    )
  })

  it("of Anthropic say the same, with tokens of prompt and answer together", () => {
    assert.deepStrictEqual(
      said({
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:01Z",
        "anthropic-ratelimit-input-tokens-limit": "30000",
        "anthropic-ratelimit-input-tokens-remaining": "20000",
        "anthropic-ratelimit-input-tokens-reset": "2026-01-01T00:00:20Z",
        "anthropic-ratelimit-output-tokens-limit": "8000",
        "anthropic-ratelimit-output-tokens-remaining": "7000",
        "anthropic-ratelimit-output-tokens-reset": "2026-01-01T00:00:08Z"
      }),
      {
        requests: { limit: 50, remaining: 49, resetsIn: 1000 },
        tokens: { limit: 38_000, remaining: 27_000, resetsIn: 20_000 }
      }
    )
  })

  it("of Anthropic leave no tokens when those of the prompt or of the answer are spent", () => {
    const left = (input: string, output: string) =>
      said({
        "anthropic-ratelimit-input-tokens-remaining": input,
        "anthropic-ratelimit-output-tokens-remaining": output
      })?.tokens?.remaining
    assert.deepStrictEqual([left("0", "8000"), left("30000", "0"), left("1000", "1000")], [0, 0, 2000])
  })

  it("of Anthropic do not limit all tokens by those of the prompt alone", () => {
    assert.isUndefined(said({ "anthropic-ratelimit-input-tokens-limit": "30000" }))
  })

  it("that speak of the same twice are read as the tighter one", () => {
    assert.deepStrictEqual(
      said({
        "x-ratelimit-limit-tokens": "90000",
        "x-ratelimit-remaining-tokens": "10",
        "x-ratelimit-reset-tokens": "1s",
        "anthropic-ratelimit-tokens-limit": "50000",
        "anthropic-ratelimit-tokens-remaining": "40000",
        "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:02Z",
        "anthropic-ratelimit-input-tokens-limit": "30000",
        "anthropic-ratelimit-output-tokens-limit": "8000"
      })?.tokens,
      { limit: 38_000, remaining: 10, resetsIn: 2000 }
    )
  })

  it("can say a part without the others", () => {
    assert.deepStrictEqual(said({ "x-ratelimit-remaining-requests": "7", "x-ratelimit-limit-requests": "-1" }), {
      requests: { limit: undefined, remaining: 7, resetsIn: undefined },
      tokens: undefined
    })
  })

  it("say nothing where there are none, or none that makes sense", () => {
    assert.isUndefined(said({}))
    for (const wrong of ["", " ", "-1", "NaN", "Infinity", "1e3", "0x10", "1,000", "12.5", "many", "9".repeat(400)]) {
      assert.isUndefined(said({ "x-ratelimit-limit-tokens": wrong, "x-ratelimit-remaining-tokens": wrong }), wrong)
    }
  })

  it("say nothing with a limit of zero, through which no answer could have come", () => {
    assert.isUndefined(said({ "x-ratelimit-limit-tokens": "0", "x-ratelimit-remaining-tokens": "0" }))
  })
})

describe("a reset", () => {
  const read: ReadonlyArray<readonly [string, number | undefined]> = [
    ["1s", 1000],
    ["6m0s", 360_000],
    ["120ms", 120],
    ["1h2m3.5s", 3_723_500],
    ["0s", 0],
    ["7", 7000],
    ["7.25", 7250],
    ["2026-01-01T00:00:30Z", 30_000],
    ["2026-01-01T01:00:30.5+01:00", 30_500],
    ["2025-12-31T23:59:00Z", 0],
    ["2027-01-01T00:00:00Z", undefined],
    ["2026-13-01T00:00:00Z", undefined],
    ["2026-01-01", undefined],
    ["1767225600", undefined],
    ["-5s", undefined],
    ["-5", undefined],
    ["soon", undefined]
  ]
  for (const [written, expected] of read) {
    it(`written as ${written} is ${expected === undefined ? "none" : `${expected} ms away`}`, () => {
      assert.strictEqual(reset(written), expected)
    })
  }
})

const Value = Schema.Union([
  Schema.String,
  Schema.Number,
  Schema.Literals(["0", "1", "30000", "999999999999999", "1s", "6m0s", "-1", "2026-01-01T00:00:30Z", "1e400", "NaN"]),
  Schema.Undefined
])

it.prop(
  "whatever the headers are, what they say is finite and not negative",
  {
    headers: Schema.Record(Schema.Union([Schema.Literals(names), Schema.String]), Value),
    values: Schema.Array(Value).check(Schema.isMinLength(1), Schema.isMaxLength(24)),
    now: Schema.Union([Schema.Number, Schema.Literal(Date.UTC(2026, 0, 1))])
  },
  ({ headers, now, values }) => {
    const known = names.map((name, i) => [name, values[i % values.length]] as const)
    for (const given of [Object.entries(headers), known]) {
      const texts = given.map(([name, value]) => [name, value === undefined ? undefined : String(value)])
      const { requests = {}, tokens = {} } = ProviderLimits.fromHeaders(Object.fromEntries(texts), now) ?? {}
      for (const number of [...Object.values(requests), ...Object.values(tokens)]) {
        assert.isTrue(number === undefined || (Number.isFinite(number) && number >= 0), `${number}`)
      }
    }
  },
  { arbitrary: { runs: 500 } }
)
