import { Deadline } from "@switchgear/core"
import { Chaos, Latency } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Data, Effect, Exit, Fiber, Schema } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"
import { interruptAtEveryStep } from "../support/yieldAt.ts"

class Overloaded extends Data.TaggedError("Overloaded")<{}> {}
class Refused extends Data.TaggedError("Refused")<{}> {}

const fork = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

const wait = (duration: number) => Chaos.latency(Latency.constant(duration))

/** Plays calls one after the other; answers which of them an injection met. */
const metBy = (chaos: Chaos.Injector<never, unknown>, calls: number) =>
  Effect.map(
    Effect.forEach(Array.from({ length: calls }), () => Effect.exit(chaos.inject(Effect.void))),
    (exits) => exits.map(Exit.isFailure)
  )

const injections = {
  wait: wait(50),
  fault: Chaos.fault("bad"),
  outcome: Chaos.outcome(0),
  defect: Chaos.defect("bug"),
  hang: Chaos.hang
}
const Kind = Schema.Literals(["wait", "fault", "outcome", "defect", "hang"])

const Call = Schema.Struct({
  takes: Schema.Literals([0, 1, 250]),
  ends: Schema.Literals(["success", "failure", "defect", "interruption"])
})

const exits = {
  success: Exit.succeed(1),
  failure: Exit.fail("own"),
  defect: Exit.die("bug"),
  interruption: Exit.interrupt(7)
}

/** The exits of concurrent calls in the order in which they end, and when they do. */
const play = (
  calls: ReadonlyArray<typeof Call.Type>,
  around: <E>(call: Effect.Effect<number, E>) => Effect.Effect<unknown, E | string> = (call) => call
) =>
  Effect.gen(function*() {
    const begun = yield* Clock.currentTimeMillis
    const ended: Array<readonly [index: number, at: number, exit: Exit.Exit<unknown, unknown>]> = []
    const fiber = yield* fork(Effect.forEach(calls, ({ ends, takes }, index) =>
      Effect.exit(around(takes === 0 ? exits[ends] : Effect.andThen(Effect.sleep(takes), exits[ends]))).pipe(
        Effect.flatMap((exit) =>
          Effect.map(Clock.currentTimeMillis, (now) =>
            ended.push([index, now - begun, exit]))
        )
      ), { concurrency: "unbounded" }))
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(fiber)
    return ended
  })

const none = { calls: 0, passed: 0, latency: 0, fault: 0, outcome: 0, defect: 0, hang: 0, after: 0 }

