/** What a reader has seen of a stream, as far as it is billed: the usage if it was told, and else the bytes of what was said. */
import type * as ChatSchema from "../ChatSchema.ts"
import { bytesOf, utf8Length } from "../pricing/estimateTokens.ts"

export class Seen {
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
