import { Retry } from "@switchgear/core"
import { Latency, Load, Scenario, SimulatedService, VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Metric, Option, Random, Schema } from "effect"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "../support/yieldAt.ts"

type Capacity = SimulatedService.Capacity

const serviceOf = (capacity: Capacity | undefined, latency: SimulatedService.Behaviour["latency"] = "1 second") =>
  SimulatedService.make({ name: "model", capacity, latency, answer: Clock.currentTimeMillis })

/** What each call ends with, of calls that come at these times: the time, or the tag of an error. */
const ends = (
  capacity: Capacity | undefined,
  at: ReadonlyArray<number>,
  latency?: SimulatedService.Behaviour["latency"]
) =>
  Effect.gen(function*() {
    const service = yield* serviceOf(capacity, latency)
    return yield* Effect.forEach(at, (time) =>
      Effect.andThen(Effect.sleep(time), service.call()).pipe(
        Effect.catch(({ _tag }) => Effect.succeed(_tag))
      ), { concurrency: "unbounded" })
  }).pipe(VirtualClock.play)

const idle = { working: 0, waiting: 0 }

describe("SimulatedService", () => {
  it.effect("without a capacity answers every call after its latency", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* ends(undefined, [0, 0, 100]), [1000, 1000, 1100])
    }))

  it.effect("queues calls above its capacity, first come, first served", () =>
    Effect.gen(function*() {
      const times = yield* ends({ concurrency: 2, above: "queue" }, [0, 0, 10, 20, 2500])
      assert.deepStrictEqual(times, [1000, 1000, 2000, 2000, 3500])
    }))

  it.effect("refuses calls above its queue", () =>
    Effect.gen(function*() {
      const times = yield* ends({ concurrency: 1, above: "queue", waiting: 1 }, [0, 0, 0])
      assert.deepStrictEqual(times, [1000, 2000, "ServiceRefused"])
    }))

  it.effect("refuses calls above its capacity", () =>
    Effect.gen(function*() {
      const times = yield* ends({ concurrency: 2, above: "refuses" }, [0, 0, 999, 1000])
      assert.deepStrictEqual(times, [1000, 1000, "ServiceRefused", 2000])
    }))

  it.effect("that slows shares its capacity among all calls at every moment", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* ends({ concurrency: 1, above: "slows" }, [0, 0, 0, 0]), [4000, 4000, 4000, 4000])
      // The first has half of its work done when the second comes, and the second has half when the first has ended.
      assert.deepStrictEqual(yield* ends({ concurrency: 1, above: "slows" }, [0, 500]), [1500, 2000])
      assert.deepStrictEqual(yield* ends({ concurrency: 2, above: "slows" }, [0, 0, 500]), [1250, 1250, 1750])
    }))

  it.effect("that slows and has slots shares its capacity among so many calls, and lets others wait", () =>
    Effect.gen(function*() {
      const batch = { concurrency: 1, above: "slows", slots: 2, waiting: 1 } as const
      assert.deepStrictEqual(yield* ends(batch, [0, 0, 0, 0]), [2000, 2000, 3000, "ServiceRefused"])
    }))

  it.effect("shares its capacity also far from the origin of the clock, and in less than a millisecond", () =>
    Effect.gen(function*() {
      const start = Date.UTC(2026, 10, 11)
      const service = yield* serviceOf({ concurrency: 1, above: "slows" }, "300 micros")
      const times = yield* Effect.all(Array.from({ length: 7 }, () => service.call()), { concurrency: "unbounded" })
        .pipe(
          (calls) => VirtualClock.play(calls, { start })
        )
      for (const time of times) assert.closeTo(time - start, 2.1, 0.001)
    }))

  it.effect("does all its work at its speed, whatever it does above its capacity", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* ends({ concurrency: 1, above: "queue", speed: 0.5 }, [0, 0]), [2000, 4000])
      assert.deepStrictEqual(yield* ends({ concurrency: 1, above: "slows", speed: 0.5 }, [0, 0]), [4000, 4000])
      assert.deepStrictEqual(yield* ends({ concurrency: 1, above: "refuses", speed: 4 }, [0, 250, 250]), [
        250,
        500,
        "ServiceRefused"
      ])
    }))

  describe("a caller that leaves", () => {
    const second = (capacity: Capacity) =>
      Effect.gen(function*() {
        const service = yield* serviceOf(capacity)
        yield* Effect.forkChild(Effect.timeoutOption(service.call(), 100))
        yield* Effect.sleep(200)
        return yield* service.call()
      }).pipe(VirtualClock.play)

    it.effect("frees its capacity where work stops", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* second({ concurrency: 1, above: "queue" }), 1200)
        assert.strictEqual(yield* second({ concurrency: 1, above: "refuses", abandoned: "stops" }), 1200)
        assert.strictEqual(yield* second({ concurrency: 1, above: "slows" }), 1200)
      }))

    it.effect("leaves its work behind where work goes on", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* second({ concurrency: 1, above: "queue", abandoned: "goes on" }), 2000)
        assert.strictEqual(yield* second({ concurrency: 1, above: "slows", abandoned: "goes on" }), 2000)
        const refused = yield* Effect.flip(second({ concurrency: 1, above: "refuses", abandoned: "goes on" }))
        assert.strictEqual(refused._tag, "ServiceRefused")
      }))

    it.effect("has the effects of its answer where work goes on, whether it had waited or not", () =>
      Effect.gen(function*() {
        const charged: Array<string> = []
        const service = yield* SimulatedService.make({
          latency: "1 second",
          capacity: { concurrency: 1, above: "queue", abandoned: "goes on" },
          answer: (who: string) => Effect.sync(() => void charged.push(who))
        })
        yield* Effect.forEach(["a", "b"], (who) => Effect.timeoutOption(service.call(who), 100), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(charged, [])
        yield* Effect.sleep("1 minute")
        assert.deepStrictEqual(charged, ["a", "b"])
        assert.deepInclude(yield* service.snapshot, { ...idle, ended: 2 })
      }).pipe(VirtualClock.play))
  })

  it.effect("does what goes on in fibers that are not those of the program", () =>
    Effect.gen(function*() {
      let alive = 0
      const fibers: Metric.FiberRuntimeMetricsService = {
        recordFiberStart: () => void alive++,
        recordFiberEnd: () => void alive--
      }
      const service = yield* serviceOf({ concurrency: 1, above: "queue", abandoned: "goes on" })
      yield* Effect.forkChild(Effect.timeoutOption(service.call(), 100)).pipe(
        Effect.flatMap(Fiber.join),
        Effect.provideService(Metric.FiberRuntimeMetrics, fibers)
      )
      assert.deepInclude(yield* service.snapshot, { working: 1 })
      assert.strictEqual(alive, 0)
    }).pipe(VirtualClock.play))

  it.effect("holds the slot while it answers", () =>
    Effect.gen(function*() {
      const service = yield* SimulatedService.make({
        capacity: { concurrency: 1, above: "queue" },
        answer: Effect.andThen(Effect.sleep(500), Clock.currentTimeMillis)
      })
      const times = yield* Effect.all([service.call(), service.call()], { concurrency: "unbounded" })
      assert.deepStrictEqual(times, [500, 1000])
    }).pipe(VirtualClock.play))

  it.effect("tells the answer and the error of the work, and an error that can be retried where it is full", () =>
    Effect.gen(function*() {
      const service = yield* SimulatedService.make({
        name: "bank",
        latency: 10,
        capacity: { concurrency: 1, above: "refuses" },
        answer: (amount: number) => amount > 0 ? Effect.succeed(amount) : Effect.fail("no money")
      })
      const [paid, full] = yield* Effect.all([service.call(5), Effect.flip(service.call(6))], { concurrency: 2 })
      assert.strictEqual(paid, 5)
      assert.strictEqual(
        (full as Error).message,
        "The simulated service \"bank\" refused the call: it is at its capacity. Try again later."
      )
      assert.strictEqual(yield* Effect.flip(service.call(0)), "no money")
      const both = [
        service.call(7),
        service.call(8).pipe(Retry.retry({ maxAttempts: 3, baseDelay: 10, jitter: "none" }))
      ]
      assert.deepStrictEqual(yield* Effect.all(both, { concurrency: 2 }), [7, 8])
    }).pipe(VirtualClock.play))

  describe("changes while calls run:", () => {
    it.effect("a queue that gets more slots starts the calls that wait, with the new latency", () =>
      Effect.gen(function*() {
        const service = yield* serviceOf({ concurrency: 1, above: "queue" })
        const calls = yield* Effect.forkChild(
          Effect.all([service.call(), service.call(), service.call()], { concurrency: "unbounded" })
        )
        yield* Effect.sleep(400)
        yield* service.set({ latency: 200, capacity: { concurrency: 2, above: "queue" } })
        assert.deepStrictEqual(yield* Fiber.join(calls), [1000, 600, 800])
      }).pipe(VirtualClock.play))

    it.effect("work in progress runs at the speed of the new capacity", () =>
      Effect.gen(function*() {
        const service = yield* serviceOf({ concurrency: 1, above: "slows" })
        const calls = yield* Effect.forkChild(Effect.all([service.call(), service.call()], { concurrency: 2 }))
        yield* Effect.sleep(500)
        yield* service.set({ latency: "1 second" })
        assert.deepStrictEqual(yield* Fiber.join(calls), [1250, 1250])
      }).pipe(VirtualClock.play))

    it.effect("at speed 0 work stands still and calls are refused, and then it goes on where it was", () =>
      Effect.gen(function*() {
        const capacity = { concurrency: 1, above: "queue", waiting: 1 } as const
        const service = yield* serviceOf(capacity)
        const calls = yield* Effect.forkChild(Effect.all([service.call(), service.call()], { concurrency: 2 }))
        yield* Effect.sleep(400)
        yield* service.set({ latency: "1 second", capacity: { ...capacity, speed: 0 } })
        yield* Effect.sleep("1 hour")
        assert.deepInclude(yield* service.snapshot, { working: 1, waiting: 1 })
        assert.strictEqual((yield* Effect.flip(service.call()))._tag, "ServiceRefused")
        yield* service.set({ latency: "1 second", capacity: { ...capacity, speed: 2 } })
        assert.deepStrictEqual(yield* Fiber.join(calls), [3_600_400 + 300, 3_600_400 + 800])
      }).pipe(VirtualClock.play))

    it.effect("a caller can leave work that stands still", () =>
      Effect.gen(function*() {
        const service = yield* serviceOf({ concurrency: 1, above: "slows", speed: 0 })
        assert.isTrue(Option.isNone(yield* Effect.timeoutOption(service.call(), "1 minute")))
        assert.deepInclude(yield* service.snapshot, { ...idle, ended: 1 })
      }).pipe(VirtualClock.play))
  })

  it.effect("draws its latencies from a stream of its own, by its seed and name", () =>
    Effect.gen(function*() {
      const drawn = (options: { readonly seed?: string; readonly name?: string }) =>
        Effect.gen(function*() {
          const service = yield* SimulatedService.make({
            ...options,
            latency: Latency.uniform(0, 1000),
            answer: Clock.currentTimeMillis
          })
          return yield* Effect.all([service.call(), service.call()], { concurrency: 2 })
        }).pipe(VirtualClock.play)
      const same = yield* drawn({ seed: "a b", name: "c" })
      assert.deepStrictEqual(yield* drawn({ seed: "a b", name: "c" }), same)
      assert.notDeepEqual(yield* drawn({ seed: "a", name: "b c" }), same)
      const ambient = (seed: string) => Random.withSeed(drawn({}), seed)
      assert.deepStrictEqual(yield* ambient("1"), yield* ambient("1"))
      assert.notDeepEqual(yield* ambient("1"), yield* ambient("2"))
      assert.notDeepEqual(...(yield* Effect.all([drawn({}), drawn({})]).pipe(Random.withSeed("1"))))
    }))

  it.effect("refuses a second clock while calls of the first are there, and takes one after them", () =>
    Effect.gen(function*() {
      const service = yield* serviceOf({ concurrency: 1, above: "queue", abandoned: "goes on" })
      yield* VirtualClock.play(Effect.timeoutOption(service.call(), 10))
      const exit = yield* Effect.exit(VirtualClock.play(service.call()))
      assert.match(String(exit), /SimulatedService "model": a call came under another clock/)
      const other = yield* serviceOf({ concurrency: 1, above: "slows" })
      assert.strictEqual(yield* VirtualClock.play(other.call()), 1000)
      assert.strictEqual(yield* VirtualClock.play(other.call()), 1000)
    }))

  describe("names the option that makes no sense:", () => {
    const bad: ReadonlyArray<readonly [object, string]> = [
      [{ name: "" }, "name must be a text that is not empty, got \"\""],
      [{ latency: -1 }, "latency must be a finite duration of zero or more, got -1"],
      [{ latency: Latency.exponential(0) }, "latency.mean must be a finite duration above zero, got 0"],
      [{ answer: 5 }, "answer must be a function, got 5"],
      [{ capacity: 5 }, "capacity must be an object with options, got 5"],
      [
        { capacity: { concurrency: 1, above: "queue", waits: 2 } },
        "capacity must be { concurrency, above, abandoned, slots, waiting, speed }, got {\"concurrency\":1,\"above\":\"queue\",\"waits\":2}"
      ],
      [
        { capacity: { concurrency: 0, above: "queue" } },
        "capacity.concurrency must be a whole number of at least 1, got 0"
      ],
      [
        { capacity: { concurrency: 1, above: "queues" } },
        "capacity.above must be one of queue, slows, refuses, got \"queues\""
      ],
      [
        { capacity: { concurrency: 1, above: "queue", abandoned: "continues" } },
        "capacity.abandoned must be one of stops, goes on, got \"continues\""
      ],
      [
        { capacity: { concurrency: 1, above: "queue", waiting: -1 } },
        "capacity.waiting must be a whole number of at least 0, got -1"
      ],
      [
        { capacity: { concurrency: 2, above: "slows", slots: 1 } },
        "capacity.slots must be a whole number of at least 2, got 1"
      ],
      [
        { capacity: { concurrency: 2, above: "queue", slots: 4 } },
        "capacity.slots must be left out unless above is \"slows\", got 4"
      ],
      [
        { capacity: { concurrency: 1, above: "slows", waiting: 1 } },
        "capacity.waiting must be left out where no call waits, got 1"
      ],
      [
        { capacity: { concurrency: 1, above: "queue", speed: -1 } },
        "capacity.speed must be a number of zero or more, got -1"
      ],
      [
        { capacity: { concurrency: 1, above: "queue", speed: Infinity } },
        "capacity.speed must be a number of zero or more, got Infinity"
      ]
    ]
    for (const [options, message] of bad) {
      it.effect(message, () =>
        Effect.gen(function*() {
          const made = SimulatedService.make(
            { answer: Effect.void, ...options } as SimulatedService.Options<void, void, never, never>
          )
          const exit = yield* Effect.exit(made)
          assert.deepStrictEqual(exit, Exit.die(new RangeError(`SimulatedService.make: ${message}`)))
        }))
    }

    it.effect("also in set, which then changes nothing", () =>
      Effect.gen(function*() {
        const service = yield* serviceOf({ concurrency: 1, above: "queue" })
        const exit = yield* Effect.exit(service.set({ latency: 5, capacity: { concurrency: -1, above: "queue" } }))
        assert.match(String(exit), /SimulatedService\.set: capacity\.concurrency/)
        assert.strictEqual(yield* service.call(), 1000)
      }).pipe(VirtualClock.play))
  })
})

