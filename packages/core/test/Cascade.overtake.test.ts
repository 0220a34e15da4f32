import { Attempts, Bulkhead, Cascade, CircuitBreaker, Deadline } from "@switchgear/core"
import { CurrentReconsidering, Reconsidering } from "@switchgear/core/runtime"
import { VirtualClock } from "@switchgear/core/testing"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { interruptAtEveryStep } from "./support/yieldAt.ts"

/** What a target comes to, after a time of its own. */
const Ending = Schema.Literals(["answers", "fails", "refuses", "dies", "hangs", "is stale", "is canned"])
const Target = Schema.Struct({
  takes: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
  ends: Ending,
  overtakeAfter: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
})
type Target = typeof Target.Type
const Program = Schema.Struct({
  targets: Schema.Array(Target).check(Schema.isMinLength(1), Schema.isMaxLength(4)),
  attempts: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })),
  floor: Schema.Literals(["none", "read", "constant"])
})
type Program = typeof Program.Type

// No two moments are equal: each time has a bit of its own. A target with 9 is never overtaken.
const millisTaken = ({ takes }: Target, i: number) => takes * 1000 + 2 ** i
const millisAlone = ({ overtakeAfter }: Target, i: number) =>
  overtakeAfter === 9 ? Infinity : overtakeAfter * 1000 + 2 ** (i + 4)
const name = (i: number) => `target ${i}`

interface Course {
  /** How it ended, or undefined while it hangs. */
  readonly end: string | undefined
  readonly at: number
  readonly started: ReadonlyArray<readonly [target: number, at: number]>
}

/** The rule, written down as a calculation over moments. */
const expected = ({ attempts, floor, targets }: Program): Course => {
  const started: Array<[number, number]> = []
  const running = new Map<number, number>()
  const failed: Array<string> = []
  let aside: { readonly by: string; readonly rank: number } | undefined
  let held: string | undefined
  let now = 0
  let next = 0
  let timer = Infinity
  let left = attempts
  const ask = () => {
    timer = Infinity
    if (held !== undefined) return
    while (next < targets.length && left === 0) next++
    if (next === targets.length) return
    left--
    started.push([next, now])
    const target = targets[next]!
    running.set(next, target.ends === "hangs" ? Infinity : now + millisTaken(target, next))
    timer = next + 1 < targets.length ? now + millisAlone(target, next) : Infinity
    next++
  }
  const told = (by: string) => `${by} after ${failed.join()}`
  ask()
  while (running.size > 0) {
    const [first, end] = [...running].reduce((a, b) => b[1] < a[1] ? b : a)
    now = Math.min(end, timer)
    if (now === Infinity) return { end: undefined, at: 0, started }
    if (timer < end) {
      ask()
      continue
    }
    running.delete(first)
    switch (targets[first]!.ends) {
      case "answers":
        return { end: told(`${name(first)} ${first === 0 ? "none" : "fallback"}`), at: now, started }
      case "dies":
        return { end: "died", at: now, started }
      case "refuses":
        held ??= `refused by ${first}`
        break
      case "fails":
        failed.push(name(first))
        break
      default: {
        const rank = targets[first]!.ends === "is stale" ? 1 : 2
        if (aside === undefined || rank < aside.rank) {
          aside = { by: `${name(first)}/inner ${rank === 1 ? "stale" : "canned"}`, rank }
        }
      }
    }
    if (first === started.at(-1)![0] || running.size === 0) ask()
  }
  const ending = held ??
    (aside?.rank === 1 || (aside !== undefined && floor !== "read")
      ? told(aside.by)
      : floor === "read"
      ? told("kept stale")
      : floor === "constant"
      ? told("canned canned")
      : `exhausted after ${failed.join()}`)
  return { end: ending, at: now, started }
}

