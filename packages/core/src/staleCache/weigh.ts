/** Estimates how many bytes a value takes in memory. */

const perNumber = 8
const perObject = 16
const perSlot = 8

/**
 * Estimates the bytes of a value with everything it refers to: 2 for each code unit of a text, 8 for a number, the length of
 * a buffer, 16 for an object and 8 for each of its fields, besides the text of the field's name. What is referred to twice
 * counts once. Functions and class internals count as an empty object.
 */
export const weigh = (value: unknown): number => {
  const seen = new Set<object>()
  const open: Array<unknown> = [value]
  let bytes = 0
  while (open.length > 0) {
    const part = open.pop()
    if (typeof part === "string") bytes += 2 * part.length
    else if (typeof part === "bigint") bytes += perObject
    else if (typeof part === "function") bytes += perObject
    else if (typeof part !== "object" || part === null) bytes += perNumber
    else if (!seen.has(part)) {
      seen.add(part)
      bytes += perObject + expand(part, open)
    }
  }
  return bytes
}

/** Adds what an object holds to the parts that are still to weigh, and answers the bytes of its slots and names. */
const expand = (part: object, open: Array<unknown>): number => {
  if (ArrayBuffer.isView(part)) {
    open.push(part.buffer)
    return perSlot
  }
  if (part instanceof ArrayBuffer || (typeof SharedArrayBuffer !== "undefined" && part instanceof SharedArrayBuffer))
    return part.byteLength
  if (part instanceof Map) {
    for (const [key, value] of part) open.push(key, value)
    return 2 * perSlot * part.size
  }
  if (part instanceof Set) {
    for (const value of part) open.push(value)
    return perSlot * part.size
  }
  let bytes = 0
  if (Array.isArray(part)) {
    for (let i = 0; i < part.length; i++) open.push(part[i])
    return perSlot * part.length
  }
  for (const name of Object.keys(part)) {
    bytes += perSlot + 2 * name.length
    open.push((part as Record<string, unknown>)[name])
  }
  return bytes
}