describe("the slots of a SimulatedService", () => {
  const kinds: ReadonlyArray<Capacity["above"]> = ["queue", "slows", "refuses"]
  for (const above of kinds) {
    for (const abandoned of ["stops", "goes on"] as const) {
      it.live(`are free after an interrupt at any step: ${above}, ${abandoned}`, () =>
        Effect.gen(function*() {
          let service: SimulatedService.SimulatedService<void, void, never, never> | undefined
          const steps = yield* interruptAtEveryStep({
            program: () =>
              Effect.gen(function*() {
                service = yield* SimulatedService.make({
                  latency: 20,
                  capacity: { concurrency: 1, above, abandoned },
                  answer: Effect.sleep(10)
                })
                const call = Effect.exit(service.call())
                yield* Effect.all([call, Effect.timeoutOption(call, 5), call], { concurrency: "unbounded" })
              }).pipe(Effect.provide(VirtualClock.layer())),
            check: () =>
              Effect.gen(function*() {
                if (service === undefined) return
                const { waiting, working } = yield* service.snapshot
                // Nothing moves the time: what goes on still stands there.
                if (abandoned === "stops") assert.deepStrictEqual({ waiting, working }, idle)
                else assert.isAtMost(waiting + working, 3)
              })
          })
          assert.isAbove(steps, 20)
        }))
    }
  }
})

