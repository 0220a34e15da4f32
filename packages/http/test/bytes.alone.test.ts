/** The bytes of a body, in whatever pieces they come. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { vi } from "vitest"

interface Bytes {
  readonly size: number
  readonly count: number
  readonly all: Uint8Array
  readonly take: (bytes: Uint8Array) => void
}
const { Bytes } = await vi.importActual<{ readonly Bytes: new() => Bytes }>("../src/chatClient/bytes.ts")

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 200)

const Lengths = Schema.Array(
  Schema.Union([0, 1, 10, 5000].map((maximum) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))))
).check(Schema.isMaxLength(40))

describe("the bytes of a body", () => {
  it.prop("are those of its pieces, which stay as they are", { lengths: Lengths }, ({ lengths }) => {
    const pieces = lengths.map((length, i) => new Uint8Array(length).map((_, at) => 7 * i + at))
    const before = pieces.map((piece) => piece.slice())
    const bytes = new Bytes()
    pieces.forEach((piece, i) => {
      bytes.take(piece)
      const all = Buffer.concat(before.slice(0, i + 1))
      assert.deepStrictEqual([bytes.count, bytes.size], [i + 1, all.length])
      assert.isTrue(all.equals(bytes.all))
    })
    assert.deepStrictEqual(pieces, before)
  }, { arbitrary: { runs } })

  it("take about as much memory as there are bytes, however small the pieces are", () => {
    setFlagsFromString("--expose-gc")
    const collect: () => void = runInNewContext("gc")
    const held = () => {
      // Buffers are given back by another thread: the second time waits for what the first one has found.
      collect()
      collect()
      const { arrayBuffers, heapUsed } = process.memoryUsage()
      return arrayBuffers + heapUsed
    }
    const bytes = new Bytes()
    const before = held()
    const size = 2 ** 18
    for (let i = 0; i < size; i++) bytes.take(new Uint8Array([i]))
    const grown = held() - before
    assert.strictEqual(bytes.all.length, size)
    assert.isBelow(grown, 4 * 2 ** 20)
  })
})
