import { assert, describe, it } from "@effect/vitest"
import { Histogram, Load, VirtualClock } from "@switchgear/core/testing"
import { Cause, Clock, Context, Data, Duration, Effect, Exit, Fiber, Option, Random } from "effect"
import { TestClock } from "effect/testing"
import { queryObjects } from "node:v8"

class Overloaded extends Data.TaggedError("Overloaded") {}

/** In virtual time of its own, without a turn of the event loop for each wake. */
const play = <A, E, R>(self: Effect.Effect<A, E, R>) => VirtualClock.play(self, { promises: "none" })

/** When the calls came, in milliseconds. */
const timesOf = (arrivals: Load.Arrivals, seed: string | number = 1) =>
  Effect.gen(function*() {
    const times: Array<number> = []
    yield* play(Load.run(arrivals, ({ at }) => Effect.sync(() => times.push(at)), { seed }))
    return times
  })

const within = (times: ReadonlyArray<number>, from: number, to: number) =>
  times.filter((time) => time >= from && time < to).length

/** How far so many calls by chance are off on average. */
const spread = (calls: number) => Math.sqrt(calls)

const gapsOf = (times: ReadonlyArray<number>) => times.slice(1).map((time, index) => time - times[index]!)

const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

describe("arrivals", () => {
  it.effect("at a constant rate come at even distances, the first at once, to the microsecond", () =>
    Effect.gen(function*() {
      const times = yield* timesOf(Load.constant({ rate: 3, for: "2 seconds" }))
      assert.deepStrictEqual(times, [0, 333.333, 666.667, 1000, 1333.333, 1666.667])
    }))

  it.effect("at a constant rate are exactly rate times time, whatever the rounding of either", () =>
    Effect.gen(function*() {
      for (const [rate, seconds] of [[0.1, 10], [0.3, 10], [0.7, 10], [1.1, 10], [0.28, 100], [0.29, 100]] as const) {
        const times = yield* timesOf(Load.constant({ rate, for: `${seconds} seconds` }))
        assert.strictEqual(times.length, Math.round(rate * seconds), `${rate} a second`)
      }
    }))

  it.effect("by chance come at their rate, at distances that are exponential", () =>
    Effect.gen(function*() {
      const times = yield* timesOf(Load.poisson({ rate: 50, for: "200 seconds" }))
      assert.approximately(times.length, 10_000, 2 * spread(10_000))
      assert.isAbove(times[0]!, 0)
      const gaps = gapsOf(times)
      assert.approximately(mean(gaps), 20, 0.4)
      // Of an exponential distribution the deviation is the mean, and a share of 1/e is longer than that.
      assert.approximately(Math.sqrt(mean(gaps.map((gap) => (gap - 20) ** 2))), 20, 0.6)
      assert.approximately(gaps.filter((gap) => gap > 20).length / gaps.length, Math.exp(-1), 0.01)
      assert.approximately(within(times, 0, 100_000), 5000, 2 * spread(5000))
    }))

  it.effect("in a ramp grow and fall evenly", () =>
    Effect.gen(function*() {
      const up = yield* timesOf(Load.ramp({ from: 0, to: 200, for: "100 seconds" }))
      const down = yield* timesOf(Load.ramp({ from: 200, to: 100, for: "100 seconds" }))
      for (let quarter = 0; quarter < 4; quarter++) {
        const rising = 625 * (2 * quarter + 1)
        assert.approximately(within(up, quarter * 25_000, (quarter + 1) * 25_000), rising, 2 * spread(rising))
        const falling = 5000 - 312.5 * (2 * quarter + 1)
        assert.approximately(within(down, quarter * 25_000, (quarter + 1) * 25_000), falling, 2 * spread(falling))
      }
    }))

  it.effect("in a burst are so many times as many while it lasts, and as before around it", () =>
    Effect.gen(function*() {
      const of = Load.constant({ rate: 10, for: "30 seconds" })
      const times = yield* timesOf(Load.burst({ of, times: 15, after: "6 seconds", for: "10 seconds" }))
      assert.deepStrictEqual([within(times, 0, 6000), within(times, 6000, 16_000), within(times, 16_000, 30_000)], [
        60,
        1500,
        140
      ])
      assert.deepStrictEqual(times.slice(58, 63), [5800, 5900, 6000, 6006.667, 6013.333])
    }))

  it.effect("in a burst keep the distances of the time around it, also where it begins or ends between two", () =>
    Effect.gen(function*() {
      const of = Load.constant({ rate: 1, for: "4 seconds" })
      const between = Load.burst({ of, times: 2, after: "500 millis", for: "1 second" })
      assert.deepStrictEqual(yield* timesOf(between), [0, 750, 1250, 2000, 3000])
      const part = Load.constant({ rate: 1, for: "1500 millis" })
      const late = Load.burst({ of: Load.sequence([part, part]), times: 2, after: "2 seconds", for: "1 second" })
      assert.deepStrictEqual(yield* timesOf(late), [0, 1000, 1500, 2250, 2750])
    }))

  it.effect("burst again and again, each `every` after the one before", () =>
    Effect.gen(function*() {
      const of = Load.constant({ rate: 10, for: "10 seconds" })
      const often = yield* timesOf(Load.burst({ of, times: 3, for: "1 second", every: "4 seconds" }))
      const bySecond = Array.from({ length: 10 }, (_, second) => within(often, second * 1000, (second + 1) * 1000))
      assert.deepStrictEqual(bySecond, [30, 10, 10, 10, 30, 10, 10, 10, 30, 10])
      const always = yield* timesOf(Load.burst({ of, times: 3, for: "1 second", every: "1 second" }))
      assert.strictEqual(always.length, 300)
    }))

  it.effect("burst within a ramp, by chance, and across the parts of a sequence", () =>
    Effect.gen(function*() {
      const ramp = Load.ramp({ from: 0, to: 100, for: "100 seconds" })
      const tail = Load.poisson({ rate: 20, for: "100 seconds" })
      const of = Load.sequence([ramp, tail])
      const times = yield* timesOf(Load.burst({ of, times: 10, after: "50 seconds", for: "100 seconds" }))
      for (
        const [from, to, expected] of [[0, 50, 1250], [50, 75, 15_625], [75, 100, 21_875], [100, 150, 10_000], [
          150,
          200,
          1000
        ]]
      ) {
        assert.approximately(within(times, from! * 1000, to! * 1000), expected!, 2 * spread(expected!))
      }
    }))

  it.effect("of a sequence come one part after the other, each of which begins anew", () =>
    Effect.gen(function*() {
      const once = Load.constant({ rate: 1, for: "1500 millis" })
      const pause = Load.constant({ rate: 0, for: "1 second" })
      assert.deepStrictEqual(yield* timesOf(Load.sequence([once, pause, Load.sequence([once])])), [0, 1000, 2500, 3500])
    }))

  it.effect("are the same for one seed, and others for another", () =>
    Effect.gen(function*() {
      const poisson = Load.poisson({ rate: 10, for: "10 seconds" })
      const times = yield* timesOf(poisson, "one")
      assert.deepStrictEqual(yield* timesOf(poisson, "one"), times)
      assert.notDeepEqual(yield* timesOf(poisson, "two"), times)
    }))

  it.effect("do not depend on what the calls draw, which is the seed's, too", () =>
    Effect.gen(function*() {
      const poisson = Load.poisson({ rate: 10, for: "10 seconds" })
      const drawn = () =>
        Effect.gen(function*() {
          const draws: Array<readonly [number, number]> = []
          const call = ({ at }: Load.Arrival) => Effect.map(Random.next, (draw) => draws.push([at, draw]))
          yield* play(Load.run(poisson, call))
          return draws
        })
      const draws = yield* drawn()
      assert.deepStrictEqual(yield* drawn(), draws)
      assert.deepStrictEqual(draws.map(([at]) => at), yield* timesOf(poisson))
      const [at, draw] = draws[0]!
      assert.isAbove(Math.abs(at + Math.log(1 - draw) * 100), 0.001)
    }))

  it.effect("that cannot be are refused by their place, before any call", () =>
    Effect.gen(function*() {
      const ok = Load.constant({ rate: 1, for: "1 second" })
      const cases: ReadonlyArray<readonly [Load.Arrivals, string]> = [
        [Load.constant({ rate: 1, for: 0 }), "for must be a finite duration above zero, got 0"],
        [Load.constant({ rate: -1, for: 1 }), "rate must be a number of zero or more, got -1"],
        [Load.poisson({ rate: NaN, for: 1 }), "rate must be a number of zero or more, got NaN"],
        [Load.poisson({ rate: 1, for: NaN }), "for must be a finite duration above zero, got NaN"],
        [Load.ramp({ from: 1, to: Infinity, for: 1 }), "to must be a number of zero or more, got Infinity"],
        [Load.ramp({ from: -1, to: 1, for: 1 }), "from must be a number of zero or more, got -1"],
        [Load.ramp({ from: 1, to: 1, for: "-1 second" as "1 second" }), "for must be a finite duration above zero"],
        [Load.sequence([]), "sequence must be a list with something in it, got []"],
        [
          Load.sequence([ok, ok, Load.poisson({ rate: 1, for: "0 seconds" })]),
          "sequence[2].for must be a finite duration above zero, got \"0 seconds\""
        ],
        [Load.burst({ of: ok, times: 0, for: 1 }), "times must be a number above zero, got 0"],
        [Load.burst({ of: ok, times: 1, for: 0 }), "for must be a finite duration above zero, got 0"],
        [Load.burst({ of: ok, times: 1, for: 1, after: -1 }), "after must be a duration of zero or more, got -1"],
        [Load.burst({ of: ok, times: 1, for: 2, every: 1 }), "every must be at least as long as `for`, got 1"],
        [
          Load.burst({ of: ok, times: 1, for: 1, after: "1 second" }),
          "after must be shorter than `of`, else there is no burst, got \"1 second\""
        ],
        [
          Load.sequence([ok, { ...ok, _tag: "constant" } as unknown as Load.Arrivals]),
          "sequence[1]._tag must be one of Constant, Poisson, Ramp, Burst, Sequence, Trace, got \"constant\""
        ],
        [
          { _tag: "Trace", at: [0, 1_794_355_200_000], calls: [1, 1] },
          "interval must be longer, since there would be 3,588,710,400 of them, and a million are the most"
        ],
        [
          Load.sequence([Load.burst({ of: Load.constant({ rate: NaN, for: 1 }), times: 1, for: 1 })]),
          "sequence[0].of.rate must be a number of zero or more, got NaN"
        ],
        [
          { _tag: "Trace", at: [2, 1], calls: [1, 1] },
          "at[1] must be a time that is not before the one above it, got 1"
        ],
        [{ _tag: "Trace", at: [NaN], calls: [1] }, "at[0] must be a time that is not before the one above it, got NaN"],
        [{ _tag: "Trace", at: [1], calls: [] }, "calls[0] must be a whole number of at least 0, got undefined"]
      ]
      for (const [arrivals, told] of cases) {
        const error = yield* Effect.flip(Load.run(arrivals, () => Effect.die("called")))
        assert.instanceOf(error, Load.InvalidLoad)
        assert.include(error.message, `The load cannot be run: ${told}`)
      }
    }))
})

