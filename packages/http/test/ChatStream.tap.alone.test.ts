import { assert, describe, it } from "@effect/vitest"
import { ChatStream } from "@switchgear/http"
import { Effect, Schema } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as Corruption from "./support/corruption.ts"
import { rows } from "./support/errorTable.ts"
import * as Spoken from "./support/spoken.ts"
import * as Streamed from "./support/streamed.ts"
import * as Texts from "./support/streamTexts.ts"
import { vi } from "vitest"
import { assertJudgesAlike, head, tapped, utf8 } from "./support/tapped.ts"

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 200)
const fuzzed = Number(process.env.SWITCHGEAR_RUNS ?? 400)
const many = { arbitrary: { runs }, timeout: 20_000 + 20 * runs }
const fuzz = { arbitrary: { runs: fuzzed }, timeout: 20_000 + 20 * fuzzed }

const { data, done, says } = Texts

const chunk = (delta: object, finish_reason: string | null = null, more: object = {}) =>
  data({ id: "c", choices: [{ index: 0, delta, finish_reason }], ...more })
const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }

/** Texts in a text that mean something anywhere else. */
const quoted =
  "\"finish_reason\": \"stop\" \"error\": {\"message\": 1} data: [DONE]\n\ndata: {\"usage\":{}}\r\r \\\" {\"content\":\""

