/**
 * Copies lists and plain objects through and through. What is neither, such as an error, is the same in the copy.
 */
export const copyJson = <A>(value: A): A => {
  const copies = new Map<unknown, object>()
  const open: Array<object> = []
  /** A value in the copy, whose fields are copied later: replies may be nested deeply, and lead back to themselves. */
  const begun = (part: unknown): unknown => {
    const known = copies.get(part)
    if (known !== undefined || !isCopied(part)) return known ?? part
    const copy: object = Array.isArray(part) ? [] : {}
    copies.set(part, copy)
    open.push(part)
    return copy
  }
  const copy = begun(value)
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const to = copies.get(part)!
    for (const [field, inner] of Object.entries(part)) {
      const value = begun(inner)
      // To assign it would set the prototype.
      if (field === "__proto__") Object.defineProperty(to, field, { value, ...ofData })
      else (to as Record<string, unknown>)[field] = value
    }
  }
  return copy as A
}

const ofData = { configurable: true, enumerable: true, writable: true }

const isCopied = (part: unknown): part is object => {
  if (typeof part !== "object" || part === null) return false
  const prototype: unknown = Object.getPrototypeOf(part)
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null
}
