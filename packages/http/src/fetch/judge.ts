/** Judges the body of a response by its content, on its way to the caller. The bytes stay as they are. */
import { EventDecoder } from "../apis/eventDecoder.ts"
import * as ChatError from "../ChatError.ts"
import { isCutJson } from "../chatClient/cutJson.ts"
import { maxReplyBytes } from "../chatReply/limits.ts"
import type * as ChatStream from "../ChatStream.ts"
import { hasContent } from "../chatStream/hasContent.ts"
import { parseJson } from "../chatStream/parseJson.ts"
import * as Tap from "../chatStream/tap.ts"
import type { Route } from "./routes.ts"

/** How an answer stands after what came so far. */
export type Progress = "more" | "whole" | ChatError.ChatError

export interface Judge {
  readonly of: "events" | "json"
  /** Takes in a piece. Answers whether there was content in it, from which on it is passed on. */
  readonly push: (bytes: Uint8Array) => boolean
  readonly end: () => void
  readonly progress: () => Progress
  /** Whether an end was told, be it of an answer that says nothing. */
  readonly hasEnd: () => boolean
}

/** Of a chat completion in events. */
const ofChat = (head: ChatStream.Head): Judge => {
  const tap = Tap.make(head)
  let chunks = 0
  return {
    of: "events",
    push: (bytes) => {
      tap.push(bytes)
      const before = chunks
      chunks = tap.contentChunks()
      return chunks > before
    },
    end: () => void tap.end(),
    progress: () => tap.progress(),
    hasEnd: () => tap.finishReasons().size > 0
  }
}

/** Of another API in events. */
const ofEvents = (events: Exclude<Route["events"], "chat" | undefined>, head: ChatStream.Head): Judge => {
  const decoder = new EventDecoder(events, head)
  return {
    of: "events",
    push: (bytes) => decoder.push(bytes).some(hasContent),
    end: () => void decoder.end(),
    progress: () => decoder.progress,
    hasEnd: () => decoder.progress === "whole"
  }
}

/** Of JSON, or a page in its place, which is held until it is whole. What is too large for that is passed on as it comes. */
const ofJson = (head: ChatStream.Head): Judge => {
  const decoder = new TextDecoder()
  let text: string | undefined = ""
  let size = 0
  let progress: Progress = "more"
  return {
    of: "json",
    push: (bytes) => {
      size += bytes.length
      if (size > maxReplyBytes) text = undefined
      if (text !== undefined) text += decoder.decode(bytes, { stream: true })
      return text === undefined
    },
    end: () => {
      progress = text === undefined ? "whole" : readJson(text + decoder.decode(), head)
    },
    progress: () => progress,
    hasEnd: () => true
  }
}

const readJson = (text: string, head: ChatStream.Head): Progress => {
  const { model, provider, status } = head
  const json = parseJson(text)
  if (json !== undefined) return ChatError.fromReply({ ...head, body: text }, json) ?? "whole"
  if (isPage(head)) return new ChatError.MalformedReply({ provider, model, status, found: "an HTML page" })
  return isCutJson(text.trim()) ? new ChatError.Truncated({ provider, model, status }) : "whole"
}

const typeOf = ({ headers }: ChatStream.Head): string => headers["content-type"] ?? ""

/** That of a proxy, a portal or a maintenance. */
const isPage = (head: ChatStream.Head): boolean => /^\s*text\/html\b/i.test(typeOf(head))

/**
 * By what the body of a good response is judged; undefined where only its bytes are known. Where a stream was asked for,
 * clients read anything but JSON as events, and find none in it.
 */
export const judgeOf = (route: Route | undefined, head: ChatStream.Head, isStream: boolean): Judge | undefined => {
  if (route === undefined || head.status < 200 || head.status > 299) return undefined
  const type = typeOf(head)
  if (/^\s*application\/json\b/i.test(type)) return ofJson(head)
  if (route.events !== undefined && (isStream || /^\s*text\/event-stream\b/i.test(type))) {
    return route.events === "chat" ? ofChat(head) : ofEvents(route.events, head)
  }
  return isPage(head) ? ofJson(head) : undefined
}
