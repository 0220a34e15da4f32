/**
 * Failures of calls that the provider had worked on, although their class says that it refused them: an answer that was
 * withdrawn, an overload in the middle of a reply. It is noted beside the error.
 */
const worked = new WeakSet<object>()

export const noteWorked = (error: object): void => {
  worked.add(error)
}

export const hasWorked = (error: object): boolean => worked.has(error)
