/** Reads a field of any value without throwing: a getter that throws counts as undefined. */
import * as Predicate from "effect/Predicate"

export const fieldOf = (error: unknown, field: string): unknown => {
  try {
    return Predicate.hasProperty(error, field) ? error[field] : undefined
  } catch {
    return undefined
  }
}
