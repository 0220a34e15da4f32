import { Schema } from "effect"

const few = (min: number, max: number) => [Schema.isMinLength(min), Schema.isMaxLength(max)] as const

const Pieces = Schema.Array(Schema.String.check(...few(1, 6))).check(...few(1, 4))

/** What an answer says, from which it is written whole and in the dialects of streams. */
export const Answer = Schema.Struct({
  id: Schema.Literals(["chatcmpl-7", "gen-0b_x"]),
  choices: Schema.Array(Schema.Struct({
    texts: Pieces,
    reasoning: Schema.Union([Schema.Null, Pieces]),
    /** A part of the content that is no text, after the texts. */
    reference: Schema.Boolean,
    calls: Schema.Array(Schema.Struct({
      name: Schema.Literals(["refund", "mail"]),
      arguments: Schema.Struct({ note: Schema.String })
    })).check(Schema.isMaxLength(3)),
    finish: Schema.Literals(["stop", "length", "tool_calls"])
  })).check(...few(1, 2)),
  usage: Schema.Boolean
})
export type Answer = typeof Answer.Type
type Choice = Answer["choices"][number]

/** How an answer is written. */
export const Dialect = Schema.Struct({
  /** Where a choice says it. */
  place: Schema.Literals([
    "delta",
    "message",
    "message so far",
    "delta, and message so far",
    "deltas, and the message last",
    "one event"
  ]),
  content: Schema.Literals(["text", "parts", "parts of one text"]),
  reasoning: Schema.Literals(["reasoning_content", "reasoning", "reasoning_details", "thinking in content"]),
  calls: Schema.Literals(["index and id", "id", "index 0 and id", "index", "neither"]),
  arguments: Schema.Literals(["pieces", "text", "object"]),
  usage: Schema.Literals(["last", "every", "in the choice", "then zero"])
})
export type Dialect = typeof Dialect.Type

const usage = { prompt_tokens: 12, completion_tokens: 30, total_tokens: 42 }

/** The same told by each choice: the prompt, and what itself has written. */
const usageOf = (index: number, choices: number) => {
  const completion_tokens = index === 0 ? 31 - choices : 1
  return { ...usage, completion_tokens, total_tokens: 12 + completion_tokens }
}
const reference = { type: "reference", reference_ids: [1] }

/** Pieces of which none begins as the ones before it: else nobody could tell a message by pieces from one so far. */
const marked = (pieces: ReadonlyArray<string>): ReadonlyArray<string> =>
  pieces.map((text, i) => `${String.fromCharCode(97 + i)}${text}`)

/** The fields of a message that say what a choice says, in the field that a dialect has for reasoning. */
const messageOf = (
  { calls, reasoning, reference: refers, texts }: Choice,
  dialect: Dialect,
  index: number
): Readonly<Record<string, unknown>> => {
  const text = texts.join("")
  const thought = reasoning?.join("")
  const isPart = dialect.reasoning === "thinking in content" && thought !== undefined
  const parts = [
    ...isPart ? [{ type: "thinking", thinking: [{ type: "text", text: thought }] }] : [],
    ...text === "" && isPart ? [] : [{ type: "text", text }],
    ...refers ? [reference] : []
  ]
  return {
    role: "assistant",
    content: parts.length === 1 && !isPart ? text : parts,
    ...thought !== undefined && !isPart && reasoningField(thought, dialect),
    ...calls.length > 0 && { tool_calls: calls.map((call, i) => callOf(call, i, index, dialect)) }
  }
}

const reasoningField = (text: string, { reasoning }: Dialect) =>
  reasoning === "reasoning_details"
    ? { reasoning_details: [{ type: "reasoning.text", index: 0, text }] }
    : { [reasoning]: text }

const hasId = ({ calls }: Dialect) => calls !== "neither" && calls !== "index"

const callOf = (
  call: Choice["calls"][number],
  i: number,
  index: number,
  dialect: Dialect,
  written: unknown = JSON.stringify(call.arguments)
) => ({
  ...hasId(dialect) && { id: `c${index}_${i}` },
  type: "function",
  function: { name: call.name, arguments: written }
})

const mark = (answer: Answer): ReadonlyArray<Choice> =>
  answer.choices.map((choice) => ({
    ...choice,
    texts: marked(choice.texts),
    reasoning: choice.reasoning && marked(choice.reasoning),
    // The same call again may be a message that is repeated.
    calls: choice.calls.map((call, i) => ({ ...call, arguments: { ...call.arguments, order: i } }))
  }))

/** The answer as it would come without streaming. */
export const whole = (answer: Answer, dialect: Dialect) => ({
  id: answer.id,
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: mark(answer).map((choice, index) => ({
    index,
    message: messageOf(choice, dialect, index),
    finish_reason: choice.finish
  })),
  ...answer.usage && { usage }
})

