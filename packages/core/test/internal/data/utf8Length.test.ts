import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { vi } from "vitest"

type Count = (text: string) => number
const { portable, utf8Length } = await vi.importActual<{ readonly portable: Count; readonly utf8Length: Count }>(
  "../../../src/internal/data/utf8Length.ts"
)

const Units = Schema.Array(
  Schema.Union([
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff })),
    // Halves of pairs, which stand together or alone.
    Schema.Int.check(Schema.isBetween({ minimum: 0xd800, maximum: 0xdfff }))
  ])
)

describe("the bytes of a text", () => {
  it.prop(
    "are those that it is written with, where nothing counts them natively too",
    { units: Units },
    ({ units }) => {
      const text = String.fromCharCode(...units)
      const { length } = Buffer.from(text)
      assert.deepStrictEqual([portable(text), utf8Length(text)], [length, length])
    }
  )
})