/** A call that comes after the one before it, with work to do, whose caller leaves after some time. */
const Call = Schema.Struct({
  // No sum of these is a sum of others, so that of two events at one time only those of one kind exist.
  after: Schema.Literals([0, 0, 7.31, 53.17, 301.73]),
  leaves: Schema.Literals([1.013, 25.019, 200.029, 100_000, 100_000])
})
const Program = Schema.Struct({
  calls: Schema.Array(Call).check(Schema.isMinLength(1), Schema.isMaxLength(25)),
  work: Schema.Literals([10, 30, 100, 500]),
  concurrency: Schema.Literals([1, 2, 5]),
  above: Schema.Literals(["queue", "slows", "refuses"]),
  abandoned: Schema.Literals(["stops", "goes on"]),
  waiting: Schema.Literals([0, 2, 1000]),
  /** The speeds from these times on, after the first. */
  speeds: Schema.Tuple([Schema.Literals([1, 0.3]), Schema.Literals([0, 0.7, 3]), Schema.Literals([1, 2])])
})
const speedChanges = [0, 101.47, 403.91]

interface Job {
  readonly index: number
  readonly at: number
  readonly leavesAt: number
  left: number
}

/** The same from the words of the options, in the simplest way: the state from one event to the next. */
const byHand = ({ above, abandoned, calls, concurrency, speeds, waiting, work }: typeof Program.Type) => {
  const ended: Array<number | "left" | "refused"> = calls.map(() => "left")
  let at = 0
  const jobs = calls.map(({ after, leaves }, index): Job => {
    at += after
    return { index, at, leavesAt: at + leaves, left: work }
  })
  let inside: Array<Job> = []
  let queue: Array<Job> = []
  const coming = [...jobs]
  let now = 0
  let idleAt = 0
  while (coming.length + inside.length + queue.length > 0) {
    const turn = speedChanges.findLastIndex((time) => time <= now)
    const speed = speeds[turn]! * (above === "slows" ? Math.min(1, concurrency / inside.length) : 1)
    const leaving = abandoned === "stops" ? [...inside, ...queue].map(({ leavesAt }) => leavesAt) : []
    const next = Math.min(
      coming[0]?.at ?? Infinity,
      speedChanges[turn + 1] ?? Infinity,
      ...leaving,
      ...inside.map(({ left }) => now + left / speed)
    )
    for (const job of inside) job.left -= (next - now) * speed
    now = next
    for (const job of inside.filter(({ left }) => left <= 1e-6)) {
      if (now < job.leavesAt) ended[job.index] = now
    }
    inside = inside.filter(({ left }) => left > 1e-6)
    if (abandoned === "stops") {
      inside = inside.filter(({ leavesAt }) => leavesAt > now)
      queue = queue.filter(({ leavesAt }) => leavesAt > now)
    }
    const admit = () => {
      while (queue.length > 0 && (above === "slows" || inside.length < concurrency)) inside.push(queue.shift()!)
    }
    admit()
    while (coming[0]?.at === now) {
      const job = coming.shift()!
      if (above === "slows" || inside.length < concurrency) inside.push(job)
      else if (above === "queue" && queue.length < waiting) queue.push(job)
      else ended[job.index] = "refused"
    }
    if (inside.length > 0) idleAt = Infinity
    else if (idleAt === Infinity) idleAt = now
  }
  return { ended, idleAt }
}

