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
import { hasTooManyChoices, maxChoices, maxEventSize, maxReplyBytes, tooManyChoices } from "../chatReply/limits.ts"
import { ReplyReader } from "../chatReply/reader.ts"
import { verdict } from "../chatReply/verdict.ts"
import { noteReply, showsWork } from "../pricing/failedReply.ts"
import { ToldUsage } from "../pricing/toldUsage.ts"
import { decodeChunk, withChoices } from "./decodeChunk.ts"
import * as EventReader from "./eventReader.ts"
import { hasContent } from "./hasContent.ts"
import { isHeartbeat } from "./heartbeats.ts"
import { parseJson } from "./parseJson.ts"
import { UnframedJson } from "./unframedJson.ts"

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

/** What is done with an answer. */
export interface Hearer {
  /** Hears a chunk of it. */
  readonly hearChunk: (chunk: ChatSchema.ChatChunk) => void
  /**
   * Parses the data of an event, and gives `undefined` for what is no JSON. It may give the same object again only with
   * other texts in the same deltas.
   */
  readonly parse: (data: string) => unknown
}

/** Of nearly all answers no end is held back. */
const noneHeld: ReadonlyArray<ChatSchema.ChatChunk> = []

/** An answer from its beginning. There are as many as there are open streams, so what few of them need is made then. */
export class Answer implements EventReader.Events {
  /** How the answer stands after what came so far. */
  progress: Progress = "more"
  /** Whether the answer came as the JSON of a whole reply. */
  isUnframed = false
  private readonly head: Head
  private readonly hearer: Hearer
  private readonly asked: AskedOf.Asked
  private readonly events = new EventReader.EventReader(this, maxEventSize)
  private readonly reader = new ReplyReader()
  private unframed: UnframedJson | undefined
  private begun = false
  /** As much of its first text as tells what it is. */
  private opening = ""
  private isOpeningKnown = false
  /** Ends of choices that came before anything was said: they mean nothing until it is, or until the end. */
  private heldEnds = noneHeld
  private ending = false
  private half = false
  /** Whether the last event was JSON that says nothing that is known. */
  private passedOver = false
  /** The last JSON that was a chunk as it was: with other texts in it, it still is one, and tells no error. */
  private usual: unknown
  private hasMoreAfter = false
  /** The usages before anything was said, and the last one after that: they tell what a failure may cost. */
  private readonly told = new ToldUsage()
  private lastUsage: unknown

  constructor(head: Head, hearer: Hearer) {
    this.head = head
    this.hearer = hearer
    this.asked = head.asked ?? AskedOf.unknown
  }

  /** Takes in text, cut anywhere. Answers whether it was plain events and nothing else. */
  read(text: string): boolean {
    let at = 0
    if (!text.includes("\r")) { for (let end = 0; end >= 0; end = this.readPlain(text, at)) at = end }
    if (at > 0 && at === text.length) return true
    const rest = at === 0 ? text : text.slice(at)
    if (!this.isOpeningKnown && this.opening.length < openingLength) this.opening += rest.slice(0, openingLength)
    const { events, json } = (this.unframed ??= new UnframedJson(maxReplyBytes)).push(rest)
    if (!this.events.push(events) && this.progress === "more") {
      this.refuse(`an event of more than ${maxEventSize / 2 ** 20} MiB`)
    }
    if (json !== undefined && this.progress === "more") this.notAnEvent(json)
    return false
  }

  /**
   * Takes in the plain event that begins at a place of a text without a CR, and gives the place behind it; -1 where the
   * text is to be read from there.
   */
  readPlain(text: string, from: number): number {
    if (this.unframed?.isOpen === true) return -1
    const end = this.events.pushPlain(text, from)
    if (end >= 0 && !this.isOpeningKnown) {
      if (this.opening.length < openingLength) this.opening += "data:"
      this.isOpeningKnown = true
    }
    return end
  }

