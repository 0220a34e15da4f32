/**
 * Copies lists and plain objects through and through. What is neither, such as an error, is the same in the copy.
 */
export const copyJson = <A>(value: A): A => {
  if (!isCopied(value)) return value
  const copy = shallow(value)
  // A list instead of recursion, because replies may be nested deeply.
  const open = [copy]
  let parts = 0
  let known: Map<unknown, Fields> | undefined
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    // Only what leads back to itself has no end. From so many parts on, none is copied twice.
    if (++parts === many) known = new Map()
    for (const field of Object.keys(part)) {
      const inner = part[field]
      if (!isCopied(inner)) continue
      let copied = known?.get(inner)
      if (copied === undefined) {
        copied = shallow(inner)
        known?.set(inner, copied)
        open.push(copied)
      }
      part[field] = copied
    }
  }
  return copy as A
}

type Fields = { [field: string]: unknown }

const many = 1000

const shallow = (part: object): Fields => (Array.isArray(part) ? part.slice() : { ...part }) as Fields

const isCopied = (part: unknown): part is object => {
  if (typeof part !== "object" || part === null) return false
  const prototype: unknown = Object.getPrototypeOf(part)
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null
}
