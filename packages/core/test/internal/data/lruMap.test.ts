/** Which value a full cache forgets. */
import { assert, it } from "@effect/vitest"
import { StaleCache } from "@switchgear/core"
import { Effect } from "effect"

it.effect("a full cache keeps what was set again over what was set once after it", () =>
  Effect.gen(function*() {
    const cache = yield* StaleCache.make<string>({ name: "answers", timeToLive: "1 minute", capacity: 2 })
    for (const key of ["a", "b", "a", "c"]) yield* cache.set(key, key)
    assert.isUndefined(yield* cache.lastGood("b"))
    assert.strictEqual((yield* cache.lastGood("a"))?.value, "a")
  }))
