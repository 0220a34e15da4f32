/** Whether what happens to a limiter's queue costs the same however many wait in it. */
import { RateLimiter } from "@switchgear/core"
import { VirtualClock } from "@switchgear/core/testing"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { collectGarbage } from "../harness.ts"
import { compared, type Row, type Section } from "../section.ts"
import type { Settings } from "../settings.ts"
import { growth, median, type Point } from "../stats.ts"

type Queue = Effect.Effect<number, unknown>

/** So many who wait, and what is there to be given back. */
const crowded = (kind: RateLimiter.LimitKind, waiters: number, per: string) =>
  Effect.gen(function*() {
    const limits = [RateLimiter.tokens(waiters, per as "1 hour", { kind })]
    const limiter = yield* RateLimiter.make({ name: "model", limits, maxWait: "Infinity", queue: 2 * waiters })
    const reservations: Array<RateLimiter.Reservation> = []
    for (let i = 0; i < waiters; i++) reservations.push(yield* limiter.reserve({ tokens: 1 }))
    return { limiter, reservations }
  })

const joined = (limiter: RateLimiter.RateLimiter, waiters: number, tokens: number) =>
  Effect.gen(function*() {
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    const waiter = limiter.reserve({ tokens })
    for (let i = 0; i < waiters; i++) fibers.push(yield* Effect.forkChild(waiter, { startImmediately: true }))
    // The waiters have grown old: moving them while they are young is the price of making them, not of the queue.
    collectGarbage({ type: "minor" })
    collectGarbage({ type: "minor" })
    return fibers
  })

const leaving = (kind: RateLimiter.LimitKind, waiters: number): Queue =>
  Effect.gen(function*() {
    const { limiter } = yield* crowded(kind, waiters, "1 hour")
    const fibers = yield* joined(limiter, waiters, waiters)
    const start = performance.now()
    yield* Fiber.interruptAll(fibers)
    return performance.now() - start
  })

// What it costs to interrupt so many fibers that wait for nothing in particular.
const bareLeaving = (waiters: number): Queue =>
  Effect.gen(function*() {
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (let i = 0; i < waiters; i++) fibers.push(yield* Effect.forkChild(Effect.never, { startImmediately: true }))
    collectGarbage({ type: "minor" })
    collectGarbage({ type: "minor" })
    const start = performance.now()
    yield* Fiber.interruptAll(fibers)
    return performance.now() - start
  })

const settling = (kind: RateLimiter.LimitKind, waiters: number): Queue =>
  Effect.gen(function*() {
    const { limiter, reservations } = yield* crowded(kind, waiters, "1 hour")
    const fibers = yield* joined(limiter, waiters, waiters)
    const start = performance.now()
    for (const reservation of reservations) yield* reservation.settle({ tokens: 0.9 })
    const took = performance.now() - start
    yield* Fiber.interruptAll(fibers)
    return took
  })

// Each reservation that is given back makes room for one.
const draining = (kind: RateLimiter.LimitKind, waiters: number): Queue =>
  Effect.gen(function*() {
    const { limiter, reservations } = yield* crowded(kind, waiters, "1 hour")
    const fibers = yield* joined(limiter, waiters, 1)
    const start = performance.now()
    for (const reservation of reservations) yield* reservation.refund
    for (const fiber of fibers) yield* Fiber.await(fiber)
    return performance.now() - start
  })

/** A waiter that comes, and is still there afterwards if it could wait. */
const coming = (limiter: RateLimiter.RateLimiter, tokens: number, maxWait: "1 minute" | "30 days") =>
  Effect.forkChild(limiter.reserve({ tokens }, { maxWait }), { startImmediately: true })

// Every settle moves all turns, by turns later and earlier. Whoever comes then cannot wait so long, and is refused.
const settlingAndComing = (kind: RateLimiter.LimitKind, waiters: number): Queue =>
  Effect.gen(function*() {
    const { limiter, reservations } = yield* crowded(kind, waiters, "1 minute")
    const fibers = yield* joined(limiter, waiters, waiters)
    const start = performance.now()
    for (let i = 0; i < waiters; i++) {
      yield* reservations[i]!.settle({ tokens: i % 2 === 0 ? 1.1 : 0.9 })
      fibers.push(yield* coming(limiter, waiters, "1 minute"))
    }
    const took = performance.now() - start
    yield* Fiber.interruptAll(fibers)
    return took
  })

// An alarm rings at whole milliseconds, so every grant is late. Whoever comes then waits, too.
const grantedLateAndComing = (kind: RateLimiter.LimitKind, waiters: number): Queue =>
  Effect.gen(function*() {
    const limits = [RateLimiter.tokens(1, 1.7, { kind })]
    const limiter = yield* RateLimiter.make({ name: "model", limits, maxWait: "30 days", queue: 2 * waiters })
    yield* limiter.reserve({ tokens: 1 })
    const fibers = yield* joined(limiter, waiters, 1)
    const start = performance.now()
    for (let i = 0; i < waiters; i++) {
      yield* TestClock.adjust(2)
      fibers.push(yield* coming(limiter, 1, "30 days"))
    }
    const took = performance.now() - start
    yield* Fiber.interruptAll(fibers)
    return took
  }).pipe(Effect.provide(VirtualClock.layer({ promises: "none" })))

/** What is measured, for each kind of limit. */
const stories = {
  "leaves": leaving,
  "settles while all wait": settling,
  "drained": draining,
  "one settles and one comes while all wait": settlingAndComing,
  "one is granted late and one comes while all wait": grantedLateAndComing
} as const

const sizes = [1_000, 3_000, 10_000]

const count = (size: number) => size.toLocaleString("en-US")

/** The cost of a story at each length, and how it grows: short queues more often, as many waiters at every length. */
const measured = async (name: string, story: (waiters: number) => Queue, repeats: number) => {
  const points: Array<Point> = []
  for (let i = 0; i < 20; i++) await Effect.runPromise(story(1_000))
  for (const size of sizes) {
    const nanos: Array<number> = []
    for (let n = 0; n < repeats * sizes.at(-1)!; n += size) nanos.push(await Effect.runPromise(story(size)) * 1e6)
    points.push({ size, cost: median(nanos) })
  }
  const rows = points.map(({ cost, size }): Row => ({
    what: `${name}, each of ${count(size)}`,
    unit: "ns",
    value: cost / size,
    comparisons: []
  }))
  const exponent = growth(points)
  return (atMost?: number): ReadonlyArray<Row> => [
    ...rows,
    {
      what: `${name}, growth`,
      unit: "exponent",
      value: exponent,
      comparisons: atMost === undefined ? [] : [compared("linear", exponent, atMost)]
    }
  ]
}

export const limiterQueue = async ({ repeats }: Settings): Promise<Section> => {
  const rows: Array<Row> = [...(await measured("bare fibers, leaves", bareLeaving, repeats))()]
  for (const kind of ["token-bucket", "sliding-window"] as const) {
    for (const [name, story] of Object.entries(stories)) {
      const measurement = await measured(`${kind}, ${name}`, (waiters) => story(kind, waiters), repeats)
      rows.push(...measurement(1.4))
    }
  }
  return {
    title: "Rate limiter: a long queue",
    notes: [
      "Growth is fitted over the lengths: n^1 is linear, n^2 quadratic. Memory that fits no cache makes it more than linear, as it does for bare fibers.",
      "Every settle moves the turn of the head, so it sets the one timer anew."
    ],
    rows
  }
}
