import { assert, describe, it } from "@effect/vitest"
import { Pricing } from "@switchgear/http"
import { Effect, FileSystem, PlatformError, Schema } from "effect"

const sum = (parts: Readonly<Record<string, number>>) => Object.values(parts).reduce((a, b) => a + b, 0)

const none: Pricing.Parts = {
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  audioInput: 0,
  output: 0,
  reasoning: 0,
  audioOutput: 0
}

const Count = Schema.Union([
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2000 })),
  Schema.Finite,
  Schema.Undefined
])

const AnyUsage = Schema.Struct({
  prompt_tokens: Count,
  completion_tokens: Count,
  total_tokens: Count,
  prompt_tokens_details: Schema.Struct({ cached_tokens: Count, cache_write_tokens: Count, audio_tokens: Count }),
  completion_tokens_details: Schema.Struct({ reasoning_tokens: Count, audio_tokens: Count })
})

const PerMillion = Schema.Union([
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20_000_000 })),
  Schema.Undefined
])

const AnyPrice = Schema.Struct({
  input: PerMillion,
  cachedInput: PerMillion,
  cacheWrite: PerMillion,
  cacheWrite1h: PerMillion,
  audioInput: PerMillion,
  output: PerMillion,
  reasoning: PerMillion,
  audioOutput: PerMillion
})

const Tokens = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000_000 }))

const AnyParts = Schema.Struct({
  input: Tokens,
  cachedInput: Tokens,
  cacheWrite: Tokens,
  cacheWrite1h: Tokens,
  audioInput: Tokens,
  output: Tokens,
  reasoning: Tokens,
  audioOutput: Tokens
})

/** A number of tokens, whole, or undefined for what is none. */
const counted = (count: number | undefined) =>
  count === undefined || count < 0 || count > 1e8 ? undefined : Math.ceil(count)

describe("the parts of a usage", () => {
  it.effect.prop(
    "are never negative, whole, and add up to the totals, whatever the provider wrote",
    { usage: AnyUsage },
    ({ usage }) =>
      Effect.sync(() => {
        const parts = Pricing.parts(usage as never)
        const total = counted(usage.total_tokens)
        const rest = (other: number | undefined) =>
          total === undefined || other === undefined ? undefined : Math.max(total - other, 0)
        const [into, out] = [counted(usage.prompt_tokens), counted(usage.completion_tokens)]
        const [expectedPrompt, expectedCompletion] = [into ?? rest(out), out ?? rest(into)]
        if (expectedPrompt === undefined || expectedCompletion === undefined) {
          assert.isUndefined(parts)
          return
        }
        assert.isDefined(parts)
        for (const count of Object.values(parts)) assert.isTrue(Number.isSafeInteger(count) && count >= 0, `${count}`)
        const completion = parts.output + parts.reasoning + parts.audioOutput
        // A total that has the cache beside the prompt says that it comes on top.
        const { cache_write_tokens, cached_tokens } = usage.prompt_tokens_details
        const cached = (counted(cached_tokens) ?? 0) + (counted(cache_write_tokens) ?? 0)
        const reasoning = counted(usage.completion_tokens_details.reasoning_tokens) ?? 0
        const isTotal = (all: number) => total === all || total === all + reasoning
        const isApart = into !== undefined && isTotal(expectedPrompt + expectedCompletion + cached) &&
          !(isTotal(expectedPrompt + expectedCompletion) && cached <= expectedPrompt)
        const prompt = isApart ? expectedPrompt + cached : expectedPrompt
        assert.strictEqual(sum(parts) - completion, prompt)
        // What the total has more came out, too, and was billed.
        assert.strictEqual(completion, Math.max(expectedCompletion, (total ?? 0) - prompt))
      }),
    { arbitrary: { runs: 500 } }
  )

  it("of a chat completion take the details out of the totals", () => {
    const parts = Pricing.parts({
      prompt_tokens: 1000,
      completion_tokens: 500,
      total_tokens: 1500,
      prompt_tokens_details: { cached_tokens: 600, cache_write_tokens: 100, audio_tokens: 50 },
      completion_tokens_details: {
        reasoning_tokens: 300,
        audio_tokens: 20,
        accepted_prediction_tokens: 10,
        rejected_prediction_tokens: 40
      }
    })
    // What of a prediction was rejected is billed as output: it stays where the provider counted it.
    assert.deepStrictEqual(parts, {
      input: 250,
      cachedInput: 600,
      cacheWrite: 100,
      cacheWrite1h: 0,
      audioInput: 50,
      output: 180,
      reasoning: 300,
      audioOutput: 20
    })
  })

  it("of Anthropic's own form have the cache on top of the input", () => {
    const usage = {
      input_tokens: 10,
      output_tokens: 20,
      cache_read_input_tokens: 700,
      cache_creation_input_tokens: 30
    }
    assert.deepStrictEqual(Pricing.parts(usage), { ...none, input: 10, cachedInput: 700, cacheWrite: 30, output: 20 })
  })

  it("of DeepSeek's form have its cache hits within the prompt", () => {
    const usage = {
      prompt_tokens: 100,
      completion_tokens: 5,
      prompt_cache_hit_tokens: 64,
      prompt_cache_miss_tokens: 36
    }
    assert.deepStrictEqual(Pricing.parts(usage), { ...none, input: 36, cachedInput: 64, output: 5 })
  })

  it("of a usage that says zero are zero, and of one that does not say are not known", () => {
    assert.deepStrictEqual(Pricing.parts({ prompt_tokens: 0, completion_tokens: 0 }), none)
    assert.isUndefined(Pricing.parts({}))
    assert.isUndefined(Pricing.parts(undefined))
    assert.isUndefined(Pricing.parts({ total_tokens: 5 }))
  })
})