/** The events of a stream that says the same. */
export const events = (answer: Answer, dialect: Dialect): ReadonlyArray<unknown> => {
  const event = (choices: ReadonlyArray<object>, more: object = {}) => ({
    id: answer.id,
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices,
    ...answer.usage && dialect.usage === "every" && { usage },
    ...more
  })
  const choices = mark(answer)
  if (dialect.place === "one event") return [{ ...whole(answer, dialect), object: "chat.completion.chunk" }]
  const said = choices.flatMap((choice, index) => {
    return stepsOf(choice, dialect, index).map((step) =>
      event([{ index, ...placed(step, dialect), finish_reason: null }])
    )
  })
  const ends = choices.map((choice, index) =>
    event([{
      index,
      ...dialect.place === "deltas, and the message last"
        ? { message: messageOf(choice, dialect, index) }
        : dialect.place === "message so far"
        ? { message: messageOf(choice, dialect, index) }
        : { delta: {} },
      finish_reason: choice.finish,
      ...answer.usage && dialect.usage === "in the choice" && { usage: usageOf(index, choices.length) }
    }])
  )
  const last = answer.usage && (dialect.usage === "last" || dialect.usage === "then zero")
    ? [event([], { usage })]
    : []
  const zero = answer.usage && dialect.usage === "then zero"
    ? [event([], { usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } })]
    : []
  return [...said, ...ends, ...last, ...zero]
}

type Delta = Readonly<Record<string, unknown>>

/** What is said in a step, and the message so far without the calls, which come with its end. */
interface Step {
  readonly delta: Delta
  readonly soFar: Delta
}

/** What is said step by step. */
const stepsOf = (choice: Choice, dialect: Dialect, index: number): ReadonlyArray<Step> => {
  const { calls, reference: refers, texts } = choice
  const reasoning = choice.reasoning ?? []
  const soFar = (thoughts: number, said: number, isReferred = false): Delta =>
    messageOf(
      {
        ...choice,
        calls: [],
        texts: texts.slice(0, said),
        reasoning: thoughts === 0 ? null : reasoning.slice(0, thoughts),
        reference: isReferred
      },
      dialect,
      index
    )
  const text = (text: string) =>
    dialect.content === "text"
      ? text
      : dialect.content === "parts"
      ? [{ type: "text", text }]
      : [...text].map((character) => ({ type: "text", text: character }))
  return [
    { delta: { role: "assistant", content: "" }, soFar: { role: "assistant", content: "" } },
    ...reasoning.map((thought, i) => ({
      delta: dialect.reasoning === "thinking in content"
        ? { content: [{ type: "thinking", thinking: [{ type: "text", text: thought }] }] }
        : reasoningField(thought, dialect),
      soFar: soFar(i + 1, 0)
    })),
    ...texts.map((piece, i) => ({ delta: { content: text(piece) }, soFar: soFar(reasoning.length, i + 1) })),
    ...refers ? [{ delta: { content: [reference] }, soFar: soFar(reasoning.length, texts.length, true) }] : [],
    ...calls.flatMap((call, i) => callSteps(call, i, index, dialect)).map((delta) => ({
      delta,
      soFar: soFar(reasoning.length, texts.length, refers)
    }))
  ]
}

const callSteps = (
  call: Choice["calls"][number],
  i: number,
  index: number,
  dialect: Dialect
): ReadonlyArray<Delta> => {
  const place = dialect.calls === "index and id" || dialect.calls === "index"
    ? { index: i }
    : dialect.calls === "index 0 and id"
    ? { index: 0 }
    : {}
  const text = JSON.stringify(call.arguments)
  const half = text.length >> 1
  const id = dialect.calls === "id" ? { id: `c${index}_${i}` } : {}
  return dialect.arguments === "pieces"
    ? [
      { tool_calls: [{ ...place, ...callOf(call, i, index, dialect, "") }] },
      { tool_calls: [{ ...place, ...id, function: { arguments: text.slice(0, half) } }] },
      { tool_calls: [{ ...place, function: { arguments: text.slice(half) } }] }
    ]
    : [{
      tool_calls: [{
        ...place,
        ...callOf(call, i, index, dialect, dialect.arguments === "object" ? call.arguments : text)
      }]
    }]
}

/** A step in the place where the dialect has it. */
const placed = ({ delta, soFar }: Step, { place }: Dialect): object => {
  switch (place) {
    case "message":
      return { message: delta }
    case "message so far":
      return { message: soFar }
    case "delta, and message so far":
      return { delta, message: soFar }
    default:
      return { delta }
  }
}
