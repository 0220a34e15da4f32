/** A cascade tells when it begins and ceases to serve stale and canned answers, and not for each of them. */
import { assert, describe, it } from "@effect/vitest"
import { Cascade, Registry, Telemetry } from "@switchgear/core"
import { Clock, Effect, Layer, Logger, Metric, Schema } from "effect"
import { TestClock } from "effect/testing"

const chains = {
  none: Cascade.first("gpt", Effect.succeed("hi")),
  fallback: Cascade.first("gpt", Effect.fail("503")).pipe(Cascade.orElse("claude", Effect.succeed("hi"))),
  stale: Cascade.first("gpt", Effect.fail("503")).pipe(
    Cascade.orLastGood("cache", Effect.succeed({ value: "yesterday's" }))
  ),
  canned: Cascade.first("gpt", Effect.fail({ _tag: "CircuitOpen" })).pipe(
    Cascade.orElse("claude", Effect.fail("503")),
    Cascade.orConstant("canned", "sorry")
  ),
  exhausted: Cascade.first("gpt", Effect.fail("503"))
}

/** Runs chains after waits in seconds, and answers the changes as `second: from → to`. */
const changes = (
  traffic: ReadonlyArray<readonly [after: number, kind: keyof typeof chains]>,
  options: Partial<Cascade.Options> = {}
) =>
  Effect.gen(function*() {
    const answers = yield* Cascade.make({ name: "answers", ...options })
    const start = yield* Clock.currentTimeMillis
    for (const [seconds, kind] of traffic) {
      yield* TestClock.adjust(seconds * 1000)
      yield* Effect.exit(answers.run(chains[kind]))
    }
    const events = yield* Registry.history
    return events.map(({ at, from, to }) => `${(at - start) / 1000}: ${from} → ${to}`)
  }).pipe(Effect.scoped, Effect.provide(Registry.layer({ history: 10_000 })))

describe("a cascade", () => {
  it.effect("logs when it begins to serve its last steps, and when it has ceased to for a minute", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        lines.push(`${logLevel} ${[message].flat().join(" ")}`)
      })
      const program = Effect.gen(function*() {
        const answers = yield* Cascade.make({ name: "answers" })
        for (const kind of ["none", "canned", "canned", "none"] as const) yield* answers.run(chains[kind])
        yield* TestClock.adjust("1 minute")
        for (const kind of ["fallback", "none"] as const) yield* answers.run(chains[kind])
      })
      const observed = Telemetry.layer().pipe(
        Layer.provideMerge(
          Layer.mergeAll(
            Registry.layer(),
            Logger.layer([logger]),
            Layer.sync(Metric.MetricRegistry, () => new Map())
          )
        )
      )
      yield* program.pipe(Effect.scoped, Effect.provide(observed))
      assert.deepStrictEqual(lines, [
        "Warn Cascade \"answers\": none → canned (gpt: CircuitOpen, claude: string)",
        "Info Cascade \"answers\": canned → fallback (no stale or canned answer for 1m)"
      ])
    }))

  it.effect("tells once that it got worse, and not that it is less bad", () =>
    Effect.gen(function*() {
      const worse = [[0, "fallback"], [1, "stale"], [1, "canned"], [1, "stale"], [1, "canned"], [60, "none"]] as const
      assert.deepStrictEqual(yield* changes(worse), [
        "1: fallback → stale",
        "2: stale → canned",
        "64: canned → none"
      ])
    }))

  it.effect("waits as long as it is told to", () =>
    Effect.gen(function*() {
      const traffic = [[0, "canned"], [5, "none"], [4, "canned"], [9, "none"], [1, "none"]] as const
      assert.deepStrictEqual(yield* changes(traffic, { recoveredAfter: "10 seconds" }), [
        "0: none → canned",
        "19: canned → none"
      ])
    }))

  it.effect("has not recovered by falling silent or by failing", () =>
    Effect.gen(function*() {
      const traffic = [[0, "canned"], [3600, "exhausted"], [3600, "canned"], [59, "none"], [1, "none"]] as const
      assert.deepStrictEqual(yield* changes(traffic), ["0: none → canned", "7260: canned → none"])
    }))

  it.effect("tells nothing of fallbacks", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* changes([[0, "none"], [1, "fallback"], [90, "none"], [1, "exhausted"]]), [])
    }))

  it.effect("writes two lines about an hour of mixed traffic, half of it canned", () =>
    Effect.gen(function*() {
      const hour = Array.from({ length: 3600 }, (_, i) => [1, i % 2 === 0 ? "canned" : "none"] as const)
      assert.deepStrictEqual(yield* changes([...hour, [60, "none"]]), ["1: none → canned", "3660: canned → none"])
    }))

  it.effect("goes on when an observer of its change throws", () =>
    Effect.gen(function*() {
      const registry = yield* Registry.CurrentRegistry
      registry.observe({
        happened: () => {
          throw new Error("observer")
        },
        grew: () => {
          throw new Error("observer")
        }
      })
      const answers = yield* Cascade.make({ name: "answers" })
      assert.strictEqual((yield* answers.run(chains.canned)).value, "sorry")
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.merge(Registry.layer(), Logger.layer([])))
    ))
})

const Traffic = Schema.Array(Schema.Struct({
  after: Schema.Literals([0, 1, 20, 59, 60, 61, 200]),
  kind: Schema.Literals(["none", "fallback", "stale", "canned", "exhausted"])
})).check(Schema.isMaxLength(40))

/** The specification: what is told of answers at their seconds. */
const told = (traffic: typeof Traffic.Type): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const answers: Array<{ readonly at: number; readonly kind: Cascade.Degradation }> = []
  let now = 0
  let mode: Cascade.Degradation = "none"
  for (const { after, kind } of traffic) {
    now += after
    if (kind === "exhausted") continue
    answers.push({ at: now, kind })
    const bad = (one: string) => one === "stale" || one === "canned"
    const lastMinute = answers.filter(({ at, kind }) => bad(kind) && at > now - 60)
    const tell = (to: Cascade.Degradation) => {
      if (bad(mode) || bad(to)) lines.push(`${now}: ${mode} → ${to}`)
      mode = to
    }
    if (!bad(mode)) tell(kind)
    else if (mode === "stale" && kind === "canned") tell(kind)
    else if (!bad(kind) && lastMinute.length === 0) tell(kind)
  }
  return lines
}

it.effect.prop(
  "a cascade tells the changes that the model tells, at most three in a minute, each from where the last one went",
  { traffic: Traffic },
  ({ traffic }) =>
    Effect.gen(function*() {
      const lines = yield* changes(traffic.map(({ after, kind }) => [after, kind]))
      assert.deepStrictEqual(lines, told(traffic))
      const at = lines.map((line) => Number(line.split(":")[0]))
      at.forEach((second, i) => i >= 3 && assert.isAtLeast(second - at[i - 3]!, 60))
    }),
  { arbitrary: { runs: Number(process.env.SWITCHGEAR_RUNS ?? 300) } }
)
