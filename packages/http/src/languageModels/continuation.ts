/**
 * What a provider needs back in the next request of a conversation, beside what was said: the reasoning, and the
 * signatures by which it knows its own reasoning again. It is kept in the metadata of the parts of an answer, under
 * `switchgear`, which the platform keeps in the prompt of the next turn.
 *
 * Kept are the fields of these tables, whatever is in them. A provider with a field of its own is a word in a table.
 */
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as ChatSchema from "../ChatSchema.ts"

/** Reasoning in words. Providers want it back in a conversation with tools, and otherwise ignore it or refuse it. */
const reasoningFields: ReadonlySet<string> = new Set(["reasoning_content", "reasoning", "content"])

/** Fields of a message that only the provider can read. */
const messageFields = [
  "reasoning_content",
  "reasoning",
  "reasoning_details",
  "thinking_blocks",
  "extra_content",
  "provider_specific_fields",
  "thought_signature",
  "signature"
]

/** The same of the call of a tool. */
const callFields = ["extra_content", "provider_specific_fields", "thought_signature", "signature"]

/** The fields that are kept, with their values. */
export type Kept = { readonly [field: string]: Schema.Json }

/** What the metadata of a part holds: of the message that it is part of, and of the call that it is. */
export interface Continuation {
  /** The provider that understands it, where that is known. */
  readonly provider?: string | undefined
  readonly message?: Kept | undefined
  readonly toolCall?: Kept | undefined
}

/** The metadata of a part, or nothing where nothing is kept. */
export const metadataOf = ({ message, provider, toolCall }: Continuation) =>
  message === undefined && toolCall === undefined
    ? {}
    : {
      metadata: { switchgear: { ...provider && { provider }, ...message && { message }, ...toolCall && { toolCall } } }
    }

/** What the options of a part in a prompt hold. */
export const of = (options: Readonly<Record<string, unknown>> | undefined): Continuation => {
  const kept = options?.["switchgear"]
  if (!Predicate.isReadonlyObject(kept)) return {}
  const { provider } = kept
  return {
    provider: typeof provider === "string" ? provider : undefined,
    message: keptIn(kept["message"]),
    toolCall: keptIn(kept["toolCall"])
  }
}

const keptIn = (u: unknown): Kept | undefined => Predicate.isReadonlyObject(u) ? u as Kept : undefined

/** What is kept of a whole message. */
export const ofMessage = (message: ChatSchema.ReplyMessage): Kept | undefined => {
  const { content } = message
  return pick({ ...message, ...saysMore(content) ? {} : { content: undefined } }, [...messageFields, "content"])
}

/** What is kept of the call of a tool. Gateways write some of it into its `function`. */
export const ofCall = (call: ChatSchema.ToolCall): Kept | undefined => {
  const inside = pick(call.function ?? {}, callFields)
  const beside = pick(call, callFields)
  return inside === undefined ? beside : { ...beside, function: inside }
}

/** The call of a tool with what is kept of it. */
export const sentCall = <C extends { readonly function: object }>(call: C, kept: Kept | undefined): C => {
  const { function: inside, ...beside } = kept ?? {}
  return {
    ...call,
    ...beside,
    ...Predicate.isReadonlyObject(inside) && { function: { ...call.function, ...(inside as Kept) } }
  }
}

/** What of it goes into a request. The text is what is said now, which the user may have changed. */
export const sent = (kept: Kept | undefined, text: string, withReasoning: boolean): Kept => {
  if (kept === undefined) return {}
  return Object.fromEntries(
    Object.entries(kept).filter(([field, value]) =>
      reasoningFields.has(field) ? withReasoning && (field !== "content" || textIn(value) === text) : true
    )
  )
}

const pick = (from: Readonly<Record<string, unknown>>, fields: ReadonlyArray<string>): Kept | undefined => {
  const kept = fields.flatMap((field) => {
    const value = from[field]
    return value === undefined || value === null ? [] : [[field, value as Schema.Json] as const]
  })
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

const saysMore = (content: unknown): content is ReadonlyArray<unknown> =>
  Array.isArray(content) && content.some((part) => Predicate.isReadonlyObject(part) && part["type"] === "thinking")

const textIn = (content: unknown): string =>
  Array.isArray(content)
    ? content.map((part) => Predicate.isReadonlyObject(part) && typeof part["text"] === "string" ? part["text"] : "")
      .join("")
    : ""

/** Adds up what is kept of a message that comes in pieces. */
export class KeptMessage {
  private readonly fields = new Map<string, unknown>()
  private readonly content: Array<unknown> = []
  private hasThinking = false

  add(delta: ChatSchema.ChatDelta): void {
    for (const field of messageFields) {
      const value = delta[field]
      if (value !== undefined && value !== null) this.fields.set(field, joined(this.fields.get(field), value, field))
    }
    const { content } = delta
    this.hasThinking ||= saysMore(content)
    if (Array.isArray(content)) content.forEach((part) => append(this.content, part))
    else if (this.hasThinking && typeof content === "string" && content !== "") {
      append(this.content, { type: "text", text: content })
    }
  }

  get kept(): Kept | undefined {
    return pick(Object.fromEntries(this.hasThinking ? [...this.fields, ["content", this.content]] : this.fields), [
      ...messageFields,
      "content"
    ])
  }
}

/** Words go on where they stopped, lists grow, and of all else the last that is said counts. */
const joined = (before: unknown, more: unknown, field: string): unknown => {
  if (before === undefined) return Array.isArray(more) ? [...more] : more
  if (typeof before === "string" && typeof more === "string") {
    return wordFields.has(field) ? before + more : more === "" ? before : more
  }
  if (Array.isArray(before) && Array.isArray(more)) {
    // What comes in one piece is whole; only at the seam may a block go on.
    more.forEach((item, i) => i === 0 ? append(before, item) : before.push(item))
    return before
  }
  if (Predicate.isReadonlyObject(before) && Predicate.isReadonlyObject(more)) {
    const fields = new Map(Object.entries(before))
    for (const [name, value] of Object.entries(more)) {
      if (value === null || value === undefined) continue
      const inner = fields.get(name)
      // A list within an item is still that of its chunk, which others may hold.
      fields.set(name, joined(Array.isArray(inner) ? [...inner] : inner, value, name))
    }
    return Object.fromEntries(fields)
  }
  return more
}

const wordFields: ReadonlySet<string> = new Set(["reasoning_content", "reasoning", "text", "summary", "thinking"])

/** Adds an item to a list, or to the last item where that is the beginning of the same block. */
const append = (items: Array<unknown>, item: unknown): void => {
  const last = items.at(-1)
  if (goesOn(last, item)) items[items.length - 1] = joined(last, item, "")
  else items.push(item)
}

/** A block in words goes on until it is signed. */
const goesOn = (block: unknown, more: unknown): boolean =>
  Predicate.isReadonlyObject(block) && Predicate.isReadonlyObject(more) && blocks.has(String(block["type"])) &&
  block["type"] === more["type"] && block["index"] === more["index"] &&
  (block["id"] ?? more["id"]) === (more["id"] ?? block["id"]) &&
  (block["signature"] === undefined || block["signature"] === null || block["signature"] === "")

const blocks: ReadonlySet<string> = new Set(["reasoning.text", "reasoning.summary", "thinking", "text"])
