/**
 * The result of a callback that must be synchronous. An async function is invalid: its promise is not a result, and its
 * rejection must not end the process.
 */
export const atOnce = (answer: unknown): unknown => {
  if (!(answer instanceof Promise)) return answer
  answer.catch(() => {})
  return undefined
}
