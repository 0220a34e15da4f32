/** HTML whose holes are escaped: text put into it can never become markup. */

/**
 * A piece of markup.
 *
 * @since 0.1.0
 * @category models
 */
export interface Markup {
  readonly markup: string
}

/**
 * What a hole may hold: text and numbers are escaped, markup stays as it is, and nothing is left of undefined.
 *
 * @since 0.1.0
 * @category models
 */
export type Hole = string | number | Markup | ReadonlyArray<Markup> | undefined

/**
 * Markup that is known to be well-formed, such as a drawing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const trusted = (markup: string): Markup => ({ markup })

/**
 * A template of HTML: what is put into its holes is escaped, unless it is markup itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const markup = (strings: TemplateStringsArray, ...holes: ReadonlyArray<Hole>): Markup =>
  trusted(strings.map((string, index) => index === 0 ? string : fill(holes[index - 1]) + string).join(""))

/**
 * Text as HTML and XML, also between double quotes.
 *
 * @since 0.1.0
 * @category testing
 */
export const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")

/** A number and its unit stay on one line. */
const beforeUnit = /(?<=\d) (?=%|ms\b|s\b|min\b)/g

const fill = (hole: Hole): string => {
  if (hole === undefined) return ""
  if (typeof hole !== "object") return escape(String(hole).replace(beforeUnit, "\u00a0"))
  return "markup" in hole ? hole.markup : hole.map((piece) => piece.markup).join("")
}
