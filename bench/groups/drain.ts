/** Whether a long queue drains in time that is linear in its length. */
import { Bulkhead } from "@switchgear/core"
import { Effect, Latch, Semaphore } from "effect"
import { collectGarbage } from "../harness.ts"
import { synchronous } from "../operations.ts"
import { compared, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { growth, median, type Point } from "../stats.ts"

/** Lets a call wait until the latch has been opened and those before it have run. */
type Guard = (call: Effect.Effect<number, unknown>, free: Latch.Latch) => Effect.Effect<number, unknown>

/** Nanoseconds from the moment the only slot comes free until the last of so many waiters has run. */
const drain = (guard: Guard, waiters: number): Promise<number> =>
  Effect.runPromise(Effect.gen(function*() {
    const free = yield* Latch.make()
    const done = yield* Latch.make()
    let left = waiters
    const waiter = Effect.flatMap(
      guard(synchronous, free),
      (answer) => (left -= answer) === 0 ? done.open : Effect.void
    )
    yield* Effect.forkChild(guard(Effect.as(free.await, 1), free), { startImmediately: true })
    for (let i = 0; i < waiters; i++) yield* Effect.forkChild(waiter, { startImmediately: true })
    // The waiters have grown old: moving them while they are young is the price of making them, not of the queue.
    collectGarbage({ type: "minor" })
    collectGarbage({ type: "minor" })
    const start = performance.now()
    yield* free.open
    yield* done.await
    return (performance.now() - start) * 1e6
  }))

// Nobody waits for anybody: what waking so many fibers costs anyhow, in memory that fits no cache.
const bare: Guard = (call, free) => Effect.flatMap(free.await, () => call)

const bulkhead: Effect.Effect<Guard> = Effect.map(
  Bulkhead.make({ name: "model", concurrency: 1, queue: 1_000_000, maxWait: "Infinity" }),
  ({ protect }) => protect
)

const semaphore: Effect.Effect<Guard> = Effect.map(Semaphore.make(1), (semaphore) => semaphore.withPermits(1))

interface Queue {
  readonly name: string
  readonly sizes: ReadonlyArray<number>
  readonly rounds: number
  readonly guard: Guard
}

const measureAll = async (queues: ReadonlyArray<Queue>): Promise<ReadonlyArray<Point & { readonly name: string }>> => {
  const entries = queues.flatMap(({ sizes, ...queue }) =>
    sizes.map((size) => ({ ...queue, size, longest: Math.max(...sizes), nanos: new Array<number>() }))
  )
  collectGarbage()
  for (const { guard } of queues) { for (let i = 0; i < 50; i++) await drain(guard, 200) }
  for (let round = 0; round < Math.max(...queues.map(({ rounds }) => rounds)); round++) {
    for (const { guard, longest, nanos, rounds, size } of entries) {
      // Short queues more often, so that every length is heard with the same number of waiters.
      for (let n = 0; n < longest && round < rounds; n += size) nanos.push(await drain(guard, size))
    }
  }
  return entries.map(({ name, nanos, size }) => ({ name, size, cost: median(nanos) }))
}

const count = (size: number) => size.toLocaleString("en-US")

export const drained = async ({ mode, repeats }: Settings): Promise<Section> => {
  const ours = [1_000, 10_000, 100_000]
  const theirs = mode === "full" ? [1_000, 4_000, 16_000] : [1_000, 4_000]
  const queues: ReadonlyArray<Queue> = [
    { name: "bare fibers", sizes: ours, rounds: repeats, guard: bare },
    { name: "platform, semaphore", sizes: theirs, rounds: 1, guard: await Effect.runPromise(semaphore) },
    { name: "bulkhead", sizes: ours, rounds: repeats, guard: await Effect.runPromise(bulkhead) }
  ]
  const points = await measureAll(queues)
  const exponent = (name: string) => growth(points.filter((point) => point.name === name))
  const besideBare = (name: string, atMost?: number) =>
    compared("bare fibers, growth", exponent(name) / exponent("bare fibers"), atMost)
  return {
    title: "Bulkhead: a queue that drains through one slot",
    notes: [
      "Growth is fitted over the lengths: n^1 is linear, n^2 quadratic. Bare fibers wait for nobody, and feel the caches, too.",
      `The semaphore is measured up to ${count(Math.max(...theirs))} waiters only: more would take minutes.`
    ],
    rows: queues.flatMap(({ name }) => [
      ...points.filter((point) => point.name === name).map(({ cost, size }): Row => ({
        what: `${name}, each of ${count(size)} waiters`,
        unit: "ns",
        value: cost / size,
        comparisons: []
      })),
      {
        what: `${name}, growth`,
        unit: "exponent",
        value: exponent(name),
        comparisons: name === "bare fibers" ? [] : [besideBare(name, name === "bulkhead" ? 1.1 : undefined)]
      }
    ])
  }
}
