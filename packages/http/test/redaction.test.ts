import { assert, describe, it } from "@effect/vitest"
import { ChatError, ChatModel, type ChatSchema, LanguageModels } from "@switchgear/http"
import { Cause, Effect, Formatter, Schema } from "effect"
import { AiError } from "effect/ai"
import { inspect } from "node:util"
import { vi } from "vitest"
import { clientOf } from "./support/clientOf.ts"
import * as Plainly from "./support/quotations.ts"
import { ofError } from "./support/spy.ts"

const actual = <A>(file: string): Promise<A> => vi.importActual<A>(`../src/chatError/${file}.ts`)

interface Prompt {
  readonly quotedIn: (text: string) => () => unknown
  readonly end: () => Prompt
}
const { isPlain } = await actual<{ readonly isPlain: (word: string) => boolean }>("plainWords")
const { Prompt } = await actual<{ readonly Prompt: new(texts: Iterable<string>) => Prompt }>("prompt")
const { Sources } = await actual<{ readonly Sources: new(texts: Iterable<string>) => object }>("sourceLetters")
const Quotation = await actual<{
  readonly quotations: (
    texts: ReadonlyArray<string>,
    sources: object
  ) => ReadonlyArray<ReadonlyArray<readonly [number, number]>>
}>("quotation")
const quotations = (texts: ReadonlyArray<string>, sources: Iterable<string>) =>
  Quotation.quotations(texts, new Sources(sources))

const few = (min: number, max: number) => [Schema.isMinLength(min), Schema.isMaxLength(max)] as const
const within = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const failed = (message: string, prompt: ReadonlyArray<string> | Prompt) =>
  ChatError.fromResponse({
    provider: "openai",
    model: "gpt-4.1",
    status: 400,
    headers: { "x-request-id": message },
    body: JSON.stringify({ error: { message, code: message, type: message } }),
    secrets: { apiKey: undefined, prompt: prompt as ReadonlyArray<string> }
  })

const Scripts = Schema.Array(
  Schema.Literals([
    "request",
    "the",
    "maximum",
    "4111",
    "42",
    "Zwiebelmühle",
    "GRÖSSE",
    "„Quarz“",
    "我们的请求",
    "被拒绝了",
    "Привет,",
    "мир",
    "ขอบคุณ",
    "\ud840\udc00\ud840\udc01",
    "𝒜𝒷",
    "Ｑｕａｒｚ９",
    "x²③ﬁn",
    "😀",
    "İzmir",
    "C:\\new\\table",
    "100%",
    "%zz%C3",
    "\\u00e",
    "\ud800",
    "\u0000",
    "<b>\"x\"</b>"
  ])
)