describe("a cost", () => {
  it.effect.prop(
    "adds up from its parts to the micro-dollar, and is within half a micro-dollar of the exact one",
    { used: AnyParts, price: AnyPrice },
    ({ price, used }) =>
      Effect.sync(() => {
        const { known, parts, total } = Pricing.costOfParts(price, used)
        const amounts = Object.values(parts).filter((part) => part !== "unknown")
        assert.strictEqual(amounts.reduce((a, b) => a + b, 0), known)
        for (const amount of amounts) assert.isTrue(Number.isSafeInteger(amount) && amount >= 0)
        let exact = 0n
        let isKnown = true
        for (const part of Object.keys(used) as Array<Pricing.Part>) {
          const perMillion = price[part]
          assert.strictEqual(parts[part] === "unknown", perMillion === undefined && used[part] > 0)
          if (perMillion !== undefined) exact += BigInt(used[part]) * BigInt(perMillion)
          else if (used[part] > 0) isKnown = false
        }
        assert.strictEqual(total, isKnown ? known : "unknown")
        const off = exact - BigInt(known) * 1_000_000n
        assert.isTrue(off >= -500_000n && off < 500_000n, `${off}`)
      }),
    { arbitrary: { runs: 500 } }
  )

  it("pays every kind of token at its own price", () => {
    const price = Pricing.price({
      input: 2,
      cachedInput: 0.5,
      cacheWrite: 2.5,
      audioInput: 40,
      output: 8,
      reasoning: 7,
      audioOutput: 80
    })
    const { parts, total } = Pricing.cost(price, {
      prompt_tokens: 1000,
      completion_tokens: 500,
      prompt_tokens_details: { cached_tokens: 600, cache_write_tokens: 100, audio_tokens: 50 },
      completion_tokens_details: { reasoning_tokens: 300, audio_tokens: 20 }
    })
    assert.deepStrictEqual(parts, {
      input: 500,
      cachedInput: 300,
      cacheWrite: 250,
      cacheWrite1h: 0,
      audioInput: 2000,
      output: 1440,
      reasoning: 2100,
      audioOutput: 1600
    })
    assert.strictEqual(total, 8190)
  })

  it("is unknown without a price for a part that was used, never 0", () => {
    const usage = { prompt_tokens: 10, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 4 } }
    const { known, parts, total } = Pricing.cost(Pricing.price({ input: 1, output: 1 }), usage)
    assert.deepStrictEqual([known, total, parts.cachedInput, parts.reasoning], [16, "unknown", "unknown", 0])
    assert.strictEqual(Pricing.cost(undefined, usage).total, "unknown")
    assert.strictEqual(Pricing.cost(Pricing.price({ input: 1, output: 1 }), undefined).total, "unknown")
    assert.strictEqual(
      Pricing.cost(Pricing.price({ input: 0, output: 0 }), { prompt_tokens: 1, completion_tokens: 1 }).total,
      0
    )
  })
})

const refused = (value: unknown) => Effect.map(Effect.flip(Pricing.decode(value)), ({ message }) => message)

