/**
 * How many tokens a call can use at most, told before it is made. The tokenizers of today make at most one token of a
 * byte, so the bytes of a text are a bound without knowing its language or the model. English is about four times
 * less, Chinese about two to three times less.
 *
 * Images, sounds, videos and files are not text: they are estimated by what they are.
 */
import { utf8Length } from "@switchgear/core/runtime"
import type * as ChatSchema from "../ChatSchema.ts"
import { SealedRequest } from "../chatRequest/sealedRequest.ts"
import { dataTokens, isData, mediaTokens } from "./mediaTokens.ts"
import { mostTokens } from "./toldUsage.ts"
import { tokens } from "./usageParts.ts"

/**
 * The most tokens that a call is expected to use. `input` is the prompt without its sounds, whose tokens are
 * `audioInput`.
 *
 * @category models
 * @since 0.1.0
 */
export interface TokenEstimate {
  readonly input: number
  /** @default 0 */
  readonly audioInput?: number | undefined
  readonly output: number
}

/**
 * The most tokens that a call is expected to use, each of them told.
 *
 * @category models
 * @since 0.1.0
 */
export interface RequestTokens {
  readonly input: number
  readonly audioInput: number
  readonly output: number
}

/** The estimate of a request, and for each choice what it may be long, or `assumed` where the request does not say. */
export const requestTokens = (
  given: object,
  assumed: number
): RequestTokens => {
  const request = given as Readonly<Record<string, unknown>>
  const longest = tokens(request["max_completion_tokens"]) ?? tokens(request["max_tokens"]) ?? assumed
  const choices = Math.max(tokens(request["n"]) ?? 1, 1)
  const sealed = SealedRequest.find(given)
  // It is frozen, and asked by each of the limits on its way.
  const { audioInput, input } = sealed === undefined
    ? promptTokens(request, undefined)
    : sealed.prompted ??= promptTokens(request, sealed)
  return { input, audioInput, output: tokens(longest * choices)! }
}

const promptTokens = (request: Readonly<Record<string, unknown>>, sealed: SealedRequest | undefined) => {
  const media: Media = { input: 0, audioInput: 0, parts: 0 }
  const messages: unknown = request["messages"]
  const texts = Array.isArray(messages) && messages.some(hasParts)
    ? { ...request, messages: messages.map((each) => withoutMedia(each, media, 0)) }
    : request
  return {
    input: (media.parts === 0 ? sealed?.bytes : undefined) ?? bytesOf(texts) + media.input,
    audioInput: media.audioInput
  }
}

/** An estimate of one's own, or ours where that one throws or has a number that no call uses. */
export const completed = (own: () => TokenEstimate, ours: () => RequestTokens): RequestTokens => {
  try {
    const { audioInput = 0, input, output } = own()
    const all = { input, audioInput, output }
    return Object.values(all).every(isPlausible)
      ? { input: Math.ceil(input), audioInput: Math.ceil(audioInput), output: Math.ceil(output) }
      : ours()
  } catch {
    return ours()
  }
}

const isPlausible = (count: unknown): boolean => typeof count === "number" && count >= 0 && count <= mostTokens

/** The tokens of what a reply says, or of what a chunk adds to it: bytes of text, and other things by what they are. */
export const contentTokens = (value: unknown): number => {
  if (typeof value === "string") return utf8Length(value)
  if (value === null || value === undefined) return 0
  let data = 0
  const texts = stringify(value, (field, inner) => {
    if (typeof inner !== "string" || !(isData(inner) || field === "data" && inner.length > 64)) return inner
    data += dataTokens(inner)
    return ""
  })
  return utf8Length(texts) + data
}

/** The tokens of what a reply says. */
export const replyTokens = (reply: ChatSchema.ChatReply): number =>
  contentTokens(reply.choices.map(({ message }) => message))

/** The bytes of a value as JSON. What is no JSON cannot be sent either, so there is nothing to be counted. */
const bytesOf = (value: unknown): number => utf8Length(stringify(value))

const stringify = (value: unknown, replacer?: (field: string, inner: unknown) => unknown): string => {
  try {
    return JSON.stringify(value, replacer) ?? ""
  } catch {
    return ""
  }
}

interface Media {
  parts: number
  input: number
  audioInput: number
}

/** Whether a message may hold something that is not text. */
const hasParts = (message: any): boolean =>
  typeof message === "object" && message !== null && Array.isArray(message.content)

/** A message or a part with empty parts in the place of those that are not text, whose tokens are added up. */
const withoutMedia = (value: any, media: Media, depth: number): unknown => {
  if (typeof value !== "object" || value === null) return value
  const part = depth === 0 ? undefined : mediaTokens(value)
  if (part !== undefined) {
    media.parts++
    media[part.kind === "audio" ? "audioInput" : "input"] += part.tokens
    return { type: value.type }
  }
  // Results of tools hold parts of their own.
  return Array.isArray(value.content) && depth < deepest
    ? { ...value, content: value.content.map((inner: unknown) => withoutMedia(inner, media, depth + 1)) }
    : value
}

const deepest = 4