it.effect.prop(
  "any program of calls and interrupts ends as the words of the options say, and leaves no slot taken",
  { program: Program },
  ({ program }) =>
    Effect.gen(function*() {
      const { above, abandoned, calls, concurrency, speeds, waiting, work } = program
      const behaviour = (speed: number) => ({
        latency: work,
        capacity: { concurrency, above, abandoned, speed, ...(above === "queue" ? { waiting } : {}) }
      })
      const service = yield* SimulatedService.make({ ...behaviour(speeds[0]), answer: Clock.currentTimeMillis })
      yield* Effect.forEach(
        [1, 2] as const,
        (turn) => Effect.delay(service.set(behaviour(speeds[turn])), speedChanges[turn]!),
        {
          concurrency: "unbounded"
        }
      ).pipe(Effect.forkChild)
      let at = 0
      const fibers = yield* Effect.forEach(calls, ({ after, leaves }) => {
        at += after
        return Effect.sleep(at).pipe(
          Effect.andThen(Effect.timeoutOrElse(service.call(), {
            duration: leaves,
            orElse: () => Effect.succeed("left" as const)
          })),
          Effect.catch(() => Effect.succeed("refused" as const)),
          Effect.forkChild
        )
      })
      const ended = yield* Effect.forEach(fibers, Fiber.join)
      const expected = byHand(program)
      ended.forEach((end, index) => {
        const should = expected.ended[index]!
        if (typeof end === "number" && typeof should === "number") assert.closeTo(end, should, 0.002, `call ${index}`)
        else assert.strictEqual(end, should, `call ${index}`)
      })
      const now = yield* Clock.currentTimeMillis
      if (expected.idleAt > now + 0.01) {
        assert.isAbove((yield* service.snapshot).working, 0)
        yield* Effect.sleep(expected.idleAt - now)
      }
      yield* Effect.sleep(0.01)
      assert.deepInclude(yield* service.snapshot, idle)
    }).pipe(VirtualClock.play)
)

