/** What was heard of a stream up to now, for its bill: what the provider told, and what came after that. */
import type * as ChatModel from "../ChatModel.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import { isPaidElsewhere, notePaidElsewhere } from "../chatReply/paidElsewhere.ts"
import type { Notes } from "../chatStream/source.ts"
import { contentTokens } from "../pricing/estimateTokens.ts"
import { replyOf } from "../pricing/failedReply.ts"
import { ToldUsage } from "../pricing/toldUsage.ts"
import { type Heard, tellsOutput } from "./billing.ts"

export class StreamUsage implements Notes<ChatSchema.ChatChunk> {
  private readonly told = new ToldUsage()
  /** Tokens of what was said after the last usage that told how much had come out. */
  private output = 0
  /** Tokens of all that was said. */
  private said = 0
  private isFinished = false
  private isCostFinal = true
  private model: string | undefined
  private isPaidElsewhere = false

  /** Whether the last chunk told neither tokens nor a cost. */
  private isSilent = false

  /** Takes in a chunk; `isSame` where it is the last one with other texts. */
  note(chunk: ChatSchema.ChatChunk, isSame: boolean): void {
    const said = saidIn(chunk)
    this.output += said
    this.said += said
    if (isSame && this.isSilent) {
      if (said > 0) this.isCostFinal = false
      return
    }
    this.model ??= chunk.model
    this.isPaidElsewhere ||= isPaidElsewhere(chunk)
    for (const { finish_reason } of chunk.choices) {
      this.isFinished ||= typeof finish_reason === "string" && finish_reason !== ""
    }
    const { costsTold } = this.told
    const tells = this.told.note(chunk)
    const tellsCost = this.told.costsTold > costsTold
    this.isSilent = !tells && !tellsCost
    if (tells) this.output = 0
    if (tellsCost) this.isCostFinal = true
    else if (said > 0) this.isCostFinal = false
  }

  /** The stream ended with an error, which may tell what the answer cost. */
  failed(error: object): void {
    const reply = replyOf(error)
    if (reply === undefined) return
    const { cost } = this.told
    if (this.told.take(reply.told)) this.output = 0
    if (this.told.cost !== cost) this.isCostFinal = true
  }

  /** The stream was read to its end, also if nothing had said that it is finished. */
  end(): void {
    this.isFinished = true
  }

  get heard(): Heard {
    const output = tellsOutput(this.told) ? this.output : this.said
    return { told: this.told, output, isWhole: this.isFinished, isCostFinal: this.isCostFinal }
  }

  /** The reply without its texts. */
  get reply(): ChatModel.Answer["value"] {
    const reply: ChatModel.Answer["value"] = {
      ...(this.model !== undefined && { model: this.model }),
      choices: [{ message: {}, finish_reason: null }]
    }
    if (this.isPaidElsewhere) notePaidElsewhere(reply)
    return reply
  }
}

const saidIn = ({ choices }: ChatSchema.ChatChunk): number => {
  let said = 0
  for (const { delta } of choices) {
    for (const field in delta) if (!withoutContent.has(field)) said += contentTokens(delta[field])
  }
  return said
}

/** Fields of a delta that a model does not write. */
const withoutContent: ReadonlySet<string> = new Set(["role", "usage", "provider_metadata"])
