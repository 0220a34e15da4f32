import { assert, describe, it } from "@effect/vitest"
import { Bulkhead } from "@switchgear/core"
import { Arbitraries, VirtualClock } from "@switchgear/core/testing"
import { Arbitrary, Cause, Clock, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

type Flaw =
  | "none"
  | "forgets a waiter that is interrupted"
  | "lets one too many in"
  | "loses the slot of work that dies"
  | "opens too early"

/** A gate for one at a time that can be shut for a second, in as few lines as a gate takes, with a flaw. */
class Gate {
  running = 0
  private shutUntil = 0
  private readonly waiting: Array<() => void> = []
  private readonly slots: number
  private readonly flaw: Flaw

  constructor(slots: number, flaw: Flaw) {
    this.slots = slots
    this.flaw = flaw
  }

  protect<A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E | "shut"> {
    const slots = this.flaw === "lets one too many in" ? this.slots + 1 : this.slots
    const entry = Effect.flatMap(Clock.currentTimeMillis, (now): Effect.Effect<void, "shut"> => {
      if (now < this.shutUntil) return Effect.fail("shut")
      if (this.running < slots) return Effect.sync(() => void this.running++)
      return Effect.callback<void>((resume) => {
        const go = () => resume(Effect.void)
        this.waiting.push(go)
        if (this.flaw === "forgets a waiter that is interrupted") return
        return Effect.sync(() => void this.waiting.splice(this.waiting.indexOf(go), 1))
      })
    })
    return Effect.acquireUseRelease(Effect.interruptible(entry), () => work, (_, exit) =>
      Effect.sync(() => {
        if (this.flaw === "loses the slot of work that dies" && Exit.hasDies(exit)) return
        const next = this.waiting.shift()
        if (next) next()
        else this.running--
      }))
  }

  shut(now: number): void {
    this.shutUntil = now + (this.flaw === "opens too early" ? 999 : 1000)
  }
}

interface Seen {
  readonly running: number
  readonly shut: ReadonlyArray<number>
}

const model = (slots: number): Arbitraries.Model<undefined, Arbitraries.Ending, "shut", Seen> => {
  const [running, waiting, shut] = [new Array<number>(), new Array<number>(), new Array<number>()]
  const instant = new Set<number>()
  let shutUntil = 0
  const handOut = (): void => {
    while (running.length < slots && waiting.length > 0) {
      const next = waiting.shift()!
      if (!instant.has(next)) running.push(next)
    }
  }
  return {
    on: (event) => {
      switch (event._tag) {
        case "Began":
          if (event.now < shutUntil) shut.push(event.id)
          else waiting.push(event.id)
          if (event.ending) instant.add(event.id)
          break
        case "Ended":
        case "Interrupted":
          for (const list of [running, waiting]) if (list.includes(event.id)) list.splice(list.indexOf(event.id), 1)
          break
        case "Controlled":
          shutUntil = event.now + 1000
      }
      handOut()
    },
    look: () => ({ running: running.length, shut })
  }
}

const history = Arbitraries.history({ control: ["shut"], advance: [100, 1, 899, 999, 1000] })

const gate = (flaw: Flaw, slots = 1) => ({
  make: Effect.sync(() => new Gate(slots, flaw)),
  call: (gate: Gate, work: Effect.Effect<Arbitraries.Ending>) => gate.protect(Arbitraries.ended(work)),
  control: (gate: Gate) => Effect.map(Clock.currentTimeMillis, (now) => gate.shut(now)),
  look: ({ running }: Gate, { calls }: Arbitraries.Scene<undefined>) =>
    Effect.succeed({
      running,
      shut: calls.flatMap(({ exit, id }) => exit && Exit.isFailure(exit) && isShut(exit.cause) ? [id] : [])
    }),
  model: () => model(slots)
})

const isShut = (cause: Cause.Cause<unknown>) => cause.reasons.some((r) => Cause.isFailReason(r) && r.error === "shut")

const failure = <A, E>(self: Effect.Effect<A, E>): Effect.Effect<Arbitraries.Counterexample> =>
  Effect.map(Effect.flip(self), (error) => {
    assert.instanceOf(error, Arbitraries.Counterexample)
    return error
  }).pipe(Effect.orDie)

const counterexampleTo = (flaw: Flaw, seed: string | number = 1) =>
  failure(Arbitraries.check({ history, subject: gate(flaw), seed, runs: 300 }))

describe("check", () => {
  it.effect("finds nothing where nothing is wrong, in as many histories as it was told to play", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Arbitraries.check({ history, subject: gate("none"), runs: 30 }), { runs: 30 })
    }))

  it.effect("waits for a call that comes to its work only after many turns", () =>
    Effect.gen(function*() {
      const turns = Effect.forEach(Array.from({ length: 30 }), () => Effect.yieldNow, { discard: true })
      const late = gate("none")
      const subject = {
        ...late,
        call: (gate: Gate, work: Effect.Effect<Arbitraries.Ending>) => late.call(gate, Effect.andThen(turns, work))
      }
      assert.deepStrictEqual(yield* Arbitraries.check({ history, subject, runs: 30 }), { runs: 30 })
    }))

  const shortest: { readonly [F in Exclude<Flaw, "none">]: readonly [steps: ReadonlyArray<string>, problem: string] } =
    {
      "forgets a waiter that is interrupted": [
        [
          "begin call 0: call 0 runs",
          "begin call 1: call 1 waits",
          "interrupt call 1: call 1 is interrupted",
          "interrupt those who are left"
        ],
        "running is 1, and should be 0"
      ],
      "lets one too many in": [
        ["begin call 0: call 0 runs", "begin call 1: call 1 runs"],
        "running is 2, and should be 1"
      ],
      "loses the slot of work that dies": [
        ["begin call 0, which ends at once with defect: call 0 dies defect"],
        "running is 1, and should be 0"
      ],
      "opens too early": [
        ["control: shut", "wait 999 ms", "begin call 0: call 0 runs"],
        "running is 1, and should be 0\nshut.length is 0, and should be 1\nshut.0 is undefined, and should be 0"
      ]
    }
  for (const flaw of Object.keys(shortest) as Array<keyof typeof shortest>) {
    it.effect(`tells the shortest story of a gate that ${flaw}, whatever the seed`, () =>
      Effect.gen(function*() {
        for (const seed of [1, 2, "three"]) {
          const { problem, steps } = yield* counterexampleTo(flaw, seed)
          assert.deepStrictEqual([steps, problem], shortest[flaw])
        }
      }))
  }

  it.effect("makes one step of two waits where the clock can take it", () =>
    Effect.gen(function*() {
      const halves = Arbitraries.history({ control: ["shut"], advance: [1, 499, 500, 999] })
      const subject = gate("opens too early")
      const { steps } = yield* failure(Arbitraries.check({ history: halves, subject, seed: 7, runs: 300 }))
      assert.deepStrictEqual(steps, shortest["opens too early"][0])
    }))

  it.effect("makes one step of a call that begins and ends, and chooses what is listed first", () =>
    Effect.gen(function*() {
      const history = Arbitraries.history({
        calls: ["chat", "batch"],
        endings: ["success", "failure"],
        weights: { Call: 1, Begin: 20, End: 20 },
        length: { from: 40, to: 40 }
      })
      const look = (_: void, { calls }: Arbitraries.Scene<string>) =>
        calls.some(({ exit }) => exit && Exit.isSuccess(exit)) ? Effect.fail("one has answered") : Effect.void
      const subject = { make: Effect.void, call: (_: void, work: Effect.Effect<unknown>) => work, look }
      const { steps } = yield* failure(Arbitraries.check({ history, subject }))
      assert.deepStrictEqual(steps, ["begin call 0 chat, which ends at once with success: call 0 answers"])
    }))

  it.effect("simplifies what comes from a schema as far as the schema allows", () =>
    Effect.gen(function*() {
      const history = Arbitraries.history({
        calls: Schema.Struct({
          key: Schema.UndefinedOr(Schema.Literals(["a", "b"])),
          tokens: Schema.Array(Schema.Literals([0, 3, 7]))
        })
      })
      const look = (_: void, { calls }: Arbitraries.Scene<{ readonly tokens: ReadonlyArray<number> }>) =>
        calls.some(({ call }) => call.tokens.includes(7)) ? Effect.fail("seven") : Effect.void
      const subject = { make: Effect.void, call: (_: void, work: Effect.Effect<unknown>) => work, look }
      const { steps } = yield* failure(Arbitraries.check({ history, subject, seed: 1 }))
      assert.deepStrictEqual(steps, [`begin call 0 {"key":undefined,"tokens":[7]}: call 0 runs`])
    }))

  it.effect("plays a counterexample again by its token, and nothing else", () =>
    Effect.gen(function*() {
      const first = yield* counterexampleTo("opens too early")
      assert.include(first.message, `replay: ${JSON.stringify(first.replay)}`)
      let played = 0
      const flawed = gate("opens too early")
      const counting = { ...flawed, make: Effect.andThen(Effect.sync(() => played++), flawed.make) }
      const again = yield* failure(Arbitraries.check({ history, subject: counting, replay: first.replay }))
      assert.deepStrictEqual(again, first)
      // The history as it was found, and each of its simplifications that failed.
      const path: ReadonlyArray<unknown> = JSON.parse(first.replay!)[4]
      assert.strictEqual(played, path.length + 1)
    }))

  it.effect("says so when a replayed history does not fail any more", () =>
    Effect.gen(function*() {
      const { replay } = yield* counterexampleTo("opens too early")
      const nothing = yield* Effect.flip(Arbitraries.check({ history, subject: gate("none"), replay }))
      assert.instanceOf(nothing, Arbitraries.NothingShown)
      assert.include(nothing.message, "Take the token out.")
    }))

  it.effect("says so when a filter leaves too few histories", () =>
    Effect.gen(function*() {
      const none = Arbitrary.filter(history, () => false)
      const nothing = yield* Effect.flip(Arbitraries.check({ history: none, subject: gate("none") }))
      assert.strictEqual(
        nothing.message.split(":")[0],
        "No history was judged, because too many histories are filtered out"
      )
    }))

  it.effect("finds the same with the same seed, on this clock and on the other", () =>
    Effect.gen(function*() {
      const options = { history, subject: gate("opens too early"), seed: 5 }
      const one = yield* failure(Arbitraries.check(options))
      assert.deepStrictEqual(yield* failure(Arbitraries.check(options)), one)
      assert.deepStrictEqual(yield* failure(Arbitraries.check({ ...options, clock: VirtualClock.layer() })), one)
    }))

  it.effect("needs no model: what fails in a look, in a change by hand or in the making is a counterexample", () =>
    Effect.gen(function*() {
      const { call, look, make } = gate("none")
      const problem = (
        subject: Partial<
          Parameters<typeof Arbitraries.check<Gate, undefined, Arbitraries.Ending, "shut", unknown>>[0]["subject"]
        >
      ) =>
        Effect.map(failure(Arbitraries.check({ history, subject: { make, call, look, ...subject } })), (error) => [
          error.steps,
          error.problem
        ])
      assert.deepStrictEqual(yield* problem({ look: () => Effect.die(new Error("blind")) }), [
        ["interrupt those who are left"],
        "blind"
      ])
      assert.deepStrictEqual(yield* problem({ control: () => Effect.fail("stuck") }), [["control: shut"], "stuck"])
      assert.deepStrictEqual(yield* problem({ make: Effect.fail("no parts") }), [[], "no parts"])
      assert.strictEqual(
        new Arbitraries.Counterexample({ steps: [], problem: "no parts" }).message,
        "Before the first step, something is wrong:\nno parts"
      )
    }))

  it.effect("when interrupted, interrupts the calls that are under way", () =>
    Effect.gen(function*() {
      let [begun, interrupted] = [0, 0]
      const subject = {
        make: Effect.void,
        call: (_: void, work: Effect.Effect<unknown>) =>
          Effect.onInterrupt(Effect.andThen(Effect.sync(() => begun++), work), () => Effect.sync(() => interrupted++)),
        look: (_: void, { calls }: Arbitraries.Scene<undefined>) => calls.length === 3 ? Effect.never : Effect.void
      }
      const history = Arbitraries.history({ weights: { Call: 0, End: 0, Interrupt: 0 } })
      const fiber = yield* Effect.forkChild(Arbitraries.check({ history, subject }))
      while (begun < 3) yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual([begun, interrupted], [3, 3])
    }))

  it.effect("refuses what is no token, and no number of runs", () =>
    Effect.gen(function*() {
      const refused = (options: { readonly replay?: string; readonly runs?: number }) =>
        Effect.map(Effect.exit(Arbitraries.check({ history, subject: gate("none"), ...options })), (exit) =>
          Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : undefined)
      assert.strictEqual(
        yield* refused({ replay: "17" }),
        `RangeError: Arbitraries.check: replay must be the token of a Counterexample, got "17"`
      )
      assert.strictEqual(
        yield* refused({ runs: 0 }),
        "RangeError: Arbitraries.check: runs must be a whole number of at least 1, got 0"
      )
    }))
})

