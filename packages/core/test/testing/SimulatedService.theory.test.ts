/**
 * Mean times of a simulated service against the formulas of queueing theory. Calls arrive at random (Poisson), 100,000
 * for each figure, at fixed seeds. The tolerance is 5 %: the standard error of such a mean is up to 1.8 %.
 */
import { Latency, Load, SimulatedService, VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"

const calls = 100_000
const tolerance = 0.05

/** The mean time of a call in milliseconds, with waiting. */
const meanTime = (
  behaviour: SimulatedService.Behaviour,
  rate: number,
  seed: string
): Effect.Effect<number, Load.InvalidLoad> =>
  Effect.gen(function*() {
    const service = yield* SimulatedService.make({ ...behaviour, answer: Effect.void })
    const arrivals = Load.poisson({ rate, for: calls / rate * 1000 })
    const report = yield* Load.run(arrivals, () => service.call(), { seed, interval: "1 hour" })
    assert.deepInclude(yield* service.snapshot, { working: 0, waiting: 0, ended: report.calls })
    return report.latency.mean
  }).pipe((load) => VirtualClock.play(load, { promises: "none" }), Random.withSeed(seed))

const assertNear = (seen: number, theory: number) => {
  assert.closeTo(seen / theory, 1, tolerance, `mean ${seen.toFixed(1)} ms, in theory ${theory.toFixed(1)} ms`)
}

/** The mean time in M/M/c, by Erlang's formula C. Rates are per millisecond. */
const erlangC = (servers: number, arrivals: number, mean: number): number => {
  const offered = arrivals * mean
  let term = 1
  let sum = 0
  for (let k = 0; k < servers; k++) {
    sum += term
    term *= offered / (k + 1)
  }
  const full = term / (1 - offered / servers)
  return mean + full / (sum + full) / (servers / mean - arrivals)
}

/** The mean time in M/G/1, by the formula of Pollaczek and Khinchine, for the moments of the service time. */
const pollaczekKhinchine = (arrivals: number, mean: number, square: number): number =>
  mean + arrivals * square / (2 * (1 - arrivals * mean))

describe("a SimulatedService that queues has the mean times", () => {
  for (const [servers, load] of [[1, 0.7], [3, 0.7], [10, 0.8]] as const) {
    it.live(`of M/M/${servers} at a load of ${load}`, () =>
      Effect.gen(function*() {
        const mean = 300
        const arrivals = load * servers / mean
        const capacity = { concurrency: servers, above: "queue" } as const
        const seen = yield* meanTime({ latency: Latency.exponential(mean), capacity }, arrivals * 1000, "erlang")
        assertNear(seen, erlangC(servers, arrivals, mean))
      }))
  }

  const sigma = Math.log(200 / 80) / 1.6449
  const services: ReadonlyArray<readonly [string, Latency.Latency, mean: number, square: number]> = [
    ["constant", Latency.constant(100), 100, 10_000],
    ["uniform", Latency.uniform(20, 180), 100, 10_000 + 160 ** 2 / 12],
    [
      "log-normal",
      Latency.logNormal({ median: 80, p95: 200 }),
      80 * Math.exp(sigma ** 2 / 2),
      80 ** 2 * Math.exp(2 * sigma ** 2)
    ],
    [
      "mixed",
      Latency.mix([[9, Latency.constant(50)], [1, Latency.constant(550)]]),
      100,
      0.9 * 50 ** 2 + 0.1 * 550 ** 2
    ]
  ]
  for (const [name, latency, mean, square] of services) {
    it.live(`of M/G/1 with ${name} latencies at a load of 0.7`, () =>
      Effect.gen(function*() {
        const arrivals = 0.7 / mean
        const capacity = { concurrency: 1, above: "queue" } as const
        assertNear(
          yield* meanTime({ latency, capacity }, arrivals * 1000, "khinchine"),
          pollaczekKhinchine(arrivals, mean, square)
        )
      }))
  }
})

describe("a SimulatedService that slows has the mean times", () => {
  // Processor sharing does not care about the distribution: the mean is that of the load alone.
  const services: ReadonlyArray<readonly [string, Latency.Latency]> = [
    ["constant", Latency.constant(100)],
    ["exponential", Latency.exponential(100)],
    ["very different", Latency.empirical([10, 10, 10, 370])]
  ]
  for (const [name, latency] of services) {
    it.live(`of M/G/1 with processor sharing with ${name} latencies at a load of 0.7`, () =>
      Effect.gen(function*() {
        const capacity = { concurrency: 1, above: "slows" } as const
        assertNear(yield* meanTime({ latency, capacity }, 7, "sharing"), 100 / (1 - 0.7))
      }))
  }

  it.live("of M/M/c, where the capacity is that of several servers", () =>
    Effect.gen(function*() {
      const arrivals = 0.8 * 4 / 100
      const capacity = { concurrency: 4, above: "slows" } as const
      const seen = yield* meanTime({ latency: Latency.exponential(100), capacity }, arrivals * 1000, "several")
      assertNear(seen, erlangC(4, arrivals, 100))
    }))
})

it.live("a SimulatedService that refuses loses the share of Erlang's formula B", () =>
  Effect.gen(function*() {
    // 8 erlangs on 10 servers.
    const service = yield* SimulatedService.make({
      latency: Latency.exponential(100),
      capacity: { concurrency: 10, above: "refuses" },
      answer: Effect.void
    })
    const arrivals = Load.poisson({ rate: 80, for: calls / 80 * 1000 })
    const report = yield* Load.run(arrivals, () => service.call(), { seed: 7, interval: "1 hour" }).pipe(
      (load) => VirtualClock.play(load, { promises: "none" })
    )
    let blocked = 1
    for (let k = 1; k <= 10; k++) blocked = 8 * blocked / (k + 8 * blocked)
    assert.closeTo(report.outcomes.ServiceRefused! / report.calls / blocked, 1, tolerance)
  }).pipe(Random.withSeed("blocked")))
