/**
 * An answer as a cascade keeps it where nobody can have changed its reply: by the JSON that the provider wrote, which is there
 * already and takes less memory than a copy. It is read when somebody is served with it, which is seldom.
 */
import type * as ChatModel from "../ChatModel.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import { isPaidElsewhere, notePaidElsewhere } from "../chatReply/paidElsewhere.ts"
import { jsonOf, noteText } from "../chatReply/replyText.ts"
import * as ProviderFields from "../chatRequest/providerFields.ts"

export class KeptAnswer implements ChatModel.Answer {
  readonly step: string
  readonly degradation: ChatModel.Answer["degradation"]
  /** What failed before an answer is told once, and not kept. */
  readonly failures: ChatModel.Answer["failures"] = []
  readonly attempts: number
  readonly possiblyBilledAttempts: number
  readonly text: string
  private readonly author: string | undefined
  private readonly isPaid: boolean

  private constructor(
    { attempts, degradation, possiblyBilledAttempts, step, value }: ChatModel.Answer,
    text: string
  ) {
    this.step = step
    this.degradation = degradation
    this.attempts = attempts
    this.possiblyBilledAttempts = possiblyBilledAttempts
    this.text = text
    this.author = ProviderFields.authorOf(value)
    this.isPaid = isPaidElsewhere(value)
  }

  /** Undefined where the reply is not known to be what was written. */
  static of(answer: ChatModel.Answer): KeptAnswer | undefined {
    const text = jsonOf(answer.value)
    return text === undefined ? undefined : new KeptAnswer(answer, text)
  }

  /** A reply of its own each time. */
  get value(): ChatSchema.ChatReply {
    const reply: ChatSchema.ChatReply = JSON.parse(this.text)
    noteText(reply, this.text)
    if (this.author !== undefined) ProviderFields.wrote(this.author, reply)
    if (this.isPaid) notePaidElsewhere(reply)
    return reply
  }

  /** An answer for one caller. */
  get copy(): ChatModel.Answer {
    const { attempts, degradation, possiblyBilledAttempts, step, value } = this
    return { value, step, degradation, failures: [], attempts, possiblyBilledAttempts }
  }
}