describe("play", () => {
  it.effect("goes on with a clock that has a time already, and tells the model that time", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust(500)
      const times: Array<number> = []
      const model = () => ({
        on: ({ now }: { readonly now: number }) => void times.push(now),
        look: () => times.length
      })
      yield* Arbitraries.play([{ _tag: "Begin", call: undefined }, { _tag: "Advance", millis: 20 }], {
        make: Effect.void,
        call: () => Effect.void,
        look: (_, { now }) => Effect.succeed(now === 500 ? 1 : 2),
        model
      })
      assert.deepStrictEqual(times, [500, 520])
    }))

  it.effect("shows calls as they wait, run and end, and tells the model whom a step is about", () =>
    Effect.gen(function*() {
      const history: Arbitraries.History<string> = [
        { _tag: "Begin", call: "a" },
        { _tag: "Begin", call: "b" },
        { _tag: "Call", call: "c", ending: "failure" },
        { _tag: "End", index: 4, ending: "defect" },
        { _tag: "Interrupt", who: "running", index: 1 },
        { _tag: "End", index: 0, ending: "success" }
      ]
      const told: Array<unknown> = []
      const states: Array<string> = []
      yield* Arbitraries.play(history, {
        make: Bulkhead.make({ name: "model", concurrency: 1, queue: 5 }),
        call: (bulkhead, work) => bulkhead.protect(Arbitraries.ended(work)),
        look: (_, { calls, started }) =>
          Effect.sync(() =>
            void states.push(`${calls.map(({ call, state }) => `${call} ${state}`).join(", ")}; ${started.length}`)
          ),
        model: () => ({ on: (event) => void told.push(event), look: () => undefined })
      })
      assert.deepStrictEqual(states, [
        "a running; 1",
        "a running, b waiting; 1",
        "a running, b waiting, c waiting; 1",
        "a over, b running, c waiting; 2",
        "a over, b over, c over; 3",
        "a over, b over, c over; 3",
        "a over, b over, c over; 3"
      ])
      assert.deepStrictEqual(told, [
        { _tag: "Began", id: 0, call: "a", ending: undefined, now: 0 },
        { _tag: "Began", id: 1, call: "b", ending: undefined, now: 0 },
        { _tag: "Began", id: 2, call: "c", ending: "failure", now: 0 },
        { _tag: "Ended", id: 0, ending: "defect", now: 0 },
        { _tag: "Interrupted", id: 1, now: 0 }
      ])
    }))

  it.effect("ends even when a call cannot be interrupted and never ends", () =>
    Effect.gen(function*() {
      yield* Arbitraries.play([{ _tag: "Begin", call: undefined }], {
        make: Effect.void,
        call: (_, work) => Effect.uninterruptible(work),
        look: (_, { calls }) => Effect.succeed(calls.map(({ state }) => state)),
        model: () => ({ on: () => {}, look: () => ["running"] })
      })
    }))

  it.effect.prop(
    "is for property tests of one's own",
    { history },
    ({ history }) => Arbitraries.play(history, gate("none", 2))
  )
})

