/**
 * From parsed JSON to a chunk. Total: what is no chunk gives `undefined`.
 *
 * `ChatSchema.ChatChunk` says what a chunk is, and costs more than everything else a chunk costs. JSON that has the
 * right types throughout, which is nearly all there is, is what the schema would give, so it is only looked at.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as ChatSchema from "../ChatSchema.ts"

export const decodeChunk = (json: Readonly<Record<string, unknown>>): ChatSchema.ChatChunk | undefined =>
  isChunk(json) ? json : Option.getOrUndefined(decode(json))

const decode = Schema.decodeUnknownOption(ChatSchema.ChatChunk)

/**
 * The JSON with a list of choices, or `undefined` where it says nothing of an answer. Some send the usage, or a first
 * chunk about content filters, without choices.
 */
export const withChoices = (json: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined => {
  const { choices } = json
  if (Array.isArray(choices)) return json
  return (choices === undefined || choices === null) &&
      (Predicate.isReadonlyObject(json["usage"]) || json["object"] === "chat.completion.chunk")
    ? { ...json, choices: [] }
    : undefined
}

const isChunk = (json: Readonly<Record<string, unknown>>): json is ChatSchema.ChatChunk =>
  isText(json["id"]) && isText(json["object"]) && isText(json["model"]) && isNumber(json["created"]) &&
  (json["usage"] === null || json["usage"] === undefined || isUsage(json["usage"])) &&
  areChoices(json["choices"] as ReadonlyArray<unknown>)

// A loop: a chunk of nearly all answers has one choice.
const areChoices = (choices: ReadonlyArray<unknown>): boolean => {
  for (const choice of choices) if (!isChoice(choice)) return false
  return true
}

const isChoice = (choice: unknown): boolean =>
  Predicate.isReadonlyObject(choice) && isNumber(choice["index"]) && isTextOrNull(choice["finish_reason"]) &&
  (choice["delta"] === undefined || isDelta(choice["delta"]))

const isDelta = (delta: unknown): boolean => {
  if (!Predicate.isReadonlyObject(delta) || !isTextOrNull(delta["role"]) || !isTextOrNull(delta["refusal"]))
    return false
  const calls = delta["tool_calls"]
  return calls === undefined || calls === null || (Array.isArray(calls) && calls.every(isToolCall))
}

const isToolCall = (call: unknown): boolean =>
  Predicate.isReadonlyObject(call) && isNumber(call["index"]) && isTextOrNull(call["id"]) &&
  isTextOrNull(call["type"]) &&
  (call["function"] === undefined || isFunction(call["function"]))

const isFunction = (called: unknown): boolean =>
  Predicate.isReadonlyObject(called) && isTextOrNull(called["name"]) && isTextOrNull(called["arguments"])

const isUsage = (usage: unknown): boolean =>
  Predicate.isReadonlyObject(usage) && totals.every((field) => isNumber(usage[field])) &&
  isDetails(usage["prompt_tokens_details"], promptDetails) &&
  isDetails(usage["completion_tokens_details"], completionDetails)

const isDetails = (details: unknown, fields: ReadonlyArray<string>): boolean =>
  details === undefined || (Predicate.isReadonlyObject(details) && fields.every((field) => isNumber(details[field])))

const totals = ["prompt_tokens", "completion_tokens", "total_tokens"]
const promptDetails = ["cached_tokens", "cache_write_tokens", "audio_tokens"]
const completionDetails = [
  "reasoning_tokens",
  "audio_tokens",
  "accepted_prediction_tokens",
  "rejected_prediction_tokens"
]

const isText = (u: unknown): boolean => u === undefined || typeof u === "string"

const isTextOrNull = (u: unknown): boolean => u === null || isText(u)

const isNumber = (u: unknown): boolean => u === undefined || Number.isFinite(u)
