/**
 * Finds guards that were made outside of a run and used by it. Their state goes on from one run to the next, so that one
 * seed has several results. The first run may use them; a later one is refused.
 */
import * as Effect from "effect/Effect"
import * as Registry from "../../Registry.ts"
import type { Series } from "../../registry/series.ts"

type Entry = ReturnType<Registry.Registry["entries"]>[number]

const usedInARun = new WeakSet<object>()

/** The guards of the registry, and how often each has been used so far. */
const usage: Effect.Effect<ReadonlyMap<Entry, number>> = Effect.gen(function*() {
  const all = new Map<Entry, number>()
  for (const entry of yield* Registry.entries) {
    const snapshot = yield* Effect.option(Effect.sandbox(Effect.suspend(() => entry.kind.snapshot(entry.guard))))
    if (snapshot._tag === "Some") all.set(entry, countedBy(entry, snapshot.value))
  }
  return all
})

const countedBy = ({ kind: { metrics } }: Entry, snapshot: unknown): number => {
  const series: ReadonlyArray<Series<unknown>> = typeof metrics === "function" ? metrics(snapshot) : metrics ?? []
  let sum = 0
  for (const one of series) if (one.type === "counter") sum += one.read(snapshot) ?? 0
  return sum
}

/** Runs the effect, and returns the guards from outside that it has used and that another run had used before. */
export const watchingOutside = <A, E, R>(
  run: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, carriedOver: ReadonlyArray<string>], E, R> =>
  Effect.gen(function*() {
    const before = yield* usage
    const result = yield* run
    if (before.size === 0) return [result, []]
    const carriedOver: Array<string> = []
    for (const [entry, count] of yield* usage) {
      const { guard, id, kind } = entry
      if (count === (before.get(entry) ?? count) || typeof guard !== "object" || guard === null) continue
      if (usedInARun.has(guard)) carriedOver.push(`${kind.tag} ${JSON.stringify(id)}`)
      usedInARun.add(guard)
    }
    return [result, carriedOver]
  })
