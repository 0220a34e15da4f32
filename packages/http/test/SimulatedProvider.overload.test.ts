/**
 * A provider of tokens that batches, at twice the load that it can bear: whole replies to real requests, with a 503 above its
 * queue. The shares are those of a simulation of discrete events that was written for other purposes, without this library.
 */
import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, Deadline } from "@switchgear/core"
import { Load, VirtualClock } from "@switchgear/core/testing"
import { ChatClient } from "@switchgear/http"
import { SimulatedProvider } from "@switchgear/http/testing"
import { Effect, identity, Random } from "effect"
import { HttpClient } from "effect/http"
import { model, requestOf } from "./support/tokens.ts"

/** The share of chats and of long requests in percent that is answered in time, and what came of all. */
const night = (limit: number | undefined, seed: string) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { m: model(40) } })
    const client = yield* ChatClient.make({ provider: "p", baseUrl: "http://simulated.test/v1", timeout: "1 hour" })
      .pipe(Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider)))
    const protect = limit === undefined
      ? identity
      : (yield* Bulkhead.make({ name: "limit", concurrency: limit })).protect
    const random = yield* Random.Random
    const of = { chat: { calls: 0, answered: 0 }, long: { calls: 0, answered: 0 } }
    const { outcomes } = yield* Load.run(Load.poisson({ rate: 18, for: "4 minutes" }), ({ at }) => {
      const counts = at >= 60_000 ? 1 : 0
      const { content, name, within } = requestOf(random)
      of[name].calls += counts
      return client.complete({ model: "m", messages: [{ role: "user", content }] }).pipe(
        Deadline.attempt(within),
        protect,
        Effect.tap(() => Effect.sync(() => void (of[name].answered += counts)))
      )
    }, { seed, interval: "1 hour" })
    const share = ({ answered, calls }: typeof of.chat) => 100 * answered / calls
    return { chats: share(of.chat), long: share(of.long), refused: outcomes.Overloaded ?? 0 }
  }).pipe(VirtualClock.play, Random.withSeed(seed))

/** The means over some nights. */
const means = (limit: number | undefined, nights: number) =>
  Effect.gen(function*() {
    const seen = yield* Effect.forEach(Array.from({ length: nights }), (_, index) => night(limit, `night ${index}`))
    const mean = (figure: keyof typeof seen[number]) => seen.reduce((sum, one) => sum + one[figure], 0) / nights
    return { chats: mean("chats"), long: mean("long"), refused: mean("refused") }
  })

/** One point for what the two simulations do differently, and three standard errors. */
const toleranceOf = (deviation: number, nights: number) => 1 + 3 * deviation / Math.sqrt(nights)

describe("a simulated provider of tokens at twice its load", () => {
  it.live("answers no chat in time and 65 % of the long requests, and refuses many with a 503", () =>
    Effect.gen(function*() {
      const { chats, long, refused } = yield* means(undefined, 1)
      assert.isBelow(chats, 1)
      assert.closeTo(long, 64.6, toleranceOf(3.6, 1))
      assert.isAbove(refused, 500)
    }))

  it.live("answers 48 % of both behind a limit of what it can do at full speed, and refuses none", () =>
    Effect.gen(function*() {
      const { chats, long, refused } = yield* means(40, 3)
      assert.closeTo(chats, 47.7, toleranceOf(2.3, 3))
      assert.closeTo(long, 47.5, toleranceOf(1.9, 3))
      assert.strictEqual(refused, 0)
    }))
})
