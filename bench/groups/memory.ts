/** What 100,000 circuits weigh, one for each key. */
import { CircuitBreaker } from "@switchgear/core"
import { Effect } from "effect"
import { setImmediate } from "node:timers/promises"
import { collectGarbage, inFiber, inFiberEach } from "../harness.ts"
import { synchronous } from "../operations.ts"
import { platformKeyed } from "../peers.ts"
import { compared, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"

type Keyed = (key: string) => (call: Effect.Effect<number, string>) => Effect.Effect<number, unknown>

const calls = 100

/** The first call of each circuit fails: a window that holds only good ones would weigh less. */
const first = (guard: ReturnType<Keyed>): Effect.Effect<number> =>
  Effect.orElseSucceed(guard(Effect.fail("503")), () => 1)

/** Bytes reachable, in V8's heap and in the buffers beside it, once collecting any more changes nothing. */
const bytes = async (): Promise<number> => {
  let before = Infinity
  for (;;) {
    collectGarbage()
    // Buffers, and what has a finalizer, are let go of between turns of the event loop.
    await setImmediate()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    if (heapUsed + arrayBuffers > before * 0.999) return heapUsed + arrayBuffers
    before = heapUsed + arrayBuffers
  }
}

/** Megabytes of 100,000 circuits when each window is full, scaled up from so many. */
const weigh = async (circuits: number, make: () => Promise<Keyed>): Promise<number> => {
  const keys = Array.from({ length: circuits }, (_, i) => `tenant-${i}`)
  // Compiled before, so that no code is weighed.
  await inFiber((await make())("tenant")(synchronous))(1_000)
  const before = await bytes()
  const guard = await make()
  await inFiberEach((i) => {
    const circuit = guard(keys[i % circuits]!)
    return i < circuits ? first(circuit) : circuit(synchronous)
  })(circuits * calls)
  const after = await bytes()
  // Still in use here, and so were alive when they were weighed.
  await Effect.runPromise(guard(keys[0]!)(synchronous))
  return (after - before) / circuits * 100_000 / 1e6
}

const ours = async (): Promise<Keyed> => {
  const window = CircuitBreaker.lastCalls(calls)
  const family = await Effect.runPromise(CircuitBreaker.Family.make({ name: "tenants", capacity: 100_000, window }))
  return family.protect
}

export const memory = async ({ mode }: Settings): Promise<Section> => {
  const [circuits, platformCircuits] = mode === "full" ? [100_000, 10_000] : [10_000, 1_000]
  const weight = await weigh(circuits, ours)
  return {
    title: "Memory of 100,000 keyed circuits with windows of 100",
    notes: [
      `Heap and array buffers after a collection, every window full and with a failure in it. Scaled up from ${
        circuits.toLocaleString("en-US")
      } circuits, the platform's from ${platformCircuits.toLocaleString("en-US")}.`
    ],
    rows: [
      {
        what: "platform",
        unit: "MB",
        value: await weigh(platformCircuits, () => platformKeyed(calls)),
        comparisons: []
      },
      { what: "family", unit: "MB", value: weight, comparisons: [compared("100 MB", weight / 100, 1)] }
    ]
  }
}
