/**
 * The simulations: the whole guard against a provider in virtual time, in the scenarios that its constants were chosen in.
 * What the tables say is measured here, is in the documentation, and is what the design asked for.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { admissions } from "./admissions.ts"
import { measure, numbersOf, rowsOf, type Table, tuned, untuned } from "./tables.ts"

/** The table of the design, from a simulator of its own with other seeds. */
const designed = numbersOf({
  ...tuned,
  rows: `
| no limit | 100 | 13 | 13 | 42 | 15 | 67 | 14 | 82 | 98 | 99 | 90 | 47 |
| fixed, the capacity | 100 | 48 | 48 | 48 | 30 | 56 | 47 | 74 | 92 | 82 | 73 | 53 |
| circuit breaker alone | 100 | 39 | 30 | 38 | 25 | 58 | 30 | 62 | 97 | 99 | 90 | 42 |
| aimd | 100 | 45 | 34 | 50 | 26 | 76 | 40 | 67 | 97 | 99 | 88 | 47 |
| vegas | 27 | 8 | 8 | 8 | 5 | 9 | 15 | 13 | 20 | 15 | 10 | 10 |
| gradient2 | 83 | 31 | 31 | 31 | 15 | 38 | 46 | 54 | 77 | 52 | 39 | 25 |
| gradient | 100 | 49 | 49 | 52 | 32 | 70 | 43 | 65 | 95 | 99 | 84 | 57 |
`
})

/** Of the check set, the design has these. */
const designedChecks = numbersOf({
  ...untuned,
  rows: `
| fixed, the capacity | 99 | 49 | 49 | 49 | 25 | 51 | 77 | 92 | 69 | 58 |
| gradient | 100 | 52 | 48 | 51 | 27 | 50 | 74 | 97 | 99 | 32 |
`
})

/**
 * Where the runs are more than 4 away from those of the design. One run differs from the next by 5 to 7 there: the means of 40
 * runs of the simulator of the design are 70, 52, 53 and 42, and of 16 runs of this one 73 and 53 for the first two.
 */
const spread: ReadonlyArray<string> = ["gradient2 noise", "gradient2 mix", "aimd cold", "circuit breaker alone over ps"]

const differences = (
  seen: typeof designed,
  expected: typeof designed,
  isApart: (seen: number, expected: number) => boolean
) =>
  Object.entries(expected).flatMap(([row, cells]) =>
    Object.entries(cells).filter(([scenario, cell]) => isApart(seen[row]![scenario]!, cell))
      .map(([scenario]) => `${row} ${scenario}`)
  )

const plain = (text: string) => text.replaceAll(/ +/g, " ")

describe("the table", () => {
  for (const row of Object.keys(admissions)) {
    it.live(`is what ${row} does`, () =>
      Effect.gen(function*() {
        const { answered, timedOut } = yield* measure(tuned, row)
        assert.include(rowsOf(tuned), answered)
        if (row === "gradient") assert.include(rowsOf(tuned), timedOut)
      }))
  }

  for (const [name, table] of Object.entries({ tuned, untuned } satisfies { [name: string]: Table })) {
    it(`of the ${name} scenarios is in the documentation`, () => {
      const page = plain(readFileSync(new URL("../../../../docs/adaptive-limits.md", import.meta.url), "utf8"))
      assert.include(page, `| | ${Object.keys(table.scenarios).join(" | ")} |`)
      for (const row of rowsOf(table)) assert.include(page, row)
    })
  }

  it("is that of the design, within 4, and gradient is nowhere worse", () => {
    const { gradient, ...others } = designed
    const apart = (seen: number, expected: number) => Math.abs(seen - expected) > 4
    assert.sameMembers(differences(numbersOf(tuned), others, apart), [...spread])
    const worse = (seen: number, expected: number) => seen < expected - 4
    assert.deepStrictEqual(differences(numbersOf(tuned), { gradient: gradient! }, worse), [])
    assert.deepStrictEqual(differences(numbersOf(untuned), designedChecks, worse), [])
  })
})

describe("gradient", () => {
  const numbers = { tuned: numbersOf(tuned), untuned: numbersOf(untuned) }

  it("refuses nobody in calm and when the mix shifts", () => {
    for (const { gradient } of Object.values(numbers)) {
      assert.isAtLeast(gradient!["calm"]!, 99)
      assert.isAtLeast(gradient!["mix"]!, 99)
    }
  })

  it("answers as many calls in overload as a limit that knows the capacity, of all kinds of providers", () => {
    for (const rows of Object.values(numbers)) {
      for (const scenario of ["over", "over slots", "over ps"]) {
        assert.isAtLeast(rows["gradient"]![scenario]!, 0.95 * rows["fixed, the capacity"]![scenario]!)
      }
      assert.isAtMost(rows["gradient, timed out"]!["over"]!, 5)
    }
  })

  it("keeps three quarters of the answers of a provider that is three times slower and times out by itself", () => {
    for (const rows of Object.values(numbers)) assert.isAtLeast(rows["gradient"]!["slow3"]!, 75)
  })

  it("loses nowhere more than 2 points by what it does for that", () => {
    for (const rows of Object.values(numbers)) {
      for (const [scenario, before] of Object.entries(rows["gradient, four brakes"]!)) {
        assert.isAtLeast(rows["gradient"]![scenario]!, before - 2, scenario)
      }
    }
  })
})
