/** How many tokens a request is taken to use before it is made, by rate limits and by budgets alike. */
import { assert, describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import { ChatClient, ChatModel, CostLedger, Pricing } from "@switchgear/http"
import { Behaviour, SimulatedProvider } from "@switchgear/http/testing"
import { Effect, Fiber, Schema } from "effect"
import { HttpClient } from "effect/http"
import { answer, ask, modelOf, plain } from "./support/ledgerOf.ts"
import { modelOf as guardedOf } from "./support/modelOf.ts"

const base64 = (bytes: ReadonlyArray<number>, length = bytes.length) => {
  const all = new Uint8Array(Math.max(length, bytes.length))
  all.set(bytes)
  return Buffer.from(all).toString("base64")
}

const chars = (text: string) => Array.from(text, (char) => char.charCodeAt(0))
const big16 = (n: number) => [n >> 8, n & 0xff]
const little16 = (n: number) => [n & 0xff, n >> 8]
const little24 = (n: number) => [n & 0xff, (n >> 8) & 0xff, n >> 16]
const little32 = (n: number) => [...little24(n), 0]

/** The heads of files of so many pixels, with some bytes behind them. */
const images: Readonly<Record<string, (width: number, height: number) => string>> = {
  png: (width, height) =>
    base64(
      [0x89, ...chars("PNG\r\n\x1a\n"), 0, 0, 0, 13, ...chars("IHDR"), 0, 0, ...big16(width), 0, 0, ...big16(height)],
      300_000
    ),
  gif: (width, height) => base64([...chars("GIF89a"), ...little16(width), ...little16(height)], 300_000),
  jpeg: (width, height) =>
    base64([
      0xff,
      0xd8,
      0xff,
      0xe1,
      ...big16(60_000),
      ...Array.from({ length: 59_998 }, () => 0),
      0xff,
      0xff,
      0xc2,
      0,
      17,
      8,
      ...big16(height),
      ...big16(width),
      3
    ], 300_000),
  webp: (width, height) =>
    base64([
      ...chars("RIFF"),
      0,
      0,
      0,
      0,
      ...chars("WEBPVP8X"),
      10,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      ...little24(width - 1),
      ...little24(height - 1)
    ], 300_000),
  "webp with loss": (width, height) =>
    base64([
      ...chars("RIFF"),
      0,
      0,
      0,
      0,
      ...chars("WEBPVP8 "),
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      157,
      1,
      42,
      ...little16(width),
      ...little16(height)
    ], 300_000),
  "webp without loss": (width, height) => {
    const bits = (width - 1) | ((height - 1) << 14)
    return base64([
      ...chars("RIFF"),
      0,
      0,
      0,
      0,
      ...chars("WEBPVP8L"),
      0,
      0,
      0,
      0,
      47,
      bits & 255,
      bits >> 8 & 255,
      bits >> 16 & 255,
      bits >>> 24 & 255
    ], 300_000)
  }
}

const part = (fields: { readonly [field: string]: unknown }) => ({
  messages: [{ role: "user" as const, content: [{ type: "text", text: "What is this?" }, fields] }],
  max_tokens: 300
})

/** The tokens of a part beside the text around it. */
const tokensOf = (fields: { readonly type: string }) => {
  const around = Pricing.estimateTokens(part({ type: "text" }))
  const { audioInput, input } = Pricing.estimateTokens(part(fields))
  return { audioInput, input: input - around.input - (fields.type.length - "text".length) }
}

const imageOf = (url: string, detail?: string) => ({ type: "image_url", image_url: { url, ...(detail && { detail }) } })

describe("an image", () => {
  it.each(Object.keys(images))("is counted by its size and not by its bytes: %s", (format) => {
    const url = (width: number, height: number) =>
      `data:image/${format.slice(0, 4)};base64,${images[format]!(width, height)}`
    // 1,024 × 1,024 is 765 by the tiles of OpenAI, and 1,399 by the area of Anthropic.
    assert.strictEqual(tokensOf(imageOf(url(1024, 1024))).input, 1399)
    assert.strictEqual(tokensOf(imageOf(url(400, 300))).input, 258)
    assert.strictEqual(tokensOf(imageOf(url(4000, 3000))).input, 1600)
    // Of a small square the four tiles are more than the area.
    assert.strictEqual(tokensOf(imageOf(url(600, 600))).input, 85 + 170 * 4)
    assert.strictEqual(tokensOf(imageOf(url(1024, 1024), "low")).input, 85)
  })

  it("whose size is not known is counted as a large one, whatever its bytes", () => {
    const unknown = [
      imageOf("https://example.com/parcel.png"),
      imageOf(`data:image/png;base64,${"A".repeat(1_400_000)}`),
      imageOf("data:image/heic;base64,AAAA"),
      imageOf("data:image/png;base64,"),
      imageOf("data:image/png;base64,%%%%"),
      imageOf(`data:image/jpeg;base64,${base64([0xff, 0xd8, 0xff, 0xe1, 0, 0], 1000)}`),
      { type: "image_url", image_url: null },
      { type: "image_url" }
    ]
    for (const fields of unknown) assert.strictEqual(tokensOf(fields).input, 1600, JSON.stringify(fields).slice(0, 80))
  })

  it("is counted in the other forms of a part, and in the result of a tool", () => {
    const data = images["png"]!(1024, 1024)
    assert.strictEqual(
      tokensOf({ type: "input_image", image_url: `data:image/png;base64,${data}` } as never).input,
      1399
    )
    const source = { type: "base64", media_type: "image/png", data }
    assert.strictEqual(tokensOf({ type: "image", source } as never).input, 1399)
    const { input } = Pricing.estimateTokens({
      messages: [{ role: "user", content: [{ type: "tool_result", content: [{ type: "image", source }] }] }]
    })
    assert.isTrue(input > 1399 && input < 1600, `${input}`)
  })
})

describe("sound, video and files", () => {
  it("are counted by how long they are", () => {
    const wav = base64(
      [...chars("RIFF"), 0, 0, 0, 0, ...chars("WAVEfmt "), ...Array(12).fill(0), ...little32(48_000)],
      480_000
    )
    const audio = (data: string, format: string) =>
      tokensOf({ type: "input_audio", input_audio: { data, format } } as never)
    assert.deepStrictEqual(audio(wav, "wav"), { input: 0, audioInput: 320 })
    assert.deepStrictEqual(audio(base64([], 480_000), "pcm16"), { input: 0, audioInput: 320 })
    assert.deepStrictEqual(audio(base64([], 40_000), "mp3"), { input: 0, audioInput: 320 })
    const video = `data:video/mp4;base64,${base64([], 2_500_000)}`
    assert.deepStrictEqual(tokensOf({ type: "video_url", video_url: { url: video } } as never), {
      input: 3000,
      audioInput: 0
    })
  })

  it("of a document are counted by its pages, and of a text by its bytes", () => {
    const file = (file_data: string) => tokensOf({ type: "file", file: { file_data } } as never).input
    assert.strictEqual(file(`data:application/pdf;base64,${base64([], 1_000_000)}`), 40_000)
    assert.strictEqual(file(`data:text/plain;base64,${base64([], 3000)}`), 3000)
    assert.strictEqual(tokensOf({ type: "file", file: { file_id: "file-1" } } as never).input, 20_000)
  })
})

describe("text", () => {
  it("is counted by its bytes in any language", () => {
    const input = (content: string) => Pricing.estimateTokens({ messages: [{ role: "user", content }] }).input
    for (const text of ["Where is my parcel?", "我的包裹在哪里？", "🙂é包"]) {
      assert.strictEqual(input(text) - input(""), new TextEncoder().encode(text).length)
    }
  })

  it.effect.prop(
    "of any request makes whole numbers, and never throws",
    {
      content: Schema.Unknown,
      type: Schema.Literals(["text", "image_url", "input_audio", "file", "document", "video"])
    },
    ({ content, type }) =>
      Effect.sync(() => {
        const requests = [content, [content], [{ type, [type]: content, source: content }]].map((content) => ({
          messages: [{ role: "user", content }, content]
        }))
        for (const request of requests) {
          for (const tokens of Object.values(Pricing.estimateTokens(request))) {
            assert.isTrue(Number.isSafeInteger(tokens) && tokens >= 0, `${tokens}`)
          }
        }
      }),
    { arbitrary: { runs: 300 } }
  )
})

describe("the estimate of a request with a picture", () => {
  const picture = part(imageOf(`data:image/png;base64,${"A".repeat(1_400_000)}`))
  const usage = { prompt_tokens: 1049, completion_tokens: 59, total_tokens: 1108 }

  const limited = (rateLimiter: ChatModel.RateLimiterOptions) =>
    Effect.gen(function*() {
      const reply = { choices: [{ message: { content: "A parcel." }, finish_reason: "stop" }], usage }
      const outcome = Behaviour.respond(200, reply)
      const latency = Behaviour.constant("1 second")
      const provider = yield* SimulatedProvider.make({ models: { m: { latency, outcome } } })
      const client = yield* ChatClient.make({ provider: "test", baseUrl: "http://simulated.test/v1" }).pipe(
        Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider))
      )
      const model = yield* Effect.provideService(
        guardedOf({ model: "m", rateLimiter }),
        ChatClient.ChatClient,
        client
      )
      const call = yield* Effect.forkChild(model.complete(picture), { startImmediately: true })
      const { limits: [tokens] } = yield* model.rateLimiter!.snapshot
      yield* Fiber.interrupt(call)
      return 1_000_000 - tokens!.available
    })

  const reserved = (options: Partial<CostLedger.Options> = {}) =>
    Effect.gen(function*() {
      const budgets = [CostLedger.overall(5, "day")]
      const ledger = yield* CostLedger.make({ prices: { plain }, primary: "plain", budgets, ...options })
      const call = yield* Effect.forkChild(ledger.protect(modelOf(Effect.never)).complete(picture), {
        startImmediately: true
      })
      const { budgets: [state] } = yield* ledger.snapshot
      yield* Fiber.interrupt(call)
      return state!.reserved
    })

  it.effect("is the same for a rate limit and a budget, and can be replaced in both", () =>
    Effect.gen(function*() {
      const limits = [RateLimiter.tokens(1_000_000, "1 minute")]
      const { input, output } = Pricing.estimateTokens(picture)
      assert.isBelow(input, 2000)
      assert.strictEqual(yield* limited({ limits }), input + output)
      assert.strictEqual(yield* reserved(), input + output)
      const estimate = () => ({ input: 500, audioInput: 200, output: 100 })
      assert.strictEqual(yield* limited({ limits, estimate }), 800)
      assert.strictEqual(yield* reserved({ estimate }), 800)
      // What is no number does not make a call free.
      const throws = () => {
        throw new Error("no tokenizer")
      }
      for (const estimate of [() => ({ input: NaN, output: 100 }), () => ({ input: -1, output: 100 }), throws]) {
        assert.strictEqual(yield* limited({ limits, estimate }), input + output)
        assert.strictEqual(yield* reserved({ estimate }), input + output)
      }
    }))

  it.effect("reserves sound at its own price", () =>
    Effect.gen(function*() {
      const estimate = () => ({ input: 100, audioInput: 100, output: 0 })
      const prices = { plain: Pricing.price({ input: 1, audioInput: 40, output: 1 }) }
      assert.strictEqual(yield* reserved({ prices, estimate }), 4100)
    }))

  it.effect("reserves a long prompt at the price of its tier", () =>
    Effect.gen(function*() {
      const prices = { plain: Pricing.price({ input: 1, output: 1, tiers: [{ above: 1000, input: 2, output: 3 }] }) }
      const at = (input: number) => reserved({ prices, estimate: () => ({ input, output: 100 }) })
      assert.strictEqual(yield* at(1000), 1100)
      assert.strictEqual(yield* at(1001), 2302)
    }))

  it.effect("is not made of a reply's base64 either, where the reply does not tell what it used", () =>
    Effect.gen(function*() {
      const ledger = yield* CostLedger.make({ prices: { plain }, primary: "plain" })
      const data = base64([], 400_000)
      const spoken = answer(undefined)
      const value = {
        ...spoken.value,
        choices: [{ message: { content: null, audio: { id: "a", data, transcript: "Good day" } } }] as const
      }
      const { bill } = yield* ledger.protect(modelOf(Effect.succeed({ ...spoken, value }))).complete(ask())
      assert.isBelow(bill.used.output, 5000)
    }))
})