describe("Chaos injects", () => {
  it.effect("nothing where no rule applies: success, failure, defect and interruption are as they were", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({ rules: [{ inject: Chaos.fault("bad"), when: () => false }] })
      for (const exit of [Exit.succeed(1), Exit.fail("own"), Exit.die("bug"), Exit.interrupt(7)]) {
        assert.deepStrictEqual(yield* Effect.exit(chaos.inject(exit)), exit)
      }
      assert.deepStrictEqual(yield* chaos.counts, { ...none, calls: 4, passed: 4 })
    }))

  it.effect("a failure, an answer or a defect in place of the call", () =>
    Effect.gen(function*() {
      const bug = new Error("bug")
      let made = 0
      const meets = (inject: Chaos.Injection<string, Overloaded>) =>
        Effect.gen(function*() {
          const chaos = yield* Chaos.make({ rules: [{ inject }] })
          const exit = yield* Effect.exit(chaos.inject(Effect.sync(() => ++made)))
          return [exit, yield* chaos.counts] as const
        })
      const error = new Overloaded()
      assert.deepStrictEqual(yield* meets(Chaos.fault(error)), [Exit.fail(error), { ...none, calls: 1, fault: 1 }])
      assert.deepStrictEqual(yield* meets(Chaos.outcome("busy")), [
        Exit.succeed("busy"),
        { ...none, calls: 1, outcome: 1 }
      ])
      assert.deepStrictEqual(yield* meets(Chaos.defect(bug)), [Exit.die(bug), { ...none, calls: 1, defect: 1 }])
      assert.strictEqual(made, 0)
    }))

  it.effect("a call without end, which a time-out ends", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({ rules: [{ inject: Chaos.hang }] })
      const fiber = yield* fork(Effect.void.pipe(chaos.inject, Deadline.attempt("10 seconds")))
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.match(String(yield* Fiber.join(fiber)), /DeadlineExceeded/)
      assert.deepStrictEqual(yield* chaos.counts, { ...none, calls: 1, hang: 1 })
    }))

  it.effect("waits that add up, before what the next rules do", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({
        rules: [
          { inject: wait(300) },
          { inject: wait(700) },
          { inject: Chaos.fault("late"), when: ({ index }) => index === 0 }
        ]
      })
      const call = Effect.exit(chaos.inject(Clock.currentTimeMillis))
      const calls = yield* fork(Effect.all([call, call], { concurrency: "unbounded" }))
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(calls.pollUnsafe())
      assert.deepStrictEqual(yield* chaos.counts, { ...none, calls: 2, latency: 2 })
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Effect.flatten(Fiber.join(calls)), [Exit.fail("late"), Exit.succeed(1000)])
      assert.deepStrictEqual(yield* chaos.counts, { ...none, calls: 2, passed: 1, latency: 2, fault: 1 })
    }))

  it.effect("no wait at all where the latency is zero", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({ rules: [{ inject: wait(0) }] })
      assert.strictEqual(yield* chaos.inject(Effect.succeed("at once")), "at once")
      assert.deepStrictEqual(yield* chaos.counts, { ...none, calls: 1, passed: 1, latency: 1 })
    }))

  it.effect("into concurrent calls by the order in which they begin, however they end", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({
        rules: [
          { inject: Chaos.latency(Latency.uniform("1 second", "9 seconds")) },
          { inject: Chaos.fault("bad"), when: ({ index }) => index % 3 === 0 }
        ]
      })
      const ended: Array<number> = []
      const call = (index: number) =>
        Effect.onExit(Effect.exit(chaos.inject(Effect.succeed(index))), () => Effect.sync(() => ended.push(index)))
      const fiber = yield* fork(Effect.forEach(Array.from({ length: 30 }, (_, i) => i), call, {
        concurrency: "unbounded"
      }))
      yield* TestClock.adjust("9 seconds")
      const exits = yield* Effect.flatten(Fiber.join(fiber))
      assert.deepStrictEqual(exits, exits.map((_, i) => i % 3 === 0 ? Exit.fail("bad") : Exit.succeed(i)))
      assert.notDeepEqual(ended, ended.toSorted((a, b) => a - b))
    }))
})

describe("a call that chaos holds up", () => {
  it.effect("is interrupted at once, waiting or hanging, and is not made", () =>
    Effect.gen(function*() {
      const made: Array<string> = []
      for (const inject of [wait(60_000), Chaos.hang]) {
        const chaos = yield* Chaos.make({ rules: [{ inject }] })
        const fiber = yield* fork(chaos.inject(Effect.sync(() => made.push("made"))))
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust("1 hour")
        const { calls, passed } = yield* chaos.counts
        assert.deepStrictEqual({ calls, passed }, { calls: 1, passed: 0 })
      }
      assert.deepStrictEqual(made, [])
    }))

  it.effect("is counted once by what it met, wherever an interrupt strikes", () =>
    Effect.gen(function*() {
      for (const inject of [Chaos.fault("bad"), Chaos.outcome(1), Chaos.hang, wait(0)]) {
        const chaos = yield* Chaos.make({ rules: [{ inject }] })
        let begun = 0
        const struck = yield* interruptAtEveryStep({
          program: () => Effect.andThen(Effect.sync(() => begun++), chaos.inject(Effect.void)),
          check: () =>
            Effect.gen(function*() {
              const { calls, defect, fault, hang, outcome, passed } = yield* chaos.counts
              assert.isAtMost(calls, begun)
              assert.strictEqual(defect + fault + hang + outcome + passed, calls)
            })
        })
        assert.isAbove(struck, 0)
        assert.isAbove((yield* chaos.counts).calls, 0)
      }
    }))
})

