/** What a chat model answers, whole or in chunks, as parts of the platform. Of several choices the first one counts. */
import * as AiError from "effect/ai/AiError"
import * as IdGenerator from "effect/ai/IdGenerator"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as ChatSchema from "../ChatSchema.ts"
import * as Accumulator from "../chatStream/accumulator.ts"
import { toldBy } from "../pricing/toldUsage.ts"
import { promptOf, usedOf } from "../pricing/usageParts.ts"

type Parts<Part> = Effect.Effect<Array<Part>, AiError.AiErrorReason, IdGenerator.IdGenerator>

/** The parts of a whole reply. */
export const replyParts = (reply: ChatSchema.ChatReply): Parts<Response.PartEncoded> =>
  Effect.gen(function*() {
    const { finish_reason, message } = reply.choices[0]
    const reasoning = reasoningIn(message)
    const text = ChatSchema.textOf(message.content) + (message.refusal ?? "")
    const calls = yield* Effect.forEach(message.tool_calls ?? [], toolCall)
    return [
      metadata(reply),
      ...reasoning === "" ? [] : [{ type: "reasoning", text: reasoning } as const],
      ...text === "" ? [] : [{ type: "text", text } as const],
      ...calls,
      finish(finish_reason, reply.usage)
    ]
  })

/** The parts of a streamed reply: text and reasoning as they come, the calls of tools when they are whole. */
export const chunkParts = <E>(
  chunks: Stream.Stream<ChatSchema.ChatChunk, E>
): Stream.Stream<Response.StreamPartEncoded, E | AiError.AiErrorReason, IdGenerator.IdGenerator> =>
  Stream.suspend(() => {
    const speech = new Speech()
    return chunks.pipe(
      Stream.map((chunk) => speech.add(chunk)),
      Stream.flattenIterable,
      Stream.concat(Stream.fromIterableEffect(Effect.suspend(() => speech.end())))
    )
  })

class Speech {
  // Only what is not told as it comes: the calls, the reason of the end, the usage.
  private readonly accumulator = Accumulator.make()
  private block: { readonly kind: "text" | "reasoning"; readonly id: string } | undefined
  private blocks = 0
  private begun = false

  add(chunk: ChatSchema.ChatChunk): ReadonlyArray<Response.StreamPartEncoded> {
    const parts: Array<Response.StreamPartEncoded> = this.begun ? [] : [metadata(chunk)]
    this.begun = true
    const first = chunk.choices.filter(({ index }) => (index ?? 0) === 0)
    for (const { delta = {} } of first) {
      this.tell("reasoning", reasoningIn(delta), parts)
      this.tell("text", ChatSchema.textOf(delta.content) + (delta.refusal ?? ""), parts)
    }
    this.accumulator.add({
      ...chunk.usage && { usage: chunk.usage },
      choices: first.map(({ delta, finish_reason }) => ({
        delta: delta?.tool_calls ? { tool_calls: delta.tool_calls } : {},
        finish_reason
      }))
    })
    return parts
  }

  end(): Parts<Response.StreamPartEncoded> {
    const parts: Array<Response.StreamPartEncoded> = []
    this.close(parts)
    const reply = this.accumulator.reply()
    const choice = reply?.choices[0]
    return Effect.map(Effect.forEach(choice?.message.tool_calls ?? [], toolCall), (calls) => [
      ...parts,
      ...calls,
      finish(choice?.finish_reason, reply?.usage)
    ])
  }

  private tell(kind: "text" | "reasoning", delta: string, parts: Array<Response.StreamPartEncoded>): void {
    if (delta === "") return
    if (this.block?.kind !== kind) {
      this.close(parts)
      this.block = { kind, id: `${kind}-${++this.blocks}` }
      parts.push({ type: `${kind}-start`, id: this.block.id })
    }
    parts.push({ type: `${kind}-delta`, id: this.block.id, delta })
  }

  private close(parts: Array<Response.StreamPartEncoded>): void {
    if (this.block !== undefined) parts.push({ type: `${this.block.kind}-end`, id: this.block.id })
    this.block = undefined
  }
}

// No standard names it; DeepSeek and those who follow it say `reasoning_content`, OpenRouter says `reasoning`.
const reasoningIn = (message: ChatSchema.ReplyMessage | ChatSchema.ChatDelta): string => {
  const said = message["reasoning_content"] ?? message["reasoning"]
  return typeof said === "string" ? said : ""
}

const metadata = ({ created, id, model }: ChatSchema.ChatReply | ChatSchema.ChatChunk) => {
  const timestamp = created === undefined ? undefined : Option.getOrUndefined(DateTime.make(created * 1000))
  return {
    type: "response-metadata" as const,
    ...id !== undefined && { id },
    ...model !== undefined && { modelId: model },
    ...timestamp && { timestamp: DateTime.formatIso(timestamp) }
  }
}

const toolCall = (
  call: ChatSchema.ToolCall
): Effect.Effect<Response.ToolCallPartEncoded, AiError.AiErrorReason, IdGenerator.IdGenerator> =>
  Effect.gen(function*() {
    const { arguments: written = "", name } = call.function ?? { name: "" }
    const params = yield* Effect.try({
      // A tool without parameters is called with nothing.
      try: () => written.trim() === "" ? {} : Tool.unsafeSecureJsonParse(written),
      catch: () =>
        new AiError.ToolParameterValidationError({ toolName: name, description: "The arguments are not JSON" })
    })
    const id = call.id ?? (yield* (yield* IdGenerator.IdGenerator).generateId())
    return { type: "tool-call", id, name, params }
  })

const finish = (reason: string | null | undefined, usage: ChatSchema.Usage | undefined): Response.FinishPartEncoded => {
  const used = usedOf(toldBy(usage))?.parts
  const uncached = used && used.input + used.audioInput
  const spoken = used && used.output + used.audioOutput
  return {
    type: "finish",
    reason: reason === undefined || reason === null ? "unknown" : finishReasons.get(reason) ?? "other",
    usage: {
      inputTokens: {
        uncached,
        total: used && promptOf(used),
        cacheRead: used?.cachedInput,
        cacheWrite: used && used.cacheWrite + used.cacheWrite1h
      },
      outputTokens: { total: used && spoken! + used.reasoning, text: spoken, reasoning: used?.reasoning }
    }
  }
}

const finishReasons = new Map<string, Response.FinishReason>([
  ["stop", "stop"],
  ["length", "length"],
  ["content_filter", "content-filter"],
  ["tool_calls", "tool-calls"],
  ["function_call", "tool-calls"]
])
