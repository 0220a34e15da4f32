import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { vi } from "vitest"

const { Utf8 } = await vi.importActual<typeof import("../src/chatStream/utf8.ts")>("../src/chatStream/utf8.ts")

/** What a stream may be cut within: marks of byte order, characters of two to four bytes, and bytes that are none. */
const parts = ["a", "\n", "\uFEFF", "é", "世", "😀"].map((text) => [...new TextEncoder().encode(text)])
const part = Schema.Literals([...parts.keys(), 2, 2, 100, 101, 102])
const broken: Record<number, Array<number>> = { 100: [0xef], 101: [0xbb, 0xbf], 102: [0xf0, 0x9f] }

describe("text in UTF-8 that comes in pieces", () => {
  it.effect.prop(
    "reads as with a decoder of its own, wherever it is cut",
    [Schema.Array(Schema.Array(part).check(Schema.isMaxLength(3)))],
    ([pieces]) =>
      Effect.sync(() => {
        const utf8 = new Utf8()
        const own = new TextDecoder()
        for (const given of pieces) {
          const piece = Uint8Array.from(given.flatMap((part) => parts[part] ?? broken[part]!))
          assert.strictEqual(utf8.decode(piece), own.decode(piece, { stream: true }))
        }
        assert.strictEqual(utf8.end(), own.decode())
      })
  )

  it("keeps a mark of byte order that is not the first of all", () => {
    const mark = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)
    for (const first of [mark, Uint8Array.of(0x62)]) {
      const utf8 = new Utf8()
      utf8.decode(first)
      assert.strictEqual(utf8.decode(mark), "\uFEFFa")
      assert.strictEqual(utf8.decode(Uint8Array.of(0xef)) + utf8.decode(Uint8Array.of(0xbb, 0xbf, 0x61)), "\uFEFFa")
    }
    assert.strictEqual(new Utf8().decode(mark), "a")
  })
})