describe("a counterexample names what is not as it should be", () => {
  const problem = <A>(seen: A, expected: A) =>
    Arbitraries.play([], {
      make: Effect.void,
      call: () => Effect.void,
      look: () => Effect.succeed(seen),
      model: () => ({ on: () => {}, look: () => expected })
    }).pipe(Effect.flip, Effect.map(({ problem }) => problem))

  it.effect.each<readonly [what: string, seen: unknown, expected: unknown, problem: string]>([
    ["a value", 1, 2, "it is 1, and should be 2"],
    ["a field", { a: { b: "x" }, c: 1 }, { a: { b: "y" }, c: 1 }, `a.b is "x", and should be "y"`],
    ["a member", [1, 2, 3], [1, 5, 3], "1 is 2, and should be 5"],
    ["a length", [1, undefined], [1], "length is 2, and should be 1"],
    ["an entry", new Map([["a", { b: 1 }]]), new Map([["a", { b: 2 }]]), "a.b is 1, and should be 2"],
    ["a missing field", {}, { a: 1 }, "a is undefined, and should be 1"],
    ["a list for a record", { a: [] }, { a: {} }, "a is [], and should be {}"]
  ])(
    "in %s",
    ([, seen, expected, told]) => Effect.map(problem(seen, expected), (problem) => assert.strictEqual(problem, told))
  )

  it.effect("and nothing where all is equal, also of what has changed since it was last compared", () =>
    Effect.gen(function*() {
      const [seen, expected] = [[1], [1]]
      yield* Arbitraries.play([{ _tag: "Advance", millis: 1 }], {
        make: Effect.void,
        call: () => Effect.void,
        look: () => Effect.sync(() => (seen.push(1), seen)),
        model: () => ({ on: () => {}, look: () => (expected.push(1), expected) })
      })
      assert.strictEqual(seen.length, 3)
    }))
})