  /** Takes in that nothing comes after this text. */
  end(text: string): void {
    this.ending = true
    const left = this.unframed?.end()
    this.read(text)
    if (left !== undefined && this.progress === "more") this.notAnEvent(left)
    // An event that lacks only the empty line after it is taken; half of one is not JSON and falls away.
    if (this.progress === "more") this.events.push("\n\n")
    if (this.progress === "more") {
      if (this.mayEnd()) this.finish()
      else if (this.reader.choices.size > 0 || this.half) this.truncated()
      else this.refuse(describe(this.opening))
    }
  }

  /** Ends the answer with `MalformedReply`. */
  refuse(found: string): void {
    this.failedWith(new ChatError.MalformedReply({ ...this.where, found }))
  }

  /** Whether every choice that was seen is finished, so that only usage and `[DONE]` may be missing. */
  get isFinished(): boolean {
    const { asked, reader } = this
    return (reader.said || asked.nothing) && reader.choices.size >= asked.choices &&
      reader.ended === reader.choices.size
  }

  /** Whether ends of choices are held back, because nothing has been said yet. */
  get holdsEnds(): boolean {
    return this.heldEnds.length > 0 && !this.reader.said
  }

  /** Whether a whole answer ended with something that is no part of it. */
  get leavesOutLast(): boolean {
    return this.hasMoreAfter || this.half
  }

  /** Whether what came up to now is one whole JSON text instead of events. */
  isWholeJson(): boolean {
    return this.unframed?.isWhole() === true
  }

  /** The reason for which each choice ended. */
  finishReasons(): ReadonlyMap<number, string> {
    const reasons = new Map<number, string>()
    for (const [index, { finish }] of this.reader.choices) if (finish !== undefined) reasons.set(index, finish)
    return reasons
  }

  hear(written: string, name: string): void {
    if (this.progress !== "more") return
    const data = written.startsWith("{") ? written : written.trim()
    if (data === "") return
    if (isDone(data)) return this.done()
    if (!data.startsWith("{") && isHeartbeat(data, name)) return
    const json = this.hearer.parse(data)
    if (saysError(name)) {
      // Its name says that it is one, also where nothing is in it.
      if (!this.failed(json) && !this.failed({ error: Predicate.isReadonlyObject(json) ? json : data })) {
        this.failed({ error: name })
      }
    } else if (json === undefined) {
      // Servers that put no empty line between events.
      if (
        data.includes("\n") && data.split("\n").every((line) => isDone(line.trim()) || parseJson(line) !== undefined)
      ) {
        for (const line of data.split("\n")) this.hear(line, name)
      } else if (this.ending) {
        // The last event of a stream that was cut is no more malformed than the stream.
        this.half = true
      } else if (this.isFinished) this.finishBefore()
      else this.refuse("an event that is not JSON")
    } else if (json === this.usual || !this.failed(json)) this.take(json, name)
  }

  private get where() {
    const { model, provider, status } = this.head
    return { provider, model, status }
  }

  /** Whether the end of the body is the end of the answer. */
  private mayEnd(): boolean {
    const { asked, reader } = this
    if (reader.choices.size < asked.choices) return false
    for (const { finish } of reader.choices.values()) if (finish === undefined) return false
    return true
  }

  private failedWith(error: ChatError.ChatError): void {
    const { reader, told } = this
    told.read(this.lastUsage)
    const reply = { model: undefined, told, said: reader.size }
    this.progress = showsWork(reply) ? noteReply(error, reply) : error
  }

  private truncated(): void {
    this.failedWith(new ChatError.Truncated(this.where))
  }

  // Once something was said, an error may quote it, and what was said is not kept.
  private answered(): Omit<ChatError.FailedResponse, "body"> {
    const { asked: _, ...response } = this.head
    return this.begun
      ? { ...response, secrets: { apiKey: response.secrets?.apiKey, prompt: "unknown" as const } }
      : response
  }

  private failed(json: unknown): boolean {
    if (errorIn(json) === undefined) return false
    const error = ChatError.fromReply({ ...this.answered(), body: "" }, json)
    if (error === undefined) return false
    if (Predicate.isReadonlyObject(json)) this.told.note(json)
    this.failedWith(error)
    return true
  }

