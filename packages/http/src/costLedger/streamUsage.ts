/** The usage of a stream up to now, for its bill: as the provider reported it, and else the bytes of its content. */
import type * as ChatSchema from "../ChatSchema.ts"
import { bytesOf, utf8Length } from "../pricing/estimateTokens.ts"

export class StreamUsage {
  bytes = 0
  usage: ChatSchema.ChatReply["usage"]
  private model: string | undefined

  readonly note = (chunk: ChatSchema.ChatChunk): void => {
    // Where usage is on every chunk, it is a running total.
    if (chunk.usage !== undefined && chunk.usage !== null) this.usage = chunk.usage
    this.model ??= chunk.model
    for (const { delta } of chunk.choices) {
      for (const field in delta) if (field !== "role") this.bytes += said(delta[field])
    }
  }

  /** The reply without its texts. */
  get reply(): ChatSchema.ChatReply {
    return {
      ...(this.model !== undefined && { model: this.model }),
      choices: [{ message: {}, finish_reason: null }],
      ...(this.usage !== undefined && { usage: this.usage })
    }
  }
}

const said = (u: unknown): number =>
  typeof u === "string" ? utf8Length(u) : u === null || u === undefined ? 0 : bytesOf(u)
