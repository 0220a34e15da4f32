/** From a failure to its class, by the table. */
import type { Class, Dialect, Facts } from "./model.ts"
import { list } from "./model.ts"
import { rows } from "./rows.ts"
import * as Rules from "./rules.ts"
import * as Table from "./table.ts"
import * as Wording from "./wording.ts"

/**
 * The dialects that a client understands.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dialects {
  /** The rows in the order in which they are asked. */
  readonly rows: ReadonlyArray<Dialect>
}

const tables = new WeakMap<Dialects, Table.Table>()

const of = (table: Table.Table): Dialects => {
  const dialects = { rows: Table.rowsOf(table) }
  tables.set(dialects, table)
  return dialects
}

export const known: Dialects = of(Table.compile([], rows))

/** The known dialects after rows of a user. `where` names the function whose option they are. */
export const make = (own: unknown, where: string): Dialects => {
  const checked = Rules.checked(own, where)
  return checked.length === 0 ? known : of(Table.compile(checked, rows))
}

/** What a provider says of a failure, with the status that its body names. */
interface Says extends Omit<Facts, "status"> {
  readonly httpCode?: number | undefined
}

export interface Decision {
  readonly class: Class
  /** The status that the failure has, or that its words mean. */
  readonly status: number
  /** The row that decided; absent where none knows the failure. */
  readonly row: Dialect | undefined
}

/** Decides on a failure. `status` is that of the response. */
export const decide = (dialects: Dialects, status: number, says: Says): Decision => {
  const claimsSuccess = status >= 200 && status <= 299
  const named = claimsSuccess ? says.httpCode : status
  const entry = Table.find(tables.get(dialects) ?? tables.get(known)!, { ...says, status: named })
  return {
    class: entry?.row.class ?? "ProviderFault",
    status: named ?? entry?.status ?? status,
    row: entry?.row
  }
}

/** Whether a row decides by nothing but a wording, so that a quotation can look like it. */
export const isByWording = (row: Dialect | undefined): boolean => row !== undefined && Table.wordsOf(row)[0] === "says"

/** Whether a text has one of the wordings of a row. */
export const wordingOf = (row: Dialect | undefined): (text: string) => boolean => {
  const wordings = list(row?.says).map(Wording.wording)
  return (text) => {
    const plain = Wording.plain(text)
    return wordings.some((wording) => Wording.says(plain, wording))
  }
}