const streams: ReadonlyArray<readonly [name: string, stream: string]> = [
  ...Texts.ends.map(([name, stream]) => [name, stream] as const),
  ["an end before anything is said, and another one with the answer", chunk({}, " ") + chunk({ content: "a" }, "stop")],
  ["CRLF", (says("a") + says("b", "stop") + done).replaceAll("\n", "\r\n")],
  ["CR", (says("a") + says("b", "stop") + done).replaceAll("\n", "\r")],
  [
    "a whole reply after blanks",
    ` \t\n  \n\n  ${JSON.stringify({ choices: [{ message: { content: "a" }, finish_reason: "stop" }] })}`
  ],
  [
    "line ends of all kinds",
    says("a").replaceAll("\n", "\r\n") + says("b").replaceAll("\n", "\r") + says("c", "stop") + done
  ],
  [
    "CR and CRLF as an empty line",
    "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\r\n" + says("b", "stop") + done
  ],
  ["a mark of byte order", "\uFEFF" + says("a", "stop") + done],
  ["two marks of byte order", "\uFEFF\uFEFF\n" + says("a", "stop") + done],
  [
    "comments between and within events",
    ": a\n\n:b\n" + says("a") + "\n:c\ndata: {\"choices\":\n:d\ndata: []}\n\n" + says("b", "stop") + ":\n" + done
  ],
  [
    "pings",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n" + says("a") + "event: ping\ndata: x\n\n" + says("b", "stop") + done
  ],
  ["ids and waits", "id: 1\nretry: 10\n" + says("a") + "id: 2\n\nretry: 10\n\n" + says("b", "stop") + done],
  [
    "an event of a name that is no error",
    "event: completion\n" + says("a") + "event: done\n" + says("b", "stop") + done
  ],
  ["an error by the name of its event", says("a") + "event: error\ndata: {}\n\n" + done],
  ["an error by the name of its event before any content", "event: error\n" + says("a") + done],
  [
    "escaped keys",
    says("a") + "data: {\"choices\":[{\"delta\":{\"\\u0063ontent\":\"b\"},\"finish\\u005freason\":\"stop\"}]}\n\n" +
    done
  ],
  ["an escaped error", says("a") + "data: {\"\\u0065rror\":{\"message\":\"x\"}}\n\n" + done],
  [
    "many lines of data",
    says("a") + "data: {\"choices\":\ndata:[{\"delta\":\ndata: {\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\n\n" +
    done
  ],
  [
    "events without an empty line between",
    "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\ndata: [DONE]\n\n"
  ],
  ["[DONE] in small letters", says("a") + "data: [done]\n\n"],
  ["[DONE] in quotes and without a space", says("a") + "data:\"[DONE]\"\n\n"],
  ["[DONE] twice in an event", says("a") + "data: [DONE] [DONE]\n\n"],
  ["[DONE] between the choices", says("a", null, 0) + done + says("b", "stop", 1)],
  [
    "a whole reply instead of a stream",
    JSON.stringify({ choices: [{ message: { content: "a" }, finish_reason: "stop" }], usage }, null, 2)
  ],
  [
    "a whole reply and then events",
    JSON.stringify({ choices: [{ message: { content: "a" }, finish_reason: "stop" }] }) + "\n" + done
  ],
  ["a whole reply within an event", data({ choices: [{ message: { content: "a" }, finish_reason: "stop" }], usage })],
  [
    "messages in the place of deltas",
    data({ choices: [{ message: { content: "a" } }] }) +
    data({ choices: [{ message: { content: "ab" }, finish_reason: "stop" }] })
  ],
  [
    "parts of a content",
    chunk({ content: [{ type: "text", text: "a" }] }) + chunk({ content: [{ type: "text", text: "b" }] }) +
    chunk({}, "stop")
  ],
  ...["reasoning_content", "reasoning", "thinking"].map((field) =>
    [
      `reasoning in ${field}`,
      chunk({ [field]: "hm" }) + chunk({ [field]: "so" }) + chunk({ content: "a" }, "stop") + done
    ] as const
  ),
  [
    "reasoning with details",
    chunk({ reasoning: "hm", reasoning_details: [{ type: "reasoning.text", text: "hm" }] }) +
    chunk({ reasoning: "so", reasoning_details: [{ type: "reasoning.text", text: "so" }] }) +
    chunk({ content: "a" }, "stop")
  ],
  ["reasoning alone", chunk({ reasoning: "hm" }) + chunk({}, "stop") + chunk({}, null, { choices: [], usage }) + done],
  [
    "thoughts in the content",
    chunk({ content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }] }) +
    chunk({ content: "a" }, "stop")
  ],
  [
    "calls alone",
    chunk({ tool_calls: [{ index: 0, id: "1", type: "function", function: { name: "f", arguments: "" } }] }) +
    chunk({ tool_calls: [{ index: 0, function: { arguments: "{\"a\"" } }] }) +
    chunk({ tool_calls: [{ index: 0, function: { arguments: ":1}" } }] }) + chunk({}, "tool_calls") + done
  ],
  [
    "a call with arguments that cannot be read",
    chunk({ tool_calls: [{ index: 0, id: "1", function: { name: "f", arguments: "{" } }] }) + chunk({}, "tool_calls") +
    done
  ],
  ["a refusal", chunk({ refusal: "I" }) + chunk({ refusal: " cannot" }) + chunk({}, "stop") + done],
  [
    "sound",
    chunk({ audio: { id: "a", data: "UklGR" } }) + chunk({ audio: { data: "eg==" } }) + chunk({}, "stop") + done
  ],
  ["an end before the content", chunk({ role: "assistant" }) + chunk({}, "stop") + chunk({ content: "a" }) + done],
  ["an end before any content", chunk({ role: "assistant" }) + chunk({}, "stop") + done],
  ["an end that a filter brought", chunk({ role: "assistant" }) + chunk({}, "content_filter")],
  ["an end in a failure after content", says("a") + chunk({}, "error") + done],
  [
    "choices that take turns",
    [
      says("a", null, 0),
      says("b", null, 1),
      says("c", null, 0),
      says("d", null, 1),
      says("", "stop", 1),
      says("", "length", 0)
    ].join("") + done
  ],
  [
    "choices in one event",
    data({
      choices: [{ index: 0, delta: { content: "a" } }, { index: 1, delta: { content: "b" }, finish_reason: "stop" }]
    }) + says("", "stop")
  ],
  ["usage in the last event", says("a", "stop") + data({ choices: [], usage }) + done],
  [
    "usage in every event",
    chunk({ content: "a" }, null, { usage: { ...usage, completion_tokens: 1 } }) +
    chunk({ content: "b" }, null, { usage }) + chunk({}, "stop", { usage: { completion_tokens: 2 } }) + done
  ],
  ["usage in the choice", says("a") + data({ choices: [{ delta: {}, finish_reason: "stop", usage }] }) + done],
  ["usage of Groq", says("a") + chunk({}, "stop", { x_groq: { id: "r", usage } }) + done],
  ["usage without choices", says("a", "stop") + data({ usage }) + done],
  ["usage after [DONE]", says("a", "stop") + done + data({ choices: [], usage })],
  ...[null, false, "", {}, [], 0, "busy", true, 503, { message: "busy" }, ["busy"]].map((error) =>
    [`an error that is ${JSON.stringify(error)}`, says("a") + data({ error }) + says("b", "stop") + done] as const
  ),
  ...[null, "", { message: "busy" }].map((error) =>
    [
      `an error beside content that is ${JSON.stringify(error)}`,
      says("a") + chunk({ content: "b" }, null, { error }) + says("c", "stop") + done
    ] as const
  ),
  ["events that say nothing known", says("a") + "data: {\"queue\":3}\n\ndata: {}\n\ndata: []\n\n" + done],
  [
    "texts in which a mark stands for a text",
    ["a", "b", "c"].map((content) => chunk({ role: "\ue0000", content })).join("") + says("", "stop")
  ],
  ["an end with every text", ["a", "b", "c"].map((text) => says(text, "stop")).join("") + done],
  [
    "a message beside every delta",
    ["a", "b", "c"].map((text) =>
      data({ choices: [{ delta: { content: text }, message: { role: "assistant", note: [text] } }] })
    )
      .join("") + says("", "stop")
  ],
  [
    "a failing event that begins with more than a byte",
    says("a") + "世: 界\n" + data({ error: { message: "busy" } })
  ],
  ["what is no JSON after the end", says("a", "stop") + "data: {bye}\n\n" + done],
  ["JSON that is no event after the end", says("a", "stop") + "{\"x\":1}\n\n" + done],
  ["half an event after the end", says("a", "stop") + "data: {\"usage\":{\"total"],
  ["an HTML page after content", says("a") + "<html>\n\n" + "{}\n\n"],
  [
    "texts that mean something anywhere else",
    [quoted, "[DONE]", "\"error\":{", "error", "\n\n", "\r"].map((text) => says(text)).join("") + says(quoted, "stop") +
    done
  ],
  [
    "texts of every plane",
    ["a", "é", "世界", "𝄞🎻", "\ud800", "\u0000\u001f\u007f\u2028\ufeff"].map((text) => says(text)).join("") +
    says("", "stop")
  ],
  ["a control character within a text", says("a") + says("b").replace("\"b\"", "\"\u0001\"") + done],
  ["an escape that is none", says("a") + says("b").replace("\"b\"", "\"\\x\"") + done],
  ["an event that only begins as the one before", says("a") + says("b").replace("}]}", "}]") + done],
  ["an event that goes on behind the one before", says("a") + says("b").replace("}]}", "}]},") + done]
]

