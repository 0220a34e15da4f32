/** Checks a property of random programs, and tells a program that breaks it as short and simple as it gets. */
import { Arbitrary, Effect } from "effect"
import { Program } from "./program.ts"
import { show } from "./show.ts"
import { simpler } from "./simpler.ts"

/** How many programs, from the environment. @default 100 */
export const programs = Number(process.env.SWITCHGEAR_PROGRAMS ?? 100)

const seedOfAll = process.env.SWITCHGEAR_SEED

// Only laws whose name begins so are looked at. @default all
const law = process.env.SWITCHGEAR_LAW ?? ""

export interface CheckOptions {
  readonly runs: number
  /** Plays a program and answers the laws that it broke. */
  readonly broken: (program: Program) => Effect.Effect<ReadonlyArray<string>>
  /** What is really played, to be shown. @default the program itself */
  readonly shown?: ((program: Program) => Program) | undefined
  /** How many simpler programs are tried. @default 3000 */
  readonly maxShrinks?: number | undefined
  /** Which programs. @default what the environment says, and else others each time */
  readonly seed?: string | undefined
}

/** Answers what to say about the first program that broke a law; undefined when none did. */
export const check = (
  { broken, maxShrinks, runs, seed = seedOfAll, shown }: CheckOptions
): Effect.Effect<string | undefined> =>
  Effect.gen(function*() {
    const property = (program: Program) =>
      Effect.flatMap(broken(program), (all) => {
        const laws = all.filter((one) => one.startsWith(law))
        return laws.length === 0 ? Effect.succeed(true) : Effect.fail(laws)
      })
    const result = yield* Arbitrary.checkEffect(Arbitrary.schema(Program, { shrink: simpler }), property, {
      runs,
      size: 14,
      maxShrinks: maxShrinks ?? 3000,
      ...seed === undefined ? {} : { seed }
    })
    if (result._tag === "Passed") return undefined
    if (result._tag !== "Falsified") return `The check ended with ${result._tag}.`
    const laws = result.failure._tag === "PropertyError" ? result.failure.error : []
    return [
      `Program ${result.runs} of seed ${seed ?? JSON.parse(result.replay)[1]} breaks`,
      ...laws.map((law) => `- ${law}`),
      show(shown ? shown(result.shrunkInput) : result.shrunkInput),
      `To play it again: ${JSON.stringify(result.shrunkInput)}`
    ].join("\n")
  })
