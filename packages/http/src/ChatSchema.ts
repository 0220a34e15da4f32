/**
 * The words of a chat-completions conversation: what is asked, what comes back, and what it used.
 *
 * The shapes name the fields that switchgear reads and let every other field through untouched, because providers add
 * fields every month. A request is passed on as it was written; a reply keeps all the provider said.
 *
 * **Gotchas**
 *
 * A known field of a reply that has a type nobody can use (`id: 7`, `usage: "none"`) counts as not given, and the
 * answer beside it stays usable. What must be there is at least one choice with a message. A client gives replies in the
 * one shape that is described here, also where the provider writes them otherwise.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Fields, Message, Role } from "./chatSchema/request.ts"
import { reasoningOf } from "./chatReply/reasoning.ts"

export type { Fields, Message, Role }

const anythingElse = [Schema.Record(Schema.String, Schema.Unknown)] as const

/** A field that counts as not given when it has a type nobody can use. */
const lenient = <S extends Schema.Constraint>(schema: S) =>
  Schema.optional(schema).pipe(Schema.catchDecoding(() => Effect.succeedSome(undefined)))

/**
 * One message of a conversation. `content` is text, a list of parts, or null beside tool calls; only `role` is
 * required.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChatMessage: Schema.Codec<ChatMessage> = Schema.StructWithRest(
  Schema.Struct({
    role: Schema.String,
    content: Schema.optional(Schema.Unknown),
    name: Schema.optional(Schema.Unknown),
    tool_calls: Schema.optional(Schema.Unknown),
    tool_call_id: Schema.optional(Schema.Unknown)
  }),
  anythingElse
) as unknown as Schema.Codec<ChatMessage>

/**
 * What the schema `ChatMessage` decodes to. The schema judges less than the type says.
 *
 * @category schemas
 * @since 0.1.0
 */
export type ChatMessage = Message

/**
 * What a model is asked. Only `model` and `messages` are required, and no value is judged that switchgear does not use:
 * the provider knows its own parameters better.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChatRequest: Schema.Codec<ChatRequest> = Schema.StructWithRest(
  Schema.Struct({
    model: Schema.String,
    messages: Schema.Array(ChatMessage),
    max_completion_tokens: Schema.optional(Schema.Unknown),
    max_tokens: Schema.optional(Schema.Unknown),
    n: Schema.optional(Schema.Unknown),
    reasoning_effort: Schema.optional(Schema.Unknown),
    response_format: Schema.optional(Schema.Unknown),
    seed: Schema.optional(Schema.Unknown),
    stop: Schema.optional(Schema.Unknown),
    stream: Schema.optional(Schema.Unknown),
    stream_options: Schema.optional(Schema.Unknown),
    temperature: Schema.optional(Schema.Unknown),
    tool_choice: Schema.optional(Schema.Unknown),
    tools: Schema.optional(Schema.Unknown),
    top_p: Schema.optional(Schema.Unknown),
    user: Schema.optional(Schema.Unknown)
  }),
  anythingElse
) as unknown as Schema.Codec<ChatRequest>

/**
 * What the schema `ChatRequest` decodes to. The schema judges less than the type says: a value that a type refuses is
 * passed on at run time, and the provider judges it.
 *
 * @category schemas
 * @since 0.1.0
 */
export interface ChatRequest extends Fields {
  readonly model: string
  readonly messages: ReadonlyArray<ChatMessage>
}

/**
 * A call the model wants made. `arguments` is JSON text; in a reply of a client it is that of an object, or empty for a
 * tool without parameters.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ToolCall = Schema.StructWithRest(
  Schema.Struct({
    id: lenient(Schema.String),
    type: lenient(Schema.String),
    function: lenient(Schema.StructWithRest(
      Schema.Struct({ name: Schema.String, arguments: lenient(Schema.String) }),
      anythingElse
    ))
  }),
  anythingElse
)

/**
 * What the schema `ToolCall` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export interface ToolCall extends Schema.Schema.Type<typeof ToolCall> {}

/** A number of tokens. Some gateways write numbers as text. */
const Count = Schema.Union([Schema.Finite, Schema.FiniteFromString])

const PromptTokensDetails = Schema.StructWithRest(
  Schema.Struct({
    cached_tokens: lenient(Count),
    cache_write_tokens: lenient(Count),
    audio_tokens: lenient(Count)
  }),
  anythingElse
)

const CompletionTokensDetails = Schema.StructWithRest(
  Schema.Struct({
    reasoning_tokens: lenient(Count),
    audio_tokens: lenient(Count),
    accepted_prediction_tokens: lenient(Count),
    rejected_prediction_tokens: lenient(Count)
  }),
  anythingElse
)

