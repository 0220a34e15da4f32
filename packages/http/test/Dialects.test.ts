import { assert, describe, it } from "@effect/vitest"
import { ChatError, Dialects } from "@switchgear/http"
import * as ErrorBody from "../src/chatError/errorBody.ts"
import * as Decide from "../src/dialects/decide.ts"
import { contradictions } from "../src/dialects/rules.ts"

const at = { provider: "acme", model: "m", headers: {} }

/** The error of an example: a failed response, or what is inside a reply that claims to be a success. */
const errorOf = ([status, body]: readonly [number, unknown], dialects = Dialects.known): ChatError.ChatError => {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  return status >= 200 && status <= 299
    ? ChatError.fromReply({ ...at, status, body: text, dialects }, body)!
    : ChatError.fromResponse({ ...at, status, body: text, dialects })
}

describe("the table of dialects", () => {
  it.each(
    Dialects.rows.map((row, i) =>
      [`${i} ${row.class} of ${row.provider}: ${JSON.stringify(row.example)}`, row] as const
    )
  )(
    "gives the example of each row its class: %s",
    (_, row) => {
      const { example, source } = row
      // Not by another row of the same class, or the row would be dead.
      assert.strictEqual(Decide.decide(Dialects.known, example[0], ErrorBody.readExample(example[1])).row, row)
      const error = errorOf(example)
      assert.strictEqual(error._tag, row.class)
      if (error._tag === "QuotaExhausted") assert.strictEqual(error.scope, row.scope ?? "account")
      if (row.retries !== undefined) assert.strictEqual(error.isRetryable, row.retries === "yes")
      assert.match(source, /^https:\/\/|#\d+$|: .*\.(ts|py)$|: tools\/server$/)
    }
  )

  it("has no row that contradicts another", () => {
    assert.deepStrictEqual(contradictions(Dialects.rows), [])
  })
})
