/** A prompt with its tools, as a chat-completions request. What cannot be said in one is an error, never left out. */
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as OpenAiStructuredOutput from "effect/ai/OpenAiStructuredOutput"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import { noteMessage } from "../chatRequest/providerFields.ts"
import type * as ChatModel from "../ChatModel.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as Continuation from "./continuation.ts"

/** The schemas of objects keep to the subset that providers promise to follow. */
export const codecTransformer: LanguageModel.CodecTransformer = OpenAiStructuredOutput.toCodecOpenAI

type Written<A> = Effect.Effect<A, AiError.AiErrorReason>

type Field = { readonly [name: string]: unknown }

export const chatRequest = (options: LanguageModel.ProviderOptions): Written<ChatModel.Request> =>
  Effect.gen(function*() {
    // Without tools, DeepSeek ignores earlier reasoning or refuses it; with them it must be there.
    const withReasoning = options.tools.length > 0 || options.prompt.content.some(callsTools)
    const messages = yield* Effect.forEach(options.prompt.content, messagesOf(withReasoning))
    const tools = yield* Effect.forEach(options.tools, toolOf)
    return {
      messages: messages.flat(),
      ...tools.length > 0 && { tools, tool_choice: toolChoiceOf(options.toolChoice) },
      ...options.responseFormat.type === "json" && { response_format: yield* jsonFormat(options.responseFormat) }
    }
  })

const callsTools = (message: Prompt.Message): boolean =>
  message.role === "assistant" && message.content.some(({ type }) => type === "tool-call")

const messagesOf =
  (withReasoning: boolean) => (message: Prompt.Message): Written<ReadonlyArray<ChatSchema.ChatMessage>> => {
    switch (message.role) {
      case "system":
        return Effect.succeed([{ role: "system", content: message.content }])
      case "user":
        return Effect.map(Effect.forEach(message.content, contentOf), (content) => [{
          role: "user",
          content: content.length === 1 && content[0]!.type === "text" ? String(content[0]!["text"]) : content
        }])
      case "assistant":
        return assistantMessage(message, withReasoning)
      case "tool":
        return Effect.forEach(message.content.filter((part) => part.type === "tool-result"), toolMessage)
    }
  }

type Content = { readonly type: string; readonly [field: string]: unknown }

const contentOf = (part: Prompt.UserMessagePart): Written<Content> => {
  if (part.type === "text") return Effect.succeed({ type: "text", text: part.text })
  const { data, fileName: filename = "file.pdf", mediaType } = part
  if (mediaType.startsWith("image/")) {
    const url = data instanceof URL ? data.href : dataUrl(mediaType === "image/*" ? "image/jpeg" : mediaType, data)
    return Effect.succeed({ type: "image_url", image_url: { url } })
  }
  if (!(data instanceof URL)) {
    if (mediaType === "application/pdf") {
      return Effect.succeed({ type: "file", file: { filename, file_data: dataUrl(mediaType, data) } })
    }
    const format = audioFormats.get(mediaType)
    if (format !== undefined) {
      return Effect.succeed({ type: "input_audio", input_audio: { data: base64(data), format } })
    }
  }
  return unsendable(`a file of type ${mediaType}${data instanceof URL ? " by its address" : ""}`)
}

const audioFormats = new Map([
  ["audio/wav", "wav"],
  ["audio/x-wav", "wav"],
  ["audio/mpeg", "mp3"],
  ["audio/mp3", "mp3"]
])

const base64 = (data: string | Uint8Array): string => typeof data === "string" ? data : Base64.encode(data)

const dataUrl = (mediaType: string, data: string | Uint8Array): string => `data:${mediaType};base64,${base64(data)}`

