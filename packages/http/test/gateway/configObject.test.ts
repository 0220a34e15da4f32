/** A file that is given as an object says what the same file says as a text. */
import { assert, describe, it } from "@effect/vitest"
import { GatewayConfig } from "@switchgear/http/gateway"
import { changed, environment, everything, fileOf, places, type Tree } from "./everyOption.ts"

const asObject = (tree: unknown) => GatewayConfig.check(tree as GatewayConfig.File, environment)

const asText = (tree: unknown) => GatewayConfig.check(JSON.stringify(tree), environment)

/** With all but functions, such as those that canned replies become. */
const shown = (checked: GatewayConfig.Checked): string => JSON.stringify(checked)

const values: ReadonlyArray<unknown> = [
  undefined,
  null,
  0,
  "",
  "text",
  true,
  [],
  {},
  { a: null },
  "${NOT_THERE}",
  "${TEXT}",
  "${NOT_THERE:-a b}",
  "${TEXT",
  "$TEXT",
  "switchgear-7-0-",
  "\u2028: - # '\"\n☀️"
]

describe("a file as an object", () => {
  it("says everything that it says as a text", () => {
    assert.isDefined(asObject(everything).config)
    assert.strictEqual(shown(asObject(everything)), shown(asText(everything)))
  })

  it("is wrong wherever it is wrong as a text, in the same words", () => {
    let wrong = 0
    for (const place of places) {
      for (const value of values) {
        const tree = changed(fileOf(place), place, value)
        const checked = asObject(tree)
        const { problems } = checked
        if (problems.length > 0) wrong++
        if (shown(checked) !== shown(asText(tree))) assert.deepStrictEqual(checked, asText(tree), JSON.stringify(tree))
      }
    }
    assert.isAbove(wrong, places.length)
  })

  it("has variables in its keys and its texts, and none of them can be made by another one", () => {
    const tree: Tree = {
      providers: { "${TEXT}": { baseUrl: "http://${A}.test" } },
      models: { m: { provider: "text" } }
    }
    const { config, problems } = GatewayConfig.check(tree as never, { TEXT: "text", A: "${TEXT}" })
    assert.deepStrictEqual(problems, [])
    // What is quoted in a text is no escape here.
    const quoted = { ...everything, listen: { host: "${NOT_THERE:-a\"b\\c}" } }
    assert.strictEqual(asObject(quoted).config!.listen.host, "a\"b\\c")
    assert.strictEqual(config!.providers.text!.options.baseUrl, "http://${TEXT}.test")
  })

  it("is not changed, and what is undefined is left out", () => {
    const tree = Object.freeze({
      listen: undefined,
      providers: Object.freeze({ p: Object.freeze({ baseUrl: "http://${A}.test", apiKey: undefined }) }),
      models: Object.freeze({ m: Object.freeze({ provider: "p" }) })
    })
    assert.deepStrictEqual(GatewayConfig.check(tree, { A: "a" }).problems, [])
  })

  it("has no value that a file cannot have: each is named with its place, and not shown", () => {
    class Secret {
      readonly token = "sk-secret-0123456789"
    }
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      [() => 1, "a function"],
      [10n, "a bigint"],
      [Symbol("a"), "a symbol"],
      [Infinity, "Infinity"],
      [NaN, "NaN"],
      [new Date(0), "an instance of Date"],
      [new Secret(), "an instance of Secret"],
      [Buffer.from("a"), "an instance of Buffer"]
    ]
    for (const [value, got] of cases) {
      const { config, problems } = asObject({ ...everything, defaults: { deadline: value } })
      assert.isUndefined(config)
      assert.deepStrictEqual(problems, [{
        path: ["defaults", "deadline"],
        message: `Expected a text, a number, true, false, a list or a plain object, got ${got}`
      }])
    }
  })
})
