/**
 * A request as it was when the call was made. It is copied and written as JSON once, by the outermost of the layers that
 * it passes: the body of each attempt, the key in the cache, the estimate of its tokens and the search of errors for the
 * prompt all come from that copy. What the caller does to the object afterwards changes none of them.
 *
 * Between the layers travels `plain`, the frozen copy, which a model of the user's own reads like any request. A layer
 * that is given one finds what was sealed for it, and writes nothing again.
 */
import { utf8Length } from "@switchgear/core/runtime"
import * as Result from "effect/Result"
import { Prompt } from "../chatError/prompt.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import { Given } from "../chatReply/given.ts"
import { type Asked, askedOf } from "../chatReply/asked.ts"
import { fieldsAsJson, freeze } from "./jsonOf.ts"
import { promptTexts } from "./promptTexts.ts"
import * as ProviderFields from "./providerFields.ts"

/** A request as chat models take it, whoever chooses the model. */
interface Request {
  readonly messages: ReadonlyArray<ChatSchema.ChatMessage>
  readonly [field: string]: unknown
}

/** What a prompt is estimated at: its text, and its sounds. */
interface PromptTokens {
  readonly input: number
  readonly audioInput: number
}

/** A request as JSON. Fields that a request does not have are undefined. */
interface Written {
  readonly model: string | undefined
  readonly stream: string | undefined
  readonly stream_options: string | undefined
  readonly others: Others
}

/** All other fields, without the braces around them. Requests to several models share them. */
class Others {
  readonly text: string
  private size: number | undefined

  constructor(text: string) {
    this.text = text
  }

  get bytes(): number {
    return this.size ??= utf8Length(this.text)
  }
}

/** What else is known of a request. */
interface More {
  readonly notes?: ProviderFields.Notes | undefined
  readonly numbers?: ReadonlyArray<string> | undefined
  readonly origin?: SealedRequest | undefined
}

export class SealedRequest {
  /** The model, where the request names one in a text. */
  readonly model: string | undefined
  /** Whether there is a list of messages. */
  readonly hasMessages: boolean
  /** The request as it was, frozen. */
  readonly plain: Request
  /** The key of its answer in a cache, once somebody has asked for it. */
  key: string | undefined
  /** The numbers that `plain` has rounded, as they are written. */
  readonly numbers: ReadonlyArray<string> | undefined
  /** The tokens of its prompt, once somebody has estimated them. */
  prompted: PromptTokens | undefined
  private readonly written: Written
  private readonly notes: ProviderFields.Notes | undefined
  /** The request of which this is a copy for one model. */
  private readonly origin: SealedRequest | undefined
  private searched: Prompt | undefined

  /** `copy` is JSON, frozen but for itself. */
  constructor(copy: Request, written: Written, { notes, numbers, origin }: More) {
    const { messages, model } = copy
    this.written = written
    this.notes = notes
    this.numbers = numbers ?? origin?.numbers
    this.model = typeof model === "string" ? model : undefined
    this.hasMessages = Array.isArray(messages)
    this.origin = origin
    if (notes !== undefined) ProviderFields.note(copy, notes)
    Sealed.note(copy, this)
    this.plain = Object.freeze(copy)
  }

  /** What errors about the request must not repeat. One for all copies, so that it is read once for all of their errors. */
  get prompt(): Prompt {
    if (this.origin !== undefined) return this.origin.prompt
    return this.searched ??= new Prompt(this)
  }

  /** The texts of its prompt. */
  [Symbol.iterator](): Iterator<string> {
    return promptTexts(this.plain)[Symbol.iterator]()
  }

  /** What its answer is measured by. */
  get asked(): Asked {
    return askedOf(this.plain)
  }

  /** The bytes of the request as JSON. */
  get bytes(): number {
    const { model, others, stream, stream_options } = this.written
    return utf8Length(beginningOf(model, stream, stream_options, others)) + others.bytes + 1
  }

  /** The same for a model of a provider, frozen: without the fields that only other providers understand. */
  plainFor(provider: string, model: string): ChatSchema.ChatRequest {
    if (this.notes !== undefined) {
      const readable = ProviderFields.readableBy(provider, this.plain)
      if (readable !== this.plain) return write(readable, undefined, this).plainFor(provider, model)
    }
    const { others, stream, stream_options } = this.written
    const written = { model: JSON.stringify(model), stream, stream_options, others }
    return new SealedRequest({ ...this.plain, model }, written, { origin: this })
      .plain as unknown as ChatSchema.ChatRequest
  }

  /** What is sent for a whole answer. */
  get whole(): string {
    const { model, others } = this.written
    return textOf(model, undefined, undefined, others)
  }

  /** What is sent to a model for a whole answer; undefined where that depends on the provider. */
  wholeFor(model: string): string | undefined {
    return this.notes === undefined
      ? textOf(JSON.stringify(model), undefined, undefined, this.written.others)
      : undefined
  }

