/**
 * Fields of a conversation that only the provider understands that wrote them: its reasoning, its signatures. In a
 * cascade, the model of another provider must not be sent them, since many providers refuse fields they do not know.
 *
 * Both sides are noted beside the objects themselves, so that nothing of it is sent. A copy has the notes only where they
 * were copied too; without them it is sent with all of its fields.
 */
import { Given } from "../chatReply/given.ts"
import type * as ChatSchema from "../ChatSchema.ts"

interface Request {
  readonly messages: ReadonlyArray<ChatSchema.ChatMessage>
  readonly [field: string]: unknown
}

/** A message as it reads for providers other than its author. */
interface Foreign {
  readonly provider: string
  readonly plain: ChatSchema.ChatMessage
}

/** An answer with its author. */
class Authored extends Given {
  #author: string | undefined

  static note(answer: object, author: string): void {
    const authored = #author in answer ? answer : new Authored(answer)
    authored.#author = author
  }

  static authorOf(answer: object): string | undefined {
    return #author in answer ? answer.#author : undefined
  }
}

const foreign = new WeakMap<object, Foreign>()
const requests = new WeakSet<Request>()

/** Notes who wrote a reply, or the stream that begins with this chunk. */
export const wrote = (provider: string, answer: ChatSchema.ChatReply | ChatSchema.ChatChunk): void => {
  Authored.note(answer, provider)
}

/** Who wrote a reply, or the stream that begins with this chunk, where that is known. */
export const authorOf = (answer: ChatSchema.ChatReply | ChatSchema.ChatChunk): string | undefined =>
  Authored.authorOf(answer)

/** Notes that a copy of a reply, the stream that it is told in, or the reply that a stream adds up to, has the same author. */
export const sameAuthor = (
  answer: ChatSchema.ChatReply | ChatSchema.ChatChunk,
  copy: ChatSchema.ChatReply | ChatSchema.ChatChunk
): void => {
  const author = Authored.authorOf(answer)
  if (author !== undefined) Authored.note(copy, author)
}

/** Notes that a message has fields of one provider, and how it reads for all others. */
export const noteMessage = (
  message: ChatSchema.ChatMessage,
  provider: string,
  plain: ChatSchema.ChatMessage
): void => {
  foreign.set(message, { provider, plain })
}

/** Notes that a request may have messages with fields of one provider. */
export const noteRequest = (request: Request): Request => {
  if (request.messages.some((message) => foreign.has(message))) requests.add(request)
  return request
}

/** What is noted of the messages of a request, in their order. */
export type Notes = ReadonlyArray<Foreign | undefined>

/** What is noted of a request, to be noted of a copy of it; undefined where that is nothing. */
export const notesOf = (request: Request): Notes | undefined =>
  requests.has(request) ? request.messages.map((message) => foreign.get(message)) : undefined

/** Notes of a copy what was noted of its request. */
export const note = (copy: Request, notes: Notes): void => {
  requests.add(copy)
  notes.forEach((noted, i) => {
    if (noted !== undefined) foreign.set(copy.messages[i]!, noted)
  })
}

/** The request as it is sent to a provider. */
export const readableBy = (provider: string, request: Request): Request => {
  if (!requests.has(request)) return request
  const messages = request.messages.map((message) => {
    const noted = foreign.get(message)
    return noted === undefined || noted.provider === provider ? message : noted.plain
  })
  // A provider that wrote reasoning into one message looks for it in all, also in those that others wrote.
  return {
    ...request,
    messages: messages.some(hasReasoning)
      ? messages.map((message) =>
        message.role === "assistant" && !hasReasoning(message) ? { ...message, reasoning_content: "" } : message
      )
      : messages
  }
}

const hasReasoning = (message: ChatSchema.ChatMessage): boolean => message["reasoning_content"] !== undefined
