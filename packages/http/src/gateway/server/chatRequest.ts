/** What a chat completion is asked with: the request, who asks, and how long they wait. */
import type { IncomingHttpHeaders } from "node:http"
import * as Deadline from "@switchgear/core/Deadline"
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { ChatFailure } from "../../ChatFailure.ts"
import type * as ChatModel from "../../ChatModel.ts"
import { type Exact, sealParsed } from "../../chatRequest/sealedRequest.ts"
import { exactIn, isTooMuchToHold, mostValues } from "../dialects/exactJson.ts"
import type { Caller } from "../service/callers.ts"
import type { Target } from "../service/targets.ts"
import { hasTooManyFields, mostFields } from "./parts.ts"
import type { Exchange } from "./exchange.ts"
import * as Refusals from "./refusals.ts"

export interface Asked {
  readonly target: Target
  readonly chat: ChatModel.ChatModel<ChatFailure>
  readonly request: ChatModel.Request
  readonly isStream: boolean
  /** Whether the client wants the usage of a stream. */
  readonly wantsUsage: boolean
}

/**
 * A request out of a body, or what is wrong with it. The usage of a stream is always asked for: a client could not be billed
 * for what its provider does not tell, such as hidden reasoning.
 */
export const read = (text: string, caller: Caller): Asked | Refusals.Reply => {
  const body = parsed(text)
  if (!Predicate.isObject(body) || Array.isArray(body)) return Refusals.noJson
  if (hasTooManyFields(text, body)) return Refusals.tooManyFields(mostFields)
  if (isTooMuchToHold(text, body)) return Refusals.tooManyValues(mostValues)
  const { messages, model, stream, stream_options: options } = body as Record<string, unknown>
  if (model === undefined) return Refusals.missing("model")
  if (typeof model !== "string") return Refusals.wrongType("model", "a string")
  if (messages === undefined) return Refusals.missing("messages")
  if (!Array.isArray(messages)) return Refusals.wrongType("messages", "an array of objects")
  // A provider that takes it for true would answer with a stream that nobody has asked for.
  if (typeof stream !== "boolean" && stream !== undefined && stream !== null) {
    return Refusals.wrongType("stream", "a boolean")
  }
  if (options !== undefined && options !== null && (!Predicate.isObject(options) || Array.isArray(options))) {
    return Refusals.wrongType("stream_options", "an object")
  }
  const target = caller.targets.get(model)
  if (target?.chat === undefined) return Refusals.unknownModel(model.slice(0, 100))
  const given = options as { readonly include_usage?: unknown } | null | undefined
  const request = stream === true ? { ...body, stream_options: { ...given, include_usage: true } } : body
  return {
    target,
    chat: target.chat,
    request: sealedOf(request, exactIn(text, body)),
    isStream: stream === true,
    wantsUsage: given?.include_usage === true
  }
}

/** Sealed once for all that read it. One that cannot be written is refused by the model. */
const sealedOf = (parsed: { [field: string]: unknown }, exact: Exact | undefined): ChatModel.Request => {
  const sealed = sealParsed(parsed, exact)
  return Result.isSuccess(sealed) ? sealed.success.plain : parsed as unknown as ChatModel.Request
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * How long an answer may take from now on, in milliseconds, where the client says how long it waits. It is less than that: an
 * answer, also one that says that there is none, has to be there before the client gives up and asks again. The client has
 * waited since it began to send its request.
 */
export const patienceOf = ({ age, request }: Pick<Exchange, "age" | "request">): number | undefined => {
  const patience = toldBy(request.headers)
  return patience === undefined ? undefined : Math.max(0, patience - age)
}

/** The nearest time, less what the way to the client may take. */
const toldBy = (headers: IncomingHttpHeaders): number | undefined => {
  const left = Deadline.fromHeader(headers)
  if (left === undefined) return undefined
  const wait = Duration.toMillis(left)
  return wait - Math.min(wait / 10, longestWay)
}

/** What is left at most for the way to the client, in milliseconds. */
const longestWay = 1000
