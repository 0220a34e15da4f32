/** An outage is no overload: what a limit does while a provider is down, and when it is back. */
import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, ConcurrencyLimit } from "@switchgear/core"
import { Load, VirtualClock } from "@switchgear/core/testing"
import { Clock, Effect, Random, Schema } from "effect"

interface Outage {
  readonly kind: "hangs" | "refuses"
  /** Whether a circuit is inside of the limit. */
  readonly hasCircuit: boolean
  /** Seconds. */
  readonly lasts: number
  /** Calls a second. */
  readonly rate: number
  readonly seed: number
}

const healthy = 120
/** How long calls take: the first token, and the rest. */
const [first, rest] = [300, 2000]

/** The slots that the calls need when the provider is well. */
const needed = ({ rate }: Outage) => rate * (first + rest) / 1000

/** The limit in each second, from the end of the outage on. */
const afterOutage = (outage: Outage) =>
  Effect.gen(function*() {
    const limit = yield* ConcurrencyLimit.make({ name: "model" })
    const breaker = yield* CircuitBreaker.make({ name: "model", openFor: "10 seconds" })
    const start = yield* Clock.currentTimeMillis
    const [from, to] = [healthy * 1000, (healthy + outage.lasts) * 1000]
    const work = Effect.gen(function*() {
      const now = (yield* Clock.currentTimeMillis) - start
      if (now >= from && now < to) {
        yield* Effect.sleep(outage.kind === "hangs" ? 10_000 : 50)
        return yield* Effect.fail({ isOverload: true })
      }
      yield* Effect.sleep(first)
      yield* ConcurrencyLimit.firstToken
      yield* Effect.sleep(rest)
    })
    const guarded = outage.hasCircuit ? breaker.protect(work) : work
    const limits: Array<number> = []
    const watch = Effect.andThen(
      Effect.sleep(to),
      Effect.forever(Effect.delay(
        Effect.map(limit.snapshot, ({ concurrency }) => {
          limits.push(concurrency)
        }),
        "1 second"
      ))
    )
    const watching = yield* Effect.forkChild(watch)
    const arrivals = Load.poisson({ rate: outage.rate, for: to + 120_000 })
    yield* Effect.orDie(Load.run(arrivals, () => limit.protect(guarded), { seed: outage.seed }))
    watching.interruptUnsafe()
    return limits
  }).pipe((run) => VirtualClock.play(run, { promises: "none" }), Random.withSeed(`outage ${outage.seed}`))

describe("gradient, when a provider is down", () => {
  it.effect.prop(
    "has room for the old rate within a minute of its end, however long it was, and keeps it",
    {
      outage: Schema.Struct({
        kind: Schema.Literals(["hangs", "refuses"]),
        hasCircuit: Schema.Boolean,
        lasts: Schema.Literals([30, 300, 3600]),
        rate: Schema.Literals([6, 10, 30]),
        seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
      })
    },
    ({ outage }) =>
      Effect.gen(function*() {
        const limits = yield* Effect.promise(() => Effect.runPromise(afterOutage(outage)))
        const least = Math.min(...limits.slice(60))
        assert.isAtLeast(least, needed(outage), `${JSON.stringify(outage)}: ${limits.slice(0, 61).join(" ")}`)
      }),
    { arbitrary: { runs: 12 }, timeout: 30_000 }
  )

  const calls = (limit: ConcurrencyLimit.ConcurrencyLimit, count: number, work: Effect.Effect<unknown, unknown>) =>
    Effect.forEach(
      Array.from({ length: count }),
      () => Effect.exit(limit.protect(Effect.andThen(Effect.sleep(1), work))),
      { concurrency: "unbounded" }
    )

  it.live("keeps its limit where only a few probes fail, and lowers it where half of it is in use", () =>
    VirtualClock.play(Effect.gen(function*() {
      const overloaded = Effect.fail({ status: 503 })
      const limit = yield* ConcurrencyLimit.make({ name: "model", initial: 40, window: 1, minimumCalls: 2 })
      for (let n = 0; n < 50; n++) yield* calls(limit, 3, overloaded)
      const kept = yield* limit.snapshot
      assert.deepStrictEqual([kept.concurrency, kept.reason, kept.dropRate, kept.drops], [40, "hold", 1, 150])
      yield* calls(limit, 30, overloaded)
      assert.isBelow((yield* limit.snapshot).concurrency, 40)
    })))
})
