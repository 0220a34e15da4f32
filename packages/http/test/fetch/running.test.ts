/** Calls that nothing ends any more are ended by later ones, and no others are. */
import { assert, describe, it, vi } from "@effect/vitest"
import { Schema } from "effect"

const { Running } = await vi.importActual<typeof import("../../src/fetch/running.ts")>("../../src/fetch/running.ts")

const grace = 5000

const small = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const Program = Schema.Struct({
  patience: Schema.Literals([10, 1000]),
  calls: Schema.Array(Schema.Literals(["alive", "dead"])).check(Schema.isMinLength(1), Schema.isMaxLength(8)),
  /** Milliseconds between two later calls. */
  pauses: Schema.Array(small(3000)).check(Schema.isMinLength(40), Schema.isMaxLength(60))
})

describe("calls that run", () => {
  it.prop(
    "are ended by later ones when their time has been over for five seconds, and never before",
    { program: Program },
    ({ program: { calls, patience, pauses } }) => {
      let now = 0
      const left = new Map<number, number>()
      const running = new Running()
      const all = calls.map((kind, i) => ({
        kind,
        progress: 0,
        patience,
        leave: async () => void left.set(i, now)
      }))
      for (const call of all) running.add(call, now)
      for (const pause of pauses) {
        now += pause
        for (const call of all) if (call.kind === "alive") call.progress++
        running.look(now, () => "over")
      }
      for (const [i, { kind }] of all.entries()) {
        const at = left.get(i)
        if (kind === "alive") assert.isUndefined(at)
        else if (at !== undefined) assert.isAtLeast(at, patience + grace)
      }
      // Each call looks at two of them in turn, and one must be seen twice.
      const needed = patience + grace + 3000 * 2 * all.length
      if (now > needed) assert.strictEqual(left.size, all.filter(({ kind }) => kind === "dead").length)
      assert.strictEqual(running.calls.length, all.length - left.size)
    }
  )

  it("are not ended after the whole process stood still, but have time to read what came", () => {
    const running = new Running()
    let reason: unknown
    const call = { progress: 0, patience: 1000, leave: async (given: unknown) => void (reason = given) }
    running.add(call, 0)
    running.look(3_600_000, () => "over")
    running.look(3_600_001, () => "over")
    call.progress++
    running.look(3_605_000, () => "over")
    assert.isUndefined(reason)
    running.look(3_607_000, () => "over")
    running.look(3_612_000, () => "over")
    assert.strictEqual(reason, "over")
  })
})
