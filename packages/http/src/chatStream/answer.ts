/**
 * The answer that the text of a body adds up to, event by event: the one judgement of streams. What is done with its
 * chunks, and what becomes of its bytes, is up to those who give it the text.
 */
import * as Predicate from "effect/Predicate"
import * as ChatError from "../ChatError.ts"
import { errorIn } from "../chatError/inBand.ts"
import { noteWorked } from "../chatError/worked.ts"
import type * as ChatSchema from "../ChatSchema.ts"
import * as AskedOf from "../chatReply/asked.ts"
import { isFinish } from "../chatReply/finishReasons.ts"
import { maxChoices, maxEventSize, maxReplyBytes } from "../chatReply/limits.ts"
import { ReplyReader } from "../chatReply/reader.ts"
import { verdict } from "../chatReply/verdict.ts"
import { noteReply, showsWork } from "../pricing/failedReply.ts"
import { ToldUsage } from "../pricing/toldUsage.ts"
import { decodeChunk, withChoices } from "./decodeChunk.ts"
import * as EventReader from "./eventReader.ts"
import { hasContent } from "./hasContent.ts"
import { isHeartbeat } from "./heartbeats.ts"
import { parseJson } from "./parseJson.ts"
import * as UnframedJson from "./unframedJson.ts"

/**
 * The head of the response whose body is decoded, with what errors need to know about the call.
 *
 * @category models
 * @since 0.1.0
 */
export interface Head extends Omit<ChatError.FailedResponse, "body"> {
  /** What the request asked for. Without it one choice is expected, and no tool is known to take no arguments. */
  readonly asked?: AskedOf.Asked | undefined
}

/**
 * How an answer stands: more is to come, it is whole, or an error ended it.
 *
 * @category models
 * @since 0.1.0
 */
export type Progress = "more" | "whole" | ChatError.ChatError

export interface Answer {
  /** Takes in text, cut anywhere. Answers whether it was plain events and nothing else. */
  readonly read: (text: string) => boolean
  /**
   * Takes in the plain event that begins at a place of a text without a CR, and gives the place behind it; -1 where the
   * text is to be read from there.
   */
  readonly readPlain: (text: string, from: number) => number
  /** Takes in that nothing comes after this text. */
  readonly end: (text: string) => void
  /** Ends the answer with `MalformedReply`. */
  readonly refuse: (found: string) => void
  readonly progress: () => Progress
  /** Whether every choice that was seen is finished, so that only usage and `[DONE]` may be missing. */
  readonly isFinished: () => boolean
  /** Whether ends of choices are held back, because nothing has been said yet. */
  readonly holdsEnds: () => boolean
  /** Whether a whole answer ended with something that is no part of it. */
  readonly leavesOutLast: () => boolean
  /** Whether what came up to now is one whole JSON text instead of events. */
  readonly isWholeJson: () => boolean
  /** Whether the answer came as the JSON of a whole reply. */
  readonly isUnframed: () => boolean
  /** The reason for which each choice ended. */
  readonly finishReasons: () => ReadonlyMap<number, string>
}

/**
 * Begins an answer. `onChunk` gets its chunks. `read` parses the data of an event, and gives `undefined` for what is no
 * JSON. It may give the same object again only with other texts in the same deltas.
 */
