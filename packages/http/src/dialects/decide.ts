/** From a failure to its class, by the table. */
import * as ErrorBody from "../chatError/errorBody.ts"
import type { Class, Dialect } from "./model.ts"
import { rows } from "./rows.ts"
import * as Rules from "./rules.ts"
import * as Table from "./table.ts"

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
  const dialects = { rows: table.map(({ row }) => row) }
  tables.set(dialects, table)
  return dialects
}

export const known: Dialects = of(Table.compile([], rows))

/** The known dialects after rows of a user. `where` names the function whose option they are. */
export const make = (own: unknown, where: string): Dialects => {
  const checked = Rules.checked(own, where)
  if (checked.length === 0) return known
  const table = Table.compile(checked, rows)
  checked.forEach((row, i) => {
    if (row.example === undefined) return
    const [status, body] = row.example
    const decision = decideBy(table, status, ErrorBody.readExample(body))
    if (decision.row !== row) {
      throw new RangeError(
        `${where}: dialects[${i}].example must be a failure that the row decides, got one that another row makes ${decision.class}`
      )
    }
  })
  return of(table)
}

export interface Decision {
  readonly class: Class
  /** The status that the failure has, or that its words mean. */
  readonly status: number
  /** The row that decided; absent where none knows the failure. */
  readonly row: Dialect | undefined
}

/** Decides on a failure. `status` is that of the response. */
export const decide = (dialects: Dialects, status: number, says: ErrorBody.ProviderSays): Decision =>
  decideBy(tables.get(dialects) ?? tables.get(known)!, status, says)

const decideBy = (table: Table.Table, status: number, says: ErrorBody.ProviderSays): Decision => {
  const claimsSuccess = status >= 200 && status <= 299
  const named = claimsSuccess ? says.httpCode : status
  const entry = Table.find(table, { ...says, status: named })
  return {
    class: entry?.row.class ?? "ProviderFault",
    status: named ?? entry?.status ?? status,
    row: entry?.row
  }
}
