/**
 * What a callback answers that is to answer at once. An async function is none: its promise is no answer, and its failure
 * must not end the process.
 */
export const atOnce = (answer: unknown): unknown => {
  if (!(answer instanceof Promise)) return answer
  answer.catch(() => {})
  return undefined
}
