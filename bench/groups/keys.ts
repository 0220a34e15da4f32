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

/** So many circuits are held, and the calls go to so many of them. */
interface Load {
  readonly held: number
  readonly called: number
  /** How much more a call may cost than with one key. */
  readonly atMost?: number | undefined
}

const figure = (count: number): string => count.toLocaleString("en-US")

const nameOf = (what: string, { called, held }: Load): string => {
  const keys = `${what}, ${figure(held)} ${held === 1 ? "key" : "keys"}`
  return called === held ? keys : `${keys}, ${figure(called)} busy`
}

const one: Load = { held: 1, called: 1 }

const familyOf = async (keys: ReadonlyArray<string>): Promise<CircuitBreaker.Family.Family> => {
  const options = { name: "tenants", capacity: keys.length }
  const family = await Effect.runPromise(CircuitBreaker.Family.make(options))
  for (const key of keys) await Effect.runPromise(family.protect(key)(synchronous))
  return family
}

const subjectsOf = async (load: Load): Promise<ReadonlyArray<Subject>> => {
  const keys = keysOf(load.held)
  const next = inTurn(keys.filter((_, i) => i % (load.held / load.called) === 0))
  const table = new Map(keys.map((key) => [key, Effect.sync(() => 1)]))
  const family = await familyOf(keys)
  const platform = await platformKeyed(100)
  for (const key of keys) await Effect.runPromise(platform(key)(synchronous))
  const over = nameOf("bare", load)
  const toOne = (what: string, atMost?: number) => load.held === 1 ? [] : [{ peer: nameOf(what, one), atMost }]
  const toMap = load.held === 1 ? [] : [{ peer: nameOf("plain Map", load) }]
  return [
    { name: over, run: inFiberEach(() => next() === "" ? Effect.never : synchronous) },
    { name: nameOf("plain Map", load), over, run: inFiberEach(() => table.get(next())!) },
    {
      name: nameOf("platform", load),
      over,
      against: toOne("platform"),
      run: inFiberEach(() => platform(next())(synchronous))
    },
    {
      name: nameOf("family", load),
      over,
      against: [...toOne("family", load.atMost), ...toMap],
      run: inFiberEach(() => family.protect(next())(synchronous))
    }
  ]
}

const loads: ReadonlyArray<Load> = [
  one,
  { held: 1_000, called: 1_000, atMost: 1.3 },
  { held: 100_000, called: 100, atMost: 1.3 },
  { held: 100_000, called: 100_000 }
]

export const keys = async (settings: Settings): Promise<Section> => {
  const subjects = (await Promise.all(loads.map(subjectsOf))).flat()
  // Longer batches: what the subject before has left in the caches must not decide.
  const patient = { ...settings, batchMillis: settings.batchMillis * 10, rounds: Math.ceil(settings.rounds / 6) }
  return {
    title: "Closed breaker: the number of keys",
    notes: [
      "Busy keys come in turn, in an order that no processor foresees. With all 100,000 in turn none is in a cache: what is measured then is the memory, as the plain Map tells, and no target is set."
    ],
    rows: await measure(patient, subjects)
  }
}
