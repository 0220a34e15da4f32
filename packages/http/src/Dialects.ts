/**
 * The words in which providers fail, as data: a table of rows that say on which conditions a failure has which class.
 *
 * **Order.** The first row that a failure fits decides. Rows are asked in this order:
 *
 * 1. rows that state the provider's `code`
 * 2. rows that state a `reason`
 * 3. rows that state the `type`
 * 4. rows that state the `grpcStatus`
 * 5. rows that state only a wording (`says`), so that a wording decides only where no code does
 * 6. rows with `order: "last"`: codes that a provider uses for many failures, such as `invalid_request_error`
 * 7. rows that state only a `status`
 *
 * Among rows of one place, those of the user come first, then those with more conditions, then the order of the table.
 * A status from 400 to 499 that no row knows is a `ProviderFault` that is not retried and not counted, and a cascade
 * moves on: a wrong "move on" costs a call, a wrong "your mistake" costs the customer.
 *
 * **A wording is no regular expression.** It is plain text in which `*` stands for up to 120 characters. Looking for it
 * is linear in the sentence, of which 4096 characters are read.
 *
 * ```ts
 * import { ChatError, Dialects } from "@switchgear/http"
 *
 * const dialects = Dialects.make([{ class: "QuotaExhausted", status: 403, says: "prepaid plan * used up" }])
 * const error = ChatError.fromResponse({
 *   provider: "acme",
 *   model: "m",
 *   status: 403,
 *   headers: {},
 *   body: "{\"error\":\"Your prepaid plan is used up\"}",
 *   dialects
 * })
 *
 * error._tag // => "QuotaExhausted"
 * ```
 *
 * @since 0.1.0
 */
import * as Decide from "./dialects/decide.ts"
import type { Dialects } from "./dialects/decide.ts"
import { Class, Dialect, type Row } from "./dialects/model.ts"
import { rows as knownRows } from "./dialects/rows.ts"

export { Class, Dialect }
export type { Dialects, Row }

/**
 * The rows of the library, each with an example and its source.
 *
 * @category models
 * @since 0.1.0
 */
export const rows: ReadonlyArray<Row> = knownRows

/**
 * The dialects of the library.
 *
 * @category models
 * @since 0.1.0
 */
export const known: Dialects = Decide.known

/**
 * The dialects of the library with rows of the user before them. Throws a `RangeError` that names the row and its field
 * for an unknown class or field, a status out of range, a row without a condition, and a row that contradicts another
 * one of the user. `ChatClient.make` also refuses a row whose example another row decides.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (own: ReadonlyArray<Dialect>): Dialects => Decide.make(own, "Dialects.make")
