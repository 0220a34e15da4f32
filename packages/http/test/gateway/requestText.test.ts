/** The text of a request with the name of another model: nothing else of it changes. */
import { assert, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import { vi } from "vitest"

interface RequestText {
  readonly withModel: (model: string) => string
}
const { RequestText } = await vi.importActual<{ readonly RequestText: new(text: string, body: object) => RequestText }>(
  "../../src/gateway/dialects/requestText.ts"
)

const values = [
  "1.0",
  "12345678901234567890",
  "null",
  "\"model\"",
  "\"a\\\"model\\\":\\\\\"",
  "{\"model\":\"inner\",\"10\":1,\"9\":2}",
  "[{\"model\":\"x\"},[\"model\",\"}\"]]",
  "\"\\u006dodel\"",
  "{}",
  "[]"
]

const names = ["\"a\"", "\"mode\"", "\"b\\\"\"", "\"\\\\\"", "\"messages\"", "\"{\"", "\"é🦊\""]
const spaces = ["", " ", "\n\t"]

it.effect("is as it was, but for the model", () =>
  Random.withSeed(
    Effect.gen(function*() {
      for (let run = 0; run < 2000; run++) {
        const space = Random.choice(spaces)
        const others = (yield* Random.shuffle(names)).slice(0, yield* Random.nextIntBetween(0, names.length))
        const fields: Array<string> = []
        for (const name of others) {
          fields.push(
            `${yield* space}${name}${yield* space}:${yield* space}${yield* Random.choice(values)}${yield* space}`
          )
        }
        const named = yield* Random.choice(["\"model\"", "\"\\u006dodel\""])
        const at = yield* Random.nextIntBetween(0, fields.length)
        const withModel = (model: string) => `${"{"}${fields.toSpliced(at, 0, `${named} : ${model}`).join(",")}}`
        const given = withModel(yield* Random.choice(["\"first\"", "\"\"", "\"a\\\"b\\\\\"", "\"model\""]))
        const text = new RequestText(given, JSON.parse(given))
        assert.strictEqual(text.withModel("an \"other\""), withModel("\"an \\\"other\\\"\""))
        assert.strictEqual(text.withModel("x"), withModel("\"x\""))
      }
    }),
    "request texts"
  ))

it("names one model where a field is written twice", () => {
  for (
    const given of [
      "{\"model\":\"a\",\"model\":\"b\"}",
      "{\"model\":1,\"x\":2,\"model\":\"b\"}",
      "{\"max_tokens\":1,\"model\":\"b\",\"max_tokens\":9}",
      "{\"model\":{\"model\":\"c\"},\"model\":\"b\"}"
    ]
  ) {
    const body = JSON.parse(given)
    assert.strictEqual(new RequestText(given, body).withModel("c"), JSON.stringify({ ...body, model: "c" }))
  }
})