const assistantMessage = (
  { content }: Prompt.AssistantMessage,
  withReasoning: boolean
): Written<ReadonlyArray<ChatSchema.ChatMessage>> =>
  Effect.gen(function*() {
    let text = ""
    let kept: Continuation.Kept | undefined
    let writtenBy: string | undefined
    const calls: Array<ChatSchema.ToolCall> = []
    const plainCalls: typeof calls = []
    for (const part of content) {
      const { message, provider, toolCall } = Continuation.of(part.options)
      kept ??= message
      writtenBy ??= provider
      if (part.type === "text") text += part.text
      else if (part.type === "tool-call" && !part.providerExecuted) {
        const call = {
          id: part.id,
          type: "function",
          function: { name: part.name, arguments: yield* json(part.name, part.params ?? {}) }
        }
        plainCalls.push(call)
        calls.push(Continuation.sentCall(call, toolCall))
      } else if (!unsaid.has(part.type)) {
        return yield* unsendable(part.type === "file" ? "a file in an answer" : `what the provider did with a tool`)
      }
    }
    if (text === "" && calls.length === 0) return []
    const said = { role: "assistant" as const, content: text === "" ? null : text }
    const message = {
      ...said,
      ...Continuation.sent(kept, text, withReasoning),
      ...calls.length > 0 && { tool_calls: calls }
    }
    if (writtenBy !== undefined) {
      noteMessage(message, writtenBy, { ...said, ...calls.length > 0 && { tool_calls: plainCalls } })
    }
    return [message]
  })

/** Parts of an answer that are no text of the message: what the model thought, and what was agreed with the user. */
const unsaid: ReadonlySet<string> = new Set(["reasoning", "tool-approval-request"])

const toolMessage = (part: Prompt.ToolResultPart): Written<ChatSchema.ChatMessage> => {
  const { id, modelOutput, name, result } = part
  const content = modelOutput === undefined
    ? typeof result === "string" ? Effect.succeed(result) : json(name, result ?? null)
    // A file in it is named in the text: tools answer in text only.
    : Effect.succeed(Prompt.toolModelOutputToText(modelOutput))
  return Effect.map(content, (content) => ({ role: "tool", tool_call_id: id, content }))
}

const toolOf = (tool: Tool.Any): Written<Field> =>
  Tool.isProviderDefined(tool)
    ? Effect.fail(
      new AiError.ToolConfigurationError({
        toolName: tool.name,
        description: "Chat completions have no tools that the provider runs. Define it with a handler."
      })
    )
    : Effect.map(schemaOf(() => Tool.getJsonSchema(tool)), (parameters) => {
      const strict = Tool.getStrictMode(tool)
      const description = Tool.getDescription(tool)
      return {
        type: "function",
        function: {
          name: tool.name,
          ...description !== undefined && { description },
          parameters,
          ...strict !== undefined && { strict }
        }
      }
    })

const toolChoiceOf = (choice: LanguageModel.ToolChoice<string>): string | Field =>
  typeof choice === "string"
    ? choice
    // Of `oneOf`, only the tools themselves are sent.
    : "tool" in choice
    ? { type: "function", function: { name: choice.tool } }
    : choice.mode ?? "auto"

type JsonFormat = Extract<LanguageModel.ProviderOptions["responseFormat"], { readonly type: "json" }>

const jsonFormat = ({ objectName, schema }: JsonFormat): Written<Field> =>
  Effect.map(schemaOf(() => codecTransformer(schema).jsonSchema), (jsonSchema) => ({
    type: "json_schema",
    json_schema: { name: objectName.replace(/[^\w-]/g, "_").slice(0, 64), strict: true, schema: jsonSchema }
  }))

const schemaOf = <A>(write: () => A): Written<A> =>
  Effect.try({
    try: write,
    catch: (error) =>
      new AiError.UnsupportedSchemaError({ description: error instanceof Error ? error.message : String(error) })
  })

const json = (toolName: string, value: unknown): Written<string> =>
  Effect.try({
    try: () => JSON.stringify(value),
    catch: () => new AiError.InvalidToolResultError({ toolName, description: "It cannot be written as JSON" })
  })

const unsendable = (what: string): Effect.Effect<never, AiError.InvalidRequestError> =>
  Effect.fail(
    new AiError.InvalidRequestError({
      parameter: "prompt",
      constraint: `holds ${what}, which chat completions cannot carry`,
      description: "Leave it out, or say it in text"
    })
  )