  /** What is sent for a stream. Its usage, without which its cost is unknown, is told only if it is asked for. */
  get streamed(): string {
    const { model, others, stream_options } = this.written
    const options: unknown = stream_options === undefined ? undefined : JSON.parse(stream_options)
    if (options === null) return textOf(model, "true", undefined, others)
    const given = typeof options === "object" ? options : {}
    const asked = "include_usage" in given && given.include_usage === false ? given : { ...given, include_usage: true }
    return textOf(model, "true", JSON.stringify(asked), others)
  }

  /** What was sealed for a frozen copy. It is in no other object, copies of the copy included. */
  static find(request: object): SealedRequest | undefined {
    return Sealed.find(request)
  }
}

/** A frozen copy, with what was sealed for it. */
class Sealed extends Given {
  #request: SealedRequest | undefined

  static note(copy: object, request: SealedRequest): void {
    new Sealed(copy).#request = request
  }

  static find(given: unknown): SealedRequest | undefined {
    return typeof given === "object" && given !== null && #request in given ? given.#request : undefined
  }
}

/** Seals a request, or says why it cannot be written. */
export const seal = (request: object): Result.Result<SealedRequest, string> => {
  // A proxy may throw whatever is asked of it.
  try {
    return Result.succeed(
      SealedRequest.find(request) ?? write(fieldsOf(request), ProviderFields.notesOf(request as Request))
    )
  } catch {
    return notWritable
  }
}

/** What is written of a request otherwise than it is read. */
export interface Exact {
  /** The same request, by which it is written. */
  readonly json: { readonly [field: string]: unknown }
  /** The numbers that are read as others. */
  readonly numbers: ReadonlyArray<string>
}

/**
 * Seals what was parsed from JSON. It becomes the copy itself, so that nobody else may have it. It is not frozen through and
 * through: nobody may change what is in it.
 */
export const sealParsed = (
  json: { [field: string]: unknown },
  exact?: Exact | undefined
): Result.Result<SealedRequest, string> => {
  try {
    return Result.succeed(sealedAs(json, othersIn(exact?.json ?? json), { numbers: exact?.numbers }))
  } catch {
    return notWritable
  }
}

const notWritable = Result.fail("the request cannot be written as JSON")

/** What a request says. One that writes itself, by a `toJSON` of its own or of its class, has the fields that it writes. */
const fieldsOf = (request: object): Readonly<Record<string, unknown>> => {
  const { model, toJSON } = (request ?? {}) as Readonly<Record<string, unknown>>
  return typeof toJSON === "function" ? { model, ...JSON.parse(JSON.stringify(request)) } : { ...request }
}

const write = (
  request: { readonly [field: string]: unknown },
  notes: ProviderFields.Notes | undefined,
  origin?: SealedRequest | undefined
): SealedRequest => writeCopy(fieldsAsJson(request), notes, origin)

const writeCopy = (
  copy: { [field: string]: unknown },
  notes: ProviderFields.Notes | undefined,
  origin: SealedRequest | undefined
): SealedRequest => {
  const others = othersIn(copy)
  // Not before: V8 takes four times as long to write frozen lists.
  for (const field of Object.keys(copy)) freeze(copy[field])
  return sealedAs(copy, others, { notes, origin })
}

const sealedAs = (
  copy: { readonly [field: string]: unknown },
  others: string,
  more: More
): SealedRequest => {
  const { model, stream, stream_options } = copy
  const fields = {
    model: written(model),
    stream: written(stream),
    stream_options: written(stream_options),
    others: new Others(others)
  }
  return new SealedRequest(copy as unknown as Request, fields, more)
}

/** The other fields as JSON, without the braces around them. */
const othersIn = (copy: { readonly [field: string]: unknown }): string => {
  // Most requests begin with their model, and say nothing of a stream: what is written of them need not be sorted out.
  if (copy["stream"] === undefined && copy["stream_options"] === undefined) {
    const beginning = `{"model":${JSON.stringify(copy["model"])}`
    const all = JSON.stringify(copy)
    if (all.startsWith(beginning)) return all.slice(beginning.length + 1, -1)
  }
  const { model: _, stream: __, stream_options: ___, ...others } = copy
  return JSON.stringify(others).slice(1, -1)
}

const written = (json: unknown): string | undefined => json === undefined ? undefined : JSON.stringify(json)

/** The beginning of an object of fields that are JSON, where they are there, up to the others. */
const beginningOf = (
  model: string | undefined,
  stream: string | undefined,
  options: string | undefined,
  others: Others
): string => {
  let text = ""
  if (model !== undefined) text = `"model":${model}`
  if (stream !== undefined) text += `${text === "" ? "" : ","}"stream":${stream}`
  if (options !== undefined) text += `${text === "" ? "" : ","}"stream_options":${options}`
  return text === "" || others.text === "" ? `{${text}` : `{${text},`
}

/** An object of fields that are JSON, where they are there, and others. */
const textOf = (
  model: string | undefined,
  stream: string | undefined,
  options: string | undefined,
  others: Others
): string => `${beginningOf(model, stream, options, others)}${others.text}}`
