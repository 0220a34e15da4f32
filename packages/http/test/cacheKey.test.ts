import { assert, describe, it, vi } from "@effect/vitest"
import type { ChatModel } from "@switchgear/http"
import { Schema } from "effect"
import { isDeepStrictEqual } from "node:util"

interface Keys {
  readonly cacheKey: (request: ChatModel.Request) => string
}
const { cacheKey } = await vi.importActual<Keys>("../src/modelCascade/cacheKey.ts")

const leaf = Schema.Union([Schema.Literals(["", "a", "1,2"]), Schema.Int, Schema.Boolean, Schema.Null])
const name = Schema.Union([Schema.Literals(["a", "b", "10", "9", "a\",\"b"]), Schema.String])
const inner = Schema.Union([leaf, Schema.Array(leaf), Schema.Record(name, leaf)])
const fields = Schema.Record(name, Schema.Union([inner, Schema.Array(inner), Schema.Record(name, inner)]))

const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`field ${7 * i % 40}`, i]))

/** A request with fields that providers have and the types do not. */
const requestOf = (others: object): ChatModel.Request => ({ messages: [{ role: "user", content: "Hello" }], ...others })

const relevantIn = ({ stream: _, stream_options: __, ...relevant }: ChatModel.Request): unknown =>
  JSON.parse(JSON.stringify(relevant))

/** The same with the fields of all objects the other way round. */
const turned = (value: any): any =>
  Array.isArray(value)
    ? value.map(turned)
    : typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).reverse().map(([name, of]) => [name, turned(of)]))
    : value

describe("the key of an answer", () => {
  it.prop("is the same whatever the order of the fields", { fields }, ({ fields }) => {
    for (const request of [requestOf(fields), requestOf({ ...many, fields })]) {
      assert.strictEqual(cacheKey(turned(request)), cacheKey(request))
    }
  })

  it.prop("is another one if and only if the request says something else", { a: fields, b: fields }, ({ a, b }) => {
    const [one, other] = [requestOf(a), requestOf(b)]
    assert.strictEqual(cacheKey(one) === cacheKey(other), isDeepStrictEqual(relevantIn(one), relevantIn(other)))
  })

  it("leaves out what JSON leaves out", () => {
    const key = cacheKey(requestOf({}))
    assert.strictEqual(cacheKey(requestOf({ tools: undefined, callback: () => 1 })), key)
    assert.notStrictEqual(cacheKey(requestOf({ tools: null })), key)
    assert.strictEqual(
      cacheKey(requestOf({ list: [undefined, () => 1] })),
      cacheKey(requestOf({ list: [null, null] }))
    )
  })
})
