import { assert, it } from "@effect/vitest"
import { RecentTimes } from "@switchgear/core/runtime"
import { Schema } from "effect"

const times = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 50 }))).check(
  Schema.isMaxLength(1000)
)

it.prop(
  "the quantiles of recent times are those of the last 400, at most ten times old, and unknown below 20",
  { times, repeated: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 30 })) },
  ({ repeated, times }) => {
    const recent = new RecentTimes()
    const all: Array<number> = []
    for (let i = 0; i < repeated; i++) {
      for (const time of times) {
        recent.add(time)
        all.push(time)
      }
    }
    assert.strictEqual(recent.samples, Math.min(400, all.length))
    for (const share of [0.01, 0.5, 0.95, 1]) {
      const last = all.slice(-400).sort((a, b) => a - b)
      // Asked for the first time, it is new.
      const expected = all.length < 20 ? undefined : last[Math.max(0, Math.ceil(share * last.length) - 1)]
      assert.strictEqual(recent.quantile(share), expected)
    }
    const before = recent.quantile(0.5)
    if (before !== undefined && all.length >= 20) {
      for (let i = 0; i < 9; i++) recent.add(1000)
      assert.strictEqual(recent.quantile(0.5), before)
    }
  }
)
