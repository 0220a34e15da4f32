/** What the commands of this package say of their options. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./support/run.ts"

describe.concurrent("the help of", () => {
  for (
    const [verb, program] of [
      ["demo", "double-eleven/main.ts"],
      ["replay", "double-eleven/replay/main.ts"],
      ["fleet", "fleet/main.ts"]
    ] as const
  ) {
    it.live(`npm run ${verb} has the default of each option that takes a value`, () =>
      Effect.gen(function*() {
        const { code, stdout } = yield* run(program, { args: ["--help"] })
        const [, flags = ""] = stdout.split("FLAGS\n")
        const valued = flags.split("\n\n")[0]!.split("\n").filter((line) => /^ +--\w+ (integer|string)\b/.test(line))
        assert.strictEqual(code, 0)
        assert.isAtLeast(valued.length, 1)
        for (const line of valued) assert.match(line, /Default: \S.*\.$/)
      }), 60_000)
  }
})