export const make = (
  head: Head,
  onChunk: (chunk: ChatSchema.ChatChunk) => void,
  read: (data: string) => unknown
): Answer => {
  const { asked = AskedOf.unknown, ...response } = head
  const where = { provider: head.provider, model: head.model, status: head.status }
  const unframed = UnframedJson.make(maxReplyBytes)
  const reader = new ReplyReader()
  let begun = false
  let opening = ""
  /** Ends of choices that came before anything was said: they mean nothing until it is, or until the end. */
  const heldEnds: Array<ChatSchema.ChatChunk> = []
  let progress: Progress = "more"
  let ending = false
  let half = false
  /** Whether the last event was JSON that says nothing that is known. */
  let passedOver = false
  /** The last JSON that was a chunk as it was: with other texts in it, it still is one, and tells no error. */
  let usual: unknown
  let leavesOutLast = false
  let isUnframed = false
  /** The usages before anything was said, and the last one after that: they tell what a failure may cost. */
  const told = new ToldUsage()
  let lastUsage: unknown

  const isFinished = () =>
    (reader.said || asked.nothing) && reader.choices.size >= asked.choices && reader.ended === reader.choices.size
  /** Whether the end of the body is the end of the answer. */
  const mayEnd = () => {
    if (reader.choices.size < asked.choices) return false
    for (const { finish } of reader.choices.values()) if (finish === undefined) return false
    return true
  }
  const failedWith = (error: ChatError.ChatError) => {
    told.read(lastUsage)
    const reply = { model: undefined, told, said: reader.size }
    progress = showsWork(reply) ? noteReply(error, reply) : error
  }
  const malformed = (found: string) => failedWith(new ChatError.MalformedReply({ ...where, found }))
  // Once something was said, an error may quote it, and what was said is not kept.
  const answered = () =>
    begun ? { ...response, secrets: { apiKey: head.secrets?.apiKey, prompt: "unknown" as const } } : response
  const failed = (json: unknown): boolean => {
    if (errorIn(json) === undefined) return false
    const error = ChatError.fromReply({ ...answered(), body: "" }, json)
    if (error === undefined) return false
    if (Predicate.isReadonlyObject(json)) told.note(json)
    failedWith(error)
    return true
  }
  const finish = () => {
    const failure = verdict(reader, asked, answered())
    if (failure === undefined) progress = "whole"
    else {
      failedWith(failure)
      noteWorked(failure)
    }
    if (progress === "whole" || reader.said) { for (const chunk of heldEnds) giveEnds(chunk) }
  }
  /** An end that was followed by another one was none. */
  const giveEnds = (chunk: ChatSchema.ChatChunk) => {
    const choices = chunk.choices.filter(({ finish_reason, index }) =>
      reader.choices.get(index ?? 0)?.finish === finish_reason
    )
    if (choices.length > 0) onChunk({ ...chunk, choices })
  }
  /** What comes after the end of every choice and is no part of the answer ends it. */
  const finishBefore = () => {
    leavesOutLast = true
    finish()
  }

  const hear = (written: string, name: string): void => {
    if (progress !== "more") return
    const data = written.startsWith("{") ? written : written.trim()
    if (data === "") return
    if (isDone(data)) return done()
    if (!data.startsWith("{") && isHeartbeat(data, name)) return
    const json = read(data)
    if (saysError(name)) {
      // Its name says that it is one, also where nothing is in it.
      if (!failed(json) && !failed({ error: Predicate.isReadonlyObject(json) ? json : data })) failed({ error: name })
    } else if (json === undefined) {
      // Servers that put no empty line between events.
      if (
        data.includes("\n") && data.split("\n").every((line) => isDone(line.trim()) || parseJson(line) !== undefined)
      ) {
        for (const line of data.split("\n")) hear(line, name)
      } else if (ending) {
        // The last event of a stream that was cut is no more malformed than the stream.
        half = true
      } else if (isFinished()) finishBefore()
      else malformed("an event that is not JSON")
    } else if (json === usual || !failed(json)) take(json, name)
  }
  const events = EventReader.make(hear, maxEventSize)

  const done = () => {
    if (reader.choices.size === 0) malformed("a stream without a choice")
    // What was passed over may have said why no reason for the end came.
    else if (passedOver && !mayEnd()) failedWith(new ChatError.Truncated(where))
    else {
      // The mark of the end goes on with what stands behind it in the same event.
      half = false
      finish()
    }
  }

  const take = (json: unknown, name: string) => {
    if (!Predicate.isReadonlyObject(json)) {
      if (name !== "message" && !Array.isArray(json)) return
      if (isFinished()) finishBefore()
      else malformed("an event that is no chunk of one")
      return
    }
    const listed = withChoices(json)
    // Pings, states of a queue and the like.
    if (listed === undefined) {
      passedOver = typeof json["type"] !== "string" && Object.keys(json).length > 0
      return
    }
    passedOver = false
    const read = reader.take(listed)
    const chunk = read && read === usual ? read as ChatSchema.ChatChunk : read && decodeChunk(read)
    if (chunk === json) usual = json
    if (chunk === undefined) return malformed("an event that is no chunk of one")
    if (!begun) told.note(chunk)
    else if (chunk.usage) lastUsage = chunk.usage
    if (reader.failure !== undefined || (reader.filtered !== undefined && !reader.said && asked.choices === 1)) {
      return finish()
    }
    if (reader.choices.size > maxChoices) return malformed("more choices than anybody asks for")
    if (reader.size > maxReplyBytes) return malformed(`more than ${maxReplyBytes / 2 ** 20} MiB`)
    begun ||= hasContent(chunk)
    if (reader.said || isOpen(chunk)) onChunk(chunk)
    else hold(chunk)
  }

  /** Gives what the chunk says, and keeps the ends in it. */
  const hold = (chunk: ChatSchema.ChatChunk) => {
    const { choices, usage: _, ...common } = chunk
    const open = choices.map((choice) => ({ ...choice, finish_reason: null }))
    onChunk({ ...chunk, choices: open })
    heldEnds.push({
      ...common,
      choices: choices.flatMap(({ finish_reason, index }) =>
        isFinish(finish_reason) ? [{ ...index !== undefined && { index }, delta: {}, finish_reason }] : []
      )
    })
  }

  const notAnEvent = (text: string) => {
    const json = parseJson(text)
    if (failed(json)) return
    if (isFinished()) finishBefore()
    else if (ending && json === undefined && !isPage(opening)) half = true
    else if (reader.choices.size === 0 && Predicate.isReadonlyObject(json) && Array.isArray(json["choices"])) {
      // An endpoint that does not stream gives the whole reply in one piece.
      isUnframed = true
      take(json, "message")
      if (progress === "more") {
        if (reader.choices.size > 0) finish()
        else malformed("a stream without a choice")
      }
    } else malformed(isPage(opening) ? htmlPage : "JSON that is no event")
  }

  const readPlain = (text: string, from: number): number => {
    if (unframed.isOpen()) return -1
    const end = events.pushPlain(text, from)
    if (end >= 0 && opening.length < openingLength) opening += text.slice(from, from + openingLength)
    return end
  }

  const readText = (text: string): boolean => {
    let at = 0
    if (!text.includes("\r")) { for (let end = 0; end >= 0; end = readPlain(text, at)) at = end }
    if (at > 0 && at === text.length) return true
    const rest = at === 0 ? text : text.slice(at)
    if (opening.length < openingLength) opening += rest.slice(0, openingLength)
    const { events: lines, json } = unframed.push(rest)
    if (!events.push(lines) && progress === "more") {
      malformed(`an event of more than ${maxEventSize / 2 ** 20} MiB`)
    }
    if (json !== undefined && progress === "more") notAnEvent(json)
    return false
  }

  return {
    isFinished,
    read: readText,
    readPlain,
    refuse: malformed,
    progress: () => progress,
    holdsEnds: () => heldEnds.length > 0 && !reader.said,
    leavesOutLast: () => leavesOutLast || half,
    isWholeJson: unframed.isWhole,
    isUnframed: () => isUnframed,
    finishReasons: () => {
      const reasons = new Map<number, string>()
      for (const [index, { finish }] of reader.choices) if (finish !== undefined) reasons.set(index, finish)
      return reasons
    },
    end: (text) => {
      ending = true
      const left = unframed.end()
      readText(text)
      if (left !== undefined && progress === "more") notAnEvent(left)
      // An event that lacks only the empty line after it is taken; half of one is not JSON and falls away.
      if (progress === "more") events.push("\n\n")
      if (progress === "more") {
        if (mayEnd()) finish()
        else if (reader.choices.size > 0 || half) failedWith(new ChatError.Truncated(where))
        else malformed(describe(opening))
      }
    }
  }
}

const isOpen = ({ choices }: ChatSchema.ChatChunk): boolean => {
  for (const { finish_reason } of choices) if (isFinish(finish_reason)) return false
  return true
}

/** The mark of the end, however it is written. */
const isDone = (data: string): boolean => data.length <= 20 && /^"?\[done\]"?(\s*\[done\])?$/i.test(data)

/** Whether the name of an event says that it tells a failure. */
const saysError = (name: string): boolean => name !== "message" && /(error|exception|failed|failure)$/i.test(name)

const openingLength = 256

const htmlPage = "an HTML page"

const isPage = (opening: string): boolean => opening.trimStart().startsWith("<")

const describe = (opening: string): string => {
  const text = opening.trim()
  return text === ""
    ? "an empty stream"
    : isPage(text)
    ? htmlPage
    : /^(:|data:|event:|id:|retry:)/.test(text)
    ? "a stream without a choice"
    : "text that is no event stream"
}