describe("a trace", () => {
  const timesOfTrace = (csv: string) => Effect.flatMap(Load.trace(csv), timesOf)

  it.effect("is replayed as it was, counted from its first row", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* timesOfTrace("1000\n1000.5\n1000.5\n1250\n"), [0, 0.5, 0.5, 250])
    }))

  it.effect("spreads the calls of a row over the time until the next, and the last ones over as long", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* timesOfTrace("at,calls\n0,2\n1000,0\n2000,4"), [0, 500, 2000, 2250, 2500, 2750])
      assert.deepStrictEqual(yield* timesOfTrace("0\n1000,1\n1000,2"), [0, 1000, 1000, 1500])
      assert.deepStrictEqual(yield* timesOfTrace("5,3"), [0, 0, 0])
    }))

  it.effect("may have names, quotes, blank lines, a mark at its beginning and line ends of either kind", () =>
    Effect.gen(function*() {
      const csv = "\uFEFF\"time\",\"calls\"\r\n\"0\", 1\r\n\r\n 10 ,\"2\"\r\n30\n\n"
      assert.deepStrictEqual(yield* timesOfTrace(csv), [0, 10, 20, 30])
    }))

  it.effect("may tell dates, in UTC unless they say otherwise, wherever it is read", () =>
    Effect.gen(function*() {
      const csv = "2026-11-11T00:00:00Z\n2026-11-11 00:00:00.250\n2026-11-11T08:01+08:00\n"
      const setZone = (zone: string | undefined) =>
        Effect.sync(() => {
          if (zone === undefined) delete process.env.TZ
          else process.env.TZ = zone
        })
      const before = process.env.TZ
      const times = Effect.andThen(setZone("Asia/Shanghai"), timesOfTrace(csv))
      assert.deepStrictEqual(yield* Effect.ensuring(times, setZone(before)), [0, 250, 60_000])
    }))

  it.effect("bursts as other arrivals do, also by a fraction", () =>
    Effect.gen(function*() {
      const of = yield* Load.trace("0\n100\n200\n300\n")
      const times = yield* timesOf(Load.burst({ of, times: 1.5, for: "1 hour" }))
      assert.strictEqual(times.length, 6)
      const atOnce = yield* Load.trace("0,2\n1000,2\n1000,2\n")
      const always = Load.burst({ of: atOnce, times: 2, for: "1 second", every: "1 second" })
      assert.deepStrictEqual(yield* timesOf(always), [
        0,
        250,
        500,
        750,
        ...Array<number>(5).fill(1000),
        1250,
        1500,
        1750
      ])
      const once = Load.burst({ of: yield* Load.trace("5,2"), times: 2, for: "1 second" })
      assert.deepStrictEqual(yield* timesOf(once), [0, 0, 0, 0])
      const late = yield* timesOf(Load.burst({ of, times: 3, after: "200 millis", for: "1 hour" }))
      assert.deepStrictEqual(late, [0, 100, 200, 233.333, 266.667, 300, 333.333, 366.667])
    }))

  it.effect.each<readonly [string, number, string]>([
    ["0\nx\n", 2, "line 2, \"x\", must begin with milliseconds or an ISO date and time"],
    ["11/11/2026", 1, "line 1, \"11/11/2026\", must begin with milliseconds or an ISO date and time"],
    ["time\n1e3\n", 2, "line 2, \"1e3\", must begin with milliseconds or an ISO date and time"],
    ["time\nnames again\n", 2, "line 2, \"names again\", must begin with milliseconds or an ISO date and time"],
    [
      "2026-13-11T00:00:00Z",
      1,
      "line 1, \"2026-13-11T00:00:00Z\", must begin with milliseconds or an ISO date and time"
    ],
    ["0\r\n1,2\r\n2,many\r\n", 3, "line 3, \"2,many\", must have a whole number of calls"],
    ["0,-1", 1, "line 1, \"0,-1\", must have a whole number of calls"],
    ["0,1.5", 1, "line 1, \"0,1.5\", must have a whole number of calls"],
    ["0,", 1, "line 1, \"0,\", must have a whole number of calls"],
    ["0,1,2", 1, "line 1, \"0,1,2\", must be `time` or `time,calls`"],
    [
      "0\n2026-11-11T00:00:00Z\n",
      2,
      "line 2, \"2026-11-11T00:00:00Z\", must begin with milliseconds as the lines above it"
    ],
    ["2026-11-11T00:00:00Z\n7\n", 2, "line 2, \"7\", must begin with an ISO date and time as the lines above it"],
    [
      "2026-02-31T00:00:00Z\n",
      1,
      "line 1, \"2026-02-31T00:00:00Z\", must begin with milliseconds or an ISO date and time"
    ],
    ["0\n\n200\n100\n", 4, "line 4, \"100\", is before the line above it"],
    ["", 1, "line 1 is the last, and no line has a call"],
    ["time\n", 1, "line 1 is the last, and no line has a call"],
    ["0,0\n1,0\n", 2, "line 2 is the last, and no line has a call"]
  ])("with a bad row is refused by its line: %j", ([csv, line, told]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Load.trace(csv))
      assert.instanceOf(error, Load.BadTrace)
      assert.strictEqual(error.line, line)
      assert.strictEqual(error.message, `The trace cannot be read: ${told}.`)
    }))

  it.effect("tells no more than the beginning of a bad row", () =>
    Effect.gen(function*() {
      const { message } = yield* Effect.flip(Load.trace(`0\n?${"x".repeat(100)}`))
      assert.include(message, `"?${"x".repeat(39)}…"`)
    }))
})