describe("a tap", () => {
  it.each(streams)("judges %s as the full reader does, wherever it is cut", (_, stream) => {
    const all = utf8(stream)
    assertJudgesAlike([all])
    assertJudgesAlike(Streamed.pieces(all, [1]))
    for (let at = 1; at < all.length; at++) assertJudgesAlike([all.subarray(0, at), all.subarray(at)])
  })

  it("judges bytes that are no UTF-8 as the full reader does, wherever they are cut", () => {
    const bytes = [
      Uint8Array.of(0xc3),
      Uint8Array.of(0xe4, 0xb8),
      Uint8Array.of(0xf0, 0x9f, 0x98),
      Uint8Array.of(0xff, 0x80)
    ]
    for (const odd of bytes) {
      for (const [before, after] of [["\"", "\""], ["\n\n", ""], ["\n\n", "\n"], ["", "\n\n"], ["", "\r"]] as const) {
        const all = new Uint8Array(Buffer.concat([
          utf8(says("a") + "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":" + before),
          odd,
          utf8(after + "},\"finish_reason\":null}]}\n\n" + says("é", "stop") + done)
        ]))
        for (let at = 0; at <= all.length; at++) assertJudgesAlike([all.subarray(0, at), all.subarray(at)])
      }
    }
  })

  it("judges every error of the table as the full reader does, before content and after it", () => {
    for (const { body } of rows) {
      const error = typeof body === "string" ? body : JSON.stringify(body)
      for (const event of [`data: ${error}\n\n`, `event: error\ndata: ${error}\n\n`, `${error}\n\n`]) {
        for (const before of ["", says("a")]) {
          const all = utf8(before + event + says("b", "stop") + done)
          assertJudgesAlike([all])
          assertJudgesAlike(Streamed.pieces(all, [7, 40]))
        }
      }
    }
  })

  it("measures an answer by what was asked for", () => {
    const two = ChatStream.asked({ n: 2 })
    const nothing = ChatStream.asked({ max_tokens: 0 })
    const tools = ChatStream.asked({ tools: [{ type: "function", function: { name: "f" } }] })
    for (const [, stream] of streams) {
      for (const asked of [two, nothing, tools]) assertJudgesAlike(Streamed.pieces(utf8(stream), [33]), asked)
    }
    assert.strictEqual(tapped([utf8(says("a", "stop"))], two).tap.progress() === "whole", false)
    const role = utf8(chunk({ role: "assistant" }) + chunk({}, "length"))
    assert.deepStrictEqual(tapped([role], nothing).passed, role)
  })

  it.effect.prop(
    "judges any answer as the full reader does, in every way of writing it",
    { said: Streamed.Said, dialect: Streamed.Dialect, sizes: Streamed.Sizes },
    ({ dialect, said, sizes }) =>
      Effect.sync(() => {
        const all = Streamed.bytes(said, dialect)
        assertJudgesAlike(Streamed.pieces(all, sizes))
        // All of it, but for the second half of a line end that comes when the answer is whole.
        const { passed } = tapped(Streamed.pieces(all, sizes))
        const isHalved = dialect.lineEnd === "\r\n" && passed.at(-1) === 13
        assert.strictEqual(passed.length, isHalved ? all.length - 1 : all.length)
      }),
    many
  )

  it.effect.prop(
    "judges any answer as the full reader does, in every dialect",
    { answer: Spoken.Answer, dialect: Spoken.Dialect, wire: Streamed.Dialect, sizes: Streamed.Sizes },
    ({ answer, dialect, sizes, wire }) =>
      Effect.sync(() =>
        assertJudgesAlike(Streamed.pieces(Streamed.written(Spoken.events(answer, dialect), wire), sizes))
      ),
    many
  )

  it.effect.prop(
    "judges the beginning of any answer as the full reader does",
    {
      said: Streamed.Said,
      dialect: Streamed.Dialect,
      sizes: Streamed.Sizes,
      end: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999 }))
    },
    ({ dialect, end, said, sizes }) =>
      Effect.sync(() => {
        const all = Streamed.bytes(said, dialect)
        assertJudgesAlike(Streamed.pieces(all.subarray(0, Math.floor(all.length * end / 1000)), sizes))
      }),
    many
  )

  it.effect.prop(
    "judges an answer whose bytes were damaged as the full reader does",
    { said: Streamed.Said, dialect: Streamed.Dialect, sizes: Streamed.Sizes, damages: Texts.Damages },
    ({ damages, dialect, said, sizes }) =>
      Effect.sync(() =>
        assertJudgesAlike(Streamed.pieces(damages.reduce(Texts.damaged, Streamed.bytes(said, dialect)), sizes))
      ),
    fuzz
  )

  it.effect.prop(
    "judges whatever comes instead of an answer as the full reader does",
    { corruption: Corruption.Corruption },
    ({ corruption }) => Effect.sync(() => assertJudgesAlike(Corruption.streamed(corruption).pieces)),
    fuzz
  )

  it.effect.prop(
    "judges any lines as the full reader does",
    { parts: Schema.Array(Schema.Literals(Texts.lines)).check(Schema.isMaxLength(16)), sizes: Streamed.Sizes },
    ({ parts, sizes }) =>
      Effect.sync(() => {
        assertJudgesAlike(parts.map(utf8))
        assertJudgesAlike(Streamed.pieces(utf8(parts.join("")), sizes))
      }),
    fuzz
  )

  it.effect.prop(
    "judges anything at all as the full reader does",
    {
      parts: Schema.Array(Schema.Union([Schema.Literals(Texts.fragments), Schema.String])).check(
        Schema.isMaxLength(24)
      ),
      sizes: Streamed.Sizes
    },
    ({ parts, sizes }) => Effect.sync(() => assertJudgesAlike(Streamed.pieces(utf8(parts.join("")), sizes))),
    fuzz
  )

  const written = (text: string): string => JSON.stringify(text)
  const forms: ReadonlyArray<(text: string) => string> = [
    written,
    written,
    written,
    // Escaped where it need not be.
    (text) =>
      `"${
        [...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")
      }"`,
    // No JSON, or JSON of another kind.
    (text) => `"${text}"`,
    (text) => `"${text}`,
    (text) => `"\\${text}"`,
    (text) => `["${text}"]`,
    () => "null",
    () => "7",
    (text) => `${written(text)},"role":"assistant"`,
    (text) => `${written(text)},"content":"again"`
  ]
  /** Where in an event its texts are. */
  const shapes: ReadonlyArray<(texts: ReadonlyArray<string>) => string> = [
    ([a]) => `{"choices":[{"index":0,"delta":{"content":${a}},"finish_reason":null}]}`,
    ([a, b]) =>
      `{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":${a}},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":${b}}`,
    ([a]) => `{"choices": [{"index": 0, "delta": {"content": ${a}}, "finish_reason": ""}]}`,
    ([a, b]) =>
      `{"choices":[{"delta":{"content":"","reasoning":${a},"reasoning_details":[{"type":"reasoning.text","text":${b},"index":0}]}}]}`,
    ([a]) => `{"choices":[{"index":0,"delta":{"reasoning_content":${a},"content":null}}]}`,
    ([a]) => `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":${a}}}]}}]}`,
    ([a]) => `{"choices":[{"index":1,"delta":{"content":${a}}}]}`,
    ([a, b]) => `{"choices":[{"index":0,"delta":{"content":${a}}},{"index":1,"delta":{"content":${b}}}]}`,
    ([a]) => `{"choices":[{"index":0,"delta":{"content":"x"},"text":${a}}]}`,
    ([a]) => `{"content":${a},"choices":[{"index":0,"delta":{"content":"x"}}]}`,
    ([a, b]) => `{"usage":{"total_tokens":1,"text":${b}},"choices":[{"index":0,"delta":{"content":${a}}}]}`,
    ([a, b]) => `{"choices":[{"index":0,"delta":{"content":${a}},"message":{"content":${b}}}]}`,
    ([a, b]) =>
      `{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":${a}},{"type":"thinking","thinking":${b}}]}}]}`,
    ([a, b]) => `{"error":${b},"choices":[{"index":0,"delta":{"content":${a}}}]}`
  ]
  const Text = Schema.Union([
    Schema.Literals([
      "",
      "a",
      " the",
      "\"",
      "\\",
      "\n",
      "\t",
      "\u0001",
      "世界",
      "\ue0000",
      quoted,
      "\",\"content\":\"",
      "x".repeat(12),
      "x".repeat(13),
      "x".repeat(5000)
    ]),
    Schema.String
  ])
  const indexOf = (list: ReadonlyArray<unknown>) =>
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: list.length - 1 }))

  it.effect.prop(
    "reads events that differ in their texts as if each were parsed",
    {
      events: Schema.Array(Schema.Struct({
        shape: indexOf(shapes),
        again: Schema.Array(Schema.Tuple([Text, Text, indexOf(forms)])).check(
          Schema.isMinLength(1),
          Schema.isMaxLength(6)
        )
      })).check(Schema.isMinLength(1), Schema.isMaxLength(5)),
      sizes: Streamed.Sizes
    },
    ({ events, sizes }) =>
      Effect.sync(() => {
        const lines = events.flatMap(({ again, shape }) =>
          again.map(([a, b, form]) => `data: ${shapes[shape]!([forms[form]!(a), written(b)])}\n\n`)
        )
        assertJudgesAlike(lines.map(utf8))
        const all = utf8(lines.join(""))
        assertJudgesAlike([all])
        assertJudgesAlike(Streamed.pieces(all, sizes.map((size) => size * 40)))
      }),
    fuzz
  )

  it("passes pieces on without copying them", () => {
    const tap = ChatStream.tap(head)
    for (const piece of [says("a"), says("b") + says("c"), done].map(utf8)) {
      const [given, ...others] = tap.push(piece)
      assert.deepStrictEqual([given?.buffer, given?.length, others.length], [piece.buffer, piece.length, 0])
    }
  })

  it("passes nothing on that follows a whole answer and is no part of it", () => {
    const whole = says("a") + says("", "stop")
    for (const more of ["data: {bye}\n\n", "data: 7\n\n", "{\"x\":1}\n\n", "data: {\"usage\":{\"total"]) {
      const { passed, tap } = tapped([utf8(whole + more)])
      assert.deepStrictEqual([tap.progress(), new TextDecoder().decode(passed)], ["whole", whole])
    }
  })

  it("parses a few of many events that differ in their texts alone", () => {
    const parse = vi.spyOn(JSON, "parse")
    try {
      const tap = ChatStream.tap(head)
      const events = Array.from(
        { length: 500 },
        (_, i) => chunk({ content: `w${i}` }, null, { obfuscation: "x".repeat(i % 9) })
      )
      for (const event of events) tap.push(utf8(event))
      assert.strictEqual(tap.contentChunks(), 500)
      assert.isAtMost(parse.mock.calls.length, 8)
    } finally {
      parse.mockRestore()
    }
  })

  it("gives nothing more once an answer has ended", () => {
    for (const end of [done, "data: {\n\n"]) {
      const tap = ChatStream.tap(head)
      tap.push(utf8(says("a", "stop")))
      tap.push(utf8(end))
      const progress = tap.progress()
      assert.deepStrictEqual([tap.push(utf8(says("b"))), tap.end(), tap.progress()], [[], [], progress])
    }
  })

  it("holds an end back with which a reasoning ends, until something is said", () => {
    const tap = ChatStream.tap(head)
    assert.strictEqual(tap.push(utf8(chunk({ reasoning: "hm" }))).length, 1)
    assert.strictEqual(tap.push(utf8(chunk({}, "stop"))).length, 0)
    assert.strictEqual(tap.push(utf8(done)).length, 0)
    assert.strictEqual(Texts.tag(tap.progress()), "MalformedReply")
  })

  it("tells the reasons and the usage", () => {
    const { tap } = tapped([utf8(says("a") + chunk({}, "length", { usage }) + done)])
    assert.deepStrictEqual([...tap.finishReasons()], [[0, "length"]])
    assert.deepStrictEqual<unknown>(tap.usage(), usage)
    assert.isUndefined(tapped([utf8(says("a", "stop") + done)]).tap.usage())
  })

  describe("takes what it is attacked with", () => {
    const mebibyte = 2 ** 20
    const single = Uint8Array.of(0x78)

    it("in pieces of a byte, each of which costs the same", () => {
      const event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" + "x".repeat(mebibyte) +
        "\"},\"finish_reason\":\"stop\"}]}\n\n"
      const reply = JSON.stringify({
        choices: [{ message: { content: "x".repeat(mebibyte) }, finish_reason: "stop" }]
      })
      // Who copies all of it for each byte is at it for an hour.
      for (
        const text of [event, reply, says("a").repeat(15_000) + done, ":\n".repeat(mebibyte / 2) + says("a", "stop")]
      ) {
        const all = utf8(text)
        const tap = ChatStream.tap(head)
        let passed = 0
        const count = (pieces: ReadonlyArray<Uint8Array>) => {
          for (const piece of pieces) passed += piece.length
        }
        for (let i = 0; i < all.length; i++) count(tap.push(all.subarray(i, i + 1)))
        count(tap.end())
        assert.deepStrictEqual([tap.progress(), passed], ["whole", all.length])
      }
    }, 60_000)

    it.each(
      [
        ["an event without an end", "data: ", "x", 11, /an event of more than 10 MiB/],
        ["comments without an empty line", "", ":\n", 33, /more than 32 MiB that are no answer/],
        ["comments before any content", "", ":\n\n", 33, /more than 32 MiB that are no answer/],
        ["comments after content", says("a"), ":\n", 33, /more than 32 MiB that are no answer/],
        ["JSON without an end", "{", "x", 33, /JSON that is no event/]
      ] as const
    )("such as %s, up to a limit", (_, begin, more, most, found) => {
      const tap = ChatStream.tap(head)
      tap.push(utf8(begin))
      const piece = utf8(more.repeat(Math.ceil(mebibyte / more.length)))
      let taken = 0
      while (tap.progress() === "more" && taken < 200) {
        tap.push(piece)
        taken++
      }
      assert.isAtMost(taken, most + 1)
      const progress = tap.progress()
      if (typeof progress === "string" || progress._tag !== "MalformedReply") return assert.fail(String(progress))
      assert.match(progress.found, found)
    })

    it("such as an event of 100 MiB, of which it keeps nothing", () => {
      setFlagsFromString("--expose-gc")
      const collectGarbage: () => void = runInNewContext("gc")
      const weigh = () => {
        // Buffers are given back by another thread: the second time waits for what the first one has found.
        collectGarbage()
        collectGarbage()
        const { arrayBuffers, heapUsed } = process.memoryUsage()
        return arrayBuffers + heapUsed
      }
      const before = weigh()
      const taps = Array.from({ length: 20 }, () => {
        const tap = ChatStream.tap(head)
        tap.push(utf8(says("a") + "data: "))
        const piece = new Uint8Array(mebibyte).fill(single[0]!)
        for (let i = 0; i < 100; i++) assert.strictEqual(tap.push(piece).length, 0)
        return tap
      })
      assert.isBelow(weigh() - before, 2 * mebibyte)
      for (const tap of taps) assert.strictEqual(Texts.tag(tap.progress()), "MalformedReply")
    }, 30_000)

    it("such as texts that make an expression go back and forth", () => {
      const spaces = " ".repeat(mebibyte)
      for (
        const odd of [
          `{"choices":[{"delta":{"content":"a","finish_reason"${spaces}`,
          `{"choices":[{"delta":{"content"${spaces}:"a"}}]}`,
          `{"choices":[{"delta":{"content":"${"{\\\"content\\\": ".repeat(mebibyte / 16)}"}}]}`,
          `{"choices":[{"delta":{"content":"${",\\\"".repeat(mebibyte / 4)}"}}]}`,
          `"error"${spaces}`,
          "[DONE]".repeat(mebibyte / 8)
        ]
      ) assertJudgesAlike([utf8(says("a")), utf8(`data: ${odd}\n\n`), utf8(says("b", "stop") + done)])
    }, 60_000)
  })
})
