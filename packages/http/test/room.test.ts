import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { vi } from "vitest"

const { roomFor, roomOf } = await vi.importActual<typeof import("../src/chatStream/room.ts")>(
  "../src/chatStream/room.ts"
)

const count = Schema.Literals([0, 1, 7, 256, 682, 683, 2047, 2048, 2049, 20_000])
const piece = Schema.Struct({ count, text: Schema.UndefinedOr(Schema.Literals(["a", "é", "世", "😀", "\uD800"])) })

const bytesOf = ({ buffer, byteLength, byteOffset }: DataView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

describe("room for what open streams keep", () => {
  it.effect.prop(
    "is zero or the text asked for, and stays so whatever is written to that of others",
    [Schema.Array(piece).check(Schema.isMinLength(1), Schema.isMaxLength(40))],
    ([pieces]) =>
      Effect.sync(() => {
        const given = pieces.map(({ count, text }, i) => {
          if (text !== undefined) {
            const whole = text.repeat(count)
            return { bytes: bytesOf(roomOf(whole)), expected: new TextEncoder().encode(whole) }
          }
          const bytes = roomFor(count)
          assert.deepStrictEqual(bytes, new Uint8Array(count))
          bytes.fill(1 + i)
          return { bytes, expected: new Uint8Array(count).fill(1 + i) }
        })
        for (const { bytes, expected } of given) assert.deepStrictEqual(bytes, expected)
      })
  )
})
