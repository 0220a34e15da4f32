/**
 * A request as it was when the call was made. It is written as JSON once, by the outermost of the layers that it passes:
 * the body of each attempt, the key in the cache, the estimate of its tokens and the search of errors for the prompt all
 * come from that text. What the caller does to the object afterwards changes none of them.
 *
 * Between the layers travels `plain`, a frozen copy, which a model of the user's own reads like any request. A layer
 * that is given one finds what was sealed for it, and writes nothing again.
 */
import * as Result from "effect/Result"
import { Prompt } from "../chatError/prompt.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import { type Asked, askedOf } from "../chatReply/asked.ts"
import { frozen } from "./frozen.ts"
import { promptTexts } from "./promptTexts.ts"
import * as ProviderFields from "./providerFields.ts"

/** A request as chat models take it, whoever chooses the model. */
interface Request {
  readonly messages: ReadonlyArray<ChatSchema.ChatMessage>
  readonly [field: string]: unknown
}

/** A request as JSON. Fields that a request does not have are undefined. */
interface Written {
  readonly model: string | undefined
  readonly stream: string | undefined
  readonly stream_options: string | undefined
  /** All other fields, without the braces around them. */
  readonly others: string
}

export class SealedRequest {
  /** The model, where the request names one in a text. */
  readonly model: string | undefined
  /** Whether there is a list of messages. */
  readonly hasMessages: boolean
  /** What errors about the request must not repeat. */
  readonly prompt: Prompt
  private readonly written: Written
  private readonly notes: ProviderFields.Notes | undefined
  private copy: Request | undefined
  private size: number | undefined

  constructor(
    written: Written,
    model: unknown,
    hasMessages: boolean,
    { notes, prompt }: { readonly notes?: ProviderFields.Notes | undefined; readonly prompt?: Prompt | undefined } = {}
  ) {
    this.written = written
    this.notes = notes
    this.model = typeof model === "string" ? model : undefined
    this.hasMessages = hasMessages
    this.prompt = prompt ?? new Prompt({ [Symbol.iterator]: () => promptTexts(this.plain)[Symbol.iterator]() })
  }

  /** The request as it was, frozen. */
  get plain(): Request {
    return this.copy ?? this.keep(JSON.parse(this.json))
  }

  /** What its answer is measured by. */
  get asked(): Asked {
    return askedOf(this.plain)
  }

  /** The bytes of the request as JSON. */
  get bytes(): number {
    return this.size ??= utf8.encode(this.json).length
  }

  /** The same for a model of a provider, frozen: without the fields that only other providers understand. */
  plainFor(provider: string, model: string): ChatSchema.ChatRequest {
    if (this.notes !== undefined) {
      const readable = ProviderFields.readableBy(provider, this.plain)
      if (readable !== this.plain) return write(readable, undefined, this.prompt).plainFor(provider, model)
    }
    const written = { ...this.written, model: JSON.stringify(model) }
    const copy = { ...this.plain, model }
    new SealedRequest(written, model, this.hasMessages, { prompt: this.prompt }).keep(copy)
    return copy
  }

  /** What is sent for a whole answer. */
  get whole(): string {
    const { model, others } = this.written
    return jsonOf({ model }, others)
  }

  /** What is sent for a stream. Its usage, without which its cost is unknown, is told only if it is asked for. */
  get streamed(): string {
    const { model, others, stream_options } = this.written
    const options: unknown = stream_options === undefined ? undefined : JSON.parse(stream_options)
    if (options === null) return jsonOf({ model, stream: "true" }, others)
    const given = typeof options === "object" ? options : {}
    const asked = "include_usage" in given && given.include_usage === false ? given : { ...given, include_usage: true }
    return jsonOf({ model, stream: "true", stream_options: JSON.stringify(asked) }, others)
  }

  private get json(): string {
    const { others, ...own } = this.written
    return jsonOf(own, others)
  }

  private keep(copy: Request): Request {
    if (this.notes !== undefined) ProviderFields.note(copy, this.notes)
    this.copy = frozen(Object.defineProperty(copy, sealed, { value: this }))
    return copy
  }

  /** What was sealed for a frozen copy. It is in no other object, copies of the copy included. */
  static find(request: object): SealedRequest | undefined {
    const found = (request as { readonly [sealed]?: SealedRequest } | null | undefined)?.[sealed]
    return found?.copy === request ? found : undefined
  }
}

const sealed = Symbol("@switchgear/http/chatRequest/sealedRequest")

/** Seals a request, or says why it cannot be written. */
export const seal = (request: Request): Result.Result<SealedRequest, string> =>
  // A proxy may throw whatever is asked of it.
  Result.try({
    try: () => SealedRequest.find(request) ?? write(fieldsOf(request), ProviderFields.notesOf(request)),
    catch: () => "the request cannot be written as JSON"
  })

/** What a request says. One that writes itself, by a `toJSON` of its own or of its class, has the fields that it writes. */
const fieldsOf = (request: Request): { readonly [field: string]: unknown } =>
  typeof request?.["toJSON"] === "function"
    ? { model: request["model"], ...JSON.parse(JSON.stringify(request)) }
    : { ...request }

const utf8 = new TextEncoder()

const write = (
  request: { readonly [field: string]: unknown },
  notes: ProviderFields.Notes | undefined,
  prompt?: Prompt | undefined
): SealedRequest => {
  const { model, stream, stream_options, ...others } = request
  const written = {
    model: jsonIn("model", model),
    stream: jsonIn("stream", stream),
    stream_options: jsonIn("stream_options", stream_options),
    others: JSON.stringify(others).slice(1, -1)
  }
  return new SealedRequest(written, model, Array.isArray(others["messages"]), { notes, prompt })
}

/** A value as it is written in a field, whose name a `toJSON` is told. */
const jsonIn = (field: string, value: unknown): string | undefined => {
  const json = JSON.stringify({ [field]: value })
  return json === "{}" ? undefined : json.slice(field.length + 4, -1)
}

/** An object of fields that are JSON, followed by others. */
const jsonOf = (fields: { readonly [field: string]: string | undefined }, others: string): string => {
  const parts = Object.entries(fields).flatMap(([field, json]) => json === undefined ? [] : [`"${field}":${json}`])
  if (others !== "") parts.push(others)
  return `{${parts.join(",")}}`
}