describe("rules", () => {
  it.effect("apply at their rate", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({ seed: 11, rules: [{ inject: Chaos.fault("bad"), rate: 0.3 }] })
      yield* metBy(chaos, 10_000)
      const { fault, passed } = yield* chaos.counts
      assert.isTrue(fault > 2_800 && fault < 3_200, `${fault} faults of 10 000`)
      assert.strictEqual(fault + passed, 10_000)
    }))

  it.effect("meet the same calls with the same seed, and others with another", () =>
    Effect.gen(function*() {
      const met = (seed?: string | number) =>
        Effect.flatMap(
          Chaos.make({ seed, rules: [{ inject: Chaos.fault("bad"), rate: 0.5 }] }),
          (chaos) => metBy(chaos, 64)
        )
      assert.deepStrictEqual(yield* met(1), yield* met(1))
      assert.deepStrictEqual(yield* met(), yield* met())
      assert.notDeepEqual(yield* met(1), yield* met(2))
    }))

  it.effect("draw only where they might apply, so that one that is off changes nothing", () =>
    Effect.gen(function*() {
      const rule = { inject: Chaos.fault("bad"), rate: 0.5 }
      const alone = yield* Chaos.make({ rules: [rule] })
      const among = yield* Chaos.make({
        rules: [
          { inject: Chaos.fault("never"), rate: 0 },
          { inject: Chaos.fault("not these"), rate: 0.5, when: () => false },
          { inject: wait(0), rate: 1 },
          rule
        ]
      })
      assert.deepStrictEqual(yield* metBy(among, 64), yield* metBy(alone, 64))
    }))

  it.effect("are looked at in order until one ends the call", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({
        rules: [
          { inject: Chaos.fault("first"), when: ({ index }) => index === 1 },
          { inject: Chaos.fault("second") },
          { inject: Chaos.fault("third") }
        ]
      })
      const call = Effect.flip(chaos.inject(Effect.void))
      assert.deepStrictEqual(yield* Effect.all([call, call, call]), ["second", "first", "second"])
    }))

  it.effect("tell their predicate the number, the time and the key of a call", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 hour")
      const seen: Array<Chaos.Call> = []
      const chaos = yield* Chaos.make({
        rules: [{ inject: Chaos.fault("bad"), when: (call) => seen.push(call) > 0 && call.key === "gpt" }]
      })
      assert.isUndefined(yield* chaos.inject(Effect.void))
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual(yield* Effect.flip(chaos.injectAs({ key: "gpt" })(Effect.void)), "bad")
      assert.deepStrictEqual(seen, [
        { index: 0, at: 0, key: undefined, request: undefined },
        { index: 1, at: 90_000, key: "gpt", request: undefined }
      ])
    }))

  it.effect("make a defect of the call of what their predicate throws", () =>
    Effect.gen(function*() {
      const bug = new Error("bug")
      const chaos = yield* Chaos.make({
        rules: [{
          inject: Chaos.hang,
          when: () => {
            throw bug
          }
        }]
      })
      assert.deepStrictEqual(yield* Effect.exit(chaos.inject(Effect.void)), Exit.die(bug))
    }))

  it.effect("can be set and switched off while calls run, and what has begun goes on", () =>
    Effect.gen(function*() {
      const chaos: Chaos.Chaos<never, string> = yield* Chaos.make({
        rules: [{ inject: wait(1000) }, { inject: Chaos.fault("slow") }]
      })
      const began = yield* fork(chaos.inject(Effect.void))
      yield* chaos.set([{ inject: Chaos.fault("down") }])
      assert.strictEqual(yield* Effect.flip(chaos.inject(Effect.void)), "down")
      yield* chaos.off
      assert.isUndefined(yield* chaos.inject(Effect.void))
      assert.isUndefined(began.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(began), Exit.fail("slow"))
      assert.deepStrictEqual(yield* chaos.counts, { ...none, calls: 3, passed: 1, latency: 1, fault: 2 })
    }))

  it.effect("out of range are refused by name, and set changes nothing then", () =>
    Effect.gen(function*() {
      const rules: ReadonlyArray<readonly [Chaos.Rule<never, never>, RegExp]> = [
        [{ inject: Chaos.hang, rate: 1.5 }, /rules\[1\]\.rate must be from 0 to 1, got 1\.5$/],
        [{ inject: Chaos.hang, rate: -0.1 }, /rules\[1\]\.rate must be from 0 to 1, got -0\.1$/],
        [{ inject: Chaos.hang, rate: NaN }, /rules\[1\]\.rate must be from 0 to 1, got NaN$/],
        [
          { inject: undefined! },
          /rules\[1\]\.inject must be one that `Chaos` makes, such as Chaos\.hang, got undefined$/
        ],
        [{ inject: wait(-1) }, /rules\[1\]\.latency\.duration must be a finite duration of zero or more, got -1$/]
      ]
      const chaos: Chaos.Chaos<never, never> = yield* Chaos.make({ rules: [{ inject: Chaos.defect("bug") }] })
      for (const [rule, message] of rules) {
        const rules = [{ inject: Chaos.hang }, rule]
        for (const refused of [Effect.asVoid(Chaos.make({ rules })), chaos.set(rules)]) {
          const exit = yield* Effect.exit(refused)
          const defect = Exit.isFailure(exit) && exit.cause.reasons[0]?._tag === "Die" && exit.cause.reasons[0].defect
          assert.instanceOf(defect, RangeError)
          assert.match((defect as RangeError).message, message)
        }
      }
      assert.deepStrictEqual(yield* Effect.exit(chaos.inject(Effect.void)), Exit.die("bug"))
    }))

  it.effect("of two chaoses with names apply apart from each other, and with one name and seed at the same calls", () =>
    Effect.gen(function*() {
      const rules = [{ inject: Chaos.fault("503"), rate: 0.5 }]
      const sameAs = Effect.fnUntraced(function*(one: Chaos.Settings, other: Chaos.Settings) {
        const [a, b] = [yield* Chaos.make({ ...one, rules }), yield* Chaos.make({ ...other, rules })]
        const met = (chaos: typeof a) => Effect.map(Effect.exit(chaos.inject(Effect.void)), Exit.isFailure)
        const pairs = yield* Effect.forEach(Array.from({ length: 1000 }), () => Effect.all([met(a), met(b)]))
        return pairs.filter(([one, other]) => one === other).length
      })
      assert.strictEqual(yield* sameAs({ name: "gpt" }, { name: "gpt" }), 1000)
      for (const [one, other] of [[{ name: "gpt" }, { name: "claude" }], [{ seed: 1 }, { seed: 2 }]]) {
        const same = yield* sameAs(one!, other!)
        assert.isTrue(same > 430 && same < 570, `${same} of 1000 are the same`)
      }
    }))

  it("that answer with what is no response are refused where they are made", () => {
    for (const status of [NaN, 99, 600, 200.5]) {
      assert.throws(
        () => Chaos.respond(status),
        RangeError,
        "Chaos.respond: status must be a whole number from 200 to 599"
      )
    }
    const circle: { self?: unknown } = {}
    circle.self = circle
    for (const body of [1n, circle, () => 1]) {
      assert.throws(() => Chaos.respond(200, body), RangeError, "Chaos.respond: body must be a text or a value of JSON")
    }
  })

  it.effect.prop(
    "with rate 0 change no exit and no time, whatever they would inject",
    { rules: Schema.Array(Kind), calls: Schema.Array(Call).check(Schema.isMinLength(1)) },
    ({ calls, rules }) =>
      Effect.gen(function*() {
        const chaos = yield* Chaos.make({ rules: rules.map((kind) => ({ inject: injections[kind], rate: 0 })) })
        const bare = yield* play(calls)
        assert.deepStrictEqual(yield* play(calls, chaos.inject), bare)
        assert.deepStrictEqual(yield* chaos.counts, { ...none, calls: calls.length, passed: calls.length })
      }),
    { arbitrary: { runs: 200 } }
  )
})

