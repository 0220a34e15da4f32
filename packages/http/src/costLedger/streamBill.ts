/** The bill of a stream. Until the stream is open, everything that was reserved is given back. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as ChatModel from "../ChatModel.ts"
import type { Entry } from "./ledger.ts"
import type { Bill } from "./model.ts"
import { StreamUsage } from "./streamUsage.ts"

export class StreamBill {
  readonly usage = new StreamUsage()
  readonly made = Deferred.makeUnsafe<Bill>()
  private readonly entry: Entry
  private answer: ChatModel.OpenAnswer | undefined

  constructor(entry: Entry) {
    this.entry = entry
  }

  opened(answer: ChatModel.OpenAnswer): void {
    this.answer = answer
  }

  /** Bills what was read, or refunds the reservation. */
  readonly close = Effect.suspend(() => {
    const { answer, entry, usage } = this
    if (answer === undefined) return Effect.sync(() => entry.refund())
    const bill = entry.bill({ ...answer, value: usage.reply }, () => usage.bytes)
    return Effect.asVoid(Deferred.succeed(this.made, entry.settle(bill)))
  })
}