/**
 * The tokens a reply used, in the provider's own counts. The details are parts of the totals, not additions to them:
 * `cached_tokens` lies within `prompt_tokens`, `reasoning_tokens` within `completion_tokens`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Usage = Schema.StructWithRest(
  Schema.Struct({
    prompt_tokens: lenient(Count),
    completion_tokens: lenient(Count),
    total_tokens: lenient(Count),
    prompt_tokens_details: lenient(PromptTokensDetails),
    completion_tokens_details: lenient(CompletionTokensDetails)
  }),
  anythingElse
)

/**
 * What the schema `Usage` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export interface Usage extends Schema.Schema.Type<typeof Usage> {}

/**
 * What the model said in one choice: text, a refusal, or calls to make.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ReplyMessage = Schema.StructWithRest(
  Schema.Struct({
    role: lenient(Schema.String),
    content: Schema.optional(Schema.Unknown),
    refusal: lenient(Schema.NullOr(Schema.String)),
    tool_calls: lenient(Schema.Array(ToolCall))
  }),
  anythingElse
)

/**
 * What the schema `ReplyMessage` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export interface ReplyMessage extends Schema.Schema.Type<typeof ReplyMessage> {}

/**
 * One of the answers of a reply. `finish_reason` is `stop`, `length`, `tool_calls`, `content_filter`, `function_call`
 * or whatever the provider says instead.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChatChoice = Schema.StructWithRest(
  Schema.Struct({
    index: lenient(Schema.Finite),
    message: ReplyMessage,
    finish_reason: lenient(Schema.NullOr(Schema.String))
  }),
  anythingElse
)

/**
 * What the schema `ChatChoice` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export interface ChatChoice extends Schema.Schema.Type<typeof ChatChoice> {}

/**
 * A whole answer. `model` is the provider's name for what answered, which may differ from the one asked for.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChatReply = Schema.StructWithRest(
  Schema.Struct({
    id: lenient(Schema.String),
    object: lenient(Schema.String),
    created: lenient(Schema.Finite),
    model: lenient(Schema.String),
    choices: Schema.NonEmptyArray(ChatChoice),
    usage: lenient(Usage)
  }),
  anythingElse
)

/**
 * What the schema `ChatReply` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export interface ChatReply extends Schema.Schema.Type<typeof ChatReply> {}

const ToolCallDelta = Schema.StructWithRest(
  Schema.Struct({
    index: lenient(Schema.Finite),
    id: lenient(Schema.NullOr(Schema.String)),
    type: lenient(Schema.NullOr(Schema.String)),
    function: lenient(Schema.StructWithRest(
      Schema.Struct({
        name: lenient(Schema.NullOr(Schema.String)),
        arguments: lenient(Schema.NullOr(Schema.String))
      }),
      anythingElse
    ))
  }),
  anythingElse
)

/**
 * What a chunk adds to the message of a choice. Texts are continued; tool calls are continued by their `index`. Some
 * providers write it otherwise: `ChatStream.decoder` gives it in this shape.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChatDelta = Schema.StructWithRest(
  Schema.Struct({
    role: lenient(Schema.NullOr(Schema.String)),
    content: Schema.optional(Schema.Unknown),
    refusal: lenient(Schema.NullOr(Schema.String)),
    tool_calls: lenient(Schema.NullOr(Schema.Array(ToolCallDelta)))
  }),
  anythingElse
)

/**
 * What the schema `ChatDelta` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export interface ChatDelta extends Schema.Schema.Type<typeof ChatDelta> {}

/**
 * A part of a streamed answer. `choices` is empty in chunks that carry other things, such as the usage at the end.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChatChunk = Schema.StructWithRest(
  Schema.Struct({
    id: lenient(Schema.String),
    object: lenient(Schema.String),
    created: lenient(Schema.Finite),
    model: lenient(Schema.String),
    choices: Schema.Array(Schema.StructWithRest(
      Schema.Struct({
        index: lenient(Schema.Finite),
        delta: lenient(ChatDelta),
        finish_reason: lenient(Schema.NullOr(Schema.String))
      }),
      anythingElse
    )),
    usage: lenient(Schema.NullOr(Usage))
  }),
  anythingElse
)

/**
 * What the schema `ChatChunk` decodes to.
 *
 * @category schemas
 * @since 0.1.0
 */
export interface ChatChunk extends Schema.Schema.Type<typeof ChatChunk> {}

/**
 * The text of the first choice: the content as it stands, the text parts joined when the content is a list, and empty
 * when the model answered with tool calls or a refusal.
 *
 * ```ts
 * import * as ChatSchema from "@switchgear/http/ChatSchema"
 *
 * ChatSchema.text({ choices: [{ message: { content: "Ni hao" }, finish_reason: "stop" }] }) // => "Ni hao"
 * ChatSchema.text({ choices: [{ message: { content: null } }] }) // => ""
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const text = (reply: ChatReply): string => textOf(reply.choices[0].message.content)

/**
 * What the model thought before the first choice, wherever the provider wrote it: `reasoning_content`, `reasoning`,
 * `reasoning_details`, `thinking`, or parts of the content. Empty where it wrote nothing.
 *
 * ```ts
 * import * as ChatSchema from "@switchgear/http/ChatSchema"
 *
 * ChatSchema.reasoning({ choices: [{ message: { content: "7", reasoning_content: "3 + 4" } }] }) // => "3 + 4"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const reasoning = (reply: ChatReply): string => reasoningOf(reply.choices[0].message)

/**
 * The text in the content of a message, whether it is one string or a list of parts.
 *
 * @category combinators
 * @since 0.1.0
 */
export const textOf = (content: unknown): string =>
  typeof content === "string"
    ? content
    : Array.isArray(content)
    ? content.map((part: unknown) =>
      Predicate.isReadonlyObject(part) && typeof part["text"] === "string" ? part["text"] : ""
    ).join("")
    : ""
