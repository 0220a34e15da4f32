/** How many calls go to one model at once: a bulkhead, or a limit that finds the number, and what that is told of the calls. */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as ConcurrencyLimit from "@switchgear/core/ConcurrencyLimit"
import * as Outcome from "@switchgear/core/Outcome"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import type * as ChatSchema from "../ChatSchema.ts"
import { requestTokens } from "../pricing/estimateTokens.ts"
import { noteTold } from "../pricing/toldUsage.ts"
import { usedOf } from "../pricing/usageParts.ts"
import { AnswerRefused } from "./AnswerRefused.ts"
import type { Request } from "./model.ts"
import { hasLost } from "./retries.ts"
import type { Settings } from "./settings.ts"
import { StreamEnd } from "./streamEnd.ts"

type AnyContext = Context.Context<never>

export interface ModelCapacity {
  readonly bulkhead: Bulkhead.Bulkhead
  readonly concurrencyLimit: ConcurrencyLimit.ConcurrencyLimit | undefined
  /** The context of a call, in which its class is noted. */
  readonly classed: (request: Request, context: AnyContext) => AnyContext
  /** Tells the limit how long the reply is. */
  readonly measuring: <E, R>(
    call: Effect.Effect<ChatSchema.ChatReply, E, R>
  ) => Effect.Effect<ChatSchema.ChatReply, E, R>
}

export const make = ({ bulkhead, concurrencyLimit }: Settings): Effect.Effect<ModelCapacity> =>
  concurrencyLimit === undefined
    ? Effect.map(Bulkhead.make(bulkhead), (bulkhead): ModelCapacity => ({
      bulkhead,
      concurrencyLimit: undefined,
      classed: (_, context) => context,
      measuring: identity
    }))
    : Effect.map(ConcurrencyLimit.make({ signal: signalOf, ...concurrencyLimit }), (limit): ModelCapacity => ({
      bulkhead: limit,
      concurrencyLimit: limit,
      classed: (request, context) => Context.add(context, ConcurrencyLimit.CurrentClass, classOf(request)),
      measuring: Effect.tap(outputOf)
    }))

/** A longer prompt is read for so long that its first token comes later. */
const LONG_PROMPT = 1000

/** Other words count as one, since it is the caller who chooses them. */
const efforts = new Set(["none", "minimal", "low", "medium", "high", "xhigh"])

/** By how much the model has to read and to think before its first token. */
const classOf = (request: Request): string => {
  const { audioInput, input } = requestTokens(request, 0)
  const prompt = input + audioInput > LONG_PROMPT ? "long prompt" : "short prompt"
  const { reasoning_effort: effort } = request as { readonly reasoning_effort?: unknown }
  if (effort === undefined || effort === null) return prompt
  return `${prompt}, ${typeof effort === "string" && efforts.has(effort) ? effort : "another"} effort`
}

const outputOf = (reply: ChatSchema.ChatReply): Effect.Effect<void> => {
  const used = usedOf(noteTold(reply))
  return used === undefined ? Effect.void : ConcurrencyLimit.outputTokens(used.parts.output)
}

/** What the end of a call says about the capacity of the model. */
const signalOf = (exit: Exit.Exit<unknown, unknown>): ConcurrencyLimit.Signal => {
  // A stream that has begun is judged by its end.
  if (exit._tag === "Success") return exit.value instanceof StreamEnd ? signalOf(exit.value.ending) : "success"
  const { reasons } = exit.cause
  // A model that hangs is cut before its own time-out when a cascade does not wait for it.
  if (reasons.every(Cause.isInterruptReason)) return hasLost() ? "drop" : "ignore"
  if (reasons.some(Cause.isDieReason)) return "ignore"
  const errors = reasons.filter(Cause.isFailReason).map(({ error }) => error)
  if (errors.some(Outcome.isOverload)) return "drop"
  // An answer that was not accepted came in time.
  return errors.some((error) => error instanceof AnswerRefused) ? "success" : "ignore"
}
