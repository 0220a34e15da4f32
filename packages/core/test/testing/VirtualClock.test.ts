import { assert, describe, it } from "@effect/vitest"
import { VirtualClock } from "@switchgear/core/testing"
import { Cause, Clock, Context, DateTime, Deferred, Effect, Exit, Fiber, Layer, Random, Ref, Scheduler } from "effect"
import { TestClock } from "effect/testing"

const both = ["settle", "none"] as const

/** Lets the fibers outside of virtual time go on. */
const turns = (count: number) => Effect.replicateEffect(Effect.yieldNow, count, { discard: true })

const dieReason = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isDieReason)?.defect : undefined

/** Interrupts a fiber at the n-th step that it, or anybody in its time, takes. */
class StrikeAt extends Scheduler.MixedScheduler {
  private steps = 0
  private readonly n: number
  private readonly how: "yields" | "goes on"
  private target: Fiber.Fiber<unknown, unknown> | undefined

  constructor(n: number, how: "yields" | "goes on") {
    super()
    this.n = n
    this.how = how
  }

  get hasStruck(): boolean {
    return this.steps >= this.n
  }

  aim(target: Fiber.Fiber<unknown, unknown>): void {
    this.target = target
    if (this.hasStruck) target.interruptUnsafe()
  }

  override shouldYield(): boolean {
    if (++this.steps !== this.n) return false
    this.target?.interruptUnsafe()
    return this.how === "yields"
  }
}

