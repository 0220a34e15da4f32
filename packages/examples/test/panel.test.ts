import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import type { Circuit, Glimpse } from "../double-eleven/glimpse.ts"
import { plain } from "../double-eleven/paint.ts"
import { bar, height, panel, width } from "../double-eleven/panel.ts"
import { models } from "../double-eleven/scenario.ts"

const open: Omit<Circuit, "name"> = {
  state: "Open",
  failureRate: undefined,
  inFlight: 0,
  rejected: 12_345,
  nextRetry: Duration.seconds(3)
}
const crowd = { none: 1000, fallback: 20_000, stale: 3000, canned: 4000, error: 50_000 }
const seen = (circuit: Partial<Circuit>): Glimpse => ({
  at: 18_999,
  phase: 2,
  bare: { soFar: crowd, now: crowd },
  protected: { soFar: crowd, now: crowd },
  circuits: models.map((name) => ({ ...open, name, ...circuit }))
})

describe("the panel", () => {
  it.each(
    [
      ["open", {}],
      ["half-open", { state: "HalfOpen", nextRetry: undefined, inFlight: 3 }],
      ["closed", { state: "Closed", nextRetry: undefined, inFlight: 24, failureRate: 1 }]
    ] as const
  )("fits its size with all circuits %s", (_, circuit) => {
    const lines = panel(seen(circuit), plain)
    assert.isAtMost(lines.length, height)
    for (const line of lines) assert.isAtMost([...line].length, width, line)
  })

  it("draws bars of the same length whatever the shares", () => {
    for (const error of [0, 1, 7, 1000]) {
      const drawn = bar({ none: 1, fallback: 1, stale: 1, canned: 1, error }, 32, plain)
      assert.strictEqual([...drawn].length, 32)
    }
    assert.strictEqual(bar({ none: 0, fallback: 0, stale: 0, canned: 0, error: 0 }, 32, plain), "·".repeat(32))
  })

  it("tells results apart without colours", () => {
    assert.strictEqual(bar({ none: 1, fallback: 1, stale: 1, canned: 1, error: 1 }, 5, plain), "█▓▒░×")
  })
})
