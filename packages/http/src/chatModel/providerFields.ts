/**
 * Fields of a conversation that only the provider understands that wrote them: its reasoning, its signatures. In a
 * cascade, the model of another provider must not be sent them, since many providers refuse fields they do not know.
 *
 * Both sides are noted beside the objects themselves, so that nothing of it is sent. A request that was copied on its
 * way is sent with all of its fields.
 */
import type * as ChatSchema from "../ChatSchema.ts"
import type { Request } from "./model.ts"

const authors = new WeakMap<object, string>()
const foreign = new WeakMap<object, { readonly provider: string; readonly plain: ChatSchema.ChatMessage }>()
const requests = new WeakSet<Request>()

/** Notes who wrote a reply, or the stream that begins with this chunk. */
export const wrote = (provider: string, answer: ChatSchema.ChatReply | ChatSchema.ChatChunk): void => {
  authors.set(answer, provider)
}

/** Who wrote a reply, or the stream that begins with this chunk, where that is known. */
export const authorOf = (answer: ChatSchema.ChatReply | ChatSchema.ChatChunk): string | undefined => authors.get(answer)

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