describe("a catalogue", () => {
  it.effect("is read from dollars for a million tokens, without noise of floating point", () =>
    Effect.gen(function*() {
      const catalogue = yield* Pricing.decode({ cheap: { input: 0.07, output: 0.42 }, free: { input: 0 } })
      assert.deepStrictEqual(catalogue, { cheap: { input: 70_000, output: 420_000 }, free: { input: 0 } })
      const written = yield* Schema.encodeUnknownEffect(Pricing.CatalogueSchema)(catalogue)
      assert.deepStrictEqual(written, { cheap: { input: 0.07, output: 0.42 }, free: { input: 0 } })
    }))

  it.effect("refuses what is no price, with the model, the part, the value and the range", () =>
    Effect.gen(function*() {
      const negative = yield* refused({ "gpt-4.1": { input: 2, output: -8 } })
      for (const part of ["gpt-4.1", "output", "-8", "zero or more"]) assert.include(negative, part)
      assert.include(yield* refused({ "gpt-4.1": { output: 0.12345678 } }), "at most six decimals")
      assert.include(yield* refused({ "gpt-4.1": { output: "8" } }), "a number of zero or more")
      assert.include(yield* refused({ "gpt-4.1": { output: Infinity } }), "Infinity")
      assert.include(yield* refused({ "gpt-4.1": { outptu: 8 } }), "There is no such part")
      assert.include(yield* refused({ "gpt-4.1": 8 }), "cachedInput")
      assert.include(yield* refused("prices"), "prices by model")
    }))

  it.effect("has the four models of the article, and says so when asked for another", () =>
    Effect.gen(function*() {
      const outputs = yield* Effect.forEach(
        ["gpt-4.1", "claude-sonnet-4.5", "gemini-2.5-flash", "deepseek-v3.2"],
        (model) => Effect.map(Pricing.priceOf(Pricing.article, model), ({ input, output }) => [input, output])
      )
      assert.deepStrictEqual(outputs, [
        [undefined, 8_000_000],
        [undefined, 15_000_000],
        [undefined, 2_500_000],
        [undefined, 420_000]
      ])
      for (const model of ["gpt-5", "constructor"]) {
        const error = yield* Effect.flip(Pricing.priceOf(Pricing.article, model))
        assert.strictEqual(error._tag, "UnknownModel")
        assert.include(error.message, model)
        assert.include(error.message, "deepseek-v3.2")
      }
    }))

  const files = (text: string) =>
    FileSystem.layerNoop({
      readFileString: (path) =>
        path === "prices.json"
          ? Effect.succeed(text)
          : Effect.fail(
            PlatformError.systemError({
              _tag: "NotFound",
              module: "FileSystem",
              method: "readFile",
              pathOrDescriptor: path
            })
          )
    })

  it.effect("is read from a file, and a file that cannot be read or understood is a typed error with its path", () =>
    Effect.gen(function*() {
      const read = (path: string, text: string) => Effect.provide(Pricing.fromFile(path), files(text))
      assert.deepStrictEqual(yield* read("prices.json", "{ \"m\": { \"output\": 8 } }"), { m: { output: 8_000_000 } })
      const missing = yield* Effect.flip(read("nowhere.json", ""))
      const garbage = yield* Effect.flip(read("prices.json", "{ output: 8"))
      const negative = yield* Effect.flip(read("prices.json", "{ \"m\": { \"output\": -8 } }"))
      assert.deepStrictEqual(
        [missing._tag, garbage._tag, negative._tag],
        ["PricesUnreadable", "PricesInvalid", "PricesInvalid"]
      )
      assert.include(missing.message, "nowhere.json")
      assert.include(garbage.message, "prices.json are not valid: it is not JSON")
      assert.include(negative.message, "-8")
    }))
})

