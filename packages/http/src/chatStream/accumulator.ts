/**
 * Adds chunks up to a reply. Grows with the content, not with the number of chunks.
 */
import * as Predicate from "effect/Predicate"
import type * as ChatSchema from "../ChatSchema.ts"
import { unknown } from "../chatReply/asked.ts"
import { continued, continuedThoughts } from "../chatReply/content.ts"
import { ByIndex } from "../chatReply/byIndex.ts"
import { ReplyReader } from "../chatReply/reader.ts"
import { withDistinctIds } from "../chatReply/toolCalls.ts"

type Fields = Map<string, unknown>

interface Choice {
  readonly fields: Fields
  readonly message: Fields
  calls: Map<number, Fields> | undefined
}

export const make = (): Accumulator => new Accumulator()

export class Accumulator {
  private readonly top: Fields = new Map()
  private readonly choices = new ByIndex<Choice>()
  private readonly reader = new ReplyReader()

  add(given: ChatSchema.ChatChunk): void {
    const { reader, top } = this
    // Chunks of a client have the one shape; those of others may not.
    const chunk = (reader.take(given) ?? { ...given, choices: [] }) as ChatSchema.ChatChunk
    for (const field of Object.keys(chunk)) {
      const value = chunk[field]
      if (isLeftOut(field)) continue
      if (firstCounts.has(field)) keepFirst(top, field, value)
      else if (field === "usage") top.set(field, largest(top.get(field), value))
      else keepLast(top, field, value)
    }
    for (const part of chunk.choices) this.addChoice(part)
  }

  /** Adds a chunk that differs from the one that was added last in the texts of {@link isTextsAlone} alone. */
  addTexts(chunk: ChatSchema.ChatChunk): void {
    for (const field in chunk) {
      const value = chunk[field]
      if (typeof value === "string" && !isLeftOut(field) && !firstCounts.has(field)) keepLast(this.top, field, value)
    }
    for (const { delta, index } of chunk.choices) {
      const { message } = this.choices.get(index ?? 0)!
      for (const field in delta) {
        const text = delta[field]
        if (typeof text === "string" && field !== "role") message.set(field, join(message.get(field), text, 0))
      }
    }
  }

  /** What the chunks add up to, or `undefined` while none had a choice. */
  reply(): ChatSchema.ChatReply | undefined {
    const { choices, top } = this
    if (choices.size === 0) return undefined
    const sorted = [...choices].sort(([a], [b]) => a - b).map(([index, choice]) => ({
      finish_reason: null,
      ...fieldsOf(choice.fields),
      index,
      message: messageOf(choice, index, top.get("id") as string | undefined)
    }))
    // The known fields had their types checked in the chunks, and joining keeps types.
    const reply = {
      ...withoutNullUsage(fieldsOf(top)),
      object: "chat.completion",
      choices: sorted
    }
    return reply as unknown as ChatSchema.ChatReply
  }

  model(): string | undefined {
    return this.top.get("model") as string | undefined
  }

  /** What is wrong with the arguments of a tool call, if anything is. */
  toolFault(): string | undefined {
    return this.reader.toolFault(unknown)
  }

  private addChoice(part: ChatSchema.ChatChunk["choices"][number]): void {
    const index = part.index ?? 0
    let choice = this.choices.get(index)
    if (choice === undefined) {
      choice = { fields: new Map(), message: new Map(), calls: undefined }
      this.choices.set(index, choice)
    }
    for (const field of Object.keys(part)) {
      const value = part[field]
      if (field === "index" || field === "delta") continue
      if (field === "logprobs") choice.fields.set(field, join(choice.fields.get(field), value, 0))
      else keepLast(choice.fields, field, value)
    }
    const delta = part.delta ?? {}
    for (const field of Object.keys(delta)) {
      const value = delta[field]
      if (field === "tool_calls") addCalls(choice, delta.tool_calls ?? [])
      else if (field === "role") keepFirst(choice.message, field, value)
      else if (field === "content") choice.message.set(field, continued(choice.message.get(field), value) ?? null)
      else if (field === "reasoning_details") choice.message.set(field, details(choice.message.get(field), value))
      else if (field === "thinking_blocks") choice.message.set(field, blocks(choice.message.get(field), value))
      else choice.message.set(field, join(choice.message.get(field), value, 0))
    }
  }
}

/** Whether all that a chunk says in its deltas are texts, which go on where they stopped. */
export const isTextsAlone = ({ choices }: ChatSchema.ChatChunk): boolean => {
  for (const { delta, logprobs } of choices) {
    if (logprobs !== undefined && logprobs !== null) return false
    for (const field in delta) {
      const value = delta[field]
      if (typeof value !== "string" && value !== undefined && value !== null) return false
    }
  }
  return true
}

/** Padding against eavesdroppers is no part of an answer. */
const isLeftOut = (field: string): boolean => field === "choices" || field === "object" || field === "obfuscation"