const actual = ({ attempts, floor, targets }: Program) =>
  Effect.gen(function*() {
    const start = yield* Clock.currentTimeMillis
    const now = Effect.map(Clock.currentTimeMillis, (millis) => millis - start)
    const started: Array<readonly [number, number]> = []
    let running = 0
    const call = (target: Target, i: number) =>
      Effect.gen(function*() {
        started.push([i, yield* now])
        running++
        yield* target.ends === "hangs" ? Effect.never : Effect.sleep(millisTaken(target, i))
        if (target.ends === "fails") return yield* Effect.fail("moves on" as const)
        if (target.ends === "refuses") return yield* Effect.fail(`refused by ${i}` as const)
        if (target.ends === "dies") return yield* Effect.die("bug")
        return target.ends
      }).pipe(Effect.ensuring(Effect.sync(() => running--)))
    const options = (target: Target, i: number) => ({
      when: (error: string) => error === "moves on",
      // Half of the targets say it by an effect.
      overtakeAfter: i % 2 === 0 ? millisAlone(target, i) : Effect.succeed(millisAlone(target, i)),
      provenance: (ends: typeof Ending.Type): Cascade.Provenance => ({
        step: ends === "answers" ? name(i) : "inner",
        degradation: ends === "is stale" ? "stale" : ends === "is canned" ? "canned" : "none",
        failures: []
      })
    })
    const [first, ...others] = targets
    let chain: Cascade.Cascade<string, string, string, never, string> = others.reduce(
      (chain, target, i) =>
        Cascade.orElse(name(i + 1), call(target, i + 1), options(target, i + 1))(chain) as typeof chain,
      Cascade.first(name(0), call(first!, 0), options(first!, 0)) as Cascade.Cascade<
        string,
        string,
        string,
        never,
        string
      >
    )
    if (floor === "read") chain = Cascade.orLastGood("kept", Effect.succeed({ value: "kept" }))(chain)
    const ended = floor === "constant" ? Cascade.orConstant("canned", "sorry")(chain) : chain
    const fiber = yield* Effect.forkChild(
      Effect.exit(Cascade.run(ended as never as Cascade.Cascade<string, string, string, never>)).pipe(
        Attempts.within(attempts),
        Effect.zip(now)
      )
    )
    yield* Effect.sleep("10 minutes")
    const result = fiber.pollUnsafe()
    if (result === undefined) {
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(running, 0, "after the interrupt")
      return { end: undefined, at: 0, started }
    }
    assert.strictEqual(running, 0, "after the end")
    const [exit, at] = yield* result
    return { end: told(exit), at, started }
  })

const told = (exit: Exit.Exit<Cascade.Served<unknown, unknown>, unknown>): string => {
  const after = (failures: ReadonlyArray<{ readonly step: string }>) => failures.map(({ step }) => step).join()
  if (Exit.isSuccess(exit)) {
    return `${exit.value.step} ${exit.value.degradation} after ${after(exit.value.failures)}`
  }
  if (Cause.hasDies(exit.cause)) return "died"
  const [reason] = exit.cause.reasons
  const error = reason !== undefined && Cause.isFailReason(reason) ? reason.error : undefined
  return error instanceof Cascade.CascadeExhausted ? `exhausted after ${after(error.failures)}` : String(error)
}

