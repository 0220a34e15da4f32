/**
 * The one reading of replies: what any provider sends, whole or in chunks, becomes a chunk in the shape of
 * `ChatSchema`. A whole reply is a stream of one event, so that the two cannot disagree.
 *
 * - What a choice says is in `delta`: providers also write it as `message` or as `text`.
 * - `content` is a text, or a list of parts where one of them is more than text.
 * - A tool call has an index of its own, and its arguments are text.
 * - `usage` is at the top: some write it into a choice.
 *
 * What has the shape already is given as it is. Reading what was read before changes nothing.
 */
import * as Predicate from "effect/Predicate"
import { ByIndex } from "./byIndex.ts"
import { ChoiceUsages } from "./choiceUsages.ts"
import { contentOf, continued } from "./content.ts"
import { endsForCall, failureOf, type FinishFailure, isFinish } from "./finishReasons.ts"
import { remainder } from "./remainder.ts"
import { isReadable, speaks } from "./speech.ts"
import type { Asked } from "./asked.ts"
import { numberOf, ToolCalls } from "./toolCalls.ts"

type Fields = Readonly<Record<string, unknown>>

/** What is known of a choice after the chunks so far. */
interface ChoiceState {
  /** Whether it said something to whoever asked. */
  said: boolean
  finish: string | undefined
  /** Whether nothing but the end can come: the reason of the end came apart from content. */
  ended: boolean
  calls: ToolCalls | undefined
  functionCall: ToolCalls | undefined
  /** Whether a delta gave a content that is a text. */
  hasContent: boolean
  /** Other fields that deltas gave: a message that comes later repeats them. */
  given: Set<string> | undefined
  /** What messages of the stream have said, as they may repeat it from its beginning. */
  told: Map<string, unknown> | undefined
}

export class ReplyReader {
  readonly choices = new ByIndex<ChoiceState>()
  /** Of nearly all answers there is one choice. */
  private lastPlace: number | undefined
  private lastState: ChoiceState | undefined
  private usages: ChoiceUsages | undefined
  /** Whether any choice said something. */
  said = false
  /** How many choices have ended. */
  ended = 0
  /** The characters of the texts so far. */
  size = 0
  /** A failure that stands in the place of the reason for an end. */
  failure: FinishFailure | undefined
  /** A failure that is one if nothing is said. */
  filtered: FinishFailure | undefined

  /** The chunk in the one shape, or `undefined` where it is none: its choices are no objects. */
  take(chunk: Fields): Fields | undefined {
    const given = chunk["choices"] as ReadonlyArray<unknown>
    // The usage comes last.
    if (given.length === 0 && Predicate.isReadonlyObject(chunk["usage"])) {
      for (const state of this.choices.values()) this.setEnded(state, state.finish !== undefined)
    }
    let choices: Array<unknown> | undefined
    let usage = chunk["usage"]
    const isAtTop = Predicate.isReadonlyObject(usage)
    for (let i = 0; i < given.length; i++) {
      const choice = given[i]
      if (!Predicate.isReadonlyObject(choice)) return undefined
      let read = this.choice(choice, i)
      if (!isAtTop && Predicate.isReadonlyObject(choice["usage"])) {
        // Moonshot and those who follow it.
        const { usage: inChoice, ...rest } = read
        usage = (this.usages ??= new ChoiceUsages()).take(numberOf(read["index"]) ?? i, inChoice as Fields)
        read = rest
      }
      if (read !== choice) (choices ??= given.slice())[i] = read
    }
    const groq = chunk["x_groq"]
    if (!Predicate.isReadonlyObject(usage) && Predicate.isReadonlyObject(groq) && groq["usage"]) usage = groq["usage"]
    return choices === undefined && usage === chunk["usage"]
      ? chunk
      : { ...chunk, ...(choices && { choices }), ...(usage !== chunk["usage"] && { usage }) }
  }

  /** What is wrong with the tool calls, if anything is. */
  toolFault(asked: Asked): string | undefined {
    for (const { calls, finish, functionCall } of this.choices.values()) {
      const fault = calls?.fault(asked) ?? functionCall?.fault(asked)
      if (fault !== undefined) return fault
      if (asked.offersTools && (calls ?? functionCall) === undefined && endsForCall(finish)) {
        return "an end for a tool call without the call"
      }
    }
    return undefined
  }

  private choice(choice: Fields, position: number): Fields {
    const index = choice["index"]
    const given = numberOf(index)
    const place = given !== undefined && Number.isFinite(given) ? given : position
    const state = place === this.lastPlace ? this.lastState! : this.find(place)
    const message = choice["message"]
    let read = isUsual(choice) ? choice : usual(choice, state)
    const delta = read["delta"]
    let said = false
    if (Predicate.isReadonlyObject(delta)) {
      said = this.hear(delta, state, message === undefined)
      if (listOf(delta["tool_calls"]) !== undefined) {
        const before = state.calls?.size ?? 0
        read = withCalls(read, delta, message, state)
        this.size += state.calls!.size - before
      }
    }
    const finish = read["finish_reason"]
    if (isFinish(finish)) this.finish(finish, state)
    else if (typeof finish === "string" && finish !== "") read = { ...read, finish_reason: null }
    // A provider that ends every chunk has not ended.
    this.setEnded(state, state.finish !== undefined && !said)
    return place === index || (typeof index !== "number" && place === 0) ? read : { ...read, index: place }
  }

