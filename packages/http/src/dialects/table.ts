/**
 * Rows in the order in which they are asked, and the first of them that a failure fits.
 *
 * The order: the words that tell most (`code`, `reason`, `type`, `grpcStatus`, wording), then the rows that are marked
 * `order: "last"`, then those that state only a status. Within one of these, the rows of the user come first, then
 * those with more conditions, then the order of the table.
 */
import type { Dialect, Facts, WordKind } from "./model.ts"
import { list, statusOf, wordKinds } from "./model.ts"
import * as Wording from "./wording.ts"

/** A row, compiled. */
export interface Entry {
  readonly row: Dialect
  readonly fits: (facts: ComparedFacts) => boolean
  /** The status that the failure means where nobody names one. */
  readonly status: number
}

/** Facts with the sentence as wordings are compared with it. */
interface ComparedFacts {
  readonly status: number | undefined
  readonly code: Word | undefined
  readonly type: Word | undefined
  readonly grpcStatus: Word | undefined
  readonly reason: ReadonlyArray<Word>
  readonly says: string
}

/** Rows in the order in which they are asked, in groups of which a failure without the group's words is not asked. */
export type Table = ReadonlyArray<Group>

interface Group {
  readonly kind: WordKind | undefined
  readonly entries: ReadonlyArray<Entry>
}

/** The rows of a table in their order. */
export const rowsOf = (table: Table): ReadonlyArray<Dialect> =>
  table.flatMap(({ entries }) => entries.map(({ row }) => row))

/** The words that a row states. */
export const wordsOf = (row: Dialect): ReadonlyArray<WordKind> => wordKinds.filter((kind) => row[kind] !== undefined)

/** The place of a row among the kinds of rows: smaller is earlier. */
export const rankOf = (row: Dialect): number => {
  if (row.order === "last") return wordKinds.length
  const [first] = wordsOf(row)
  return first === undefined ? wordKinds.length + 1 : wordKinds.indexOf(first)
}

/** Compiles rows; those of the user come first where the rank is the same. */
export const compile = (own: ReadonlyArray<Dialect>, known: ReadonlyArray<Dialect>): Table => {
  const sorted = [...own, ...known].map((row, index) => ({ row, key: keyOf(row, index < own.length, index) }))
    .sort((a, b) => compare(a.key, b.key))
  return ranks.map((kind, rank) => ({
    kind,
    entries: sorted.filter(({ key }) => key[0] === rank).map(({ row }) => entryOf(row))
  }))
}

/** The words by which the rows of each rank are found; those marked as last and those of a status are always asked. */
const ranks: ReadonlyArray<WordKind | undefined> = [...wordKinds, undefined, undefined]

const keyOf = (row: Dialect, isOwn: boolean, index: number): ReadonlyArray<number> => {
  const rank = rankOf(row)
  const words = wordsOf(row)
  // Wordings of the library are asked in their order: a status only keeps one from being asked where it misleads.
  const refines = (isOwn || words[0] !== "says") && row.status !== undefined ? 0 : 1
  return [rank, isOwn ? 0 : 1, -words.length, refines, index]
}

const compare = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const at = a.findIndex((value, i) => value !== b[i])
  return at < 0 ? 0 : a[at]! - b[at]!
}

const entryOf = (row: Dialect): Entry => {
  const statuses = row.status === undefined ? undefined : new Set(list(row.status))
  const words = wordsOf(row)
  const code = patternsOf(row.code)
  const type = patternsOf(row.type)
  const grpcStatus = patternsOf(row.grpcStatus)
  const reason = patternsOf(row.reason)
  const says = list(row.says).map(Wording.wording)
  return {
    row,
    status: list(row.status)[0] ?? (row.example !== undefined && row.example[0] >= 400
      ? row.example[0]
      : statusOf[row.class]),
    fits: (facts) =>
      (facts.status === undefined ? words.length > 0 : statuses === undefined || statuses.has(facts.status)) &&
      (code === undefined || (facts.code !== undefined && code(facts.code))) &&
      (type === undefined || (facts.type !== undefined && type(facts.type))) &&
      (grpcStatus === undefined || (facts.grpcStatus !== undefined && grpcStatus(facts.grpcStatus))) &&
      (reason === undefined || facts.reason.some(reason)) &&
      (says.length === 0 || (facts.says !== "" && says.some((wording) => Wording.says(facts.says, wording))))
  }
}

/** A code, type or reason as it is compared. */
interface Word {
  readonly plain: string
  /** Whether it is up to three words of a usual length. A sentence may be a quotation, in which `*` would find anything. */
  readonly isCode: boolean
}

const patternsOf = (words: string | ReadonlyArray<string> | undefined): ((word: Word) => boolean) | undefined => {
  const patterns = list(words).map((word) => ({ isOpen: word.includes("*"), matches: Wording.codePattern(word) }))
  return patterns.length === 0
    ? undefined
    : ({ isCode, plain }) => patterns.some(({ isOpen, matches }) => (isCode || !isOpen) && matches(plain))
}

const wordOf = (code: string): Word => ({
  plain: Wording.plainCode(code),
  isCode: code.length <= mostLetters && isCode.test(code)
})

const mostLetters = 100
const isCode = /^[\w.:/#-]+(?: [\w.:/#-]+){0,2}$/

const word = (code: string | undefined): Word | undefined => code === undefined ? undefined : wordOf(code)

/** The first row that a failure fits. */
export const find = (table: Table, facts: Facts): Entry | undefined => {
  const compared: ComparedFacts = {
    status: facts.status,
    code: word(facts.code),
    type: word(facts.type),
    grpcStatus: word(facts.grpcStatus),
    reason: facts.reasons.map(wordOf),
    says: facts.text === undefined ? "" : Wording.plain(facts.text)
  }
  for (const { entries, kind } of table) {
    if (kind !== undefined && isNothing(compared[kind])) continue
    for (const entry of entries) if (entry.fits(compared)) return entry
  }
  return undefined
}

const isNothing = (said: ComparedFacts[WordKind]): boolean =>
  said === undefined || (typeof said === "object" && "plain" in said ? said.plain : said).length === 0

/** What a row says of a failure that fits it. */
export const outcomeOf = ({ class: class_, longWait, retries, scope }: Dialect): string =>
  [class_, scope ?? "account", retries ?? "", longWait ?? ""].join(" ")
