/**
 * Which tool call a piece of a stream belongs to.
 *
 * The protocol says: the one with the same `index`. Some give all calls of an answer the index 0 and tell them apart by
 * `id`, some have ids alone, some have neither and repeat the name, and some write an index that counts pieces. The
 * calls are put in order here, and each piece gets the index of its call.
 */
import * as Predicate from "effect/Predicate"
import type { Asked } from "./asked.ts"
import * as Arguments from "./toolArguments.ts"

type Piece = Readonly<Record<string, unknown>>

/** A call as far as it was heard. */
interface Call {
  /** The index that its pieces get. */
  readonly index: number
  /** The index that the provider gave it. */
  readonly given: number | undefined
  id: string
  name: string
  text: string
  /** Whether it has arguments of its own: a call of another kind than `function` has none. */
  isFunction: boolean
  unreadable: boolean
}

export class ToolCalls {
  /** The characters of the arguments so far. */
  size = 0
  private readonly calls: Array<Call> = []
  private readonly taken = new Set<number>()

  /** The pieces of a delta, each with the index of its call and with text as its arguments. */
  pieces(list: ReadonlyArray<unknown>): ReadonlyArray<unknown> {
    let changed: Array<unknown> | undefined
    for (let i = 0; i < list.length; i++) {
      const given = list[i]
      if (!Predicate.isReadonlyObject(given)) continue
      const piece = shaped(given)
      const placed = this.add(piece, this.find(piece, i, list.length))
      if (placed !== given) (changed ??= list.slice())[i] = placed
    }
    return changed ?? list
  }

  /**
   * The calls of a message as pieces. Each is a call of its own, unless an earlier message of the stream had its
   * beginning.
   */
  whole(list: ReadonlyArray<unknown>): ReadonlyArray<unknown> {
    const claimed = new Set<Call>()
    return list.map((given, i) => {
      if (!Predicate.isReadonlyObject(given)) return given
      const piece = shaped(given)
      const id = word(piece["id"])
      const name = word(functionOf(piece)?.["name"])
      if (name === "" && functionOf(piece) !== undefined) return this.add(piece, this.find(piece, i, list.length))
      const known = id === "" ? this.calls[i] : this.calls.find((call) => call.id === id && !claimed.has(call))
      const text = Arguments.textOf(functionOf(piece)?.["arguments"]) ?? ""
      const goesOn = known !== undefined && !claimed.has(known) && text.startsWith(known.text) &&
        (id === "" ? name === known.name : id === known.id)
      const call = goesOn ? known : this.open(undefined)
      claimed.add(call)
      return this.add(goesOn ? withArguments(piece, text.slice(known.text.length)) : piece, call)
    })
  }