  /** Notes what a delta says: whether there is anything in it. */
  private hear(delta: Fields, state: ChoiceState, isDelta: boolean): boolean {
    const content = delta["content"]
    if (typeof content === "string" && content !== "") {
      // Nearly every chunk of an answer.
      this.size += content.length
      if (!state.said && isReadable(content)) state.said = this.said = true
      if (isDelta) state.hasContent = true
      return true
    }
    let said = false
    for (const field in delta) {
      const value = delta[field]
      if (field === "role" || !isGiven(value)) continue
      said = true
      this.size += typeof value === "string" ? value.length : 1
      if (isDelta) giveField(field, state)
      if (!state.said && speaks(field, value)) state.said = this.said = true
    }
    return said
  }

  private setEnded(state: ChoiceState, ended: boolean): void {
    if (state.ended === ended) return
    state.ended = ended
    this.ended += ended ? 1 : -1
  }

  private finish(reason: string, state: ChoiceState): void {
    state.finish = reason
    if (reason === "stop") return
    const failure = failureOf(reason)
    if (failure === undefined) return
    if (failure.onlyEmpty) this.filtered ??= failure
    else this.failure ??= failure
  }

  private find(place: number): ChoiceState {
    const known = this.choices.get(place)
    this.lastPlace = place
    return this.lastState = known ?? this.open(place)
  }

  private open(place: number): ChoiceState {
    const state: ChoiceState = {
      said: false,
      finish: undefined,
      ended: false,
      calls: undefined,
      functionCall: undefined,
      hasContent: false,
      given: undefined,
      told: undefined
    }
    this.choices.set(place, state)
    return state
  }
}

/** Whether a choice is written as the protocol has it; tool calls are looked at elsewhere. */
const isUsual = (choice: Fields): boolean => {
  if (choice["message"] !== undefined || choice["text"] !== undefined) return false
  const delta = choice["delta"]
  if (!Predicate.isReadonlyObject(delta)) return true
  const content = delta["content"]
  return (typeof content !== "object" || content === null) && !isGiven(delta["function_call"])
}

const giveField = (field: string, state: ChoiceState): void => {
  ;(state.given ??= new Set()).add(field)
}

const wasGiven = (field: string, { given, hasContent }: ChoiceState): boolean =>
  (hasContent && field === "content") || given?.has(field) === true

/** The choice as the protocol has it. */
const usual = ({ message, text, ...choice }: Fields, state: ChoiceState): Fields => {
  const delta = Predicate.isReadonlyObject(choice["delta"]) ? choice["delta"] : undefined
  const fields: Record<string, unknown> = { ...delta }
  if (Predicate.isReadonlyObject(message)) {
    for (const field in fields) if (field !== "role" && isGiven(fields[field])) giveField(field, state)
    // What deltas said, a message only repeats.
    for (const [field, value] of Object.entries(message)) {
      if (!wasGiven(field, state)) fields[field] = untold(field, value, state)
    }
  } else if (typeof text === "string" && !isGiven(fields["content"])) {
    // Servers of completions, which have no messages.
    fields["content"] = text
  } else if (delta === undefined) return choice
  fields["content"] = contentOf(fields["content"])
  const call = fields["function_call"]
  if (Predicate.isReadonlyObject(call)) {
    // The older form of a tool call: one at most, without an id.
    state.functionCall ??= new ToolCalls()
    const piece = { index: 0, function: call }
    const [read] = delta?.["function_call"] === call
      ? state.functionCall.pieces([piece])
      : state.functionCall.whole([piece])
    fields["function_call"] = (read as typeof piece).function
  }
  if (fields["content"] === undefined) delete fields["content"]
  return { ...choice, delta: fields }
}

/** What a message of a stream says that the messages before it did not: some repeat all from the beginning. */
const untold = (field: string, value: unknown, state: ChoiceState): unknown => {
  if (field === "role" || field === "tool_calls" || field === "function_call") return value
  const said = field === "content" ? contentOf(value) : value
  if (said === "" || (typeof said !== "string" && !Array.isArray(said))) return said
  const told = state.told ??= new Map()
  const before = told.get(field)
  const rest = before === undefined ? undefined : remainder(before, said)
  told.set(field, before === undefined || rest !== undefined ? said : continued(own(before), said))
  return rest ?? said
}

/** What was said is continued in place. */
const own = (said: unknown): unknown => Array.isArray(said) ? said.slice() : said

const withCalls = (choice: Fields, delta: Fields, message: unknown, state: ChoiceState): Fields => {
  const given = delta["tool_calls"]
  const list = listOf(given)!
  state.calls ??= new ToolCalls()
  const isWhole = Predicate.isReadonlyObject(message) && message["tool_calls"] === given
  const calls = isWhole ? state.calls.whole(list) : state.calls.pieces(list)
  return calls === given ? choice : { ...choice, delta: { ...delta, tool_calls: calls } }
}

/** A list of calls, also where one call stands for it; `undefined` for what is neither. */
const listOf = (calls: unknown): ReadonlyArray<unknown> | undefined =>
  Array.isArray(calls)
    ? calls
    : Predicate.isReadonlyObject(calls) && (calls["function"] !== undefined || calls["name"] !== undefined)
    ? [calls]
    : undefined

const isGiven = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== "" && !(Array.isArray(value) && value.length === 0)