describe.each(both)("play, promises %s", (promises) => {
  const play = <A, E, R>(effect: Effect.Effect<A, E, R>) => VirtualClock.play(effect, { promises })

  it.effect("sleeps as long as it likes, while the clock of the caller stays where it is", () =>
    Effect.gen(function*() {
      const woken = yield* play(Effect.gen(function*() {
        const later = yield* Effect.forkChild(Effect.delay(Clock.currentTimeMillis, "365 days"))
        const sooner = yield* Effect.delay(Clock.currentTimeMillis, "1 hour")
        return [sooner, yield* Fiber.join(later)]
      }))
      assert.deepStrictEqual(woken, [3_600_000, 365 * 86_400_000])
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    }))

  it.effect("ends as the effect does: with its failure, its defect or its interruption", () =>
    Effect.gen(function*() {
      const exits = yield* Effect.forEach(
        [Effect.fail("failure"), Effect.die("defect"), Effect.interrupt],
        (end) => Effect.exit(play(Effect.delay(end, "1 minute")))
      )
      assert.deepStrictEqual(exits.slice(0, 2), [Exit.fail("failure"), Exit.die("defect")])
      assert.isTrue(Exit.hasInterrupts(exits[2]!))
    }))

  it.effect("needs nobody who sleeps, and takes no time, for an effect that only works", () =>
    Effect.gen(function*() {
      const fibers = Effect.forEach([1, 2, 3], (n) => Effect.as(turns(n), n), { concurrency: "unbounded" })
      assert.deepStrictEqual(yield* play(fibers), [1, 2, 3])
      assert.strictEqual(yield* play(Effect.succeed(1)), 1)
    }))

  it.effect("ends with the effect: its children are interrupted, and what it has detached sleeps for ever", () =>
    Effect.gen(function*() {
      const log = yield* Ref.make<ReadonlyArray<string>>([])
      const note = (line: string) => Ref.update(log, (lines) => [...lines, line])
      const stays = note("detached").pipe(Effect.delay("2 hours"))
      const child = Effect.onInterrupt(Effect.never, () => note("child interrupted"))
      const detached = yield* play(Effect.gen(function*() {
        yield* Effect.forkChild(child, { startImmediately: true })
        const fiber = yield* Effect.forkDetach(stays, { startImmediately: true })
        yield* Effect.sleep("1 hour")
        return fiber
      }))
      yield* turns(20)
      assert.deepStrictEqual(yield* Ref.get(log), ["child interrupted"])
      assert.isUndefined(detached.pollUnsafe())
      yield* Fiber.interrupt(detached)
    }))

  it.effect("goes on without time for fibers that outlive it", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const fiber = yield* play(Effect.forkDetach(Effect.andThen(Deferred.await(gate), Effect.as(turns(5), "done"))))
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(fiber), "done")
    }))

  it.effect("interrupted from outside, lets time go on until the finalizers have ended", () =>
    Effect.gen(function*() {
      const released = yield* Ref.make(-1)
      const slow = Effect.andThen(
        Effect.sleep("1 hour"),
        Effect.flatMap(Clock.currentTimeMillis, (now) => Ref.set(released, now))
      )
      const started = yield* Deferred.make<void>()
      const effect = Effect.andThen(Deferred.succeed(started, undefined), Effect.forever(Effect.sleep("1 day")))
      const fiber = yield* Effect.forkChild(play(Effect.ensuring(effect, slow)))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      assert.strictEqual((yield* Ref.get(released)) % 86_400_000, 3_600_000)
    }))

  it.effect("tells a defect of the finalizers that its interruption has run", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const effect = Effect.andThen(Deferred.succeed(started, undefined), Effect.forever(Effect.sleep("1 day")))
      const fiber = yield* Effect.forkChild(play(Effect.ensuring(effect, Effect.die("lost"))))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(dieReason(yield* Fiber.await(fiber)), "lost")
    }))

  it.effect("interrupted at any step, its own or the effect's, has released what it had acquired", () =>
    Effect.gen(function*() {
      let held = 0
      const resource = Effect.acquireRelease(
        Effect.sync(() => ++held),
        () => Effect.andThen(Effect.sleep("1 minute"), Effect.sync(() => --held))
      )
      const effect = Effect.scoped(Effect.andThen(resource, Effect.sleep("1 hour")))
      const context = yield* Effect.context<never>()
      for (const how of ["yields", "goes on"] as const) {
        let step = 0
        for (let struck = true; struck;) {
          step++
          const scheduler = new StrikeAt(step, how)
          const fiber = Effect.runForkWith(context)(play(effect), { scheduler })
          scheduler.aim(fiber)
          const exit = yield* Fiber.await(fiber)
          struck = scheduler.hasStruck
          assert.strictEqual(held, 0, `step ${step}`)
          assert.isTrue(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause), `step ${step}`)
        }
        assert.isAbove(step, 40)
      }
    }))

  it.effect("lets fibers outside have turns, whether it has much to wake or never comes to rest", () =>
    Effect.gen(function*() {
      const busy = [Effect.sleep(1), Effect.yieldNow]
      for (const step of busy) {
        const fiber = yield* Effect.forkChild(play(Effect.forever(step)))
        yield* turns(20)
        yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      }
    }))

  it.effect("lets a fiber that works long yield to the others", () =>
    play(Effect.gen(function*() {
      let stopped = false
      const busy = Effect.whileLoop({ while: () => !stopped, body: () => Effect.void, step: () => {} })
      const fiber = yield* Effect.forkChild(busy)
      yield* turns(3)
      stopped = true
      yield* Fiber.join(fiber)
    })))

  it.effect("plays inside of what is played, each in its own time", () =>
    Effect.gen(function*() {
      const inner = play(Effect.delay(Clock.currentTimeMillis, "1 hour"))
      const outer = Effect.gen(function*() {
        yield* Effect.sleep("1 minute")
        return [yield* inner, yield* Clock.currentTimeMillis]
      })
      assert.deepStrictEqual(yield* play(outer), [3_600_000, 60_000])
    }))

  it.effect("is moved by adjust as well, in between", () =>
    play(Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.delay(Clock.currentTimeMillis, "1 hour"))
      yield* TestClock.adjust("30 minutes")
      assert.strictEqual(yield* Clock.currentTimeMillis, 1_800_000)
      assert.strictEqual(yield* Fiber.join(fiber), 3_600_000)
    })))

  it.effect("does the same each time", () =>
    Effect.gen(function*() {
      const night = Effect.gen(function*() {
        const order: Array<string> = []
        const call = (id: number) =>
          Effect.gen(function*() {
            yield* Effect.sleep(yield* Random.nextIntBetween(0, 20))
            order.push(`${id} at ${yield* Clock.currentTimeMillis}`)
          })
        yield* Effect.forEach(Array.from({ length: 100 }, (_, id) => id), call, { concurrency: "unbounded" })
        return order
      })
      const once = yield* play(Random.withSeed(night, "one"))
      assert.deepStrictEqual(yield* play(Random.withSeed(night, "one")), once)
      assert.notDeepEqual(yield* play(Random.withSeed(night, "another")), once)
    }))

  it.effect("goes on when a task throws, which the host is told", () =>
    Effect.gen(function*() {
      const told: Array<unknown> = []
      const parent = yield* Scheduler.Scheduler
      const host: Scheduler.Scheduler = {
        executionMode: "async",
        shouldYield: (fiber) => parent.shouldYield(fiber),
        makeDispatcher() {
          const dispatcher = parent.makeDispatcher()
          const guarded = (task: () => void) => () => {
            try {
              task()
            } catch (error) {
              told.push(error)
            }
          }
          return {
            scheduleTask: (task, priority) => dispatcher.scheduleTask(guarded(task), priority),
            flush: () => dispatcher.flush()
          }
        }
      }
      const throws = Effect.withFiber((fiber) => {
        fiber.currentDispatcher.scheduleTask(() => {
          throw "thrown"
        }, 0)
        return Effect.void
      })
      const effect = Effect.andThen(throws, Effect.delay(Clock.currentTimeMillis, "1 hour"))
      const ended = yield* Effect.provideService(play(effect), Scheduler.Scheduler, host)
      assert.deepStrictEqual([ended, told], [3_600_000, ["thrown"]])
    }))

  it.effect("begins when it is told to", () =>
    Effect.gen(function*() {
      const start = DateTime.makeUnsafe("2024-11-11T00:00:00Z")
      const times = Effect.all([DateTime.now, Clock.currentTimeNanos, Clock.monotonicTimeNanos])
      const [now, wall, monotonic] = yield* VirtualClock.play(Effect.delay(times, "1 minute"), { promises, start })
      assert.strictEqual(DateTime.formatIso(now), "2024-11-11T00:01:00.000Z")
      assert.deepStrictEqual([wall, monotonic], [1_731_283_260_000_000_000n, 60_000_000_000n])
    }))

  it.effect("has the live clock for those who ask, and knows the one behind a clock that is not", () =>
    Effect.gen(function*() {
      const clock = yield* TestClock.withLive(Clock.clockWith(Effect.succeed))
      const found = TestClock.withLive(Clock.clockWith(Effect.succeed))
      assert.strictEqual(yield* play(found), clock)
      assert.strictEqual(yield* play(play(found)), clock)
    }))
})

