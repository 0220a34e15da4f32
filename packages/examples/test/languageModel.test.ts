import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./support/run.ts"

describe("the example of the language model", () => {
  it.live(
    "serves from the second model, refunds once, and says how a stream and a call failed",
    () =>
      Effect.gen(function*() {
        const { code, stderr, stdout } = yield* run("04_language_model.ts")
        assert.deepStrictEqual([code, stderr], [0, ""])
        assert.include(stdout, "  Your parcel leaves tonight.\n  from gpt-4.1: ProviderFault ▸ deepseek-v3.2\n")
        assert.include(stdout, "  refunds A-1\n  A-1 is refunded\n")
        assert.strictEqual(stdout.match(/refunds A-1/g)?.length, 1)
        assert.match(stdout, /\n {2}Your parcel \n {2}.* broke off before its end/)
        assert.match(stdout, /gpt-4\.1 \(CircuitOpen\), deepseek-v3\.2 \(ProviderFault\)\. .* \(in 30 s\)\n$/)
      }),
    30_000
  )
})
