/**
 * Copies lists and plain objects through and through. What is neither, such as an error, is the same in the copy.
 */
export const copyJson = <A>(value: A): A => {
  if (!isCopied(value)) return value
  const copy = shallow(value)
  // A list instead of recursion, because replies may be nested deeply.
  const open: Array<Fields | Array<unknown>> = [copy]
  let parts = 0
  let known: Map<unknown, Fields | Array<unknown>> | undefined
  const copied = (inner: unknown): unknown => {
    if (!isCopied(inner)) return inner
    const before = known?.get(inner)
    if (before !== undefined) return before
    const copy = shallow(inner)
    known?.set(inner, copy)
    open.push(copy)
    return copy
  }
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    // Only what leads back to itself has no end. From so many parts on, none is copied twice.
    if (++parts === many) known = new Map()
    if (Array.isArray(part)) { for (let i = 0; i < part.length; i++) part[i] = copied(part[i]) }
    else { for (const field in part) if (Object.hasOwn(part, field)) part[field] = copied(part[field]) }
  }
  return copy as A
}

type Fields = { [field: string]: unknown }

const many = 1000

const shallow = (part: object): Fields | Array<unknown> => Array.isArray(part) ? part.slice() : { ...part }

const isCopied = (part: unknown): part is object => {
  if (typeof part !== "object" || part === null) return false
  const prototype: unknown = Object.getPrototypeOf(part)
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null
}