describe("a target that is overtaken", () => {
  it.effect.prop(
    "runs on beside the next one, by the rule, whatever the targets do",
    { program: Program },
    ({ program }) =>
      Effect.gen(function*() {
        assert.deepStrictEqual<Course>(
          yield* Effect.promise(() => Effect.runPromise(VirtualClock.play(actual(program)))),
          expected(program)
        )
      }),
    { arbitrary: { runs: 300 }, timeout: 60_000 }
  )

  const after = (millis: number, answer: string) => Effect.as(Effect.sleep(millis), answer)
  const slow = (answer = "slow") => after(8000, answer)
  const play = <A, E>(program: Effect.Effect<A, E>) =>
    Effect.promise(() => Effect.runPromise(VirtualClock.play(program)))
  const timed = <A, E, R>(program: Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      const start = yield* Clock.currentTimeMillis
      const value = yield* program
      return [value, (yield* Clock.currentTimeMillis) - start] as const
    })

  it.effect("wins when it answers first, although the next one was asked", () =>
    Effect.gen(function*() {
      const chain = Cascade.first("gpt", after(3000, "hi"), { overtakeAfter: "2 seconds" }).pipe(
        Cascade.orElse("claude", slow())
      )
      const [{ degradation, failures, step }, millis] = yield* play(timed(Cascade.run(chain)))
      assert.deepStrictEqual([step, degradation, failures, millis], ["gpt", "none", [], 3000])
    }))

  it.effect("does not hold the answer back while it ends, and holds the end of the fiber", () =>
    play(Effect.gen(function*() {
      let hasEnded = false
      const leavesLate = Effect.onInterrupt(
        Effect.never,
        () => Effect.andThen(Effect.sleep("5 seconds"), Effect.sync(() => hasEnded = true))
      )
      const chain = Cascade.first("gpt", leavesLate, { overtakeAfter: "2 seconds" }).pipe(
        Cascade.orElse("claude", after(1000, "hi"))
      )
      const told: Array<unknown> = []
      const fiber = yield* Effect.forkChild(Effect.map(timed(Cascade.run(chain)), ([{ step }, millis]) => {
        told.push(step, millis, hasEnded)
      }))
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(told, ["claude", 3000, false])
      assert.isTrue(hasEnded)
    })))

  it.effect("is closed with what it has opened when another answers, and the winner's stays open", () =>
    play(Effect.gen(function*() {
      const open = new Set<string>()
      const opened = (name: string, millis: number) =>
        Effect.andThen(
          Effect.acquireRelease(Effect.sync(() => open.add(name)), () => Effect.sync(() => open.delete(name))),
          after(millis, name)
        )
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Cascade.run(
          Cascade.first("gpt", opened("gpt", 9000), { overtakeAfter: "2 seconds" }).pipe(
            Cascade.orElse("claude", opened("claude", 1000))
          )
        )
        assert.deepStrictEqual([...open], ["claude"])
      }))
      assert.deepStrictEqual([...open], [])
    })))

  const inBackground = (work: (scope: Scope.Scope) => Effect.Effect<unknown>) =>
    Cascade.run(
      Cascade.first("gpt", Effect.flatMap(Effect.scope, (scope) => Effect.forkDetach(work(scope))), {
        overtakeAfter: "2 seconds"
      }).pipe(Cascade.orElse("claude", Effect.never))
    )

  it.effect("leaves nothing in its caller's scope once its work in the background has closed what it opened", () =>
    play(Effect.gen(function*() {
      const around = yield* Scope.make()
      const work = (scope: Scope.Scope) =>
        Effect.gen(function*() {
          const inner = yield* Scope.fork(scope)
          yield* Scope.addFinalizer(inner, Effect.void)
          yield* Effect.sleep("1 second")
          yield* Scope.close(inner, Exit.void)
        })
      yield* Scope.provide(inBackground(work), around)
      yield* Effect.sleep(500)
      assert.strictEqual(around.state._tag, "Open")
      yield* Effect.sleep(600)
      assert.strictEqual(around.state._tag, "Empty")
    })))

  it.effect("has what its work in the background opens closed with its caller's scope, or at once after that", () =>
    play(Effect.gen(function*() {
      const around = yield* Scope.make()
      const closed: Array<string> = []
      const work = (scope: Scope.Scope) =>
        Effect.gen(function*() {
          const opens = (name: string) => Scope.addFinalizer(scope, Effect.sync(() => closed.push(name)))
          yield* Effect.sleep("1 second")
          yield* opens("early")
          yield* Effect.sleep("2 seconds")
          yield* opens("late")
        })
      yield* Scope.provide(inBackground(work), around)
      yield* Effect.sleep("2 seconds")
      assert.deepStrictEqual(closed, [])
      yield* Scope.close(around, Exit.void)
      assert.deepStrictEqual(closed, ["early"])
      yield* Effect.sleep("2 seconds")
      assert.deepStrictEqual(closed, ["early", "late"])
    })))

  it.effect("is not overtaken by a read or a constant", () =>
    Effect.gen(function*() {
      const chain = Cascade.first("gpt", slow(), { overtakeAfter: "2 seconds" }).pipe(
        Cascade.orConstant("canned", "sorry")
      )
      assert.strictEqual((yield* play(Cascade.run(chain))).step, "gpt")
    }))

  const ends = {
    "at once": [Effect.never, 5000],
    "after a while": [Effect.onInterrupt(Effect.never, () => Effect.sleep("1 second")), 6000]
  } as const
  for (const [how, [work, due]] of Object.entries(ends)) {
    it.effect(`is ended by its deadline, as the one beside it, ${how}, and then the constant is served`, () =>
      play(Effect.gen(function*() {
        const under = <A, E>(self: Effect.Effect<A, E>) => Deadline.within("1 minute")(self)
        const chain = Cascade.first("gpt", under(work), { overtakeAfter: "2 seconds" }).pipe(
          Cascade.orElse("claude", under(work)),
          Cascade.orElse("gemini", under(Effect.succeed("too late"))),
          Cascade.orConstant("canned", "sorry")
        )
        const [{ failures, step }, millis] = yield* timed(Deadline.within("5 seconds")(Cascade.run(chain)))
        assert.deepStrictEqual([step, millis], ["canned", due])
        assert.deepStrictEqual(failures.map(({ error, step }) => `${step}: ${error._tag}`).sort(), [
          "claude: DeadlineExceeded",
          "gemini: DeadlineExceeded",
          "gpt: DeadlineExceeded"
        ])
      })))
  }

  it.effect("without a deadline of its own ends with the one around the cascade", () =>
    play(Effect.gen(function*() {
      let interrupted = 0
      const hangs = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const chain = Cascade.first("gpt", hangs, { overtakeAfter: "2 seconds" }).pipe(
        Cascade.orElse("claude", hangs),
        Cascade.orConstant("canned", "sorry")
      )
      const [error, millis] = yield* timed(Effect.flip(Deadline.within("5 seconds")(Cascade.run(chain))))
      assert.deepStrictEqual([error._tag, millis, interrupted], ["DeadlineExceeded", 5000, 2])
    })))

  it.effect("says nothing to its circuit when another wins", () =>
    play(Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ name: "gpt" })
      const chain = Cascade.first("gpt", slow().pipe(breaker.protect), { overtakeAfter: "2 seconds" }).pipe(
        Cascade.orElse("claude", after(1000, "hi"))
      )
      yield* Cascade.run(chain)
      const { calls, inFlight } = yield* breaker.snapshot
      assert.deepStrictEqual({ calls, inFlight }, { calls: 0, inFlight: 0 })
    })))

  it.effect("is counted as an answer of the step that gave it, and only errors are counted as failed", () =>
    play(Effect.gen(function*() {
      const answers = yield* Cascade.make({ name: "answers" })
      const chain = Cascade.first("gpt", slow(), { overtakeAfter: "2 seconds" }).pipe(
        Cascade.orElse("claude", after(1000, "hi"))
      )
      yield* answers.run(chain)
      assert.deepStrictEqual((yield* answers.snapshot).steps, [
        { step: "gpt", degradation: "none", served: 0, failed: 0 },
        { step: "claude", degradation: "fallback", served: 1, failed: 0 }
      ])
    })))

  it("refuses a time that is none", () => {
    for (const overtakeAfter of [-1, NaN, "soon" as never]) {
      assert.throws(() => Cascade.first("gpt", Effect.void, { overtakeAfter }), /Cascade\.first: overtakeAfter must be/)
    }
  })

  const endings = {
    "that answers": Effect.succeed("hi"),
    "that yields": Effect.andThen(Effect.yieldNow, Effect.succeed("hi")),
    "that hangs": Effect.never,
    "that fails": Effect.fail("bad"),
    "that dies": Effect.die("bug"),
    "with a finalizer that yields": Effect.onInterrupt(Effect.never, () => Effect.yieldNow)
  } as const

  for (const [first, work] of Object.entries(endings)) {
    for (const [second, other] of Object.entries(endings)) {
      it.effect(`leaks nothing when it is interrupted at any step: one ${first} beside one ${second}`, () =>
        Effect.gen(function*() {
          const bulkhead = yield* Bulkhead.make({ name: "models", concurrency: 5 })
          const breaker = yield* CircuitBreaker.make({ name: "model" })
          let open = 0
          const guarded = <A, E>(work: Effect.Effect<A, E>) =>
            Effect.andThen(
              Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)),
              work
            ).pipe(breaker.protect, bulkhead.protect)
          const struck = yield* interruptAtEveryStep({
            program: () =>
              Effect.gen(function*() {
                yield* Effect.forkChild(Effect.andThen(Effect.yieldNow, TestClock.adjust(10)), {
                  startImmediately: true
                })
                return yield* Cascade.run(
                  Cascade.first("a", guarded(work), { overtakeAfter: 5 }).pipe(
                    Cascade.orElse("b", guarded(other)),
                    Cascade.orConstant("canned", "sorry")
                  )
                )
              }).pipe(Effect.scoped),
            check: (_, step) =>
              Effect.gen(function*() {
                const { inFlight, queued } = yield* bulkhead.snapshot
                const circuit = (yield* breaker.snapshot).inFlight
                assert.deepStrictEqual(
                  { circuit, inFlight, open, queued },
                  { circuit: 0, inFlight: 0, open: 0, queued: 0 },
                  `at step ${step}`
                )
              })
          })
          assert.isAtLeast(struck, 5)
        }))
    }
  }

  it.effect("is interrupted with the scope that its caller closes", () =>
    play(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const chain = Cascade.first("gpt", Effect.never, { overtakeAfter: "1 second" }).pipe(
        Cascade.orElse("claude", Effect.never)
      )
      const fiber = yield* Effect.forkIn(Cascade.run(chain), scope)
      yield* Effect.sleep("5 seconds")
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
    })))
})

