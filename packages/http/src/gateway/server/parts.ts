/**
 * Counts the objects, lists and texts in a body of JSON, before it is read: each takes many times the memory that it has bytes,
 * and its time. A body of empty objects would take a hundred times its size.
 */

/** The most that a body may have. The longest conversations and lists of texts have a tenth; numbers do not count. */
export const mostParts = 250_000

/** The most fields that the outermost object may have. */
export const mostFields = 1000

/** Bytes that a part takes in memory, with the copies for a key in a cache and for a provider. */
export const partSize = 256

/** In smaller bodies they are not counted: as many as there may be at once take no more memory than the largest. */
const smallest = 16 * 1024

/** How many there are; where there are more than {@link mostParts}, some number above it. */
export const partsIn = (body: string): number => {
  if (body.length < smallest) return 0
  let parts = 0
  for (let at = 0; at < body.length && parts <= mostParts; at++) {
    const code = body.charCodeAt(at)
    if (code === quote) at = endOfText(body, at)
    if (code === quote || code === openBrace || code === openBracket) parts++
  }
  return parts
}

/** Whether a body has more values than `most`, of whatever kind. Those of a field that is written twice count as well. */
export const hasMoreValues = (body: string, most: number): boolean => {
  let values = 1
  for (let at = 0; at < body.length && values <= most; at++) {
    const code = body.charCodeAt(at)
    if (code === quote) at = endOfText(body, at)
    else if (code === comma) values++
  }
  return values > most
}

/** Whether a body has more fields than any API has parameters: each is copied several times, one by one. */
export const hasTooManyFields = (body: string, read: object): boolean =>
  body.length >= smallest && Object.keys(read).length > mostFields

/** The place of the quote that ends the text. */
const endOfText = (body: string, from: number): number => {
  for (let end = body.indexOf("\"", from + 1); end >= 0; end = body.indexOf("\"", end + 1)) {
    let escapes = 0
    while (body.charCodeAt(end - 1 - escapes) === backslash) escapes++
    if (escapes % 2 === 0) return end
  }
  return body.length
}

const quote = 34
const comma = 44
const openBracket = 91
const backslash = 92
const openBrace = 123