describe("a script", () => {
  it.effect("switches its rules on time, and ends in calm", () =>
    Effect.gen(function*() {
      yield* TestClock.adjust("1 hour")
      const chaos = yield* Chaos.script([
        { for: "6 minutes", rules: [{ inject: Chaos.fault("slow") }] },
        { for: "2 minutes", rules: [] },
        { for: "30 seconds", rules: [{ inject: Chaos.fault("down") }] }
      ])
      const call = Effect.exit(chaos.inject(Effect.succeed("ok")))
      const seen: Array<Exit.Exit<string, string>> = []
      for (const elapse of [0, 359_999, 1, 119_999, 1, 29_999, 1]) {
        yield* TestClock.adjust(elapse)
        seen.push(yield* call)
      }
      const [slow, calm, down] = [Exit.fail("slow"), Exit.succeed("ok"), Exit.fail("down")]
      assert.deepStrictEqual(seen, [slow, slow, calm, calm, down, down, calm])
    }))

  it.effect("decides about a call when it begins, though its wait ends in another phase", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.script([
        { for: "1 second", rules: [{ inject: wait(5000) }, { inject: Chaos.fault("slow") }] },
        { for: "Infinity", rules: [{ inject: Chaos.fault("down") }] }
      ])
      const early = yield* fork(chaos.inject(Effect.void))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Effect.flip(chaos.inject(Effect.void)), "down")
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(yield* Fiber.join(early), Exit.fail("slow"))
      assert.strictEqual(yield* Effect.flip(chaos.inject(Effect.void)), "down")
    }))

  it.effect("gives way to rules that are set, and to off", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.script([{ for: "Infinity", rules: [{ inject: Chaos.fault("down") }] }])
      yield* chaos.off
      assert.isUndefined(yield* chaos.inject(Effect.void))
    }))

  it.effect("that cannot be followed is an error that names the place and the reason", () =>
    Effect.gen(function*() {
      const bad: ReadonlyArray<readonly [ReadonlyArray<Chaos.Phase<never, never>>, string]> = [
        [[{ for: 1, rules: [] }, { for: 0, rules: [] }], "script[1].for must be a duration above zero, got 0"],
        [
          [{ for: "0 seconds", rules: [] }, { for: 1, rules: [] }],
          "script[0].for must be a finite duration above zero, got \"0 seconds\""
        ],
        [
          [{ for: "Infinity", rules: [] }, { for: 1, rules: [] }],
          "script[0].for must be a finite duration above zero, got \"Infinity\""
        ],
        [
          [{ for: 1, rules: [{ inject: Chaos.hang, rate: 7 }] }],
          "script[0].rules[0].rate must be from 0 to 1, got 7"
        ]
      ]
      for (const [script, message] of bad) {
        const error = yield* Effect.flip(Chaos.script(script))
        assert.strictEqual(error._tag, "BadScript")
        assert.strictEqual(error.message, `Chaos.script: ${message}`)
      }
    }))
})

