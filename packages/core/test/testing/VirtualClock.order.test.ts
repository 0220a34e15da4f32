/** An order of chance, by which a race is found. */
import { assert, describe, it } from "@effect/vitest"
import { VirtualClock } from "@switchgear/core/testing"
import { Clock, Effect, Fiber, Scheduler } from "effect"
import { TestClock } from "effect/testing"

const played = <A, E>(effect: Effect.Effect<A, E>, seed: number, promises: "settle" | "none" = "none") =>
  VirtualClock.play(effect, { order: { seed }, promises })

/** Slots that look, and take only in a later step. */
class Slots {
  running = 0
  most = 0
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  use(work: Effect.Effect<void>): Effect.Effect<unknown> {
    const { limit } = this
    const take = Effect.gen({ self: this }, function*() {
      if (this.running >= limit) return false
      yield* Clock.currentTimeMillis
      this.most = Math.max(this.most, ++this.running)
      return true
    })
    return Effect.flatMap(
      take,
      (taken) => taken ? Effect.ensuring(work, Effect.sync(() => this.running--)) : Effect.succeed("full")
    )
  }
}

const night = Effect.gen(function*() {
  const slots = new Slots(1)
  yield* Effect.forEach(
    [0, 1, 2, 3],
    (id) => Effect.andThen(Effect.sleep(1 + 10 * (id % 2)), slots.use(Effect.sleep(5))),
    {
      concurrency: "unbounded",
      discard: true
    }
  )
  return slots.most
})

/** A writer that reads before it sleeps, and writes what it has read. */
const lost = Effect.gen(function*() {
  const last: Array<string> = []
  const write = (who: string) => Effect.andThen(Effect.sleep(10), Effect.sync(() => last.push(who)))
  yield* Effect.all([write("first"), write("second")], { concurrency: "unbounded" })
  return last.join()
})

describe("an order of chance", () => {
  it.effect("finds planted races within a thousand seeds, which the usual order never shows", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* VirtualClock.play(night), 1)
      assert.strictEqual(yield* VirtualClock.play(lost), "first,second")
      const found: Array<number> = []
      for (let seed = 0; seed < 1000; seed++) {
        if ((yield* played(night, seed)) > 1) found.push(seed)
      }
      assert.isAbove(found.length, 10)
      const orders = new Set<string>()
      for (let seed = 0; seed < 50; seed++) orders.add(yield* played(lost, seed))
      assert.deepStrictEqual([...orders].sort(), ["first,second", "second,first"])
    }))

  it.effect("is that of fibers that are ready at once, also where none of them has slept", () =>
    Effect.gen(function*() {
      const course = Effect.gen(function*() {
        const ran: Array<number> = []
        const fiber = (id: number) => Effect.andThen(Effect.yieldNow, Effect.sync(() => ran.push(id)))
        yield* Effect.forEach([1, 2, 3, 4], fiber, { concurrency: "unbounded", discard: true })
        return ran.join("")
      })
      const orders = new Set<string>()
      for (let seed = 0; seed < 500; seed++) orders.add(yield* played(course, seed))
      // Four fibers have 24 orders.
      assert.strictEqual(orders.size, 24)
      assert.strictEqual(yield* VirtualClock.play(course), "1234")
    }))

  it.effect("is the same for one seed, in either mode, and another for another", () =>
    Effect.gen(function*() {
      const course = Effect.gen(function*() {
        const steps: Array<string> = []
        const fiber = (id: number) =>
          Effect.repeat(
            Effect.andThen(
              Effect.sleep(id % 3),
              Effect.andThen(Effect.yieldNow, Effect.map(Clock.currentTimeMillis, (now) => steps.push(`${now} ${id}`)))
            ),
            { times: 4 }
          )
        yield* Effect.forEach([1, 2, 3, 4, 5, 6], fiber, { concurrency: "unbounded", discard: true })
        return steps.join()
      })
      const courses = new Set<string>()
      for (let seed = 0; seed < 20; seed++) {
        const once = yield* played(course, seed)
        assert.strictEqual(yield* played(course, seed), once)
        assert.strictEqual(yield* played(course, seed, "settle"), once)
        courses.add(once)
      }
      assert.isAbove(courses.size, 15)
    }))

  it.effect("keeps the tasks of one dispatcher in order, by priority, and lets each have its turn", () =>
    Effect.gen(function*() {
      for (let seed = 0; seed < 50; seed++) {
        const ran: Array<string> = []
        yield* played(
          Effect.gen(function*() {
            const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
            const again = (left: number) => {
              if (left > 0) dispatcher.scheduleTask(() => again(left - 1), -1)
            }
            for (const [name, priority] of [["c", 1], ["a", 0], ["d", 1], ["b", 0]] as const) {
              dispatcher.scheduleTask(() => ran.push(name), priority)
            }
            again(100)
            yield* Effect.sleep(1)
          }),
          seed
        )
        assert.deepStrictEqual(ran, ["a", "b", "c", "d"], `seed ${seed}`)
      }
    }))

  it.effect("is that of a layer, too", () =>
    Effect.gen(function*() {
      const orders = new Set<string>()
      for (let seed = 0; seed < 50; seed++) {
        const program = Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(lost)
          yield* TestClock.adjust(10)
          return yield* Fiber.join(fiber)
        })
        orders.add(yield* Effect.provide(program, VirtualClock.layer({ order: { seed } }), { local: true }))
      }
      assert.strictEqual(orders.size, 2)
    }))

  it.effect("cannot be drawn without a seed", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(VirtualClock.play(Effect.void, { order: "shuffled" as "fifo" }))
      assert.match(String(exit), /VirtualClock\.play: order must be \\?"fifo\\?" or \{ seed \}/)
    }))
})
