import { assert } from "@effect/vitest"
import { ChatError } from "@switchgear/http"
import { Duration } from "effect"
import type { Row } from "./errorTable.ts"

export const assertRow = (error: ChatError.ChatError, { expect }: Pick<Row, "expect">): void => {
  assert.deepStrictEqual({
    tag: error._tag,
    blame: error.blame,
    retries: ChatError.retries(error),
    movesOn: ChatError.movesOn(error),
    counts: ChatError.countsOnBreaker(error),
    parks: ChatError.parksKey(error)
  }, {
    tag: expect.tag,
    blame: expect.blame,
    retries: expect.retries,
    movesOn: expect.movesOn,
    counts: expect.counts,
    parks: expect.parks
  })
  assert.strictEqual(error.isRetryable, expect.retries !== "no")
  assert.strictEqual(error.retryAfter && Duration.toMillis(error.retryAfter), expect.retryAfterMillis)
  if (expect.code !== undefined) assert.strictEqual(error.code, expect.code)
  assert.match(error.message, /^[A-Z\w].+\.$/s)
}