describe("prices by the size of the prompt", () => {
  const price = Pricing.price({
    input: 5,
    cachedInput: 0.5,
    output: 30,
    tiers: [{ above: 128_000, output: 35 }, { above: 272_000, input: 10, cachedInput: 1, output: 45 }]
  })

  it("are those of the whole request, by all parts of its prompt", () => {
    const usage = {
      prompt_tokens: 278_476,
      completion_tokens: 630,
      prompt_tokens_details: { cached_tokens: 7936 }
    }
    assert.strictEqual(Pricing.cost(price, usage).total, 270_540 * 10 + 7936 + 630 * 45)
    const of = (input_tokens: number, cache_read_input_tokens: number) =>
      Pricing.cost(price, { input_tokens, cache_read_input_tokens, output_tokens: 1000 }).total
    assert.strictEqual(of(2000, 126_000), 10_000 + 63_000 + 30_000)
    // A part that a tier does not name keeps its price.
    assert.strictEqual(of(2000, 126_002), 10_000 + 63_001 + 35_000)
    assert.strictEqual(of(2000, 270_000), 10_000 + 135_000 + 35_000)
    assert.strictEqual(of(2000, 270_002), 20_000 + 270_002 + 45_000)
  })

  it("are those of a month of such requests", () => {
    const { input, output } = Pricing.estimate({ requests: 1, inputTokens: 300_000, outputTokens: 1000, price })
    assert.deepStrictEqual([input, output], [3_000_000, 45_000])
  })

  it.effect("are read and written, and refused by name when they are out of order", () =>
    Effect.gen(function*() {
      const written = { m: { input: 5, tiers: [{ above: 128_000, input: 6 }, { above: 272_000, input: 10 }] } }
      const catalogue = yield* Pricing.decode(written)
      assert.deepStrictEqual(catalogue, { m: Pricing.price(written.m) })
      assert.deepStrictEqual(yield* Schema.encodeUnknownEffect(Pricing.CatalogueSchema)(catalogue), written)
      const wrong: ReadonlyArray<readonly [tiers: ReadonlyArray<Record<string, number>>, place: string, got: string]> =
        [
          [[{ above: 272_000 }, { above: 128_000 }], "tiers[1].above", "got 128000"],
          [[{ above: 272_000 }, { above: 272_000 }], "tiers[1].above", "got 272000"],
          [[{ above: 0 }], "tiers[0].above", "got 0"],
          [[{ above: 0.5 }], "tiers[0].above", "got 0.5"],
          [[{ above: 1, input: -1 }], "input", "got -1"],
          [[{ above: 1, inptu: 1 }], "inptu", "no such part"]
        ]
      for (const [tiers, place, got] of wrong) {
        const message = yield* refused({ m: { input: 5, tiers } })
        for (const part of ["m", place, got]) assert.include(message, part)
      }
      assert.throws(() => Pricing.price({ tiers: [{ above: 2 }, { above: 1 }] }), RangeError, "tiers[1].above")
      assert.throws(() => Pricing.price({ tiers: [{ above: 2, output: -1 }] }), RangeError, "tiers[0].output")
    }))
})

describe("an estimate", () => {
  const month = (requests: number, exchangeRate?: number) =>
    Pricing.estimate({
      requests,
      inputTokens: 500,
      outputTokens: 300,
      price: Pricing.price({ input: 2.5, output: 8 }),
      exchangeRate
    })

  it("has the figures of the article's monthly table at 100 million requests, and a tenth at the 10 million it names", () => {
    const figures = ({ input, output }: Pricing.Estimate) => [Pricing.format(input, "¥"), Pricing.format(output, "¥")]
    assert.deepStrictEqual(figures(month(100_000_000, 7.3)), ["¥912,500.00", "¥1,752,000.00"])
    assert.deepStrictEqual(figures(month(100_000_000, 1)), ["¥125,000.00", "¥240,000.00"])
    assert.deepStrictEqual(figures(month(10_000_000, 7.3)), ["¥91,250.00", "¥175,200.00"])
    assert.strictEqual(month(100_000_000).total, 365_000_000_000)
  })

  it("rounds once, at the end", () => {
    const price = Pricing.price({ input: 0.000001, output: 0 })
    assert.strictEqual(Pricing.estimate({ requests: 3_000_000, inputTokens: 1, outputTokens: 1, price }).total, 3)
  })

  it("is unknown where the price is", () => {
    const price = Pricing.price({ output: 8 })
    const estimate = Pricing.estimate({ requests: 1, inputTokens: 500, outputTokens: 300, price })
    assert.deepStrictEqual(estimate, { input: "unknown", output: 2400, total: "unknown" })
  })

  it.each(
    [
      ["requests", { requests: -1 }],
      ["requests", { requests: 0.5 }],
      ["inputTokens", { inputTokens: NaN }],
      ["exchangeRate", { exchangeRate: 0 }],
      ["exchangeRate", { exchangeRate: -7.3 }]
    ] as const
  )("refuses a nonsensical %s", (field, wrong) => {
    const options = { requests: 1, inputTokens: 1, outputTokens: 1, price: {} }
    assert.throws(() => Pricing.estimate({ ...options, ...wrong }), RangeError, field)
  })
})

describe("an amount as text", () => {
  it("has two decimals at least and as many as it needs", () => {
    const amounts = [0, 1, 10_000, 100_000, 1_000_000, 1_234_567_890_123, -2_500_000, Number.MAX_SAFE_INTEGER]
    assert.deepStrictEqual(amounts.map((amount) => Pricing.format(amount)), [
      "$0.00",
      "$0.000001",
      "$0.01",
      "$0.10",
      "$1.00",
      "$1,234,567.890123",
      "-$2.50",
      "$9,007,199,254.740991"
    ])
    assert.strictEqual(Pricing.format("unknown"), "unknown")
  })
})
