/** What holds of a limit whatever its algorithm and its history; which steps the algorithms take is tested with them. */
import { assert, describe, it } from "@effect/vitest"
import { ConcurrencyLimit } from "@switchgear/core"
import { Arbitraries } from "@switchgear/core/testing"
import { Effect, Random, Schema } from "effect"

const Call = Schema.Struct({
  class: Schema.UndefinedOr(Schema.Literals(["short", "long"])),
  tells: Schema.Literals(["nothing", "a first token", "tokens"])
})
type Call = typeof Call.Type

const Ending = Schema.Literals(["success", "success", "success", "drop", "ignored", "defect"])
type Ending = typeof Ending.Type

const Control = Schema.Literals(["pin", "unpin", "reset"])

const history = Arbitraries.history({
  calls: Call,
  endings: Ending,
  advance: [10, 100, 1000, 5000],
  control: Control,
  weights: { Begin: 8, Call: 6, End: 9, Interrupt: 3, Advance: 5, Control: 1 },
  length: { from: 40, to: 120 }
})

const Setup = Schema.Struct({
  algorithm: Schema.Literals(["gradient", "aimd", "vegas", "gradient2"]),
  sample: Schema.Literals(["firstToken", "perToken", "duration"]),
  min: Schema.Literals([1, 2]),
  max: Schema.Literals([3, 8, 50]),
  minimumCalls: Schema.Literals([1, 4]),
  seed: Schema.Int
})
type Setup = typeof Setup.Type

interface Subject {
  readonly limit: ConcurrencyLimit.ConcurrencyLimit
  /** What was seen of the limit, in the order of the history. */
  readonly path: Array<number>
}

const endedBy: { readonly [E in Ending]: Effect.Effect<void, unknown> } = {
  success: Effect.void,
  drop: Effect.fail({ status: 529 }),
  ignored: Effect.fail({ status: 429 }),
  defect: Effect.die("bug")
}

const tellings: { readonly [T in Call["tells"]]: Effect.Effect<void> } = {
  nothing: Effect.void,
  "a first token": ConcurrencyLimit.firstToken,
  tokens: ConcurrencyLimit.outputTokens(30)
}

const subject = ({ seed, ...setup }: Setup, paths: Array<ReadonlyArray<number>>) => ({
  make: Effect.gen(function*(): Effect.fn.Return<Subject> {
    const limit = yield* ConcurrencyLimit.make({ name: "model", initial: 3, window: 500, tolerance: 1.2, ...setup })
    const path: Array<number> = []
    paths.push(path)
    return { limit, path }
  }).pipe(Random.withSeed(seed)),
  call: ({ limit }: Subject, work: Effect.Effect<Ending>, { class: name, tells }: Call) => {
    const begun = Effect.flatMap(
      limit.snapshot,
      ({ concurrency, inFlight }) => Effect.sync(() => assert.isAtMost(inFlight, concurrency, "in flight at admission"))
    )
    return Effect.andThen(begun, tellings[tells]).pipe(
      Effect.andThen(Effect.flatMap(work, (ending) => endedBy[ending])),
      limit.protect,
      Effect.provideService(ConcurrencyLimit.CurrentClass, name)
    )
  },
  control: ({ limit: { control } }: Subject, command: typeof Control.Type) =>
    command === "pin" ? control.pin(5) : control[command],
  look: ({ limit, path }: Subject) =>
    Effect.gen(function*() {
      const { baselines, concurrency, dropRate, inFlight, limit: at, max, min, pinned, stretch } = yield* limit.snapshot
      path.push(at)
      assert.isAtLeast(at, min)
      assert.isAtMost(at, max)
      assert.strictEqual(concurrency, pinned ?? Math.floor(at))
      assert.isAtLeast(inFlight, 0)
      assert.isTrue(stretch > 0 && stretch < Infinity, `stretch is ${stretch}`)
      assert.isTrue(dropRate >= 0 && dropRate <= 1, `dropRate is ${dropRate}`)
      assert.isAtMost(baselines.length, 9)
      for (const { millis } of baselines) assert.isAbove(millis, 0)
    })
})

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)
const options = { arbitrary: { runs, size: 100 }, timeout: 5000 + 40 * runs }

