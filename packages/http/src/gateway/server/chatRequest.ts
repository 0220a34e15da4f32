/** What a chat completion is asked with: the request, who asks, and how long they wait. */
import type { IncomingHttpHeaders } from "node:http"
import * as Predicate from "effect/Predicate"
import type { ChatFailure } from "../../ChatFailure.ts"
import type * as ChatModel from "../../ChatModel.ts"
import type { Caller } from "../service/callers.ts"
import type { Target } from "../service/targets.ts"
import * as Refusals from "./refusals.ts"

export interface Asked {
  readonly target: Target
  readonly chat: ChatModel.ChatModel<ChatFailure>
  readonly request: ChatModel.Request
  readonly isStream: boolean
  /** Whether the client wants the usage of a stream. */
  readonly wantsUsage: boolean
}

/** A request out of a body, or what is wrong with it. */
export const read = (text: string, caller: Caller): Asked | Refusals.Reply => {
  const body = parsed(text)
  if (!Predicate.isObject(body) || Array.isArray(body)) return Refusals.noJson
  const { messages, model, stream, stream_options: options } = body as Readonly<Record<string, unknown>>
  if (model === undefined) return Refusals.missing("model")
  if (typeof model !== "string") return Refusals.wrongType("model", "a string")
  if (messages === undefined) return Refusals.missing("messages")
  if (!Array.isArray(messages)) return Refusals.wrongType("messages", "an array of objects")
  const target = caller.targets.get(model)
  if (target?.chat === undefined) return Refusals.unknownModel(model.slice(0, 100))
  return {
    target,
    chat: target.chat,
    request: body as unknown as ChatModel.Request,
    isStream: stream === true,
    wantsUsage: Predicate.isObject(options) && Predicate.hasProperty(options, "include_usage") &&
      options.include_usage === true
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** How long the client waits, in milliseconds, where it says so. */
export const patienceOf = (headers: IncomingHttpHeaders): number | undefined => {
  const waits = ["x-switchgear-timeout", "x-stainless-timeout", "x-stainless-read-timeout"]
    .map((name) => Number(headers[name] ?? NaN) * 1000)
    .filter((millis) => millis > 0 && millis < longestPatience)
  return waits.length === 0 ? undefined : Math.min(...waits)
}

const longestPatience = 24 * 3_600_000