describe("history", () => {
  const sample = <A>(arbitrary: Arbitrary.Arbitrary<A>) =>
    Effect.orDie(Arbitrary.sampleEffect(arbitrary, { count: 50, size: 100, seed: 1 }))

  it.effect("is as long as it is told to be", () =>
    Effect.gen(function*() {
      const lengths = (yield* sample(Arbitraries.history({ length: { from: 5, to: 8 } }))).map(({ length }) => length)
      assert.deepStrictEqual([...new Set(lengths)].sort(), [5, 6, 7, 8])
    }))

  it.effect("has what is to choose from, and no control where there is none", () =>
    Effect.gen(function*() {
      const operations = (yield* sample(Arbitraries.history({ endings: ["success"], advance: [7] }))).flat()
      const kinds = new Set(operations.map(({ _tag }) => _tag))
      assert.deepStrictEqual([...kinds].sort(), ["Advance", "Begin", "Call", "End", "Interrupt"])
      for (const operation of operations) {
        if (operation._tag === "Advance") assert.strictEqual(operation.millis, 7)
        if (operation._tag === "End") assert.strictEqual(operation.ending, "success")
      }
    }))

  it.effect("has each kind as often as its weight says", () =>
    Effect.gen(function*() {
      const weights = { Call: 0, Begin: 3, End: 0, Interrupt: 0, Advance: 1 }
      const operations = (yield* sample(Arbitraries.history({ weights, length: { from: 100, to: 100 } }))).flat()
      const begun = operations.filter(({ _tag }) => _tag === "Begin").length
      assert.strictEqual(begun + operations.filter(({ _tag }) => _tag === "Advance").length, operations.length)
      assert.approximately(begun / operations.length, 0.75, 0.02)
    }))

  it.each([
    ["length.from", { length: { from: 0, to: 9 } }, "a whole number of at least 1, got 0"],
    ["length.to", { length: { from: 3, to: 2 } }, "a whole number of at least 3, got 2"],
    ["advance", { advance: [10, -1] }, "a number of zero or more, got -1"],
    ["control", { control: [] }, "a list of at least one, got"],
    ["weights.End", { weights: { End: -1 } }, "a whole number of at least 0, got -1"]
  ])("refuses nonsense in %s", (field, options, range) => {
    assert.throws(() => Arbitraries.history(options), RangeError, `Arbitraries.history: ${field} must be ${range}`)
  })

  it("refuses weights that let nothing happen", () => {
    const weights = { Call: 0, Begin: 0, End: 0, Interrupt: 0, Advance: 0 }
    assert.throws(
      () => Arbitraries.history({ weights }),
      RangeError,
      "weights must be above 0 for one kind of operation"
    )
  })
})

it("shows a history as text, a line for each operation", () => {
  const text = Arbitraries.show([
    { _tag: "Call", call: "chat", ending: "failure" },
    { _tag: "Begin", call: { tokens: 3 } },
    { _tag: "End", index: 0, ending: "success" },
    { _tag: "Interrupt", who: "waiting", index: 1 },
    { _tag: "Advance", millis: 100 },
    { _tag: "Control", control: "reset" }
  ])
  assert.strictEqual(
    text,
    [
      "  1. begin a call chat, which ends at once with failure",
      `  2. begin a call {"tokens":3}`,
      "  3. end a call that is running [0] with success",
      "  4. interrupt a call that is waiting [1]",
      "  5. wait 100 ms",
      "  6. control: reset"
    ].join("\n")
  )
})
