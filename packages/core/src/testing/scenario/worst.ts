/** The worst of many runs, and the smallest night in which it still fails. */
import * as Effect from "effect/Effect"
import type { Judged } from "./judge.ts"
import type { Script } from "./plan.ts"
import { counterExample, type Told } from "./render.ts"
import { smaller } from "./smaller.ts"
import { written } from "./written.ts"

/** The most runs that making a night smaller may take. */
const patience = 500

/** The smallest night in which the claim is still broken. `run` plays a night, or tells that there is no such night. */
export const shrunk = <S extends Script, E, R>(
  night: S,
  claim: string,
  run: (night: S) => Effect.Effect<Told | undefined, E, R>
): Effect.Effect<{ readonly smallest: S; readonly runs: number }, E, R> =>
  Effect.gen(function*() {
    let smallest = night
    let candidates = smaller(night)
    let runs = 0
    for (let next = 0; next < candidates.length && runs < patience; next++) {
      const candidate = { ...smallest, ...candidates[next] }
      runs++
      const told = yield* run(candidate)
      if (told?.claims.some((one) => one.claim === claim && isBroken(one)) !== true) continue
      smallest = candidate
      candidates = smaller(smallest)
      next = -1
    }
    return { smallest, runs }
  })

export const isBroken = ({ verdict }: Judged): boolean => verdict._tag === "Broken"

/** More broken claims are worse, then more that could not be judged, then a claim that is further beyond its limit. */
export const isWorse = (claims: ReadonlyArray<Judged>, than: ReadonlyArray<Judged>): boolean => {
  const count = (of: ReadonlyArray<Judged>, tag: Judged["verdict"]["_tag"]) =>
    of.filter(({ verdict }) => verdict._tag === tag).length
  const marginOf = (of: ReadonlyArray<Judged>) => Math.min(...of.map(({ margin }) => margin ?? Infinity))
  const [margin, other] = [marginOf(claims), marginOf(than)]
  const differences = [
    count(claims, "Broken") - count(than, "Broken"),
    count(claims, "Unjudged") - count(than, "Unjudged"),
    margin === other ? 0 : other - margin
  ]
  return (differences.find((difference) => difference !== 0) ?? 0) > 0
}

/** The counterexamples of the worst seed, and of the smallest night that fails with it. */
export const seedsMessage = (
  { failed, n, night, runs, smallest, worst }: {
    readonly n: number
    readonly failed: ReadonlyArray<string>
    readonly worst: Told
    readonly night: Script
    readonly runs: number
    readonly smallest: Told
  }
): string =>
  [
    `${failed.length} of ${n} seeds failed, the worst is ${JSON.stringify(worst.seed)}.`,
    "",
    counterExample(worst),
    "",
    `The smallest night in which that still fails${runs < patience ? "" : `, as far as ${patience} runs have found`}:`,
    ...written(night).map((line) => `  ${line}`),
    "",
    counterExample(smallest)
  ].join("\n")
