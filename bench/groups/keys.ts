/** Whether a call costs the same however many circuits there are, one for each key. */
import { CircuitBreaker } from "@switchgear/core"
import { Effect } from "effect"
import { inFiberEach, measure, type Subject } from "../harness.ts"
import { synchronous } from "../operations.ts"
import { platformKeyed } from "../peers.ts"
import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"

const keysOf = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => `tenant-${i}`)

/** Names the keys in turn, in an order that no cache foresees: each once before the first comes again. */
const inTurn = (keys: ReadonlyArray<string>): () => string => {
  let next = 0
  return () => keys[next = (next + 7_919) % keys.length]!
}

const nameOf = (what: string, count: number) =>
  `${what}, ${count.toLocaleString("en-US")} ${count === 1 ? "key" : "keys"}`

const familyOf = async (keys: ReadonlyArray<string>): Promise<CircuitBreaker.Family> => {
  const options = { name: "tenants", capacity: keys.length }
  const family = await Effect.runPromise(CircuitBreaker.family(options))
  for (const key of keys) await Effect.runPromise(family.protect(key)(synchronous))
  return family
}

const subjectsOf = async (count: number): Promise<ReadonlyArray<Subject>> => {
  const keys = keysOf(count)
  const next = inTurn(keys)
  const table = new Map(keys.map((key) => [key, Effect.sync(() => 1)]))
  const family = await familyOf(keys)
  const platform = await platformKeyed(100)
  for (const key of keys) await Effect.runPromise(platform(key)(synchronous))
  const over = nameOf("bare", count)
  const against = (what: string, atMost?: number) => count === 1 ? [] : [{ peer: nameOf(what, 1), atMost }]
  return [
    { name: over, run: inFiberEach(() => next() === "" ? Effect.never : synchronous) },
    { name: nameOf("plain Map", count), over, run: inFiberEach(() => table.get(next())!) },
    {
      name: nameOf("platform", count),
      over,
      against: against("platform"),
      run: inFiberEach(() => platform(next())(synchronous))
    },
    {
      name: nameOf("family", count),
      over,
      against: [...against("family", 1.3), ...(count === 1 ? [] : [{ peer: nameOf("plain Map", count) }])],
      run: inFiberEach(() => family.protect(next())(synchronous))
    }
  ]
}

export const keys = async (settings: Settings): Promise<Section> => {
  const subjects = (await Promise.all([1, 1_000, 100_000].map(subjectsOf))).flat()
  // Longer batches: what the subject before has left in the caches must not decide.
  const patient = { ...settings, batchMillis: settings.batchMillis * 10, rounds: Math.ceil(settings.rounds / 6) }
  return {
    title: "Closed breaker: the number of keys",
    notes: [
      "Keys come in turn, in an order that no cache foresees: the worst there is. The plain Map tells what any look-up costs then."
    ],
    rows: await measure(patient, subjects)
  }
}