describe("what comes from outside", () => {
  it.effect("is waited for when nobody sleeps, with promises \"settle\"", () =>
    Effect.gen(function*() {
      let answer: (effect: Effect.Effect<string>) => void
      const effect = Effect.gen(function*() {
        const answered = yield* Effect.callback<string>((resume) => {
          answer = resume
        })
        yield* Effect.sleep("1 hour")
        return [answered, yield* Clock.currentTimeMillis]
      })
      const fiber = yield* Effect.forkChild(VirtualClock.play(effect))
      yield* turns(20)
      assert.isUndefined(fiber.pollUnsafe())
      answer!(Effect.succeed("from outside"))
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["from outside", 3_600_000])
    }))

  it.effect("may end the effect", () =>
    Effect.gen(function*() {
      let answer: (effect: Effect.Effect<string>) => void
      const effect = Effect.callback<string>((resume) => {
        answer = resume
      })
      const fiber = yield* Effect.forkChild(VirtualClock.play(effect))
      yield* turns(20)
      answer!(Effect.succeed("from outside"))
      assert.strictEqual(yield* Fiber.join(fiber), "from outside")
    }))

  it.effect("may interrupt the play while it waits", () =>
    Effect.gen(function*() {
      let released = false
      const release = Effect.andThen(Effect.sleep("1 hour"), Effect.sync(() => released = true))
      const fiber = yield* Effect.forkChild(VirtualClock.play(Effect.ensuring(Effect.never, release)))
      yield* turns(20)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(released)
    }))

  it.effect("settles before time goes on, if it is a promise", () =>
    Effect.gen(function*() {
      const order: Array<string> = []
      const promised = Effect.andThen(
        Effect.promise(async () => {
          for (let hop = 0; hop < 10; hop++) await undefined
        }),
        Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => order.push(`kept at ${now}`)))
      )
      const slept = Effect.andThen(Effect.sleep(1), Effect.sync(() => order.push("slept")))
      yield* VirtualClock.play(Effect.all([slept, promised], { concurrency: "unbounded" }))
      assert.deepStrictEqual(order, ["kept at 0", "slept"])
    }))

  it.effect("cannot come with promises \"none\": the effect is interrupted, and what can never end is told", () =>
    Effect.gen(function*() {
      let releasedAt = -1
      const release = Effect.flatMap(Effect.delay(Clock.currentTimeMillis, "1 hour"), (now) =>
        Effect.sync(() => {
          releasedAt = now
        }))
      const exit = yield* Effect.exit(VirtualClock.play(Effect.ensuring(Effect.never, release), { promises: "none" }))
      assert.match(String(dieReason(exit)), /VirtualClock\.play: the effect can never end: .* promises "settle"/)
      assert.strictEqual(releasedAt, 3_600_000)
    }))

  it.effect("is not waited for where the effect cannot be interrupted either", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(VirtualClock.play(Effect.uninterruptible(Effect.never), { promises: "none" }))
      assert.match(String(dieReason(exit)), /can never end/)
    }))

  it.effect("is not waited for by a finalizer that an interruption has run", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const effect = Effect.andThen(Deferred.succeed(started, undefined), Effect.forever(Effect.sleep(1)))
      const fiber = yield* Effect.forkChild(
        VirtualClock.play(Effect.ensuring(effect, Effect.never), { promises: "none" })
      )
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.match(String(dieReason(yield* Fiber.await(fiber))), /can never end/)
    }))

  it.effect("does not come from a sleep that never ends", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(VirtualClock.play(Effect.sleep("Infinity"), { promises: "none" }))
      assert.match(String(dieReason(exit)), /can never end/)
    }))
})