  /** What is wrong with the calls, if anything is. */
  fault(asked: Asked): string | undefined {
    for (const call of this.calls) {
      if (!call.isFunction) continue
      if (call.name === "" && asked.offersTools) return "a tool call without the name of its tool"
      if (call.unreadable) return "a tool call whose arguments are neither text nor an object"
      const fault = Arguments.fault(call, asked)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  private find(piece: Piece, position: number, count: number): Call {
    const id = word(piece["id"])
    const index = indexOf(piece["index"]) ?? (id === "" && count > 1 ? position : undefined)
    const known = index === undefined
      ? id === "" ? this.calls.at(-1) : this.withId(id) ?? this.ofPiece(piece, this.calls.at(-1))
      : this.last((call) => call.given === index && (id === "" || call.id === "" || call.id === id)) ??
        this.drifted(piece, id, index)
    return known !== undefined && !begins(piece, known) ? known : this.open(index)
  }

  /**
   * The call of a piece whose index and id were not seen together: some give each piece an id of its own, and some an
   * index that counts pieces.
   */
  private drifted(piece: Piece, id: string, index: number): Call | undefined {
    const sameIndex = this.last((call) => call.given === index)
    if (id !== "") return this.ofPiece(piece, sameIndex, this.withId(id))
    return word(functionOf(piece)?.["name"]) === "" ? this.calls.at(-1) : undefined
  }

  /** The open call that a piece with a new id goes on with, if it does not begin one: it has no name or the same. */
  private ofPiece(piece: Piece, open: Call | undefined, sameId?: Call): Call | undefined {
    const name = word(functionOf(piece)?.["name"])
    if (name === "" && sameId !== undefined) return sameId
    if (open === undefined || open.name === "" || Arguments.isObject(open.text)) return undefined
    return name === "" || (name === open.name && open.text !== "") ? open : undefined
  }

  private withId(id: string): Call | undefined {
    return this.last((call) => call.id === id)
  }

  private last(is: (call: Call) => boolean): Call | undefined {
    for (let i = this.calls.length - 1; i >= 0; i--) if (is(this.calls[i]!)) return this.calls[i]
    return undefined
  }

  private open(given: number | undefined): Call {
    let index = given ?? this.calls.length
    if (this.taken.has(index)) index = Math.max(...this.taken) + 1
    this.taken.add(index)
    const call: Call = { index, given, id: "", name: "", text: "", isFunction: false, unreadable: false }
    this.calls.push(call)
    return call
  }

  /** Takes the piece into its call, and gives it in its one form. */
  private add(piece: Piece, call: Call): Piece {
    call.id ||= word(piece["id"])
    const said = functionOf(piece)
    let written = piece
    if (piece["type"] === "function") call.isFunction = true
    if (said !== undefined) {
      call.isFunction = true
      call.name ||= word(said["name"])
      const given = said["arguments"]
      if (given !== undefined && given !== null) {
        const text = Arguments.textOf(given)
        if (text === undefined) call.unreadable = true
        else {
          // A provider that repeats its last piece does not mean it twice.
          const repeated = text === call.text && Arguments.isObject(text)
          if (!repeated) {
            call.text += text
            this.size += text.length
          }
          if (text !== given || repeated) written = withArguments(piece, repeated ? "" : text)
        }
      }
    }
    return written["index"] === call.index ? written : { ...written, index: call.index }
  }
}

/** Whether a piece that could go on with a call begins another one. */
const begins = (piece: Piece, call: Call): boolean => {
  const said = functionOf(piece)
  const name = word(said?.["name"])
  if (name === "" || call.name === "") return false
  const text = Arguments.textOf(said?.["arguments"]) ?? ""
  const isSame = call.id !== "" && word(piece["id"]) === call.id
  if (isSame && text === call.text) return false
  if (name !== call.name && !isSame) return true
  // A name may be repeated up to the last piece; without an index it is all there is to begin a call.
  const mayBegin = text !== "" || (!isSame && indexOf(piece["index"]) === undefined)
  return mayBegin && Arguments.isObject(call.text)
}

const withArguments = (piece: Piece, text: string): Piece => ({
  ...piece,
  function: { ...functionOf(piece), arguments: text }
})

/**
 * The piece with a name and arguments where the protocol has them. Some write both beside `function`, or the arguments
 * as `parameters` or `input`.
 */
const shaped = (piece: Piece): Piece => {
  const said = piece["function"]
  if (Predicate.isReadonlyObject(said)) {
    if (said["arguments"] !== undefined && said["arguments"] !== null) return piece
    const { input, parameters, ...rest } = said
    const other = parameters ?? input
    return Predicate.isReadonlyObject(other) ? { ...piece, function: { ...rest, arguments: other } } : piece
  }
  const { arguments: written, input, name: beside, type, ...rest } = piece
  const name = typeof said === "string" ? said : beside
  if ((type !== undefined && type !== "function") || typeof name !== "string" || !/^[\w.:-]+$/.test(name)) return piece
  const given = written ?? (Predicate.isReadonlyObject(input) ? input : undefined)
  return { ...rest, type: "function", function: { name, ...given !== undefined && { arguments: given } } }
}

const functionOf = (piece: Piece): Piece | undefined =>
  Predicate.isReadonlyObject(piece["function"]) ? piece["function"] : undefined

const word = (u: unknown): string => typeof u === "string" ? u : ""

/** Real calls are few: a larger index counts something else. */
const indexOf = (u: unknown): number | undefined => {
  const index = numberOf(u)
  return index !== undefined && Number.isInteger(index) && index >= 0 && index < 4096 ? index : undefined
}

/** A number, also where it is written as a text. */
export const numberOf = (u: unknown): number | undefined =>
  typeof u === "number" ? u : typeof u === "string" && /^\d{1,4}$/.test(u) ? Number(u) : undefined

const wordIn = (id: string | undefined): string => (id ?? "").replace(/[^A-Za-z0-9]/g, "").slice(-20)

/** Whether an id was made for a call of a reply that had no id either: the next such reply has the same. */
export const isRepeatable = (id: string): boolean => id.startsWith(`call_${wordIn(undefined)}_`)

/**
 * The calls with an id each, no two the same: what a tool answers is found by it. An id that is missing or repeated is
 * made of the reply's own and the place of the call.
 */
export const withDistinctIds = <C extends { readonly id?: string | undefined }>(
  calls: ReadonlyArray<C>,
  reply: string | undefined,
  choice: number
): ReadonlyArray<C> => {
  const seen = new Set<string>()
  const stem = `call_${wordIn(reply)}_${choice}`
  return calls.map((call, i) => {
    let id = call.id ?? ""
    for (let n = i; id === "" || seen.has(id); n += calls.length) id = `${stem}_${n}`
    seen.add(id)
    return id === call.id ? call : { ...call, id }
  })
}
