/** What a user's compiler reads of a guarded fetch, and of a gateway in the process. */
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { declarationsOf } from "../support/declarationsOf.ts"

const sources = { "a guarded fetch": "fetch/index.ts", "a gateway in the process": "gateway/openGateway.ts" }

describe.each(Object.entries(sources))("the declarations of %s", (_, source) => {
  const reached = declarationsOf(join(import.meta.dirname, "..", "..", "src", source))

  it("name no type of Effect, and no other package", () => {
    assert.isAtLeast(reached.size, 6)
    for (const [file, text] of reached) {
      const packages = [...text.matchAll(/(?:from|import\() *"([^."][^"]*)"/g)].map(([, name]) => name)
      assert.deepStrictEqual(packages, [], file)
    }
  })

  it("leave no value unchecked: none is any", () => {
    for (const [file, text] of reached) assert.notMatch(text, /[<:|&(,=] *any\b/, file)
  })
})
