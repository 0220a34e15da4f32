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
import { authorOf } from "../chatRequest/providerFields.ts"
import * as Accumulator from "../chatStream/accumulator.ts"
import { toldBy } from "../pricing/toldUsage.ts"
import { promptOf } from "../pricing/parts.ts"
import { usedOf } from "../pricing/usageParts.ts"
import * as Arguments from "../chatReply/toolArguments.ts"
import { reasoningOf } from "../chatReply/reasoning.ts"
import { isRepeatable } from "../chatReply/toolCalls.ts"
import * as Continuation from "./continuation.ts"

type Parts<Part> = Effect.Effect<Array<Part>, AiError.AiErrorReason, IdGenerator.IdGenerator>

/** The parts of a whole reply. */
export const replyParts = (
  reply: ChatSchema.ChatReply,
  parameterless: ReadonlySet<string>
): Parts<Response.PartEncoded> =>
  Effect.gen(function*() {
    const { finish_reason, message } = reply.choices[0]
    const reasoning = reasoningOf(message)
    const text = ChatSchema.textOf(message.content) + (message.refusal ?? "")
    const provider = authorOf(reply)
    const calls = yield* Effect.forEach(message.tool_calls ?? [], toolCall(provider, parameterless))
    const kept = Continuation.metadataOf({ provider, message: Continuation.ofMessage(message) })
    const hasNeither = "metadata" in kept && text === ""
    return [
      metadata(reply),
      // What is kept of the message is on its reasoning, which may be empty, or else on its text.
      ...reasoning === "" && !hasNeither ? [] : [{ type: "reasoning", text: reasoning, ...kept } as const],
      ...text === "" ? [] : [{ type: "text", text, ...reasoning === "" && kept } as const],
      ...calls,
      finish(finish_reason, reply.usage)
    ]
  })

/** The parts of a streamed reply: text and reasoning as they come, the calls of tools when they are whole. */
export const chunkParts = <E>(
  chunks: Stream.Stream<ChatSchema.ChatChunk, E>,
  parameterless: ReadonlySet<string>
): Stream.Stream<Response.StreamPartEncoded, E | AiError.AiErrorReason, IdGenerator.IdGenerator> =>
  Stream.suspend(() => {
    const speech = new Speech(parameterless)
    return chunks.pipe(
      Stream.map((chunk) => speech.add(chunk)),
      Stream.flattenIterable,
      Stream.concat(Stream.fromIterableEffect(Effect.suspend(() => speech.end())))
    )
  })

class Speech {
  // Only what is not told as it comes: the calls, the reason of the end, the usage.
  private readonly accumulator = Accumulator.make()
  private block: Block | undefined
  private blocks = 0
  private begun = false
  private provider: string | undefined
  private readonly kept = new Continuation.KeptMessage()
  private readonly parameterless: ReadonlySet<string>

  constructor(parameterless: ReadonlySet<string>) {
    this.parameterless = parameterless
  }

  add(chunk: ChatSchema.ChatChunk): ReadonlyArray<Response.StreamPartEncoded> {
    const parts: Array<Response.StreamPartEncoded> = this.begun ? [] : [metadata(chunk)]
    if (!this.begun) this.provider = authorOf(chunk)
    this.begun = true
    const first = chunk.choices.filter(({ index }) => (index ?? 0) === 0)
    for (const { delta = {} } of first) {
      this.kept.add(delta)
      this.tell("reasoning", reasoningOf(delta), parts)
      this.tell("text", ChatSchema.textOf(delta.content) + (delta.refusal ?? ""), parts)
    }
    this.accumulator.add({
      ...chunk.id !== undefined && { id: chunk.id },
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
    // What is kept is whole only now: it is on the end of the last block, which may be an empty one for it.
    const kept = Continuation.metadataOf({ provider: this.provider, message: this.kept.kept })
    if ("metadata" in kept && this.block === undefined) this.open("reasoning", parts)
    this.close(parts, kept)
    const reply = this.accumulator.reply()
    const choice = reply?.choices[0]
    return Effect.map(
      Effect.forEach(choice?.message.tool_calls ?? [], toolCall(this.provider, this.parameterless)),
      (calls) => [
        ...parts,
        ...calls,
        finish(choice?.finish_reason, reply?.usage)
      ]
    )
  }

  private tell(kind: "text" | "reasoning", delta: string, parts: Array<Response.StreamPartEncoded>): void {
    if (delta === "") return
    const { id } = this.block?.kind === kind ? this.block : this.open(kind, parts)
    parts.push({ type: `${kind}-delta`, id, delta })
  }

  private open(kind: Block["kind"], parts: Array<Response.StreamPartEncoded>): Block {
    this.close(parts)
    this.block = { kind, id: `${kind}-${++this.blocks}` }
    parts.push({ type: `${kind}-start`, id: this.block.id })
    return this.block
  }

  private close(
    parts: Array<Response.StreamPartEncoded>,
    kept: ReturnType<typeof Continuation.metadataOf> = {}
  ): void {
    if (this.block !== undefined) parts.push({ type: `${this.block.kind}-end`, id: this.block.id, ...kept })
    this.block = undefined
  }
}

interface Block {
  readonly kind: "text" | "reasoning"
  readonly id: string
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

/** The tools of `parameterless` can be called with nothing. For any other, a call without arguments has lost them. */
const toolCall = (provider: string | undefined, parameterless: ReadonlySet<string>) =>
(
  call: ChatSchema.ToolCall
): Effect.Effect<Response.ToolCallPartEncoded, AiError.AiErrorReason, IdGenerator.IdGenerator> =>
  Effect.gen(function*() {
    const { arguments: written = "", name } = call.function ?? { name: "" }
    const description = Arguments.fault({ name, text: written }, { parameterless, requiring: undefined })
    if (description !== undefined) {
      return yield* new AiError.ToolParameterValidationError({
        toolName: name,
        description: `The provider sent ${description}`
      })
    }
    const params = yield* Effect.try({
      try: () => Arguments.isObject(written) ? Tool.unsafeSecureJsonParse(written) : {},
      catch: () =>
        new AiError.ToolParameterValidationError({ toolName: name, description: "The arguments name a prototype" })
    })
    // Where neither the call nor its reply has an id, a later turn would have the same.
    const id = call.id && !isRepeatable(call.id) ? call.id : yield* (yield* IdGenerator.IdGenerator).generateId()
    const kept = Continuation.metadataOf({ provider, toolCall: Continuation.ofCall(call) })
    return { type: "tool-call", id, name, params, ...kept }
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