describe("the random numbers of a service", () => {
  const latency = Latency.uniform(1, 1000)
  const firstEnds = (service: SimulatedService.SimulatedService<void, number, never, never>) =>
    Effect.forEach([1, 2, 3], () => service.call())

  it.effect("begin anew in each run, for a service that was made outside", () =>
    Effect.gen(function*() {
      const service = yield* serviceOf(undefined, latency)
      const [first, second] = [
        yield* VirtualClock.play(firstEnds(service)),
        yield* VirtualClock.play(firstEnds(service))
      ]
      assert.deepStrictEqual(first, second)
    }))

  it.effect("are others for another seed of a scenario, also with a seed of one's own", () =>
    Effect.gen(function*() {
      const meanOf = (seed: number) =>
        Effect.map(
          Scenario.report(
            Scenario.make({
              name: "night",
              load: [{ name: "load", arrivals: Load.constant({ rate: 1, for: "5 seconds" }) }],
              provider: [{ name: "up" }],
              policy: () =>
                Effect.map(
                  SimulatedService.make({ seed: 7, latency, answer: Effect.void }),
                  ({ call }) => Effect.orDie(call())
                ),
              claims: []
            }),
            { seed }
          ),
          ({ all }) => all.latency.mean
        )
      assert.strictEqual(yield* meanOf(1), yield* meanOf(1))
      assert.notStrictEqual(yield* meanOf(1), yield* meanOf(2))
    }))
})

it.effect("works under TestClock", () =>
  Effect.gen(function*() {
    const service = yield* serviceOf({ concurrency: 1, above: "slows" })
    const calls = yield* Effect.forkChild(Effect.all([service.call(), service.call()], { concurrency: 2 }), {
      startImmediately: true
    })
    yield* TestClock.adjust("2 seconds")
    assert.deepStrictEqual(yield* Fiber.join(calls), [2000, 2000])
  }))