describe("chaos that is off", () => {
  it.effect("is none: it answers the very effect and the very client it was given", () =>
    Effect.gen(function*() {
      const call = Effect.succeed(1)
      assert.strictEqual(Chaos.none.inject(call), call)
      assert.strictEqual(Chaos.none.injectAs({ key: "gpt" })(call), call)
      const client = HttpClient.make(() => Effect.never)
      assert.strictEqual(Chaos.httpClient(Chaos.none)(client), client)
      assert.deepStrictEqual(yield* Chaos.none.counts, none)
    }))

  it.effect("counts what it lets through", () =>
    Effect.gen(function*() {
      const chaos = yield* Chaos.make({ rules: [] })
      assert.strictEqual(yield* chaos.inject(Effect.succeed(1)), 1)
      assert.deepStrictEqual(yield* chaos.counts, { ...none, calls: 1, passed: 1 })
    }))
})

describe("types", () => {
  const work = Effect.succeed(1) as Effect.Effect<number, "own">

  it.effect("hold what rules can add, and nothing else", () =>
    Effect.gen(function*() {
      const faults = yield* Chaos.make({
        rules: [
          { inject: Chaos.fault(new Overloaded()), rate: 0.5 },
          { inject: Chaos.fault(new Refused()) },
          { inject: Chaos.outcome("busy") },
          { inject: wait(1) }
        ]
      })
      expectTypeOf(faults.inject(work)).toEqualTypeOf<Effect.Effect<number | string, "own" | Overloaded | Refused>>()
      const slow = yield* Chaos.make({
        rules: [{ inject: wait(1) }, { inject: Chaos.hang }, { inject: Chaos.defect(1) }]
      })
      expectTypeOf(slow.inject(work)).toEqualTypeOf<typeof work>()
      expectTypeOf(Chaos.none.inject(work)).toEqualTypeOf<typeof work>()
      const script = yield* Chaos.script([
        { for: "1 second", rules: [{ inject: Chaos.fault(new Overloaded()) }] },
        { for: "1 second", rules: [{ inject: Chaos.fault(new Refused()) }] }
      ])
      expectTypeOf(script.inject(work)).toEqualTypeOf<Effect.Effect<number, "own" | Overloaded | Refused>>()
      // @ts-expect-error: an error that was not there when the chaos was made
      assert.isTrue(Effect.isEffect(slow.set([{ inject: Chaos.fault("other") }])))
    }))
})