describe("the time of a target, calculated anew while it runs", () => {
  const sleeping = (millis: number, value: string, started: Array<readonly [string, number]>) =>
    Effect.gen(function*() {
      started.push([value, yield* Clock.currentTimeMillis])
      yield* Effect.sleep(millis)
      return value
    })
  const millisOf = (time: number | "never") => time === "never" ? Infinity : time
  const Change = Schema.Struct({
    at: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 12 })),
    time: Schema.Literals([0, 500, 2000, 9000, "never"])
  })
  it.effect.prop("is the shortest that was ever calculated, counted from when it was, and joins nothing for ever", {
    first: Schema.Literals([500, 3000, 20_000, "never"]),
    changes: Schema.Array(Change).check(Schema.isMaxLength(4))
  }, ({ changes, first }) =>
    Effect.promise(() =>
      Effect.runPromise(VirtualClock.play(Effect.gen(function*() {
        const started: Array<readonly [string, number]> = []
        const reconsidering = new Reconsidering()
        let time: number | "never" = first
        const chain = Cascade.first("slow", sleeping(15_000, "slow", started), {
          overtakeAfter: Effect.sync(() => time === "never" ? undefined : time)
        }).pipe(Cascade.orElse("other", sleeping(100, "other", started)))
        const fiber = yield* Effect.forkChild(
          Effect.provideService(Cascade.run(chain), CurrentReconsidering, reconsidering),
          { startImmediately: true }
        )
        let due = millisOf(first)
        let now = 0
        for (const change of [...changes].sort((a, b) => a.at - b.at)) {
          // Between the seconds, so that nothing happens at the same time.
          const at = change.at * 1000 + 1
          if (at > now) yield* Effect.sleep(at - now)
          now = Math.max(at, now)
          time = change.time
          reconsidering.now()
          if (now < due) due = Math.min(due, now + millisOf(change.time))
        }
        const { step } = yield* Fiber.join(fiber)
        const asked = due < 15_000 ? [["slow", 0], ["other", due]] : [["slow", 0]]
        assert.deepStrictEqual<unknown>([step, started], [due < 15_000 ? "other" : "slow", asked])
        let joined = 0
        const count = reconsidering.join(() => joined++)
        reconsidering.now()
        count()
        reconsidering.now()
        assert.strictEqual(joined, 1)
      })))
    ))
})
