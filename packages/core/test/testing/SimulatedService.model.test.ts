/**
 * A provider of tokens under twice the load that it can bear, without and with a limit in front of it. The shares are
 * those of a simulation of discrete events that was written for other purposes, without this library.
 */
import { Bulkhead, Deadline } from "@switchgear/core"
import { Latency, Load, SimulatedService, VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, identity, Random } from "effect"

/** 80 % chats of about 1.3 s, which must be answered in 10 s; 20 % long ones of about 15 s, in 60 s. */
interface Request {
  readonly millis: number
  readonly within: Duration.Input
}

const logNormal = (median: number, sigma: number) =>
  Latency.sampler(Latency.logNormal({ median, p95: median * Math.exp(1.6449 * sigma) }))

const chat = { prompt: logNormal(400, 0.6), answer: logNormal(120, 0.7), most: 1000, within: "10 seconds" } as const
const long = { prompt: logNormal(3000, 0.5), answer: logNormal(1500, 0.7), most: 8000, within: "60 seconds" } as const

/** 150 ms, 0.3 ms for a token of the prompt, 8 ms for one of the answer; one of a hundred takes three seconds more. */
const requestOf = (random: Random.Random): Request => {
  const { answer, most, prompt, within } = random.nextDoubleUnsafe() < 0.2 ? long : chat
  const straggles = random.nextDoubleUnsafe() < 0.01 ? 3000 : 0
  return { millis: 150 + 0.3 * prompt(random) + 8 * Math.min(most, answer(random)) + straggles, within }
}

/** The share of calls in percent that are answered in time, at 18 calls a second. */
const served = (capacity: SimulatedService.Capacity, limit: number | undefined) =>
  Effect.gen(function*() {
    const service = yield* SimulatedService.make({
      latency: ({ millis }: Request) => millis,
      capacity,
      answer: () => Effect.void
    })
    const protect = limit === undefined
      ? identity
      : (yield* Bulkhead.make({ name: "limit", concurrency: limit })).protect
    const random = yield* Random.Random
    const load = Load.poisson({ rate: 18, for: "10 minutes" })
    const report = yield* Load.run(load, () => {
      const request = requestOf(random)
      return service.call(request).pipe(protect, Deadline.within(request.within))
    }, { interval: "1 hour" })
    return 100 * report.outcomes.success! / report.calls
  }).pipe((load) => VirtualClock.play(load, { promises: "none" }), Random.withSeed("overloaded"))

describe("a provider of tokens at twice its load serves as many calls as in a simulation without this library:", () => {
  const c = 40
  const kinds: ReadonlyArray<readonly [string, SimulatedService.Capacity, without: number]> = [
    ["a queue", { concurrency: c, above: "queue", waiting: 160 }, 13],
    ["batches", { concurrency: c, above: "slows", slots: 2 * c, waiting: 160 }, 13],
    ["one machine for all", { concurrency: c, above: "slows" }, 42]
  ]
  for (const [name, capacity, without] of kinds) {
    it.live(`${name}, ${without} % without a limit, and 48 % with one`, () =>
      Effect.gen(function*() {
        assert.closeTo(yield* served(capacity, undefined), without, 5)
        assert.closeTo(yield* served(capacity, c), 48, 5)
      }))
  }
})