  private finish(): void {
    const failure = verdict(this.reader, this.asked, this.answered())
    if (failure === undefined) this.progress = "whole"
    else {
      this.failedWith(failure)
      noteWorked(failure)
    }
    if (this.progress === "whole" || this.reader.said) { for (const chunk of this.heldEnds) this.giveEnds(chunk) }
  }

  /** An end that was followed by another one was none. */
  private giveEnds(chunk: ChatSchema.ChatChunk): void {
    const choices = chunk.choices.filter(({ finish_reason, index }) =>
      this.reader.choices.get(index ?? 0)?.finish === finish_reason
    )
    if (choices.length > 0) this.hearer.hearChunk({ ...chunk, choices })
  }

  /** What comes after the end of every choice and is no part of the answer ends it. */
  private finishBefore(): void {
    this.hasMoreAfter = true
    this.finish()
  }

  private done(): void {
    if (this.reader.choices.size === 0) this.refuse("a stream without a choice")
    // What was passed over may have said why no reason for the end came.
    else if (this.passedOver && !this.mayEnd()) this.truncated()
    else {
      // The mark of the end goes on with what stands behind it in the same event.
      this.half = false
      this.finish()
    }
  }

  private take(json: unknown, name: string): void {
    if (!Predicate.isReadonlyObject(json)) {
      if (name !== "message" && !Array.isArray(json)) return
      if (this.isFinished) this.finishBefore()
      else this.refuse("an event that is no chunk of one")
      return
    }
    const listed = withChoices(json)
    // Pings, states of a queue and the like.
    if (listed === undefined) {
      this.passedOver = typeof json["type"] !== "string" && Object.keys(json).length > 0
      return
    }
    this.passedOver = false
    const { asked, reader } = this
    // Before they are looked at one by one: there may be millions.
    if (hasTooManyChoices(listed)) return this.refuse(tooManyChoices)
    const read = reader.take(listed)
    const chunk = read && read === this.usual ? read as ChatSchema.ChatChunk : read && decodeChunk(read)
    if (chunk === json) this.usual = json
    if (chunk === undefined) return this.refuse("an event that is no chunk of one")
    if (!this.begun) this.told.note(chunk)
    else if (chunk.usage) this.lastUsage = chunk.usage
    if (reader.failure !== undefined || (reader.filtered !== undefined && !reader.said && asked.choices === 1)) {
      return this.finish()
    }
    if (reader.choices.size > maxChoices) return this.refuse(tooManyChoices)
    if (reader.size > maxReplyBytes) return this.refuse(`more than ${maxReplyBytes / 2 ** 20} MiB`)
    this.begun ||= hasContent(chunk)
    if (reader.said || isOpen(chunk)) this.hearer.hearChunk(chunk)
    else this.hold(chunk)
  }

  /** Gives what the chunk says, and keeps the ends in it. */
  private hold(chunk: ChatSchema.ChatChunk): void {
    const { choices, usage: _, ...common } = chunk
    const open = choices.map((choice) => ({ ...choice, finish_reason: null }))
    this.hearer.hearChunk({ ...chunk, choices: open })
    this.heldEnds = [...this.heldEnds, {
      ...common,
      choices: choices.flatMap(({ finish_reason, index }) =>
        isFinish(finish_reason) ? [{ ...index !== undefined && { index }, delta: {}, finish_reason }] : []
      )
    }]
  }

  private notAnEvent(text: string): void {
    const json = parseJson(text)
    if (this.failed(json)) return
    if (this.isFinished) this.finishBefore()
    else if (this.ending && json === undefined && !isPage(this.opening)) this.half = true
    else if (this.reader.choices.size === 0 && Predicate.isReadonlyObject(json) && Array.isArray(json["choices"])) {
      // An endpoint that does not stream gives the whole reply in one piece.
      this.isUnframed = true
      this.take({ ...json, object: "chat.completion.chunk" }, "message")
      if (this.progress === "more") {
        if (this.reader.choices.size > 0) this.finish()
        else this.refuse("a stream without a choice")
      }
    } else this.refuse(isPage(this.opening) ? htmlPage : "JSON that is no event")
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
