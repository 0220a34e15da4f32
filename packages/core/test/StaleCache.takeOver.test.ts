/** A cache with other options that goes on with what the one before it has kept. */
import { assert, describe, it } from "@effect/vitest"
import { StaleCache } from "@switchgear/core"
import { takeOverCache } from "@switchgear/core/runtime"
import { Duration, Effect, Random } from "effect"
import { TestClock } from "effect/testing"

const options = { name: "answers", timeToLive: "1 minute", staleFor: "10 minutes" } as const

/** What is served of each key: the value, how fresh it is, and its age in seconds. */
const read = (cache: StaleCache.StaleCache<string>, keys: ReadonlyArray<string>) =>
  Effect.forEach(keys, (key) =>
    Effect.map(
      cache.lastGood(key),
      (kept) => kept && [kept.value, kept.freshness, Duration.toSeconds(kept.age)] as const
    ))

const keys = ["a", "b", "c", "d"]

describe("a cache that takes over another one", () => {
  for (let seed = 0; seed < 20; seed++) {
    it.effect(`serves what that would serve, for as long as that would (seed ${seed})`, () =>
      Effect.gen(function*() {
        const before = yield* StaleCache.make<string>(options)
        const acts = [
          (key: string, i: number) => before.set(key, `${key}${i}`),
          (key: string) => before.invalidate(key),
          (key: string) => Effect.asVoid(before.lastGood(key)),
          () => before.expire,
          () => TestClock.adjust("20 seconds"),
          () => TestClock.adjust("3 minutes")
        ]
        for (let i = 0; i < 20; i++) {
          const act = acts[yield* Random.nextIntBetween(0, acts.length - 1)]!
          yield* act(keys[yield* Random.nextIntBetween(0, keys.length - 1)]!, i)
        }
        const made = yield* StaleCache.make<string>(options)
        takeOverCache(made, before)
        for (const minutes of [0, 1, 4, 8]) {
          yield* TestClock.adjust(Duration.minutes(minutes))
          assert.deepStrictEqual(yield* read(made, keys), yield* read(before, keys))
        }
      }).pipe(Random.withSeed(seed)))
  }

  it.effect("keeps what was used last where it holds less, by its own sizes, and leaves the other one as it is", () =>
    Effect.gen(function*() {
      const before = yield* StaleCache.make<string>(options)
      for (const key of keys) yield* before.set(key, key)
      yield* before.lastGood("a")
      const made = yield* StaleCache.make<string>({ ...options, maxBytes: 20, sizeOf: () => 10 })
      takeOverCache(made, before)
      const { bytes, size } = yield* made.snapshot
      assert.deepStrictEqual([size, bytes], [2, 20])
      assert.deepStrictEqual(
        (yield* read(made, keys)).map((kept) => kept?.[0]),
        ["a", undefined, undefined, "d"]
      )
      assert.strictEqual((yield* before.snapshot).size, 4)
      yield* made.set("a", "new")
      assert.strictEqual((yield* before.lastGood("a"))?.value, "a")
    }))

  it.effect("holds by its own times what it took over", () =>
    Effect.gen(function*() {
      const before = yield* StaleCache.make<string>(options)
      yield* before.set("a", "a")
      yield* TestClock.adjust("2 minutes")
      const made = yield* StaleCache.make<string>({ ...options, timeToLive: "5 minutes" })
      takeOverCache(made, before)
      assert.deepStrictEqual(yield* read(made, ["a"]), [["a", "fresh", 120]])
    }))
})
