/** Freezes JSON through and through. Parts that are frozen already are frozen all through. */
export const frozen = <A>(json: A): A => {
  // A list instead of recursion, because requests may be nested deeply.
  const open: Array<unknown> = [json]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== "object" || value === null || Object.isFrozen(value)) continue
    Object.freeze(value)
    for (const inner of Object.values(value)) if (typeof inner === "object") open.push(inner)
  }
  return json
}