/** One call a second of every kind, each of which takes as many tenths of a second as its number says. */
const kinds = ({ index }: Load.Arrival): Effect.Effect<number, Overloaded | "untagged"> => {
  const ends: ReadonlyArray<ReturnType<typeof kinds>> = [
    Effect.succeed(index),
    Effect.fail(new Overloaded()),
    Effect.fail("untagged" as const),
    Effect.die("defect"),
    Effect.interrupt
  ]
  if (index === 5) throw new Error("thrown before there was an effect")
  return Effect.andThen(Effect.sleep(index * 100), ends[index % ends.length]!)
}

const everyKind = Load.constant({ rate: 1, for: "10 seconds" })

describe("a load", () => {
  it.effect("copies the services around it a few times, however many are provided, and not for each call that adds one", () =>
    Effect.gen(function*() {
      const services = Array.from(
        { length: 100 },
        (_, n) => Context.Reference<number>(`test/service${n}`, { defaultValue: () => 0 })
      )
      const call = Effect.provideService(Effect.sleep("1 milli"), services[99]!, 1)
      const loads = [
        Load.run(Load.constant({ rate: 10, for: "10 seconds" }), () => call),
        Load.runUsers({ count: 1, think: "100 millis", for: "10 seconds" }, () => call)
      ]
      for (const load of loads) {
        for (let provided = 0; provided < 10; provided++) {
          let copies = 0
          class Counted extends Map<string, unknown> {
            override [Symbol.iterator]() {
              copies++
              return super[Symbol.iterator]()
            }
          }
          const around = new Counted((yield* Effect.context()).mapUnsafe)
          for (const { key } of services) around.set(key, 1)
          const inside = services.slice(0, provided).reduce(
            (effect, service, index) => Effect.provideService(effect, service, index),
            play(load)
          )
          const runOutside = Effect.runPromiseWith(Context.makeUnsafe<never>(around))
          const { outcomes } = yield* Effect.promise(() => runOutside(inside))
          assert.isAtLeast(outcomes.success!, 90)
          assert.isAtMost(copies, 10, `${provided} provided`)
        }
      }
    }))

  it.effect("tells outcomes by the errors' tags; none of them is its own", () =>
    Effect.gen(function*() {
      const report = yield* play(Load.run(everyKind, kinds))
      assert.deepStrictEqual(report.outcomes, { Overloaded: 2, defect: 3, failure: 2, interrupted: 2, success: 1 })
      const inOrder = ["Overloaded", "defect", "failure", "interrupted", "success"]
      assert.deepStrictEqual([Object.keys(report.outcomes), Object.keys(report.latencyBy)], [inOrder, inOrder])
      assert.strictEqual(report.calls, 10)
      const { count, max, mean, min } = report.latencyBy.Overloaded!
      assert.deepStrictEqual({ count, max, mean, min }, { count: 2, max: 600, mean: 350, min: 100 })
    }))

  it.effect("counts a failure that a defect came with as a defect", () =>
    Effect.gen(function*() {
      const both = Effect.failCause(Cause.combine(Cause.fail("bad"), Cause.die("worse")))
      const { outcomes } = yield* play(Load.run(Load.constant({ rate: 1, for: "1 second" }), () => both))
      assert.deepStrictEqual(outcomes, { defect: 1 })
    }))

  it.effect("tells outcomes by the labels it is given", () =>
    Effect.gen(function*() {
      const label = (exit: Exit.Exit<number, unknown>) => Exit.isSuccess(exit) && exit.value > 1 ? "late" : "early"
      const call = ({ index }: Load.Arrival) => Effect.succeed(index)
      const report = yield* play(Load.run(Load.constant({ rate: 3, for: "1 second" }), call, { label }))
      assert.deepStrictEqual(report.outcomes satisfies { readonly late?: number; readonly early?: number }, {
        early: 2,
        late: 1
      })
    }))

  it.effect("has as many calls in flight as come in the time that one takes", () =>
    Effect.gen(function*() {
      const load = Load.constant({ rate: 100, for: "10 seconds" })
      const report = yield* play(Load.run(load, () => Effect.sleep("245 millis")))
      assert.strictEqual(report.maxConcurrency, 25)
      assert.deepStrictEqual(report.series.slice(1, 10).map(({ inFlight }) => inFlight), Array(9).fill(24))
      assert.strictEqual(report.series.at(-1)!.inFlight, 0)
      const never = yield* play(Load.run(load, () => Effect.sleep("1 minute")))
      assert.strictEqual(never.maxConcurrency, 1000)
      const atOnce = yield* play(Load.run(load, () => Effect.void))
      assert.strictEqual(atOnce.maxConcurrency, 1)
    }))

  it.effect("tells what happened in each interval", () =>
    Effect.gen(function*() {
      const load = Load.constant({ rate: 2, for: "2 seconds" })
      const call = ({ index }: Load.Arrival) =>
        index === 0 ? Effect.void : Effect.andThen(Effect.sleep("1200 millis"), Effect.fail(new Overloaded()))
      const report = yield* play(Load.run(load, call))
      const none = { p50: null, p95: null, p99: null }
      const slow = { p50: 1200, p95: 1200, p99: 1200 }
      const quick = { p50: 0, p95: 0, p99: 0 }
      assert.deepStrictEqual(report.series, [
        {
          at: 0,
          arrivals: 2,
          settled: 1,
          throughput: 1,
          outcomes: { success: 1 },
          inFlight: 1,
          maxInFlight: 1,
          ...quick
        },
        {
          at: 1000,
          arrivals: 2,
          settled: 1,
          throughput: 1,
          outcomes: { Overloaded: 1 },
          inFlight: 2,
          maxInFlight: 3,
          ...slow
        },
        {
          at: 2000,
          arrivals: 0,
          settled: 2,
          throughput: 2000 / 700,
          outcomes: { Overloaded: 2 },
          inFlight: 0,
          maxInFlight: 2,
          ...slow
        }
      ])
      assert.deepStrictEqual([report.millis, report.throughput, report.interval], [2700, 1, 1000])
      assert.deepStrictEqual(yield* play(Load.run(load, () => Effect.void)).pipe(Effect.map(({ series }) => series)), [
        {
          at: 0,
          arrivals: 2,
          settled: 2,
          throughput: 2,
          outcomes: { success: 2 },
          inFlight: 0,
          maxInFlight: 1,
          ...quick
        },
        {
          at: 1000,
          arrivals: 2,
          settled: 2,
          throughput: 2,
          outcomes: { success: 2 },
          inFlight: 0,
          maxInFlight: 1,
          ...quick
        }
      ])
      const onTheDot = yield* play(Load.run(load, () => Effect.sleep("1500 millis"), { interval: "1500 millis" }))
      assert.deepStrictEqual(onTheDot.series.map(({ settled }) => settled), [0, 3, 1])
      const pause = Load.sequence([Load.constant({ rate: 1, for: 1 }), Load.constant({ rate: 0, for: 1999 })])
      const { series } = yield* play(Load.run(pause, () => Effect.void))
      assert.deepStrictEqual(series[1], {
        at: 1000,
        arrivals: 0,
        settled: 0,
        throughput: 0,
        outcomes: {},
        inFlight: 0,
        maxInFlight: 0,
        ...none
      })
    }))

  it.effect("has intervals of any length, whose sums are those of the whole", () =>
    Effect.gen(function*() {
      const load = Load.poisson({ rate: 20, for: "10 seconds" })
      const call = () => Effect.flatMap(Random.next, (draw) => Effect.sleep(draw * 1000))
      for (const interval of ["70 millis", "333 millis", "1 minute"] as const) {
        const { calls, series } = yield* play(Load.run(load, call, { interval }))
        assert.strictEqual(series.reduce((sum, { arrivals }) => sum + arrivals, 0), calls)
        assert.strictEqual(series.reduce((sum, { settled }) => sum + settled, 0), calls)
        for (const { inFlight, maxInFlight } of series) assert.isAtLeast(maxInFlight, inFlight)
      }
    }))

  it.effect("tells as much of a hundred calls as of ten thousand", () =>
    Effect.gen(function*() {
      const sizeOf = (rate: number) =>
        play(Load.run(Load.constant({ rate, for: "10 seconds" }), () => Effect.sleep("500 micros"))).pipe(
          Effect.map((report) => JSON.stringify(report, (_, value) => typeof value === "number" ? 0 : value).length)
        )
      assert.strictEqual(yield* sizeOf(1000), yield* sizeOf(10))
    }))

  it.effect("holds nothing of the calls that have ended, while it goes on", () =>
    Effect.gen(function*() {
      class Answer {}
      let held = NaN
      const alive = (type: unknown) => queryObjects(type as new() => object, { format: "count" })
      // Fibers of other files of this process, which may end meanwhile.
      const others = yield* Effect.withFiber((fiber) => Effect.sync(() => alive(fiber.constructor)))
      const count = Effect.withFiber((fiber) =>
        Effect.sync(() => {
          held = alive(Answer) + alive(fiber.constructor)
        })
      )
      yield* play(Load.run(Load.constant({ rate: 1000, for: "10 seconds" }), ({ index }) =>
        Effect.sleep("1 second").pipe(
          Effect.andThen(index === 9000 ? count : Effect.void),
          Effect.map(() => new Answer())
        ), { onSettled: () => {} }))
      // Those that are under way: a thousand.
      assert.isAbove(held, 999)
      assert.isBelow(held - others, 1500)
    }))

  const chancy = Load.run(
    Load.sequence([Load.poisson({ rate: 40, for: "5 seconds" }), Load.ramp({ from: 40, to: 400, for: "5 seconds" })]),
    ({ index }) =>
      Effect.flatMap(
        Random.next,
        (draw) =>
          Effect.andThen(Effect.sleep(draw * 2000), index % 7 === 0 ? Effect.fail(new Overloaded()) : Effect.void)
      ),
    { seed: "chancy" }
  )

  const adjusted = (self: typeof chancy) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(self, { startImmediately: true })
      yield* TestClock.adjust("20 seconds")
      return yield* Fiber.join(fiber)
    })

  it.effect("is one report for one seed under every virtual clock", () =>
    Effect.gen(function*() {
      const report = yield* adjusted(chancy)
      assert.isAbove(report.calls, 1000)
      assert.deepStrictEqual(yield* adjusted(chancy).pipe(Effect.provide(VirtualClock.layer())), report)
      assert.deepStrictEqual(yield* play(chancy), report)
      assert.deepStrictEqual(yield* VirtualClock.play(chancy), report)
    }))

  /** Under the test clock, changed in some way. */
  const runUnder = (change: (clock: Clock.Clock) => Partial<Clock.Clock>, call: Effect.Effect<void>) =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const latencies: Array<number> = []
      const load = Load.run(Load.constant({ rate: 1000, for: "10 millis" }), () => call, {
        onSettled: ({ latency }) => latencies.push(latency)
      })
      const changed = Effect.provideService(load, Clock.Clock, { ...clock, ...change(clock) })
      const fiber = yield* Effect.forkChild(changed, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      return latencies
    })

  it.effect("counts the time of a call from when it was due, however late it was begun", () =>
    Effect.gen(function*() {
      const late = (clock: Clock.Clock) => ({
        sleep: (duration: Duration.Duration) => clock.sleep(Duration.sum(duration, Duration.millis(5)))
      })
      assert.deepStrictEqual(yield* runUnder(late, Effect.void), [0, 5, 4, 3, 2, 1, 0, 5, 4, 3])
    }))

  it.effect("begins every call of a time that has passed while others computed", () =>
    Effect.gen(function*() {
      let computed = 0n
      const busy = Effect.sync(() => {
        computed += 3_000_000n
      })
      const slow = (clock: Clock.Clock) => ({
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + computed
      })
      assert.deepStrictEqual(yield* runUnder(slow, busy), [3, 5, 7, 9, 11, 13, 15, 17, 19, 21])
    }))

  it.effect("begins no call before its time under a clock that wakes early", () =>
    Effect.gen(function*() {
      const early = (clock: Clock.Clock) => ({
        sleep: (duration: Duration.Duration) => clock.sleep(Duration.times(duration, 0.5))
      })
      const begun: Array<number> = []
      const begin = Effect.map(Clock.monotonicTimeNanos, (now) => {
        begun.push(Math.round(Number(now) / 1000))
      })
      yield* runUnder(early, begin)
      assert.deepStrictEqual(begun, [0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000])
    }))

  it.effect("ends with its own time, also when its last call has ended before", () =>
    Effect.gen(function*() {
      const pause = Load.constant({ rate: 0, for: "1 minute" })
      const report = yield* play(Load.run(Load.sequence([everyKind, pause]), () => Effect.void))
      assert.deepStrictEqual([report.millis, report.series.length], [70_000, 70])
      const none = yield* play(Load.run(pause, () => Effect.void))
      assert.deepStrictEqual([none.calls, none.throughput, none.maxConcurrency], [0, 0, 0])
      assert.isNaN(none.latency.p99)
      const instant = yield* play(Load.run(yield* Load.trace("0,3"), () => Effect.void))
      assert.deepStrictEqual([instant.calls, instant.millis, instant.throughput], [3, 0, 0])
    }))

  it.effect("interrupts its calls when it is interrupted, and waits for their finalizers", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const points: Array<Load.Point> = []
      const call = ({ index }: Load.Arrival) =>
        Effect.onInterrupt(
          Effect.sleep("1 minute"),
          () => Effect.andThen(Effect.sleep("2 seconds"), Effect.sync(() => seen.push(`cleaned up ${index}`)))
        )
      const load = Load.run(Load.constant({ rate: 1, for: "1 hour" }), call, {
        onSettled: ({ index, label, latency }) => seen.push(`${index} ${label} after ${latency}`),
        onInterval: (point) => points.push(point)
      })
      const fiber = yield* Effect.forkChild(load, { startImmediately: true })
      yield* TestClock.adjust("1500 millis")
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.isUndefined(fiber.pollUnsafe())
      assert.deepStrictEqual(seen, [])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(seen, [
        "cleaned up 0",
        "0 interrupted after 3500",
        "cleaned up 1",
        "1 interrupted after 2500"
      ])
      assert.deepStrictEqual(points.map(({ arrivals, settled }) => [arrivals, settled]), [[1, 0], [1, 0], [0, 0], [
        0,
        2
      ]])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(points.length, 4)
    }))

  it.effect("ends at its time-out with all its calls, also those that would never end", () =>
    Effect.gen(function*() {
      const labels: Array<string> = []
      const load = Load.run(Load.constant({ rate: 1, for: "3 seconds" }), () => Effect.never, {
        onSettled: ({ label }) => labels.push(label)
      })
      const report = yield* play(Effect.timeoutOption(load, "1 minute"))
      assert.deepStrictEqual([report, labels], [Option.none(), ["interrupted", "interrupted", "interrupted"]])
    }))

  it.effect("is the same whenever it is begun, also between two microseconds", () =>
    Effect.gen(function*() {
      const report = yield* play(chancy)
      assert.deepStrictEqual(yield* play(Effect.andThen(Effect.sleep("100.0001 millis"), chancy)), report)
    }))

  it.effect("tells times to the microsecond", () =>
    Effect.gen(function*() {
      const told: Array<readonly [at: number, ended: number, latency: number]> = []
      const load = Load.run(Load.constant({ rate: 7, for: "1 second" }), () => Effect.sleep("100.1 millis"), {
        onSettled: ({ at, ended, latency }) => told.push([at, ended, latency])
      })
      yield* play(load)
      assert.deepStrictEqual(told.map(([, , latency]) => latency), Array(7).fill(100.1))
      for (const times of told) for (const time of times) assert.strictEqual(time, Number(time.toFixed(3)))
    }))

  it.effect("tells each call as it ends, and each interval when it is over", () =>
    Effect.gen(function*() {
      const told: Array<unknown> = []
      const load = Load.run(
        Load.constant({ rate: 2, for: "1500 millis" }),
        ({ index }) => Effect.as(Effect.sleep(1000 - 400 * index), index),
        {
          onSettled: ({ exit, ...settled }) => told.push({ ...settled, exit: Exit.isSuccess(exit) && exit.value }),
          onInterval: ({ at, settled }) => told.push({ interval: at, settled })
        }
      )
      const report = yield* play(load)
      assert.deepStrictEqual(told, [
        { interval: 0, settled: 0 },
        { index: 0, at: 0, ended: 1000, latency: 1000, label: "success", exit: 0 },
        { index: 1, at: 500, ended: 1100, latency: 600, label: "success", exit: 1 },
        { index: 2, at: 1000, ended: 1200, latency: 200, label: "success", exit: 2 },
        { interval: 1000, settled: 3 }
      ])
      assert.strictEqual(report.series.length, 2)
    }))

  for (const hook of ["label", "onSettled", "onInterval"] as const) {
    it.effect(`dies with what its \`${hook}\` throws, and leaves no call behind`, () =>
      Effect.gen(function*() {
        let underWay = 0
        let begun = 0
        const call = ({ index }: Load.Arrival) =>
          Effect.acquireUseRelease(
            Effect.sync(() => [underWay++, begun++]),
            () => Effect.sleep(index * 1200),
            () => Effect.sync(() => underWay--)
          )
        const thrown = () => {
          throw new Error("mine")
        }
        const exit = yield* play(
          Effect.exit(Load.run(Load.constant({ rate: 1, for: "10 seconds" }), call, { [hook]: thrown }))
        )
        assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.every(Cause.isDieReason))
        assert.deepStrictEqual([underWay, begun], [0, 1])
      }))
  }

  it.effect("makes no further call when one of them has thrown, not even at the same moment", () =>
    Effect.gen(function*() {
      let begun = 0
      const onSettled = () => {
        throw new Error("mine")
      }
      const load = yield* Load.trace("0,3")
      yield* Effect.exit(Load.run(load, () => Effect.sync(() => begun++), { onSettled }))
      assert.strictEqual(begun, 1)
    }))

  it.effect("dies with what was thrown first, of several that were between two calls", () =>
    Effect.gen(function*() {
      const onSettled = ({ index }: Load.Arrival) => {
        throw new Error(`of ${index}`)
      }
      const load = yield* Load.trace("0,2\n0\n1000\n")
      const exit = yield* play(
        Effect.exit(Load.run(load, ({ index }) => Effect.sleep(500 - 100 * index), { onSettled }))
      )
      assert.strictEqual(Exit.isFailure(exit) && String(Cause.squash(exit.cause)), "Error: of 2")
    }))

  it.effect("dies of an interval that is no time", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Load.run(everyKind, () => Effect.void, { interval: 0 }))
      assert.include(
        String(Exit.isFailure(exit) && Cause.squash(exit.cause)),
        "RangeError: Load.run: interval must be a finite duration above zero, got 0"
      )
    }))

  it.effect("has as many points as there is something to tell, however long a call takes", () =>
    Effect.gen(function*() {
      const days = 86_400_000
      const load = Load.constant({ rate: 2, for: "2 seconds" })
      const call = ({ index }: Load.Arrival) => Effect.sleep([3_600_000, 100 * days, 100, 1000 * days][index]!)
      const seen: Array<number> = []
      const { series, throughput } = yield* play(Load.run(load, call, { onInterval: ({ at }) => void seen.push(at) }))
      assert.deepStrictEqual(
        series.map(({ at, inFlight, settled }) => [at, settled, inFlight]),
        [[0, 0, 2], [1000, 1, 3], [3_600_000, 1, 2], [100 * days, 1, 1], [1000 * days + 1000, 1, 0]]
      )
      assert.deepStrictEqual(seen, series.map(({ at }) => at))
      assert.strictEqual(throughput, 0.5)
    }))

  it.effect("is plain data, that JSON does not change", () =>
    Effect.gen(function*() {
      const report = yield* play(chancy)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(report)), report)
      assert.deepStrictEqual(Object.keys(report.latency), Object.keys(Histogram.make().summary()))
    }))

  it.effect("is rendered as a table", () =>
    Effect.gen(function*() {
      const load = Load.constant({ rate: 500, for: "4 seconds" })
      const call = ({ index }: Load.Arrival) =>
        Effect.andThen(
          Effect.sleep(index === 0 ? 15_000 : 800),
          index === 1 ? Effect.fail(new Overloaded()) : Effect.void
        )
      const report = yield* play(Load.run(load, call, { seed: "night" }))
      assert.strictEqual(
        Load.render(report),
        [
          "2,000 calls in 15s, 400.0 a second, at most 401 at once, seed \"night\"",
          "            calls     p50     p95     p99     max",
          "all         2,000  800 ms  800 ms  800 ms  15.0 s",
          "Overloaded      1  800 ms  800 ms  800 ms  800 ms",
          "success     1,999  800 ms  800 ms  800 ms  15.0 s"
        ].join("\n")
      )
      const none = yield* play(Load.run(Load.constant({ rate: 0, for: "1 second" }), () => Effect.void))
      assert.include(Load.render(none), "all      0    -    -    -    -")
    }))
})
