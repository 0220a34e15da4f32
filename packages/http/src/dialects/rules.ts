/** The checks of rows. A row that makes no sense throws a `RangeError` that names the row, the field and the range. */
import * as Schema from "effect/Schema"
import { Class, Dialect, list, wordKinds } from "./model.ts"
import { outcomeOf, rankOf, wordsOf } from "./table.ts"
import * as Wording from "./wording.ts"

const classes = `one of ${Class.literals.join(", ")}`
const word = "a text of 1 to 200 characters with a letter or a digit in it, or a list of at least one"

const ranges: Record<keyof typeof Dialect.fields, string> = {
  class: classes,
  status: "a whole number from 400 to 599, or a list of at least one",
  code: word,
  type: word,
  grpcStatus: word,
  reason: word,
  says: "a text of at most 200 characters with at least 4 letters beside *, or a list of at least one",
  order: "\"last\"",
  scope: "\"account\" or \"model\"",
  retries: "\"yes\" or \"no\"",
  longWait: classes,
  provider: "a text",
  example: "a status and a body",
  source: "a text"
}

const fields = Object.keys(ranges) as ReadonlyArray<keyof typeof Dialect.fields>

const isValid: Readonly<Record<string, (value: unknown) => boolean>> = Object.fromEntries(
  fields.map((field) => [field, Schema.is(Dialect.fields[field] as Schema.ConstraintDecoder<unknown>)])
)

/** The rows, checked one by one and against each other. `where` names the function and `field` the option. */
export const checked = (rows: unknown, where: string, field = "dialects"): ReadonlyArray<Dialect> => {
  const refuse = (at: string, range: string, value: unknown): never => {
    throw new RangeError(`${where}: ${at} must be ${range}, got ${show(value)}`)
  }
  if (!Array.isArray(rows)) return refuse(field, "a list of rows", rows)
  rows.forEach((row: unknown, i) => {
    const at = `${field}[${i}]`
    if (typeof row !== "object" || row === null || Array.isArray(row)) return refuse(at, "a row", row)
    const unknown = Object.keys(row).find((name) => !(fields as ReadonlyArray<string>).includes(name))
    if (unknown !== undefined) {
      throw new RangeError(`${where}: ${at} has no ${show(unknown)}. There are: ${fields.join(", ")}`)
    }
    for (const name of fields) {
      const value = (row as Record<string, unknown>)[name]
      if (!isValid[name]!(value)) refuse(`${at}.${name}`, ranges[name], value)
    }
    const dialect = row as Dialect
    const short = list(dialect.says).find((says) => Wording.lengthOf(Wording.wording(says)) < shortest(says))
    if (short !== undefined) refuse(`${at}.says`, ranges.says, short)
    if (dialect.status === undefined && wordsOf(dialect).length === 0) {
      refuse(at, `a row with at least one condition: status, ${wordKinds.join(", ")}`, dialect)
    }
    if (dialect.scope === "model" && dialect.class !== "QuotaExhausted" && dialect.longWait !== "QuotaExhausted") {
      refuse(`${at}.scope`, "left out: only QuotaExhausted has one", dialect.scope)
    }
  })
  contradictions(rows).forEach(([one, other]) => {
    throw new RangeError(
      `${where}: ${field}[${other}] must not contradict ${field}[${one}]: both are for ${
        conditionsOf(rows[one])
      }, got ${rows[one].class} and ${rows[other].class}`
    )
  })
  return rows
}

// A character of Chinese says as much as a word.
const shortest = (says: string): number => /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/.test(says) ? 2 : 4

/** Pairs of rows that give one failure two outcomes, where the later one is not the more precise, and so never decides. */
const contradictions = (rows: ReadonlyArray<Dialect>): ReadonlyArray<readonly [number, number]> =>
  rows.flatMap((row, i) => rows.slice(0, i).flatMap((earlier, j) => contradicts(earlier, row) ? [[j, i] as const] : []))

const contradicts = (earlier: Dialect, later: Dialect): boolean =>
  outcomeOf(earlier) !== outcomeOf(later) && rankOf(earlier) === rankOf(later) &&
  (earlier.status === undefined) === (later.status === undefined) &&
  (earlier.status === undefined ||
    meet(list(earlier.status), list(later.status), (status, other) => status === other)) &&
  wordKinds.every((kind) =>
    (earlier[kind] === undefined) === (later[kind] === undefined) &&
    (earlier[kind] === undefined || meet(list(earlier[kind]), list(later[kind]), covers(kind)))
  )

/** Whether whatever fits the second word fits the first one. A `*` is a character like any other in the second. */
const covers = (kind: (typeof wordKinds)[number]) => (word: string, other: string): boolean =>
  kind === "says"
    ? Wording.says(Wording.plain(other), Wording.wording(word))
    : Wording.codePattern(word)(Wording.plainCode(other))

const meet = <A>(a: ReadonlyArray<A>, b: ReadonlyArray<A>, fits: (a: A, b: A) => boolean): boolean =>
  a.some((one) => b.some((other) => fits(one, other)))

const conditionsOf = (row: Dialect): string =>
  show(
    Object.fromEntries(
      (["status", ...wordKinds] as const).flatMap((kind) => row[kind] === undefined ? [] : [[kind, row[kind]]])
    )
  )

const show = (value: unknown): string => {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 200)
  } catch {
    return "what cannot be written as JSON"
  }
}
