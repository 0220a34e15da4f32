import { Latency, Load, SimulatedService, VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber } from "effect"

const users: Load.Users = { count: 3, think: "1 second", for: "10 seconds" }

describe("Load.runUsers", () => {
  it.effect("lets each user wait for the answer, think, and call again", () =>
    Effect.gen(function*() {
      const at: Array<number> = []
      const report = yield* Load.runUsers({ ...users, count: 1 }, (arrival) => {
        at.push(arrival.at)
        return Effect.sleep("2 seconds")
      })
      assert.deepStrictEqual(at, [1000, 4000, 7000])
      assert.deepInclude(report, { calls: 3, outcomes: { success: 3 }, millis: 10_000, maxConcurrency: 1 })
      assert.deepStrictEqual([report.latency.p50, report.throughput], [2000, 0.3])
    }).pipe(VirtualClock.play))

  it.effect("never has more calls in flight than users, and ends with the last of them", () =>
    Effect.gen(function*() {
      const report = yield* Load.runUsers(users, () => Effect.sleep("1 hour"))
      assert.deepInclude(report, { calls: 3, maxConcurrency: 3, millis: 3_601_000 })
      assert.strictEqual(yield* Clock.currentTimeMillis, 3_601_000)
    }).pipe(VirtualClock.play))

  it.effect("counts failures and defects by their outcome, and tells of each call", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const { outcomes } = yield* Load.runUsers(users, ({ index }) =>
        index % 3 === 0 ? Effect.void : index % 3 === 1 ? Effect.fail({ _tag: "Down" }) : Effect.die("bug"), {
        onSettled: ({ index, label }) =>
          void told.push(`${index} ${label}`)
      })
      assert.deepStrictEqual(outcomes, { Down: 9, defect: 9, success: 9 })
      assert.deepStrictEqual(told.slice(0, 3), ["0 success", "1 Down", "2 defect"])
    }).pipe(VirtualClock.play))

  it.effect("gives the same report for the same seed, and another for another", () =>
    Effect.gen(function*() {
      const run = (seed: number) =>
        VirtualClock.play(
          Load.runUsers({ ...users, think: Latency.exponential("1 second") }, () => Effect.sleep(10), { seed })
        )
      const one = yield* run(1)
      assert.deepStrictEqual(yield* run(1), one)
      assert.notDeepEqual((yield* run(2)).series, one.series)
    }))

  it.effect("lets time go on where neither thought nor calls take any", () =>
    Effect.gen(function*() {
      const { calls } = yield* Load.runUsers({ count: 1, think: 0, for: "1 millis" }, () => Effect.void)
      assert.strictEqual(calls, 999)
    }).pipe((load) => VirtualClock.play(load, { promises: "none" })))

  it.effect("interrupts all calls when it is interrupted", () =>
    Effect.gen(function*() {
      let running = 0
      const call = Effect.sync(() => running++).pipe(
        Effect.andThen(Effect.never),
        Effect.onInterrupt(() => Effect.sync(() => running--))
      )
      const load = yield* Effect.forkChild(Load.runUsers(users, () => call))
      yield* Effect.sleep("5 seconds")
      assert.strictEqual(running, 3)
      yield* Fiber.interrupt(load)
      assert.strictEqual(running, 0)
    }).pipe(VirtualClock.play))

  it.effect("dies of what an option throws", () =>
    Effect.gen(function*() {
      const load = Load.runUsers(users, () => Effect.void, {
        label: () => {
          throw new Error("bug")
        }
      })
      assert.deepStrictEqual(yield* Effect.exit(load), Exit.die(new Error("bug")))
    }).pipe(VirtualClock.play))

  for (
    const [field, value] of [["count", 0], ["count", 1.5], ["think", -1], ["for", 0], ["for", "Infinity"]] as const
  ) {
    it.effect(`does not take ${value} for ${field}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Load.runUsers({ ...users, [field]: value }, () => Effect.void))
        assert.instanceOf(error, Load.InvalidLoad)
        assert.strictEqual(error.place, field)
      }))
  }

  for (const above of ["queue", "slows"] as const) {
    it.live(`has the mean time of a closed network at a service: ${above}`, () =>
      Effect.gen(function*() {
        const think = 1000
        const mean = 100
        const program = Effect.gen(function*() {
          const service = yield* SimulatedService.make({
            seed: 1,
            latency: Latency.exponential(mean),
            capacity: { concurrency: 1, above },
            answer: Effect.void
          })
          const load = { count: 12, think: Latency.exponential(think), for: "3 hours" } as const
          return yield* Load.runUsers(load, () => service.call(), { interval: "1 hour" })
        })
        const { calls, latency } = yield* VirtualClock.play(program, { promises: "none" })
        // Mean value analysis: a call finds what a network with one user less has on average.
        let waits = 0
        let time = 0
        for (let n = 1; n <= 12; n++) {
          time = mean * (1 + waits)
          waits = n / (time + think) * time
        }
        assert.isAbove(calls, 80_000)
        assert.closeTo(latency.mean / time, 1, 0.03)
      }))
  }
})
