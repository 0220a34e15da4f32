/**
 * The waits of a retry are those of a plain model: for random options, draws and demands of the callee, the retry, its
 * schedule and a pipeline wait exactly as long, and stop at the same attempt.
 */
import { assert, it } from "@effect/vitest"
import { Pipeline, Retry } from "@switchgear/core"
import { Clock, Duration, Effect, Fiber, Random, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const Setup = Schema.Struct({
  maxAttempts: between(1, 10),
  baseDelay: Schema.Literals([0, 0, 1, 7, 100, 1000]),
  maxDelay: Schema.UndefinedOr(Schema.Literals([1, 50, 100, 400, 20_000])),
  factor: Schema.UndefinedOr(Schema.Literals([1, 1.1, 1.5, 2, 10, 1e300, Number.MAX_VALUE])),
  jitter: Schema.UndefinedOr(
    Schema.Literals(["none", "full", "equal", "decorrelated", 0, 0.1, 0.25, 0.5, 1])
  )
})
type Setup = typeof Setup.Type

const Draws = Schema.Array(Schema.Literals([0, 0.001, 0.25, 0.4, 0.5, 0.75, 0.999, 1 - 2 ** -53])).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(5)
)
/** What each failed attempt asks for in `retryAfter`, over and over. */
const Asks = Schema.Array(Schema.UndefinedOr(Schema.Literals([0, 3, 50, 90, 1500, 30_000]))).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(4)
)

const at = <A>(list: ReadonlyArray<A>, index: number): A => list[index % list.length]!

interface Interval {
  readonly low: number
  /** Before `maxDelay` bounds it. */
  readonly high: number
}

/** The specification: the waits of a retry that fails each time. */
const waitsOf = (setup: Setup, draws: ReadonlyArray<number>, asks: ReadonlyArray<number | undefined>) => {
  const { baseDelay, factor = 2, jitter = "full", maxAttempts } = setup
  const maxDelay = setup.maxDelay ?? Math.max(baseDelay, 10_000)
  const waits: Array<{ readonly wait: number; readonly own: number; readonly interval: Interval }> = []
  let grown = Math.min(baseDelay, maxDelay)
  let previous: number = baseDelay
  while (waits.length + 1 < maxAttempts) {
    const { high, low }: Interval = jitter === "none" || jitter === 0
      ? { low: grown, high: grown }
      : jitter === "full"
      ? { low: 0, high: grown }
      : jitter === "equal"
      ? { low: grown / 2, high: grown }
      : jitter === "decorrelated"
      ? { low: baseDelay, high: Math.max(baseDelay, 3 * previous) }
      : { low: grown * (1 - jitter), high: grown * (1 + jitter) }
    const own = Math.min(maxDelay, low + (high - low) * at(draws, waits.length))
    const asked = at(asks, waits.length) ?? 0
    if (asked > maxDelay) return waits
    waits.push({ wait: Math.max(own, asked), own, interval: { low: Math.min(low, maxDelay), high } })
    grown = Math.min(maxDelay, grown * factor)
    previous = own
  }
  return waits
}

const drawing = (draws: ReadonlyArray<number>) => {
  let drawn = 0
  return Effect.updateService(Random.Random, (random) => ({
    ...random,
    nextDoubleUnsafe: () => at(draws, drawn++)
  }))
}

const retryOf = (asks: ReadonlyArray<number | undefined>, attempt: number) => {
  const asked = at(asks, attempt)
  return { _tag: "Busy", ...(asked !== undefined && { retryAfter: Duration.millis(asked) }) }
}

/** The waits between the attempts, in virtual time. */
const played =
  (asks: ReadonlyArray<number | undefined>, draws: ReadonlyArray<number>) =>
  (protect: (self: Effect.Effect<never, unknown>) => Effect.Effect<never, unknown>) =>
    Effect.gen(function*() {
      const start = yield* Clock.currentTimeMillis
      const begun: Array<number> = []
      const call = Effect.flatMap(Clock.currentTimeMillis, (now) => {
        begun.push(now - start)
        return Effect.fail(retryOf(asks, begun.length - 1))
      })
      const fiber = yield* Effect.forkChild(Effect.exit(protect(call)).pipe(drawing(draws)), { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(fiber)
      return begun.slice(1).map((time, i) => time - begun[i]!)
    })

/** The delays of a schedule, driven by hand. */
const driven = (setup: Setup, asks: ReadonlyArray<number | undefined>, draws: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const step = yield* Schedule.toStep(Retry.schedule(setup))
    const waits: Array<number> = []
    while (true) {
      const next = yield* Effect.exit(step(0, retryOf(asks, waits.length)))
      if (next._tag === "Failure") return waits
      waits.push(Duration.toMillis(next.value[1]))
    }
  }).pipe(drawing(draws))

const isNear = (actual: number, expected: number): boolean =>
  Math.abs(actual - expected) <= 1e-6 * Math.max(1, expected)

const assertNear = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>): void => {
  const same = actual.length === expected.length && actual.every((wait, i) => isNear(wait, expected[i]!))
  if (!same) assert.deepStrictEqual(actual, expected)
}

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 300)

it.effect.prop(
  "a retry, its schedule and a pipeline wait as the model says, for any options, draws and demands",
  { setup: Setup, draws: Draws, asks: Asks },
  ({ asks, draws, setup }) =>
    Effect.gen(function*() {
      const expected = waitsOf(setup, draws, asks).map(({ wait }) => wait)
      const play = played(asks, draws)
      assertNear(yield* driven(setup, asks, draws), expected)
      assertNear(yield* play(Retry.retry(setup)), expected)
      const retry = yield* Retry.make(setup)
      const pipeline = yield* Pipeline.make({ retry, attemptTimeout: "1 hour" })
      assertNear(yield* play(pipeline.protect), expected)
    }),
  { arbitrary: { runs } }
)

it.effect.prop(
  "a wait lies in the documented interval, never above maxDelay, and the interval never shrinks from retry to retry",
  { setup: Setup, draws: Draws },
  ({ draws, setup }) =>
    Effect.gen(function*() {
      const maxDelay = setup.maxDelay ?? Math.max(setup.baseDelay, 10_000)
      const waits = yield* driven({ ...setup, maxAttempts: 30 }, [undefined], draws)
      const model = waitsOf({ ...setup, maxAttempts: 30 }, draws, [undefined])
      assert.lengthOf(waits, 29)
      waits.forEach((wait, i) => {
        const { high, low } = model[i]!.interval
        assert.isAtMost(wait, maxDelay)
        assert.isAtLeast(wait, low * (1 - 1e-6))
        assert.isAtMost(wait, high * (1 + 1e-6))
        if (setup.baseDelay === 0) assert.strictEqual(wait, 0)
        if (setup.jitter === "none" || setup.jitter === 0) assert.isTrue(isNear(wait, low))
        const before = model[i - 1]?.interval
        if (before === undefined || setup.jitter === "decorrelated") return
        assert.isAtLeast(low, before.low)
        assert.isAtLeast(high, before.high)
      })
    }),
  { arbitrary: { runs } }
)
