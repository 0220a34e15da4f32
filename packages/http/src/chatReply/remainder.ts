/**
 * What a message says more than the one before it, in streams that repeat a message from its beginning with each event.
 */
import * as Predicate from "effect/Predicate"

type Fields = Readonly<Record<string, unknown>>

/** The part of a text or a list that is new, or `undefined` where it does not begin with what was said before. */
export const remainder = (before: unknown, after: unknown): unknown => {
  if (typeof before === "string") {
    return typeof after === "string"
      ? after.startsWith(before) ? after.slice(before.length) : undefined
      : Array.isArray(after)
      ? ofLists([{ type: "text", text: before }], after)
      : undefined
  }
  return Array.isArray(before) && Array.isArray(after) ? ofLists(before, after) : undefined
}

const ofLists = (before: ReadonlyArray<unknown>, after: ReadonlyArray<unknown>): unknown => {
  if (after.length < before.length) return undefined
  const last = before.length - 1
  for (let i = 0; i < last; i++) if (!isSame(before[i], after[i])) return undefined
  if (last < 0 || isSame(before[last], after[last])) return after.slice(before.length)
  const grown = ofItems(before[last], after[last])
  return grown === undefined ? undefined : [grown, ...after.slice(before.length)]
}

/** The last item said before may have grown in its texts. */
const ofItems = (before: unknown, after: unknown): Fields | undefined => {
  if (!Predicate.isReadonlyObject(before) || !Predicate.isReadonlyObject(after)) return undefined
  const more: Record<string, unknown> = { ...after }
  for (const [field, value] of Object.entries(before)) {
    if (isSame(value, after[field])) continue
    const rest = remainder(value, after[field])
    if (rest === undefined) return undefined
    more[field] = rest
  }
  return more
}

const isSame = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)
