/** Whether a call costs the same whatever the size of the window. */
import { CircuitBreaker } from "@switchgear/core"
import { Effect } from "effect"
import { inFiber, measure, type Subject } from "../harness.ts"
import { bareSynchronous, synchronous } from "../operations.ts"
import { platformBreaker } from "../peers.ts"
import type { Section } from "../section.ts"
import type { Settings } from "../settings.ts"

const nameOf = (calls: number) => `window of ${calls.toLocaleString("en-US")}`

// Filled first: what a call costs once every call pushes another one out.
const filled = async (name: string, calls: number, subject: Omit<Subject, "name">): Promise<Subject> => {
  await subject.run(calls)
  return { name, ...subject }
}

const ours = async (calls: number): Promise<Subject> => {
  const breaker = await Effect.runPromise(
    CircuitBreaker.make({ name: "model", window: CircuitBreaker.lastCalls(calls) })
  )
  return filled(nameOf(calls), calls, {
    over: bareSynchronous.name,
    against: calls > 10 ? [{ peer: nameOf(10), atMost: 1.3 }] : [],
    run: inFiber(breaker.protect(synchronous))
  })
}

const platform = async (calls: number): Promise<Subject> => {
  const breaker = await platformBreaker(calls)
  return filled(`platform, ${nameOf(calls)}`, calls, {
    over: bareSynchronous.name,
    against: calls > 10 ? [{ peer: `platform, ${nameOf(10)}` }] : [],
    run: inFiber(breaker(synchronous))
  })
}

export const windows = async (settings: Settings): Promise<Section> => ({
  title: "Closed breaker: the size of the window",
  notes: ["Every window is full before it is measured."],
  rows: await measure(settings, [
    bareSynchronous,
    await platform(10),
    await platform(50_000),
    await ours(10),
    await ours(1_000),
    await ours(1_000_000)
  ])
})
