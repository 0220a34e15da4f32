/**
 * What the queue of a limiter costs, in steps and not in time: how often a meter or a plan is asked when something can be
 * had, and how much is calculated in the tree of the turns.
 */
import { assert, describe, it } from "@effect/vitest"
import { RateLimiter } from "@switchgear/core"
import { Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { vi } from "vitest"

const asked = vi.hoisted(() => ({ times: 0, inTree: 0 }))
const logs = vi.hoisted((): Array<{ readonly lasts: ReadonlyArray<number> }> => [])

interface Source {
  when(cost: number, from: number): number
}

const countedIn = vi.hoisted(() => (source: Source) => {
  const { when } = source
  source.when = function(cost, from) {
    asked.times++
    return when.call(this, cost, from)
  }
})

vi.mock("../src/rateLimiter/tokenBucket.ts", async (original) => {
  const module = await original<{ readonly TokenBucket: { readonly prototype: object } }>()
  // The bucket and its plans have it in common.
  countedIn(Object.getPrototypeOf(module.TokenBucket.prototype) as Source)
  return module
})

vi.mock("../src/rateLimiter/slidingLog.ts", async (original) => {
  const module = await original<
    { readonly SlidingLog: new(...args: ReadonlyArray<unknown>) => Source & { plan(): Source } }
  >()
  countedIn(module.SlidingLog.prototype as Source)
  class Counted extends module.SlidingLog {
    constructor(...args: ReadonlyArray<unknown>) {
      super(...args)
      logs.push(this as never)
    }
    override plan(): Source {
      const plan = super.plan()
      countedIn(plan)
      return plan
    }
  }
  return { ...module, SlidingLog: Counted }
})

vi.mock("../src/rateLimiter/bucketChain.ts", async (original) => {
  const module = await original<{
    readonly BucketChain: { readonly prototype: { turn(...args: Array<unknown>): number } }
    readonly product: (...args: ReadonlyArray<unknown>) => void
  }>()
  const { product } = module
  const { turn } = module.BucketChain.prototype
  module.BucketChain.prototype.turn = function(...args) {
    asked.inTree++
    return turn.apply(this, args)
  }
  const counted: typeof product = (...args) => {
    asked.inTree++
    product(...args)
  }
  return { ...module, product: counted }
})

const size = 2000

/** A limiter with nothing left for an hour, what was taken from it, and those who wait. */
interface Waiters {
  readonly limiter: RateLimiter.RateLimiter
  readonly reservations: ReadonlyArray<RateLimiter.Reservation>
  readonly waiters: ReadonlyArray<Fiber.Fiber<unknown, unknown>>
  /** One more who waits. */
  readonly join: (maxWait: RateLimiter.WaitOptions["maxWait"]) => Effect.Effect<Fiber.Fiber<unknown, unknown>>
}

// Later ones have less patience, so that the queue is not in the order of patience.
const patience = (i: number) => 1e10 - i

const crowded = (kind: RateLimiter.LimitKind) =>
  Effect.gen(function*(): Effect.fn.Return<Waiters, RateLimiter.RateLimited> {
    const limits = [RateLimiter.tokens(size, "1 hour", { kind })]
    const limiter = yield* RateLimiter.make({ name: "model", queue: size, limits, maxRetryAfter: "366 days" })
    const reservations = yield* Effect.forEach(
      Array.from({ length: size }),
      () => Effect.tap(limiter.reserve({ tokens: 1 }), TestClock.adjust(1))
    )
    const join: Waiters["join"] = (maxWait) =>
      Effect.forkDetach(limiter.reserve({ tokens: size / 2 }, { maxWait }), { startImmediately: true })
    asked.times = asked.inTree = 0
    const waiters = yield* Effect.forEach(Array.from({ length: size }), (_, i) => join(patience(i)))
    return { limiter, reservations, waiters, join }
  })

const stories: { readonly [name: string]: (crowd: Waiters) => Effect.Effect<unknown> } = {
  "join": () => Effect.void,
  "leave from the front": ({ waiters }) => Effect.forEach(waiters, (waiter) => Fiber.interrupt(waiter)),
  "leave from the back": ({ waiters }) => Effect.forEach(waiters.toReversed(), (waiter) => Fiber.interrupt(waiter)),
  "leave all at once": ({ waiters }) => Fiber.interruptAll(waiters),
  "wait while others give back": ({ reservations }) =>
    Effect.forEach(reservations, ({ settle }) => settle({ tokens: 0.9 })),
  "wait while others take more": ({ reservations }) =>
    Effect.forEach(reservations, ({ settle }) => settle({ tokens: 1.1 })),
  "wait through pauses": ({ limiter, waiters }) => Effect.forEach(waiters, (_, i) => limiter.pause(1000 + i)),
  "wait through pauses that are undone": ({ limiter, waiters }) =>
    Effect.forEach(waiters, (_, i) => i % 2 === 0 ? limiter.pause(1000 + i) : limiter.resume),
  "are refused by a pause": ({ limiter }) => limiter.pause("366 days"),
  "are granted one after the other": () => TestClock.adjust("2000 hours"),
  "join and leave while others give back": ({ join, reservations, waiters }) =>
    Effect.forEach(
      reservations,
      ({ settle }, i) =>
        Effect.andThen(Fiber.interrupt(waiters[i]!), Effect.andThen(settle({ tokens: 0.9 }), join(patience(i))))
    )
}

for (const kind of ["token-bucket", "sliding-window"] as const) {
  describe(`with a ${kind}, ${size} waiters`, () => {
    for (const [name, story] of Object.entries(stories)) {
      it.effect(`${name} with at most five questions each`, () =>
        Effect.gen(function*() {
          const crowd = yield* crowded(kind)
          assert.strictEqual((yield* crowd.limiter.snapshot).waiting, size)
          yield* story(crowd)
          assert.isAtLeast(asked.times + asked.inTree, size)
          assert.isAtMost(asked.times, 5 * size)
          assert.isAtMost(asked.inTree, 100 * size)
        }))
    }
  })
}

/** What happens before each newcomer comes. */
const events: {
  readonly [name: string]: (crowd: LongQueue, i: number) => Effect.Effect<unknown>
} = {
  "a grant that came late": () => TestClock.adjust(2),
  "a settle that takes more": ({ reservations }, i) => reservations[i]!.settle({ tokens: 1.5 }),
  "a settle that gives back": ({ reservations }, i) => reservations[i]!.settle({ tokens: 0.5 }),
  "a settle in either direction": ({ reservations }, i) => reservations[i]!.settle({ tokens: i % 2 === 0 ? 1.5 : 0.5 }),
  "a waiter that leaves": ({ waiters }, i) => Fiber.interrupt(waiters[(i * 7919) % waiters.length]!),
  "a longer pause": ({ limiter }, i) => limiter.pause(100 + i),
  "a pause or its end": ({ limiter }, i) => i % 2 === 0 ? limiter.pause(3000) : limiter.resume,
  "a lowered level": ({ limiter }) => Effect.andThen(TestClock.adjust(1), limiter.clampAvailable({ tokens: 0 }))
}

interface LongQueue {
  readonly limiter: RateLimiter.RateLimiter
  readonly reservations: ReadonlyArray<RateLimiter.Reservation>
  readonly waiters: ReadonlyArray<Fiber.Fiber<unknown, unknown>>
}

const newcomers = 1000

/** Steps for each newcomer, with so many waiting whose patience differs. */
const stepsWith = (kinds: ReadonlyArray<RateLimiter.LimitKind>, waiting: number, event: typeof events[string]) =>
  Effect.gen(function*() {
    const [kind, other] = kinds
    // A turn every 1.73 ms, and alarms that ring at whole milliseconds.
    const limits = [RateLimiter.tokens(10, 17.3, { kind })]
    if (other !== undefined) limits.push(RateLimiter.requests(100, 160, { kind: other }))
    const limiter = yield* RateLimiter.make({ name: "model", queue: 2 * waiting, limits })
    const reservations: Array<RateLimiter.Reservation> = []
    while (reservations.length < newcomers) {
      reservations.push(yield* limiter.reserve({ tokens: 1 }))
      yield* TestClock.adjust(2)
    }
    const fork = (maxWait: number) =>
      Effect.forkDetach(limiter.reserve({ tokens: 1 }, { maxWait }), { startImmediately: true })
    const longest = 2 * waiting
    const waiters: Array<Fiber.Fiber<unknown, unknown>> = []
    for (let i = 0; i < waiting; i++) waiters.push(yield* fork(1.75 * i + 100 + (i * 7919) % longest))
    const before = (yield* limiter.snapshot).waiting
    asked.times = asked.inTree = 0
    for (let i = 0; i < newcomers; i++) {
      yield* event({ limiter, reservations, waiters }, i)
      yield* fork(i % 2 === 0 ? 2 * longest : longest / 2)
    }
    assert.isAtLeast(before, 0.9 * waiting)
    assert.isAtLeast((yield* limiter.snapshot).waiting, waiting / 4)
    yield* Fiber.interruptAll(waiters)
    return (asked.times + asked.inTree) / newcomers
  })

describe("a newcomer costs little, and much the same with 1,000 and with 10,000 waiting", () => {
  for (
    const kinds of [["token-bucket"], ["token-bucket", "token-bucket"], ["sliding-window"], [
      "token-bucket",
      "sliding-window"
    ]] as const
  ) {
    for (const [name, event] of Object.entries(events)) {
      it.live(`with ${kinds.join(" and ")}, after ${name}`, () =>
        Effect.gen(function*() {
          const few = yield* Effect.provide(stepsWith(kinds, 1000, event), TestClock.layer())
          const many = yield* Effect.provide(stepsWith(kinds, 10_000, event), TestClock.layer())
          assert.isAtLeast(few, 1)
          assert.isAtMost(many, 1000)
          assert.isAtMost(many, 3 * few + 50)
        }), 60_000)
    }
  }
})

describe("a sliding window with a taking each millisecond", () => {
  it.effect("keeps a bounded number of slices, and frees a place at most a 2048th of it late and never early", () =>
    Effect.gen(function*() {
      const per = 20_000
      const limits = [RateLimiter.tokens(1e9, per, { kind: "sliding-window" })]
      const limiter = yield* RateLimiter.make({ name: "model", limits })
      const used = Effect.map(limiter.snapshot, ({ limits }) => 1e9 - limits[0]!.available)
      for (let now = 0; now < per; now++) {
        const reservation = yield* limiter.reserve({ tokens: 2 })
        yield* reservation.settle({ tokens: 1 })
        yield* TestClock.adjust(1)
      }
      assert.isAtMost(logs.at(-1)!.lasts.length, 8192)
      for (let now = per; now < 2 * per; now += 40) {
        const inWindow = 2 * per - now - 1
        const counted = yield* used
        assert.isAtLeast(counted, inWindow)
        assert.isAtMost(counted, inWindow + per / 2048 + 1)
        yield* TestClock.adjust(40)
      }
      assert.strictEqual(yield* used, 0)
    }))
})

it.effect("ten thousand waiters are interrupted at once, and the next call is served", () =>
  Effect.gen(function*() {
    const limits = [RateLimiter.tokens(10, "1 hour")]
    const limiter = yield* RateLimiter.make({ name: "model", maxWait: "Infinity", queue: 10_000, limits })
    yield* limiter.reserve({ tokens: 10 })
    const fibers = yield* Effect.forEach(
      Array.from({ length: 10_000 }),
      () => Effect.forkChild(limiter.reserve({ tokens: 2 }), { startImmediately: true })
    )
    assert.strictEqual((yield* limiter.snapshot).waiting, 10_000)
    yield* Fiber.interruptAll(fibers)
    assert.strictEqual((yield* limiter.snapshot).waiting, 0)
    const next = yield* Effect.forkChild(limiter.reserve({ tokens: 1 }), { startImmediately: true })
    yield* TestClock.adjust("6 minutes")
    assert.isTrue(Exit.isSuccess(yield* Fiber.await(next)))
  }))