const firstCounts = new Set(["id", "created", "model"])

const addCalls = (choice: Choice, parts: ReadonlyArray<NonNullable<ChatSchema.ChatDelta["tool_calls"]>[number]>) => {
  const calls = choice.calls ??= new Map()
  for (const part of parts) {
    const index = part.index ?? 0
    let call = calls.get(index)
    if (call === undefined) calls.set(index, call = new Map())
    for (const [field, value] of Object.entries(part)) {
      if (field === "index") continue
      if (field === "id" || field === "type") keepFirst(call, field, value)
      else call.set(field, join(call.get(field), value, 0))
    }
  }
}

const messageOf = (
  { calls, message }: Choice,
  index: number,
  reply: string | undefined
): Readonly<Record<string, unknown>> => {
  const fields = { role: "assistant", content: null, ...fieldsOf(message) }
  return calls === undefined || calls.size === 0 ? fields : {
    ...fields,
    // Beside calls an empty text is the opening of the stream, not something the model said.
    content: fields.content === "" ? null : fields.content,
    tool_calls: withDistinctIds(
      [...calls].sort(([a], [b]) => a - b).map(([, call]) => callOf(fieldsOf(call))),
      reply,
      index
    )
  }
}

/** In a delta parts may be missing or null; in a call they are there or not. */
const callOf = (call: Readonly<Record<string, any>>): Readonly<Record<string, any>> =>
  Predicate.isReadonlyObject(call["function"])
    ? { ...call, function: { name: "", ...withoutNull(call["function"]) } }
    : call

const withoutNull = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined))

const fieldsOf = (fields: Fields): Readonly<Record<string, any>> => Object.fromEntries(fields)

const withoutNullUsage = ({ usage, ...rest }: Readonly<Record<string, any>>): Readonly<Record<string, unknown>> =>
  usage === null || usage === undefined ? rest : { ...rest, usage }

const keepFirst = (fields: Fields, field: string, value: unknown): void => {
  if (value === undefined || value === null) return
  const before = fields.get(field)
  if (before === undefined || before === null || before === "") fields.set(field, value)
}

/** Details of a reasoning go on where their `index` and their `type` are the same. */
const details = (before: unknown, more: unknown): unknown => {
  if (!Array.isArray(more)) return more ?? before
  const items = Array.isArray(before) ? before : []
  for (const item of more) {
    const at = Predicate.isReadonlyObject(item) && typeof item["index"] === "number"
      ? items.findIndex((known) => known["index"] === item["index"] && known["type"] === item["type"])
      : -1
    if (at < 0) items.push(item)
    else items[at] = join(items[at], item, 0)
  }
  return items
}

const blocks = (before: unknown, more: unknown): unknown =>
  Array.isArray(more) ? continuedThoughts(Array.isArray(before) ? before : [], more) : more ?? before

const keepLast = (fields: Fields, field: string, value: unknown): void => {
  const says = value !== null && value !== undefined && value !== ""
  if (says || !fields.has(field)) fields.set(field, value)
}

/** Names and labels are given once or repeated whole; everything else that is text goes on where it stopped. */
const wholeTexts = new Set(["id", "type", "name", "role", "format", "signature", "thought_signature"])

/** Of each number the largest: a usage at the end of a stream may leave out, or tell as zero, what was told before. */
export const largest = (before: unknown, more: unknown): unknown =>
  typeof before === "number" && typeof more === "number"
    ? Math.max(before, more)
    : Predicate.isReadonlyObject(before) && Predicate.isReadonlyObject(more)
    ? Object.fromEntries(
      Object.keys({ ...before, ...more }).map((field) => [field, largest(before[field], more[field])])
    )
    : more ?? before

/** What was there with more added to it. What was there belongs to the reply and may be changed. */
const join = (before: unknown, more: unknown, depth: number): unknown => {
  if (before === undefined || before === null) return own(more, depth)
  if (more === undefined || more === null) return before
  if (typeof before === "string" && typeof more === "string") return before + more
  if (Array.isArray(before) && Array.isArray(more)) {
    for (const item of more) before.push(item)
    return before
  }
  if (depth < deepest && Predicate.isReadonlyObject(before) && Predicate.isReadonlyObject(more)) {
    const fields: Fields = new Map(Object.entries(before))
    for (const [field, value] of Object.entries(more)) {
      if (wholeTexts.has(field)) keepFirst(fields, field, value)
      else fields.set(field, join(fields.get(field), value, depth + 1))
    }
    return fieldsOf(fields)
  }
  return more
}

const deepest = 4

/** Lists are added to in place, so they must not be those of a chunk that somebody else may hold. */
const own = (value: unknown, depth: number): unknown =>
  Array.isArray(value)
    ? value.slice()
    : Predicate.isReadonlyObject(value) && depth < deepest
    ? Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, own(inner, depth + 1)]))
    : value
