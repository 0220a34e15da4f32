/**
 * What an error says in a field, which is read where nothing may be thrown: a getter that throws has said nothing.
 */
import * as Predicate from "effect/Predicate"

export const fieldOf = (error: unknown, field: string): unknown => {
  try {
    return Predicate.hasProperty(error, field) ? error[field] : undefined
  } catch {
    return undefined
  }
}
