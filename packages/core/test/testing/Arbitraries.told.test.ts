import { Arbitraries } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit } from "effect"

/** The counterexample of a subject, or undefined if there is none. */
const counterexampleOf = <S, Control = never>(
  subject: Arbitraries.Subject<S, undefined, Arbitraries.Ending, Control, void>,
  options: {
    readonly seed?: number
    readonly runs?: number
    readonly control?: ReadonlyArray<Control & (string | number | boolean)>
  } = {}
) =>
  Arbitraries.check({
    seed: options.seed ?? 1,
    runs: options.runs ?? 200,
    history: Arbitraries.history({ control: options.control }) as never,
    subject
  }).pipe(
    Effect.as(undefined),
    Effect.catchTag("Counterexample", (error) => Effect.succeed(error)),
    Effect.orDie
  )

const onlyEnds = {
  make: Effect.void,
  call: (_: void, work: Effect.Effect<Arbitraries.Ending>) => Arbitraries.ended(work),
  look: () => Effect.void
}

// Each waits for a second or more.
describe.concurrent("a history that does not go on", () => {
  it.live.each<readonly [string, object, string]>([
    ["make", { ...onlyEnds, make: Effect.sleep("1 second") }, "`make` has not ended"],
    ["look", { ...onlyEnds, look: () => Effect.sleep("1 second") }, "`look` has not ended"],
    ["control", { ...onlyEnds, control: () => Effect.sleep("1 second") }, "`control` has not ended"],
    [
      "a call that yields for ever",
      { ...onlyEnds, call: () => Effect.forever(Effect.yieldNow) },
      "the last step has not ended"
    ],
    ["what cannot be interrupted", { ...onlyEnds, make: Effect.uninterruptible(Effect.never) }, "`make` has not ended"],
    [
      "a finalizer that sleeps",
      { ...onlyEnds, make: Effect.acquireRelease(Effect.void, () => Effect.sleep("1 second")) },
      "a finalizer of `make` has not ended"
    ],
    [
      "a finalizer that never ends",
      { ...onlyEnds, make: Effect.acquireRelease(Effect.void, () => Effect.never) },
      "a finalizer of `make` has not ended"
    ]
  ])("fails and says what has not ended: %s", ([, subject, said]) =>
    Effect.gen(function*() {
      const failed = yield* counterexampleOf(subject as typeof onlyEnds, { control: [1 as never] })
      assert.include(failed?.problem, said)
      assert.include(failed?.message, "for a second nothing else has happened")
    }))

  it.live("is not one that takes long, but goes on", () =>
    Effect.gen(function*() {
      const slow = { ...onlyEnds, look: () => Effect.promise(() => new Promise<void>((done) => setTimeout(done, 20))) }
      assert.isUndefined(yield* counterexampleOf(slow, { runs: 2 }))
    }))
})

describe("the smallest history of a planted fault is found for every seed", () => {
  interface State {
    failures: number
    lastFailure: number
    running: number
    last: string
    generation: number
    broken: boolean
  }
  const make = Effect.sync((): State => ({
    failures: 0,
    lastFailure: 0,
    running: 0,
    last: "",
    generation: 0,
    broken: false
  }))
  const look = ({ broken }: State) => broken ? Effect.fail("it is broken") : Effect.void
  type Call = (state: State, work: Effect.Effect<Arbitraries.Ending>) => Effect.Effect<unknown, unknown>

  const recovery: Call = (state, work) =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      const exit = yield* Effect.exit(Arbitraries.ended(work))
      if (Exit.isFailure(exit)) {
        state.failures++
        state.lastFailure = yield* Clock.currentTimeMillis
      } else {
        if (state.failures >= 2 && now - state.lastFailure >= 1000) state.broken = true
        state.failures = 0
      }
    })
  const resized: Call = (state, work) =>
    Effect.gen(function*() {
      const { generation } = state
      if ((yield* work) === "defect" && state.generation === generation + 2) state.broken = true
    })
  const crowd: Call = (state, work) =>
    Effect.gen(function*() {
      const atStart = ++state.running
      const exit = yield* Effect.exit(Arbitraries.ended(work))
      state.running--
      if (Exit.isFailure(exit) && state.last === "Failure" && atStart >= 2 && state.running >= 2) state.broken = true
      state.last = exit._tag
    })

  const streak: Call = (state, work) =>
    Effect.onExit(Arbitraries.ended(work), (exit) =>
      Effect.sync(() => {
        if (Exit.isFailure(exit)) return void state.failures++
        if (state.failures >= 3) state.broken = true
        state.failures = 0
      }))
  // Longer than the longest step of the clock, and of three steps in any order.
  const late: Call = (state, work) =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      if (state.failures > 0 && now - state.lastFailure >= 12_000) state.broken = true
      if (Exit.isFailure(yield* Effect.exit(Arbitraries.ended(work)))) {
        state.failures++
        state.lastFailure = now
      }
    })
  const exact: Call = (state, work) =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      if (state.running > 0 && now - state.lastFailure === 11) state.broken = true
      state.running++
      state.lastFailure = now
      yield* Arbitraries.ended(work)
    })

  it.live.each(
    [
      ["two failures and a pause", recovery, 4],
      ["two changes during a call", resized, 4],
      ["two failures among many", crowd, 4],
      ["three failures and a success, with interrupts in place of failures", streak, 4],
      ["a pause of several steps", late, 4],
      ["a pause of several steps in any order", exact, 4]
    ] as const
  )("%s", ([, call, length]) =>
    Effect.gen(function*() {
      const found = new Set<string>()
      for (let seed = 0; seed < 25; seed++) {
        const failed = yield* counterexampleOf<State, number>({
          make,
          call,
          look,
          control: (state, change) => Effect.sync(() => void (state.generation += change === 3 ? 1 : 0))
        }, { seed, control: [1, 2, 3] })
        assert.strictEqual(failed?.steps.length, length)
        found.add(failed!.steps.join("\n"))
      }
      assert.strictEqual(found.size, 1, [...found].join("\n\n"))
    }), 60_000)
})

describe("a counterexample", () => {
  it.effect("that fails again when it is played once more says nothing of that", () =>
    Effect.gen(function*() {
      const failing = { ...onlyEnds, look: () => Effect.fail("always") }
      const failed = yield* counterexampleOf(failing)
      assert.strictEqual(failed?.repeats, "every time")
      assert.notInclude(failed?.message, "not every time")
    }))

  it.effect("says so if it fails not every time", () =>
    Effect.gen(function*() {
      let made = 0
      const failed = yield* counterexampleOf({
        ...onlyEnds,
        make: Effect.sync(() => void made++),
        // Only the third history, whatever happens in it.
        look: () => made === 3 ? Effect.fail("by chance") : Effect.void
      })
      assert.strictEqual(failed?.repeats, "not every time")
      assert.include(failed?.message, "It fails not every time: played once more, it passed.")
    }))
})