describe.each(both)("the layer, promises %s", (promises) => {
  const withLayer = Effect.provide(VirtualClock.layer({ promises }))

  it.effect("moves by hand, and wakes those who are due, in their order", () =>
    Effect.gen(function*() {
      const woken: Array<string> = []
      const sleep = (millis: number) =>
        Effect.gen(function*() {
          yield* Effect.sleep(millis)
          woken.push(`${millis} at ${yield* Clock.currentTimeMillis}`)
        })
      for (const millis of [30, 10, 20.5, 10, 31]) yield* Effect.forkChild(sleep(millis))
      yield* TestClock.adjust(20.75)
      assert.deepStrictEqual(woken, ["10 at 10", "10 at 10", "20.5 at 20.5"])
      assert.strictEqual(yield* Clock.currentTimeNanos, 20_750_000n)
      yield* TestClock.setTime(30)
      assert.deepStrictEqual(woken.slice(3), ["30 at 30"])
      assert.strictEqual(yield* Clock.currentTimeMillis, 30)
    }).pipe(withLayer))

  it.effect("runs everything else as usual while nobody moves it", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<string>()
      const fiber = yield* Effect.forkChild(Deferred.await(gate))
      yield* Effect.forkChild(Effect.andThen(turns(3), Deferred.succeed(gate, "through")))
      assert.strictEqual(yield* Fiber.join(fiber), "through")
    }).pipe(withLayer))

  it.effect("lets all come to rest before it moves", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.andThen(turns(50), Effect.delay(Clock.currentTimeMillis, 5)))
      yield* TestClock.adjust(5)
      assert.strictEqual(yield* Fiber.join(fiber), 5)
    }).pipe(withLayer))

  it.effect("does moves that were asked for at once one after the other", () =>
    Effect.gen(function*() {
      const arrived: Array<number> = []
      const move = (millis: number) =>
        Effect.gen(function*() {
          yield* TestClock.adjust(millis)
          arrived.push(yield* Clock.currentTimeMillis)
        })
      yield* Effect.all([move(10), move(5), move(1)], { concurrency: "unbounded" })
      assert.deepStrictEqual(arrived, [10, 15, 16])
    }).pipe(withLayer))

  it.effect("leaves out a move that is interrupted, and stays where one in progress had come to", () =>
    Effect.gen(function*() {
      const arrived: Array<number> = []
      const first = yield* Effect.forkChild(TestClock.adjust(10))
      const second = yield* Effect.forkChild(TestClock.adjust(100))
      const third = yield* Effect.forkChild(TestClock.adjust(1000))
      yield* Effect.forkChild(Effect.gen(function*() {
        yield* Effect.sleep(4)
        yield* Fiber.interrupt(second)
        yield* Fiber.interrupt(first)
        arrived.push(yield* Clock.currentTimeMillis)
      }))
      yield* Fiber.await(third)
      assert.deepStrictEqual([...arrived, yield* Clock.currentTimeMillis], [4, 1004])
    }).pipe(withLayer))

  it.effect("leaves out nothing but the move that is interrupted, at whatever step", () =>
    Effect.gen(function*() {
      let step = 0
      for (let struck = true; struck;) {
        step++
        const scheduler = new StrikeAt(step, "yields")
        const moves = Effect.gen(function*() {
          const first = yield* Effect.forkChild(TestClock.adjust(1))
          scheduler.aim(first)
          const second = yield* Effect.forkChild(TestClock.adjust(10))
          yield* Fiber.join(second)
          return yield* Clock.currentTimeMillis
        })
        const arrived = yield* Effect.provideService(withLayer(moves), Scheduler.Scheduler, scheduler)
        assert.include([10, 11], arrived, `step ${step}`)
        struck = scheduler.hasStruck
      }
      assert.isAbove(step, 20)
    }))

  it.effect("moved to the past, keeps who sleeps until then asleep, and what is monotonic where it was", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust(100)
      const fiber = yield* Effect.forkChild(Effect.delay(Clock.currentTimeMillis, 10))
      yield* TestClock.setTime(40)
      assert.deepStrictEqual([yield* Clock.currentTimeMillis, yield* Clock.monotonicTimeNanos], [40, 100_000_000n])
      yield* TestClock.adjust(69)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(fiber), 110)
      assert.deepStrictEqual([yield* Clock.currentTimeNanos, yield* Clock.monotonicTimeNanos], [
        110_000_000n,
        170_000_000n
      ])
    }).pipe(withLayer))

  it.effect("does not sleep for no time or less, and without end not until the end of time", () =>
    Effect.gen(function*() {
      yield* Effect.sleep(0)
      yield* Effect.sleep(-1)
      const fiber = yield* Effect.forkChild(Effect.sleep("Infinity"))
      yield* TestClock.adjust("1000000 days")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("Infinity")
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* Clock.currentTimeMillis, Infinity)
      assert.strictEqual(yield* Clock.currentTimeNanos, 86_400_000_000_000_000_000n)
    }).pipe(withLayer))

  it.effect("forgets who is interrupted while asleep", () =>
    Effect.gen(function*() {
      const woken: Array<number> = []
      const sleep = (millis: number) => Effect.andThen(Effect.sleep(millis), Effect.sync(() => woken.push(millis)))
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], (millis) =>
        Effect.forkChild(sleep(millis), { startImmediately: true }))
      yield* Fiber.interruptAll([fibers[0]!, fibers[3]!])
      yield* TestClock.adjust(5)
      assert.deepStrictEqual(woken, [2, 3, 5])
    }).pipe(withLayer))

  it.effect("has dispatchers whose tasks can be run at once", () =>
    Effect.gen(function*() {
      const ran: Array<string> = []
      const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
      dispatcher.scheduleTask(() => ran.push("later"), 1)
      dispatcher.scheduleTask(() => {
        ran.push("first")
        dispatcher.scheduleTask(() => ran.push("from a task"), 0)
      }, 0)
      dispatcher.flush()
      assert.deepStrictEqual(ran, ["first", "later", "from a task"])
      yield* turns(3)
      assert.strictEqual(ran.length, 3)
    }).pipe(withLayer))

  it.effect("dies of a time that is no number", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.suspend(() => TestClock.setTime(NaN)))
      assert.deepEqual(
        dieReason(exit),
        new RangeError("VirtualClock.setTime: timestamp must be a number, got NaN")
      )
    }).pipe(withLayer))
})

