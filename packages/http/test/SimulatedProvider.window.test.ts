/**
 * Half as many tokens a minute as its callers want, from a provider that has slots enough. The shares are those of a
 * simulation of discrete events that was written for other purposes, without this library. There, a request takes the tokens
 * of its answer when it comes, as it does here with `max_tokens`.
 *
 * `SWITCHGEAR_RUNS=20` plays twenty nights for each share, which takes half a minute, and prints the shares.
 */
import { assert, describe, it } from "@effect/vitest"
import { Bulkhead, CircuitBreaker } from "@switchgear/core"
import { Load, VirtualClock } from "@switchgear/core/testing"
import { ChatClient, type ChatError } from "@switchgear/http"
import { SimulatedProvider } from "@switchgear/http/testing"
import { Clock, Console, Effect, Exit, Random } from "effect"
import { HttpClient } from "effect/http"
import { model, requestOf } from "./support/tokens.ts"

type Call = Effect.Effect<unknown, ChatError.ChatError>
type Protect = (
  call: Call
) => Effect.Effect<unknown, ChatError.ChatError | Bulkhead.BulkheadFull | CircuitBreaker.CircuitOpen>

/** The calls that are answered, and those that reach the provider, in percent of those after the first minute. */
const night = (policy: Effect.Effect<Protect>, maxTokens: "said" | "left out", seed: string, minutes = 10) =>
  Effect.gen(function*() {
    const provider = yield* SimulatedProvider.make({ models: { m: model(80, 36_990) } })
    const client = yield* ChatClient.make({ provider: "p", baseUrl: "http://simulated.test/v1", timeout: "1 hour" })
      .pipe(Effect.provideService(HttpClient.HttpClient, SimulatedProvider.httpClient(provider)))
    const random = yield* Random.Random
    const protect = yield* policy
    let [calls, answered, reached] = [0, 0, 0]
    yield* Load.run(Load.poisson({ rate: 9, for: minutes * 60_000 }), ({ at }) => {
      const counts = at >= 60_000 ? 1 : 0
      const { answer: max_tokens, content } = requestOf(random)
      const call = Effect.suspend(() => {
        reached += counts
        const messages = [{ role: "user" as const, content }]
        return client.complete({ model: "m", messages, ...(maxTokens === "said" ? { max_tokens } : {}) })
      })
      calls += counts
      return Effect.tap(protect(call), () => Effect.sync(() => void (answered += counts)))
    }, { seed, interval: "1 hour" })
    return { answered: 100 * answered / calls, reached: 100 * reached / calls }
  }).pipe(VirtualClock.play, Random.withSeed(seed))

const { SWITCHGEAR_RUNS: given } = process.env
const runs = given === undefined ? undefined : Math.min(100, Number(given))

/** The nights where one is enough. */
const few = runs ?? 1

/** The means over some nights. */
const means = (policy: Effect.Effect<Protect>, maxTokens: "said" | "left out", count = runs ?? 2) =>
  Effect.gen(function*() {
    const seen = yield* Effect.forEach(
      Array.from({ length: count }, (_, index) => `night ${index}`),
      (seed) => night(policy, maxTokens, seed)
    )
    const mean = (of: (one: typeof seen[number]) => number) => seen.reduce((sum, one) => sum + of(one), 0) / count
    const all = { answered: mean(({ answered }) => answered), reached: mean(({ reached }) => reached) }
    if (runs !== undefined) yield* Console.log(all)
    return all
  })

/**
 * Half a point for what the two simulations do differently, such as the time of a refusal, and three standard errors, for a
 * standard deviation from night to night.
 */
const toleranceOf = (deviation: number, nights = runs ?? 2) => 0.5 + 3 * deviation / Math.sqrt(nights)

const none = Effect.succeed<Protect>((call) => call)

const isRateLimit = (exit: Exit.Exit<unknown, ChatError.ChatError>) =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some((reason) => reason._tag === "Fail" && reason.error._tag === "ProviderRateLimited")

/**
 * Cuts a limit by half of the share of failures in a window of at least a second and 20 calls, and otherwise raises it while
 * at least half of it is in use.
 */
const byFailures = (rateLimits: "count" | "are ignored") =>
  Effect.gen(function*() {
    let [limit, ended, failed, peak, closed, isFirst] = [20, 0, 0, 0, 0, true]
    const bulkhead = yield* Bulkhead.make({ name: "limit", concurrency: limit })
    const judge = (exit: Exit.Exit<unknown, ChatError.ChatError>) =>
      Effect.gen(function*() {
        peak = Math.max(peak, (yield* bulkhead.snapshot).inFlight)
        if (rateLimits === "are ignored" && isRateLimit(exit)) return
        ended++
        if (Exit.isFailure(exit)) failed++
        const now = yield* Clock.currentTimeMillis
        if (ended < 20 || now - closed < 1000) return
        const share = failed < 2 ? 0 : failed / ended
        if (share > 0) isFirst = false
        if (2 * peak >= limit) limit += (isFirst ? limit / 4 : Math.max(1, Math.sqrt(limit) / 2)) * (1 - share)
        limit = Math.min(400, Math.max(4, limit * (1 - Math.min(0.3, share / 2))))
        ended = failed = peak = 0
        closed = now
        yield* bulkhead.resize(Math.floor(limit))
      })
    const protect: Protect = (call) => bulkhead.protect(Effect.onExit(call, judge))
    return protect
  })

describe("a provider with half of the tokens a minute that its callers want", () => {
  it.live("answers 45 % of the calls, and refuses the others", () =>
    Effect.gen(function*() {
      const { answered, reached } = yield* means(none, "said")
      assert.strictEqual(reached, 100)
      assert.closeTo(answered, 44.6, toleranceOf(1.5))
    }), 600_000)

  it.live(
    "answers as many behind a limit that ignores rate limits, and 30 % behind one that takes them for overload",
    () =>
      Effect.gen(function*() {
        const { answered } = yield* means(byFailures("are ignored"), "said", few)
        assert.closeTo(answered, (yield* means(none, "said", few)).answered, 0.5)
        assert.closeTo((yield* means(byFailures("count"), "said")).answered, 30.1, toleranceOf(2.3))
      }),
    600_000
  )

  it.live(
    "answers as many behind a circuit, which waits as long as the rate limits say, and is asked by few others",
    () =>
      Effect.gen(function*() {
        const breaker = Effect.map(CircuitBreaker.make({ name: "m" }), ({ protect }): Protect => protect)
        const { answered, reached } = yield* means(breaker, "said")
        assert.closeTo(answered, 44.5, toleranceOf(1.6))
        assert.closeTo(reached - answered, 9, 3)
      }),
    600_000
  )

  it.live("gives more than its limit to callers who do not say `max_tokens`", () =>
    Effect.gen(function*() {
      assert.closeTo((yield* means(none, "left out", few)).answered, 51.6, toleranceOf(1.3, few))
    }), 600_000)

  it.effect("is of its seed alone", () =>
    Effect.gen(function*() {
      const one = (seed: string) => night(byFailures("count"), "said", seed, 2)
      assert.deepStrictEqual(yield* one("one"), yield* one("one"))
      assert.notDeepEqual(yield* one("one"), yield* one("two"))
    }))
})
