/** What is wrong in one place of a file hides nothing that is wrong in another one. */
import { assert, describe, it } from "@effect/vitest"
import { GatewayConfig } from "@switchgear/http/gateway"
import { Effect, Schema } from "effect"
import { at, changed, environment, everything, type Path, places } from "./everyOption.ts"
import { problemsOf } from "./support.ts"

const pathsOf = (tree: unknown): ReadonlyArray<string> =>
  GatewayConfig.check(JSON.stringify(tree), environment).problems.map(({ path }) => path.join(" "))

/** Values that are wrong at most places. */
const odd: ReadonlyArray<unknown> = [-1, "???", { oddity: 1 }, 1e99, "", [], null, ["?"]]

/** A value that is wrong for each option, and the place where that is told. */
const wrong = places.flatMap((place: Path) => {
  const value = at(everything, place)
  if (typeof value === "object" && value !== null) return []
  for (const given of odd) {
    const told = pathsOf(changed(everything, place, given))
    if (told.length === 1 && told[0]!.startsWith(place.join(" "))) return [{ place, given, told: told[0]! }]
  }
  return []
})

describe("what is wrong", () => {
  it("can be almost every option", () => assert.isAbove(wrong.length, 215))

  it("is told of all options at once", () =>
    assert.deepStrictEqual(
      new Set(pathsOf(wrong.reduce<unknown>((tree, { given, place }) => changed(tree, place, given), everything))),
      new Set(wrong.map(({ told }) => told))
    ))

  it.effect.prop(
    "is told of each of some options, wherever they are, and of no other one",
    {
      chosen: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: wrong.length - 1 }))).check(
        Schema.isMinLength(2),
        Schema.isMaxLength(8)
      )
    },
    ({ chosen }) =>
      Effect.sync(() => {
        const some = Array.from(new Set(chosen), (i) => wrong[i]!)
        const tree = some.reduce<unknown>((tree, { given, place }) => changed(tree, place, given), everything)
        assert.deepStrictEqual(new Set(pathsOf(tree)), new Set(some.map(({ told }) => told)))
      }),
    { arbitrary: { runs: 500 } }
  )

  it("is told at the place in the file, also after clients and keys that cannot be read", () =>
    assert.deepStrictEqual(
      problemsOf(GatewayConfig.check(
        `
providers: { p: { baseUrl: http://p.test/v1, apiKey: [good, "", "a b"], timeout: 0 } }
models: { m: { provider: p } }
clients: [{ token: a }, { name: a, token: b }, { name: a, token: b }]
`,
        {}
      )).map((line) => line.split(": ")[0]),
      [
        "clients[0].name",
        "clients[2].name",
        "clients[2].token",
        "providers.p.apiKey[1]",
        "providers.p.apiKey[2]",
        "providers.p.timeout"
      ]
    ))

  it("with prices is told beside what is wrong with an address", () =>
    assert.deepStrictEqual(
      pathsOf({
        listen: { port: -1 },
        providers: { p: { baseUrl: "http://p.test" } },
        models: { m: { provider: "p" } },
        prices: { m: { input: 1 } },
        clients: [{ name: "a", token: "t", budget: { dollars: 1, window: "day" } }]
      }),
      ["listen port", "prices"]
    ))
})
