/** The bill of a whole answer. */
import { Continuation, Ending } from "@switchgear/core/runtime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as ChatModel from "../ChatModel.ts"
import { CurrentAttemptObserver } from "../chatModel/attemptObserver.ts"
import { isUnchanged } from "../chatModel/unchanged.ts"
import { jsonOf } from "../chatReply/replyText.ts"
import { notedIn } from "../pricing/toldUsage.ts"
import { heardIn } from "./billing.ts"
import type { Entry } from "./entry.ts"
import type { Bill } from "./model.ts"

/** An answer with its bill. */
type Billed = ChatModel.Answer & { readonly bill: Bill }

/** The context of a call in which its entry hears of the attempts. */
export const observing = ({ attempts }: Entry, { context }: Fiber.Fiber<any, any>): Context.Context<never> =>
  Context.add(context, CurrentAttemptObserver, attempts)

/** Ends the entry of a call, where one was begun. */
export class EntryEnding extends Ending {
  entry: Entry | undefined

  onExit(exit: Exit.Exit<Billed, unknown>): undefined {
    if (exit._tag === "Success") this.entry?.settle(exit.value.bill, exit.value.failures)
    else this.entry?.fail(exit.cause)
  }
}

/** Bills an answer of a model. */
export class Billing extends Continuation {
  private readonly entry: Entry
  private readonly model: ChatModel.ChatModel<unknown>

  constructor(entry: Entry, model: ChatModel.ChatModel<unknown>, fiber: Fiber.Fiber<any, any>) {
    super(fiber)
    this.entry = entry
    this.model = model
  }

  succeeded(answer: ChatModel.Answer): Effect.Effect<Billed> {
    // What the limiter of the model has read in the reply is still true where nobody can have changed it.
    const isSure = isUnchanged(this.model) && jsonOf(answer.value) !== undefined
    const told = isSure ? notedIn(answer.value) : undefined
    return Effect.succeed({ ...answer, bill: this.entry.bill(answer, heardIn(answer.value, told)) })
  }
}