describe("a concurrency limit of any algorithm", () => {
  it.effect.prop(
    "keeps its limit within its bounds, its slots at its limit and its calls within its slots, on the same path again",
    { setup: Setup, history },
    ({ history, setup }) =>
      Effect.gen(function*() {
        const paths: Array<ReadonlyArray<number>> = []
        yield* Arbitraries.play(history, subject(setup, paths))
        yield* Arbitraries.play(history, subject(setup, paths))
        assert.deepStrictEqual(paths[1], paths[0])
      }),
    options
  )

  it.effect.prop(
    "goes the same path without the calls that say nothing",
    {
      setup: Setup,
      ends: Schema.Array(Schema.Literals(["success", "success", "drop", "ignored", "defect", "left"])).check(
        Schema.isMinLength(20),
        Schema.isMaxLength(80)
      )
    },
    ({ ends, setup }) =>
      Effect.gen(function*() {
        const says = (end: typeof ends[number]) => end === "success" || end === "drop"
        const path = (ends: ReadonlyArray<"success" | "drop" | "ignored" | "defect" | "left">) =>
          Effect.gen(function*() {
            const { limit } = yield* subject(setup, []).make
            const path: Array<number> = []
            for (const end of ends) {
              yield* Effect.exit(limit.protect(end === "left" ? Effect.interrupt : endedBy[end]))
              if (says(end)) path.push((yield* limit.snapshot).limit)
            }
            return path
          })
        assert.deepStrictEqual(yield* path(ends), yield* path(ends.filter(says)))
      }),
    options
  )
})

describe("an algorithm of one's own", () => {
  const broken = (how: Partial<ConcurrencyLimit.Algorithm>): ConcurrencyLimit.MakeAlgorithm => ({ initial }) => ({
    limit: initial,
    reason: "hold",
    begun: () => {},
    sampled: () => {},
    ended: () => {},
    reset: () => {},
    read: () => ({ stretch: 1, drops: 0, baselines: [] }),
    ...how
  })
  const fails = (): never => {
    throw new Error("bug")
  }

  it.effect("moves the limit, is told of each call once, and is cut to the bounds", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      let at = 5
      const limit = yield* ConcurrencyLimit.make({
        name: "model",
        max: 7,
        sample: "duration",
        algorithm: () => ({
          get limit() {
            return at
          },
          reason: "grow",
          begun: (inFlight) => void told.push(`begun ${inFlight}`),
          sampled: (number) => void told.push(`sampled of class ${number}`),
          ended: ({ inFlight, outcome }) => {
            told.push(`${outcome} of ${inFlight}`)
            at += 2
          },
          reset: () => void told.push("reset"),
          read: () => ({ stretch: 3, drops: 0.5, baselines: [] })
        })
      })
      yield* limit.protect(Effect.void)
      yield* Effect.exit(limit.protect(endedBy.drop))
      yield* Effect.exit(limit.protect(endedBy.ignored))
      yield* limit.control.reset
      const { algorithm, concurrency, dropRate, stretch } = yield* limit.snapshot
      assert.deepStrictEqual([algorithm, concurrency, dropRate, stretch], ["own", 7, 0.5, 3])
      assert.deepStrictEqual(told, [
        "begun 1",
        "sampled of class 0",
        "success of 1",
        "begun 1",
        "drop of 1",
        "begun 1",
        "reset"
      ])
    }))

  const ways: Record<string, Partial<ConcurrencyLimit.Algorithm>> = {
    "throws when a call begins": { begun: fails },
    "throws at a sample": { sampled: fails },
    "throws when a call ends": { ended: fails },
    "throws when it is reset": { reset: fails },
    "throws when it is read": { read: fails },
    "has nothing to read": { read: () => undefined as never },
    "has no baselines to read": { read: () => ({ baselines: "none", stretch: NaN }) as never },
    "throws when a part of it is read": {
      read: () => ({
        drops: 0,
        baselines: [],
        get stretch() {
          return fails()
        }
      })
    },
    "has no number for a limit": { limit: NaN },
    "has a text for a limit": { limit: "many" as never },
    "has a limit without bounds": { limit: Infinity }
  }

  for (const [way, how] of Object.entries(ways)) {
    it.effect(`that ${way} neither ends a call nor keeps its slot`, () =>
      Effect.gen(function*() {
        const limit = yield* ConcurrencyLimit.make({
          name: "model",
          initial: 2,
          min: 1,
          max: 2,
          sample: "duration",
          algorithm: broken(how)
        })
        yield* Effect.repeat(limit.protect(Effect.void), { times: 4 })
        yield* limit.control.reset
        const { baselines, concurrency, dropRate, inFlight, stretch } = yield* limit.snapshot
        assert.deepStrictEqual([concurrency, inFlight, stretch, dropRate, baselines], [2, 0, 1, 0, []])
      }))
  }
})
