import { type ChatSchema, ChatStream } from "@switchgear/http"
import { Schema } from "effect"

const few = (min: number, max: number) => [Schema.isMinLength(min), Schema.isMaxLength(max)] as const

const Word = Schema.String.check(...few(1, 6))

/** What an answer says, from which both its streamed and its whole form are made. */
export const Said = Schema.Struct({
  choices: Schema.Array(Schema.Struct({
    texts: Schema.Array(Word).check(...few(0, 5)),
    reasoning: Schema.Array(Word).check(...few(0, 2)),
    calls: Schema.Array(Schema.Struct({ name: Word, args: Schema.Array(Word).check(...few(0, 4)) })).check(
      ...few(0, 2)
    ),
    finish_reason: Schema.Literals(["stop", "length", "tool_calls", "content_filter"])
  })).check(...few(1, 3)),
  usage: Schema.Literals(["none", "last", "every"])
})
export type Said = typeof Said.Type

/** How the answer travels. */
export const Dialect = Schema.Struct({
  lineEnd: Schema.Literals(["\n", "\r\n", "\r"]),
  between: Schema.Literals([
    "",
    ": keep-alive",
    "event: ping\ndata: {\"type\":\"ping\"}",
    "data:",
    "retry: 10",
    "id: 7"
  ]),
  space: Schema.Literals([" ", ""]),
  layout: Schema.Literals(["one line", "many lines"]),
  done: Schema.Literals(["[DONE]", "absent", "without empty line"])
})
export type Dialect = typeof Dialect.Type

/** The sizes in which the bytes arrive, over and over. */
export const Sizes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 }))).check(...few(1, 8))

const usage = {
  prompt_tokens: 12,
  completion_tokens: 30,
  total_tokens: 42,
  completion_tokens_details: { reasoning_tokens: 7 }
}
const common = { id: "chatcmpl-1", created: 1_790_000_000, model: "gpt-4.1-2025", system_fingerprint: null }

/** What a choice says in text: a choice without a tool call has something that can be read. */
const textsOf = ({ calls, texts }: Said["choices"][number]): ReadonlyArray<string> =>
  calls.length === 0 && !/[^\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u.test(texts.join(""))
    ? [...texts, "."]
    : texts

/** The arguments of a call, which are JSON. */
const argumentsOf = ({ args }: Said["choices"][number]["calls"][number]): string =>
  JSON.stringify({ said: args.join("") })

/** The arguments in one piece more than there are words. */
const argumentPieces = (call: Said["choices"][number]["calls"][number]): ReadonlyArray<string> => {
  const text = argumentsOf(call)
  const size = Math.ceil(text.length / (call.args.length + 1))
  return Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size))
}

/** The answer as it would come without streaming. */
export const reply = (said: Said) => ({
  ...common,
  object: "chat.completion",
  choices: said.choices.map((choice, index) => [choice, textsOf(choice), index] as const).map((
    [{ calls, finish_reason, reasoning }, texts, index]
  ) => ({
    index,
    message: {
      role: "assistant",
      content: texts.length > 0 ? texts.join("") : calls.length > 0 ? null : "",
      refusal: null,
      ...(reasoning.length > 0 ? { reasoning_content: reasoning.join("") } : {}),
      ...(calls.length > 0
        ? {
          tool_calls: calls.map((call, i) => ({
            id: `call_${index}_${i}`,
            type: "function",
            function: { name: call.name, arguments: argumentsOf(call) }
          }))
        }
        : {})
    },
    logprobs: null,
    finish_reason
  })),
  ...(said.usage === "none" ? {} : { usage })
})

/** The answer in the chunks in which OpenAI would send it, the choices taking turns. */
export const chunks = (said: Said): ReadonlyArray<ChatSchema.ChatChunk> => {
  const chunk = (choices: ReadonlyArray<unknown>, last = false) => ({
    ...common,
    object: "chat.completion.chunk",
    choices,
    ...(said.usage === "none" ? {} : { usage: said.usage === "every" || last ? usage : null }),
    obfuscation: "xx"
  })
  const deltas = said.choices.map((choice, index) => {
    const { calls, finish_reason, reasoning } = choice
    const part = (delta: object, finish_reason: string | null = null) => ({
      index,
      delta,
      logprobs: null,
      finish_reason
    })
    return [
      part({ role: "assistant", content: "", refusal: null }),
      ...reasoning.map((text) => part({ reasoning_content: text })),
      ...textsOf(choice).map((content) => part({ content })),
      ...calls.flatMap((call, i) => [
        part({
          tool_calls: [{
            index: i,
            id: `call_${index}_${i}`,
            type: "function",
            function: { name: call.name, arguments: "" }
          }]
        }),
        ...argumentPieces(call).map((text) => part({ tool_calls: [{ index: i, function: { arguments: text } }] }))
      ]),
      part({}, finish_reason)
    ]
  })
  const longest = Math.max(...deltas.map(({ length }) => length))
  return [
    ...Array.from({ length: longest }, (_, i) => deltas.flatMap((parts) => parts[i] === undefined ? [] : [parts[i]]))
      .flat().map((choice) => chunk([choice])),
    ...(said.usage === "none" ? [] : [chunk([], true)])
  ] as unknown as ReadonlyArray<ChatSchema.ChatChunk>
}

/** The bytes of the answer. */
export const bytes = (said: Said, dialect: Dialect): Uint8Array => written(chunks(said), dialect)

/** The bytes of an event for each JSON. */
export const written = (jsons: ReadonlyArray<unknown>, dialect: Dialect): Uint8Array => {
  const data = (json: unknown) =>
    (dialect.layout === "one line" ? JSON.stringify(json) : JSON.stringify(json, null, 1))
      .split("\n").map((line) => `data:${dialect.space}${line}`).join("\n")
  const events = jsons.flatMap((json) => dialect.between === "" ? [data(json)] : [dialect.between, data(json)])
  if (dialect.done !== "absent") events.push("data: [DONE]")
  const end = dialect.done === "without empty line" ? "" : "\n\n"
  return new TextEncoder().encode((events.join("\n\n") + end).replaceAll("\n", dialect.lineEnd))
}

/** The same bytes in pieces. */
export const pieces = (all: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const cut: Array<Uint8Array> = []
  for (let at = 0, i = 0; at < all.length; i++) {
    const size = sizes[i % sizes.length]!
    cut.push(all.subarray(at, at + size))
    at += size
  }
  return cut
}

const head = { provider: "openai", model: "gpt-4.1", status: 200, headers: {} }

/** What a decoder makes of the pieces, to their end. */
export const decoded = (cut: ReadonlyArray<Uint8Array>) => {
  const decoder = ChatStream.decoder(head)
  const chunks = [...cut.flatMap(decoder.push), ...decoder.end()]
  return { chunks, progress: decoder.progress() }
}

export const text = (...lines: ReadonlyArray<string>) => decoded([new TextEncoder().encode(lines.join(""))])
