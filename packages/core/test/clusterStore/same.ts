/** That two values are the same, for millions of pairs: an assertion is only made of those that differ. */
import { assert } from "@effect/vitest"
import { isDeepStrictEqual } from "node:util"

export const isSame = <A>(actual: A, expected: A, what: () => string): void => {
  if (!isDeepStrictEqual(actual, expected)) assert.deepStrictEqual(actual, expected, what())
}