/** As providers and gateways write what they quote. */
const quotings: ReadonlyArray<(text: string) => string> = [
  (text) => text,
  (text) => text.toUpperCase(),
  (text) => text.toLowerCase(),
  (text) => JSON.stringify(text),
  (text) => JSON.stringify(JSON.stringify({ text })),
  (text) => text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  (text) => encodeURIComponent(text.toWellFormed()),
  (text) => encodeURIComponent(text.toWellFormed()).toLowerCase().replaceAll("%20", "+"),
  (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("\"", "&quot;"),
  (text) => text.normalize("NFD"),
  (text) => text.normalize("NFKC"),
  (text) => text.normalize("NFD").replace(/\p{M}+/gu, ""),
  (text) => text.replace(/[!-~]/g, (unit) => String.fromCharCode(unit.charCodeAt(0) + 0xfee0)),
  (text) => text.replaceAll(" ", "\n\t  "),
  (text) => text.replaceAll(" ", ""),
  (text) => `${text.slice(0, text.length >> 1)}...${text.slice(text.length >> 1)}`,
  (text) => `${text.slice(0, 12)}... ${text.slice(-12)}`,
  (text) => Array.from(text).join("-"),
  (text) => Array.from(text).join(" "),
  (text) => text.replace(/../gsu, "$& "),
  (text) => text.slice(0, -3)
]

/** A prompt that counts how often it is read. */
const counting = (texts: ReadonlyArray<string>) => {
  const read = { times: 0 }
  const counted = {
    [Symbol.iterator]: () => {
      read.times++
      return texts[Symbol.iterator]()
    }
  }
  return { read, prompt: new Prompt(counted) }
}

const secret = "Grivolt Askemund wohnt hinter der Zwiebelmühle"

describe("what quotes a prompt is found", () => {
  const Words = Schema.Array(
    Schema.Literals([
      "the",
      "model",
      "request",
      "maximum",
      "context",
      "length",
      "Zorbidat",
      "Quarz",
      "abababab",
      "ababab",
      "x",
      "Ymir!",
      "…",
      "(9)"
    ])
  )
  it.prop("as by a search for every piece of a text in every source", {
    sources: Schema.Array(Words.check(...few(0, 30))).check(...few(0, 4)),
    own: Schema.Array(Words.check(...few(0, 6))).check(...few(3, 3)),
    cuts: Schema.Array(Schema.Struct({ from: within(0, 60), length: within(0, 90) })).check(...few(0, 3))
  }, ({ cuts, own, sources }) => {
    const written = sources.map((words) => words.join(" "))
    const all = written.join(" ")
    const text = cuts.map(({ from, length }, i) => `${own[i]!.join(" ")} ${all.slice(from, from + length)}`).join(" ")
    assert.deepStrictEqual(quotations([text], written)[0], Plainly.quotations(text, written, isPlain), text)
  }, { arbitrary: { runs: 1000 } })

  it.prop("as by that search, however a quotation is written, in whatever script", {
    sources: Schema.Array(Scripts.check(...few(0, 12))).check(...few(1, 3)),
    cuts: Schema.Array(
      Schema.Struct({ from: within(0, 80), length: within(0, 60), writing: within(0, quotings.length - 1) })
    ).check(...few(1, 3))
  }, ({ cuts, sources }) => {
    const written = sources.map((words) => words.join(" "))
    const all = written.join(" ")
    const text = cuts.map(({ from, length, writing }) => `No: ${quotings[writing]!(all.slice(from, from + length))}`)
      .join("; ")
    assert.deepStrictEqual(quotations([text], written)[0], Plainly.quotations(text, written, isPlain), text)
    // What quotes may be written otherwise where it comes from, too.
    const others = written.map((source, i) => quotings[i]!(source))
    assert.deepStrictEqual(quotations([text], others)[0], Plainly.quotations(text, others, isPlain), text)
  }, { arbitrary: { runs: 1000 } })

  it("without a character beside it that is only near to that of the source", () => {
    for (const [first, count] of [[0x0e01, 46], [0x3041, 86], [0x4e00, 128], [0xac00, 128]] as const) {
      const source = `${String.fromCharCode(first)}Zorbida${String.fromCharCode(first)}`
      for (let code = first; code < first + count; code++) {
        const other = String.fromCharCode(code)
        for (const text of [`No: ${other} Zorbida`, `No: Zorbida ${other}`, `No: ${other} ${source} ${other}`]) {
          assert.deepStrictEqual(quotations([text], [source])[0], Plainly.quotations(text, [source], isPlain), text)
        }
      }
    }
  })

  it.prop("as by that search, in the middle of a long source in whatever script", {
    before: Schema.Array(Scripts.check(...few(0, 40))).check(...few(1, 1)),
    after: Schema.Array(Scripts.check(...few(0, 40))).check(...few(1, 1)),
    times: Schema.Struct({ before: within(0, 30), after: within(0, 30) }),
    separator: Schema.Literals(["", " ", "\n\n", "?", " ".repeat(300)]),
    source: Scripts.check(...few(1, 12)),
    own: Scripts.check(...few(0, 3)),
    cut: Schema.Struct({ from: within(0, 80), length: within(0, 60), writing: within(0, quotings.length - 1) })
  }, ({ after, before, cut, own, separator, source, times }) => {
    const said = source.join(separator)
    const long = [
      Array.from({ length: times.before }, () => before[0]!.join(separator)),
      said,
      Array.from({ length: times.after }, () => after[0]!.join(separator))
    ].flat().join(separator)
    const text = `${own.join(" ")} ${quotings[cut.writing]!(said.slice(cut.from, cut.from + cut.length))}`
    assert.deepStrictEqual(quotations([text], [long])[0], Plainly.quotations(text, [long], isPlain), text)
  }, { arbitrary: { runs: 500 } })

  it.prop("as by that search, in a source that repeats itself", {
    period: Schema.Array(Schema.Literals(["a", "ha ", "the ", "request ", "Quarz ", "é", "我"])).check(...few(1, 5)),
    times: within(1, 60),
    from: within(0, 100),
    length: within(0, 200),
    own: Schema.Literals(["", "The request was too long: ", "Nothing of this. "])
  }, ({ from, length, own, period, times }) => {
    const source = `${period.join("").repeat(times)} and the end`
    const text = own + source.slice(from, from + length)
    assert.deepStrictEqual(quotations([text], [source])[0], Plainly.quotations(text, [source], isPlain), text)
  }, { arbitrary: { runs: 300 } })

  it("in an escape or a character that stands at the border between two pieces of a long source", () => {
    const written = ["Rübezahl", "R\\u00fcbezahl", "R%C3%BCbezahl", "Rübez\\u0061hl \\ud83d\\ude00 \ud83d\ude00"]
    for (const quoted of written) {
      for (let at = 2 ** 14 - 24; at < 2 ** 14 + 4; at++) {
        const found = quotations(["No: rübezahl."], [`${"x ".repeat(2 ** 14).slice(0, at)} ${quoted} end`])
        assert.deepStrictEqual(found, [[[4, 12]]], `${quoted} at ${at}`)
      }
    }
  })

  it("in a run of eight letters wherever it stands to the pieces in which a long source is read", () => {
    for (const filler of ["x ", "xyz", "."]) {
      for (let at = 3 * 4096 - 400; at < 3 * 4096 + 20; at++) {
        const source = `${filler.repeat(3 * 4096).slice(0, at)}Zorbidat${"qr ".repeat(3000)}`
        assert.deepStrictEqual(quotations(["No: Zorbidat."], [source]), [[[4, 12]]], `${filler} ${at}`)
      }
    }
  })

  it("where it is spelled out, letter by letter or two by two", () => {
    for (const spelled of ["Z o r b i d a t", "Z-o-r-b-i-d-a-t", "Zo rb id at", "Z, or, bi, d, at"]) {
      const text = `No: ${spelled} (limit 8)`
      assert.deepStrictEqual(quotations([text], ["my Zorbidat"]), [[[4, 4 + spelled.length]]], spelled)
      assert.deepStrictEqual(quotations([text], ["my Zorbidax"]), [[]], spelled)
    }
  })

  it("where it is a number that is written in groups", () => {
    for (const written of ["4111 1111 1111 1234", "4111-1111-1111-1234", "41 11 11 11 11 11 12 34"]) {
      const text = `No card: ${written}. Limit 8`
      const found = quotations([text], ["my card is 4111111111111234, thanks"])
      assert.deepStrictEqual(found, [[[9, 9 + written.length]]], written)
      assert.deepStrictEqual(quotations([text], ["my card is 4222222222222234, thanks"]), [[]], written)
    }
  })

  it("in a run of plain words whose parts were said before", () => {
    const quoted = "please reduce the length of the messages or the completion"
    const parts = Array.from({ length: 10 }, (_, i) => quoted.slice(5 * i, 5 * i + 22)).join(" zq ")
    const source = `${parts} ${"x ".repeat(5000)}`
    assert.deepStrictEqual(quotations([`No: ${quoted}.`], [source]), [[]])
    assert.lengthOf(quotations([`No: ${quoted}.`], [`${source}${quoted} ${"y ".repeat(100)}`])[0]!, 1)
  })

  it("up to the first half of a character of four bytes, by which eight letters are complete", () => {
    const source = `${"x ".repeat(3000)} Zorbida\ud840\udc00 ${"y ".repeat(3000)}`
    assert.lengthOf(quotations(["No: Zorbida\ud840\udc01."], [source])[0]!, 1)
    assert.deepStrictEqual(
      quotations(["No: Zorbida\ud840\udc01."], [source]),
      quotations(["No: Zorbida\ud840\udc01."], [source.slice(5990, 6010)])
    )
  })

  it.prop("wherever it stands in a long source", {
    at: within(0, 70_000),
    from: within(0, 20),
    length: within(8, 26)
  }, ({ at, from, length }) => {
    const source = `${"lorem ipsum ".repeat(6000).slice(0, at)} ${secret} ${"dolor sit amet ".repeat(3000)}`
    const text = `Invalid: ${secret.slice(from, from + length)}`
    assert.deepStrictEqual(quotations([text], [source]), quotations([text], [secret]))
  }, { arbitrary: { runs: 50 } })

  it("in a run of plain words that crosses the border between two pieces of a long source", () => {
    const quoted = "please reduce the length of the messages or the completion"
    for (let at = 2 ** 15 - 70; at < 2 ** 15 + 10; at++) {
      const source = `${"x ".repeat(2 ** 15).slice(0, at)} ${quoted} ${"y ".repeat(100)}`
      assert.lengthOf(quotations([`No: ${quoted}.`], [source])[0]!, 1, `${at}`)
    }
  })

  it("in texts that are searched together as in each by itself", () => {
    const texts = ["", "nothing here", `it says ${secret}`, "Askemund w", secret.toUpperCase(), "Zwiebelm%C3%BChle"]
    assert.deepStrictEqual(quotations(texts, [secret]), texts.flatMap((text) => quotations([text], [secret])))
  })

  it("in a text that repeats itself as a source does, in bounded time", () => {
    const found = quotations([`${"a".repeat(31)}c`.repeat(30)], [`${"a".repeat(31)}b`.repeat(30_000)])
    assert.lengthOf(found[0]!, 1)
  })
})

describe("a prompt", () => {
  it("is not read for errors that nobody reads", () => {
    const { prompt, read } = counting([secret])
    const errors = Array.from({ length: 100 }, () => failed(`You said ${secret}`, prompt))
    assert.deepStrictEqual([errors.length, read.times], [100, 0])
  })

  it("is read once for all texts of all errors that are there, and then not kept", () => {
    const { prompt, read } = counting([secret])
    const errors = Array.from({ length: 8 }, (_, i) => failed(`${i}. You said ${secret}`, prompt))
    for (const error of [...errors, ...errors]) {
      assert.match(error.message, /\(400 \d\. You said \[prompt\]/)
      assert.notInclude(`${error.code} ${error.type} ${error.requestId}`, "Grivolt")
    }
    assert.strictEqual(read.times, 1)
  })

  it("is searched once for an error that parks the key by its words, to classify it and to show it", () => {
    // It is read twice: for the lengths of its texts, and to be searched.
    const { prompt, read } = counting([secret.repeat(8)])
    const message = `Your credit balance is too low to access the API. ${"Sorry. ".repeat(300)}`
    const error = failed(message, prompt)
    assert.deepStrictEqual([error._tag, read.times], ["QuotaExhausted", 2])
    assert.include(`${error.message} ${error.requestId} ${error.type}`, "credit balance")
    assert.strictEqual(read.times, 2)
  })

  it("is read once whatever attempts say, although each error is read before the next attempt", () => {
    const { prompt, read } = counting([secret, `${"x ".repeat(5000)}Quarzmund${" y".repeat(5000)}`])
    for (let i = 0; i < 200; i++) {
      assert.include(failed(`${i}. You said ${secret}`, prompt).message, `${i}. You said [prompt]`)
      assert.include(failed(`${i}. It has QUARZ-MUND in it`, prompt).message, `${i}. It has [prompt] in it`)
      assert.include(failed(`Attempt ${i} of req_f4Kz9Q${i}`, prompt).message, `Attempt ${i} of req_f4Kz9Q${i}`)
    }
    assert.strictEqual(read.times, 1)
  })

  it.prop("is found whatever other prompts are read and ended meanwhile, although they share memory", {
    deeds: Schema.Array(
      Schema.Struct({
        prompt: within(0, 5),
        deed: Schema.Literals(["read", "read", "read", "end"]),
        says: within(0, 5)
      })
    ).check(...few(40, 60))
  }, ({ deeds }) => {
    const said = Array.from({ length: 6 }, (_, i) => `Grivolt${"abcdef"[i]!.repeat(3)} wohnt im Quarzmund`)
    const filler = "lorem ipsum dolor sit amet ".repeat(6000)
    const long = said.map((each, i) => i % 2 === 0 ? `${filler}${each} ${filler}` : each)
    const prompts = long.map((text) => new Prompt([text]))
    deeds.forEach(({ deed, prompt, says }, i) => {
      if (deed === "end") return void prompts[prompt]!.end()
      const text = `${i}: ${said[says]!}`
      assert.deepStrictEqual(prompts[prompt]!.quotedIn(text)(), Plainly.quotations(text, [said[prompt]!], isPlain))
    })
  }, { arbitrary: { runs: 30 } })

  it.effect("is not read for an `AiError` before it is shown", () =>
    Effect.gen(function*() {
      const { prompt, read } = counting([secret])
      const model = ChatModel.of({ name: "m", complete: () => Effect.fail(failed(`You said ${secret}`, prompt)) })
      const languageModel = yield* LanguageModels.make(model)
      const error = yield* Effect.flip(languageModel.generateText({ prompt: "hello" }))
      assert.deepStrictEqual([AiError.isAiError(error), error.isRetryable, read.times], [true, false, 0])
      const shown = ofError(error).join("\n")
      assert.include(shown, "You said [prompt]")
      assert.notInclude(shown, "Grivolt")
      assert.strictEqual(read.times, 1)
    }))

  it("is not read for words that say nothing", () => {
    const { prompt, read } = counting([secret])
    assert.include(failed("invalid request", prompt).message, "invalid request")
    assert.strictEqual(read.times, 0)
  })

  it("is hidden although the list it came in has been changed", () => {
    const prompt = [secret]
    const error = failed(`You said ${secret}`, prompt)
    prompt.length = 0
    assert.strictEqual(error.detail, "You said [prompt]")
  })
})

describe("an error that was not read yet", () => {
  const ways: Readonly<Record<string, (error: ChatError.ChatError) => unknown>> = {
    message: (error) => error.message,
    stack: (error) => error.stack,
    "its fields": (error) => ({ ...error }),
    "copied fields": (error) => Object.assign({}, error),
    descriptors: (error) => inspect(Object.getOwnPropertyDescriptors(error), { depth: 20, showHidden: true }),
    inspect: (error) => inspect(error, { depth: 20 }),
    "inspect of what is hidden": (error) => inspect(error, { depth: 20, showHidden: true, customInspect: false }),
    "inspect with getters": (error) => inspect(error, { depth: 20, getters: true, showHidden: true }),
    JSON: (error) => JSON.stringify(error),
    toJSON: (error) => (error as { toJSON?: () => unknown }).toJSON?.(),
    structuredClone: (error) => structuredClone(error),
    schema: (error) => Schema.encodeSync(Schema.toCodecJson(ChatError.ChatError))(error),
    pretty: (error) => Cause.pretty(Cause.fail(error)),
    format: (error) => Formatter.format(error),
    "a child": (error) => Object.create(error).detail,
    frozen: (error) => Object.freeze(error).detail
  }
  for (const [name, way] of Object.entries(ways)) {
    it(`shows no prompt as ${name}`, () => {
      const error = failed(`You said ${secret}`, [secret])
      const seen = inspect(way(error), { depth: 20, showHidden: true })
      for (let i = 0; i + 8 <= secret.length; i++) assert.notInclude(seen, secret.slice(i, i + 8))
      assert.strictEqual(error.detail, "You said [prompt]")
    })
  }
})

/** A request in which a text stands in a place where somebody else wrote it. */
const places: ReadonlyArray<(text: string) => unknown> = [
  (content) => ({ messages: [{ role: "user", content }] }),
  (text) => ({ messages: [{ role: "user", content: [{ type: "text", text }] }] }),
  (type) => ({ messages: [{ role: "user", content: [{ type }] }] }),
  (format) => ({ messages: [{ role: "user", content: [{ type: "custom", format }] }] }),
  (name) => ({ messages: [{ role: "user", name, content: "x" }] }),
  (role) => ({ messages: [{ role, content: "x" }] }),
  (detail) => ({ messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x", detail } }] }] }),
  (tool_call_id) => ({ messages: [{ role: "tool", tool_call_id, content: "x" }] }),
  (written) => ({
    messages: [{ role: "assistant", tool_calls: [{ function: { arguments: JSON.stringify({ who: written }) } }] }]
  }),
  (who) => ({ messages: [{ role: "assistant", tool_calls: [{ function: { arguments: { who } } }] }] }),
  (name) => ({ messages: [{ role: "assistant", tool_calls: [{ function: { arguments: { [name]: 1 } } }] }] }),
  (reasoning_content) => ({ messages: [{ role: "assistant", reasoning_content }] }),
  (detail) => ({ metadata: { detail } }),
  (type) => ({ metadata: { type } }),
  (name) => ({ metadata: { [name]: "x" } }),
  (user) => ({ user }),
  (stop) => ({ stop: [stop] }),
  (content) => ({ prediction: { type: "content", content } }),
  (description) => ({ tools: [{ type: "function", function: { name: "f", description } }] }),
  (name) => ({ tools: [{ type: "function", function: { name } }] }),
  (text) => ({ tools: [{ function: { name: "f", parameters: { properties: { a: { enum: [text] } } } } }] }),
  (name) => ({ tools: [{ function: { name: "f", parameters: { properties: { [name]: { type: "string" } } } } }] }),
  (name) => ({ response_format: { type: "json_schema", json_schema: { name, schema: {} } } }),
  (definition) => ({ tools: [{ type: "custom", custom: { format: { type: "grammar", grammar: { definition } } } }] }),
  (text) => ({ anything: [[[{ type: [text] }]]] }),
  (text) => ({ anything: { toJSON: () => ({ format: text }) } }),
  (text) => ({ reasoning_effort: text, service_tier: text, verbosity: text }),
  (text) => ({ models: [text, "openai/gpt-4.1"] }),
  (text) => ({ deep: Array.from({ length: 300 }).reduce((inner) => [inner], text) })
]

const writings: ReadonlyArray<(text: string) => string> = [
  (text) => text,
  (text) => text.slice(3),
  (text) => text.slice(0, -5),
  (text) => text.toUpperCase(),
  (text) => JSON.stringify(text),
  (text) => JSON.stringify(JSON.stringify({ text })),
  (text) => encodeURIComponent(text),
  (text) => text.replaceAll(" ", "\n\t")
]

describe("whatever a request says is in no error that quotes it", () => {
  it.effect.prop("wherever it stands and however it is written", {
    place: within(0, places.length - 1),
    writing: within(0, writings.length - 1),
    syllables: Schema.Array(
      Schema.Literals(["zor", "quil", "vax", "műl", "thyn", "žep", "gor", " dwi", " ksu", " Öbr"])
    )
      .check(...few(5, 12)),
    status: Schema.Literals([400, 401, 403, 404, 413, 422, 429, 500, 503, 200])
  }, ({ place, status, syllables, writing }) =>
    Effect.gen(function*() {
      const marker = `Qy${syllables.join("")}wex`
      const quoted = `Invalid value: '${writings[writing]!(marker)}' here`
      const error = { message: quoted, code: quoted, type: quoted }
      const client = yield* clientOf(() =>
        new Response(JSON.stringify({ error }), { status, headers: { "x-request-id": encodeURIComponent(quoted) } })
      )
      const request = { messages: [], ...places[place]!(marker) as object, model: "gpt-4.1" }
      const failure = yield* Effect.flip(client.complete(request as ChatSchema.ChatRequest))
      const seen = ofError(failure).join("\n").toLowerCase()
      for (const word of marker.toLowerCase().split(" ").filter(({ length }) => length >= 8)) {
        for (let i = 0; i + 8 <= word.length; i++) assert.notInclude(seen, word.slice(i, i + 8), `${places[place]}`)
      }
    }), { arbitrary: { runs: 400 } })

  it.effect("and what the protocol says is shown", () =>
    Effect.gen(function*() {
      const message =
        "Invalid 'response_format': json_schema with additionalProperties needs strict, reasoning_effort minimal"
      const client = yield* clientOf(() => new Response(JSON.stringify({ error: { message } }), { status: 400 }))
      const failure = yield* Effect.flip(client.complete({
        model: "gpt-4.1",
        reasoning_effort: "minimal",
        messages: [{ role: "user", content: "Hello" }],
        response_format: {
          type: "json_schema",
          json_schema: { strict: true, schema: { type: "object", additionalProperties: false } }
        }
      }))
      assert.strictEqual(failure.detail, message)
    }))
})
