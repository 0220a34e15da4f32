/** A stream that has ended, as the answer of its call. */
import type * as ChatError from "../ChatError.ts"
import type { ToldUsage } from "../pricing/toldUsage.ts"
import type * as StreamCall from "./streamCall.ts"

export class StreamEnd {
  readonly ending: StreamCall.Ending<ChatError.ChatError>
  /** What it told of its usage. */
  readonly told: ToldUsage

  constructor(ending: StreamCall.Ending<ChatError.ChatError>, told: ToldUsage) {
    this.ending = ending
    this.told = told
  }
}
