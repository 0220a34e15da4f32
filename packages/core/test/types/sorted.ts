/** The order in which a compiler prints a union is its own affair. */

const closing: Readonly<Record<string, string>> = { "<": ">", "(": ")", "[": "]", "{": "}" }

/** A type as it is printed, with the members of every union in alphabetical order. */
export const sorted = (printed: string): string =>
  split(printed, ", ").map((part) => split(part, " | ").map(inside).sort().join(" | ")).join(", ")

/** Splits where `separator` stands outside of brackets and quotes. */
const split = (text: string, separator: string): ReadonlyArray<string> => {
  const parts: Array<string> = []
  let from = 0
  for (let i = 0; i < text.length; i++) {
    if (text.startsWith(separator, i)) {
      parts.push(text.slice(from, i))
      from = i + separator.length
    } else i = end(text, i)
  }
  return [...parts, text.slice(from)]
}

/** Sorts within the brackets of a type that is no union. */
const inside = (text: string): string => {
  let written = ""
  for (let i = 0; i < text.length; i++) {
    const last = end(text, i)
    if (text[i]! in closing && last > i) {
      written += text[i] + sorted(text.slice(i + 1, last)) + text[last]
    } else written += text.slice(i, last + 1)
    i = last
  }
  return written
}

/** Where what begins at `from` ends: a bracket, a text in quotes, or one character. */
const end = (text: string, from: number): number => {
  const quote = text[from] === "\"" ? text.indexOf("\"", from + 1) : -1
  if (quote > 0) return quote
  const close = closing[text[from]!]
  if (close === undefined) return from
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === close && text[i - 1] !== "=") return i
    i = end(text, i)
  }
  return from
}