it.effect("the clock keeps whole nanoseconds however long it goes on, in whatever steps", () =>
  Effect.gen(function*() {
    const platform = Layer.build(TestClock.layer())
    const ours = Layer.build(VirtualClock.layer())
    const readings: Array<unknown> = []
    for (const layer of [platform, ours]) {
      const context = yield* layer
      const read = Effect.all([Clock.currentTimeMillis, Clock.currentTimeNanos, Clock.monotonicTimeNanos])
      const steps = [0.1, "200 days", 0.0000014, "7 nanos", "3 days", "-1 day", "200 days"] as const
      readings.push(
        yield* Effect.forEach(steps, (step) =>
          Effect.gen(function*() {
            yield* Effect.forkChild(Effect.sleep(0.3333333))
            yield* TestClock.adjust(step)
            return yield* read
          })).pipe(Effect.provideContext(context as Context.Context<never>))
      )
    }
    assert.deepStrictEqual(readings[1], readings[0])
  }))

const nonsense: ReadonlyArray<{ readonly options: VirtualClock.Options; readonly message: string }> = [
  { options: { start: "yesterday" }, message: "start must be a point in time, got \"yesterday\"" },
  { options: { promises: "some" as "none" }, message: "promises must be one of settle, none, got \"some\"" }
]

it.effect.each(nonsense)(
  "dies of an option that makes no sense: $message",
  ({ message, options }) =>
    Effect.gen(function*() {
      const played = yield* Effect.exit(VirtualClock.play(Effect.void, options))
      const built = yield* Effect.exit(Effect.provide(Effect.void, VirtualClock.layer(options)))
      assert.deepEqual([dieReason(played), dieReason(built)], [
        new RangeError(`VirtualClock.play: ${message}`),
        new RangeError(`VirtualClock.layer: ${message}`)
      ])
    })
)
