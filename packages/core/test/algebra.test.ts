/**
 * What a guard is, as laws: it changes nothing unless it refuses, nothing is a guard that does nothing, and putting
 * guards together does not depend on how they are bracketed. Shown on random programs that answer, fail, die, interrupt
 * themselves or are interrupted, sleep, yield and fork.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  AdaptiveThrottle,
  Attempts,
  Bulkhead,
  Cascade,
  CircuitBreaker,
  ConcurrencyLimit,
  Deadline,
  Hedge,
  Pipeline,
  RateLimiter,
  Retry,
  RetryBudget
} from "@switchgear/core"
import { Cause, Clock, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const End = Schema.Union([
  Schema.TaggedStruct("Succeed", { value: Schema.Literals([1, 2]) }),
  Schema.TaggedStruct("Fail", { error: Schema.Literals(["bad", "worse"]) }),
  Schema.TaggedStruct("Die", { defect: Schema.Literal("bug") }),
  Schema.TaggedStruct("Both", { error: Schema.Literal("bad"), defect: Schema.Literal("bug") }),
  Schema.TaggedStruct("Interrupt", {}),
  Schema.TaggedStruct("Hang", {})
])

const Leaf = Schema.Union([
  Schema.TaggedStruct("Step", {}),
  Schema.TaggedStruct("Yield", {}),
  Schema.TaggedStruct("Sleep", { millis: Schema.Literals([1, 10, 100, 1000]) })
])

const Branch = Schema.Struct({ steps: Schema.Array(Leaf).check(Schema.isMaxLength(3)), end: End })

const Program = Schema.Struct({
  steps: Schema.Array(Schema.Union([
    Leaf,
    Leaf,
    /** Joined at the end of the program, or left behind. */
    Schema.TaggedStruct("Fork", { branch: Branch, fate: Schema.Literals(["joined", "left"]) }),
    Schema.TaggedStruct("Race", { branches: Schema.Tuple([Branch, Branch]) }),
    Schema.TaggedStruct("Cleanup", { how: Schema.Literals(["at once", "yields", "sleeps"]) })
  ])).check(Schema.isMaxLength(6)),
  end: End,
  /** When it is interrupted from outside. */
  interruptedAfter: Schema.UndefinedOr(Schema.Literals([0, 5, 10, 500]))
})
type Program = typeof Program.Type

type Work = Effect.Effect<number, string>
type Guard = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, any, R>

const toEnd = (end: typeof End.Type): Work => {
  switch (end._tag) {
    case "Succeed":
      return Effect.succeed(end.value)
    case "Fail":
      return Effect.fail(end.error)
    case "Die":
      return Effect.die(end.defect)
    case "Both":
      return Effect.failCause(Cause.combine(Cause.fail(end.error), Cause.die(end.defect)))
    case "Interrupt":
      return Effect.interrupt
    case "Hang":
      return Effect.never
  }
}

/** The program as an effect, which tells each of its steps. */
const toWork = (
  { end, interruptedAfter, steps }: Partial<Program> & Pick<Program, "end" | "steps">,
  tell: (event: string) => void,
  path = ""
): Work =>
  Effect.gen(function*() {
    const forked: Array<Fiber.Fiber<number, string>> = []
    let work = Effect.gen(function*() {
      for (const [i, step] of steps.entries()) {
        const here = `${path}${i}`
        tell(`${here} ${step._tag} at ${yield* Clock.currentTimeMillis}`)
        switch (step._tag) {
          case "Yield":
            yield* Effect.yieldNow
            break
          case "Sleep":
            yield* Effect.sleep(step.millis)
            break
          case "Fork": {
            const fiber = yield* Effect.forkChild(toWork(step.branch, tell, `${here}.`))
            if (step.fate === "joined") forked.push(fiber)
            break
          }
          case "Race":
            yield* Effect.race(
              toWork(step.branches[0], tell, `${here}.a.`),
              toWork(step.branches[1], tell, `${here}.b.`)
            )
        }
      }
      for (const fiber of forked) yield* Fiber.join(fiber)
      return yield* toEnd(end)
    })
    for (const [i, step] of steps.entries()) {
      if (step._tag !== "Cleanup") continue
      // An interrupt that comes while one that has failed cleans up is told if anything at all is around it, and not if
      // nothing is: so it is with the platform's own combinators.
      const how = interruptedAfter === undefined ? step.how : "yields"
      const cleanup = { "at once": Effect.void, yields: Effect.yieldNow, sleeps: Effect.sleep(3) }[how]
      work = Effect.onExit(
        work,
        (exit) => Effect.andThen(cleanup, Effect.sync(() => tell(`${path}${i} ${told(exit)}`)))
      )
    }
    return yield* work
  })

/** An exit without the identity of who interrupted. */
const told = (exit: Exit.Exit<unknown, unknown> | undefined): string => {
  if (exit === undefined) return "runs"
  if (Exit.isSuccess(exit)) return `succeeds with ${JSON.stringify(exit.value)}`
  return exit.cause.reasons.map((reason) =>
    Cause.isFailReason(reason)
      ? `fails with ${JSON.stringify(reason.error)}`
      : Cause.isDieReason(reason)
      ? `dies with ${String(reason.defect)}`
      : "is interrupted"
  ).join(" and ")
}

/** Lets everything run that can run now: the clock does not wait for those who only yield. */
const settled = Effect.forEach(Array.from({ length: 40 }), () => Effect.yieldNow, { discard: true })

const pass = (time: number) => Effect.andThen(settled, Effect.andThen(TestClock.adjust(time), settled))

/** Everything there is to see of a program under some guard: its steps with their times, and how and when it ended. */
const observe = (program: Program, guard: (work: Work) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    const events: Array<string> = []
    const start = yield* Clock.currentTimeMillis
    const tell = (event: string) => events.push(event.replace(/ at (\d+)$/, (_, at) => ` at ${Number(at) - start}`))
    let ended: number | undefined
    const fiber = yield* Effect.forkChild(
      Effect.onExit(
        guard(toWork(program, tell)),
        () => Effect.map(Clock.currentTimeMillis, (now) => void (ended = now - start))
      )
    )
    if (program.interruptedAfter !== undefined) {
      yield* pass(program.interruptedAfter)
      fiber.interruptUnsafe()
    }
    yield* pass(600_000 - (program.interruptedAfter ?? 0))
    const exit = told(fiber.pollUnsafe())
    // Its cleanup may take time, too.
    fiber.interruptUnsafe()
    yield* pass(1000)
    return [...events, `${exit} at ${ended}`].join("\n")
  })

/** Every guard, with so much room that it refuses nothing. */
const roomy = Effect.gen(function*() {
  const retry = yield* Retry.make({ maxAttempts: 1 })
  const budget = yield* RetryBudget.make({ name: "roomy" })
  const limits = [
    RateLimiter.requests(1e6, "1 second"),
    RateLimiter.tokens(1e6, "1 second", { kind: "sliding-window" })
  ]
  const rateLimiter = yield* RateLimiter.make({ name: "roomy", limits, maxWait: "1 second" })
  const bulkhead = yield* Bulkhead.make({ name: "roomy", concurrency: 100 })
  const shares = yield* Bulkhead.make({ name: "roomy", concurrency: 100, share: 0.5 })
  const limit = yield* ConcurrencyLimit.make({ name: "roomy", initial: 100, min: 100, window: 1, minimumCalls: 1 })
  const breaker = yield* CircuitBreaker.make({
    name: "roomy",
    minimumCalls: 1e6,
    window: CircuitBreaker.lastCalls(1e6)
  })
  const slow = yield* CircuitBreaker.make({
    name: "roomy",
    minimumCalls: 1e6,
    window: CircuitBreaker.lasting("1 hour"),
    slowCallDuration: 1
  })
  const family = yield* CircuitBreaker.Family.make({
    name: "roomy",
    minimumCalls: 1e6,
    window: CircuitBreaker.lastCalls(1e6)
  })
  const hedge = yield* Hedge.make({ name: "roomy", delay: "50 minutes" })
  const endless = yield* Hedge.make({ name: "roomy", delay: "Infinity" })
  const learning = yield* Hedge.make({ name: "roomy" })
  const throttle = yield* AdaptiveThrottle.make({ name: "roomy", minimumCalls: 1e6 })
  const parts = { deadline: "1 hour", retry, hedge, rateLimiter, bulkhead, breaker, attemptTimeout: "1 hour" } as const
  const guards: { readonly [name: string]: Guard } = {
    "AdaptiveThrottle": throttle.protect,
    "Attempts.within": Attempts.within(1),
    "Bulkhead": bulkhead.protect,
    "Bulkhead with shares": (self) => Effect.provideService(shares.protect(self), Bulkhead.CurrentKey, "tenant"),
    "ConcurrencyLimit": limit.protect,
    "ConcurrencyLimit with marks": (self) => limit.protect(Effect.andThen(ConcurrencyLimit.firstToken, self)),
    "CircuitBreaker": breaker.protect,
    "CircuitBreaker with its own judge": breaker.protectWith({ slowCallDuration: 1 }) as Guard,
    "CircuitBreaker.gate": breaker.gate,
    "CircuitBreaker over time, with slow calls": slow.protect,
    "CircuitBreaker.Family.make": family.protect("key"),
    "Deadline.attempt": Deadline.attempt("1 hour"),
    "Deadline.within": Deadline.within("1 hour"),
    "Hedge": hedge.protect,
    "Hedge that never starts": endless.protect,
    "Hedge that knows nothing": learning.protect,
    "RateLimiter": rateLimiter.protect,
    "RateLimiter with costs": rateLimiter.protectWith({ costs: { tokens: 3 }, settle: () => ({ tokens: 2 }) }) as Guard,
    "Retry": retry.protect,
    "Retry of nothing": Retry.retry({ maxAttempts: 5, while: () => false }),
    "Retry under a budget": (self) => RetryBudget.within(budget)(retry.protect(self)),
    "RetryBudget.within": RetryBudget.within(budget)
  }
  return { guards, parts }
})

const names = [
  "AdaptiveThrottle",
  "Attempts.within",
  "Bulkhead",
  "Bulkhead with shares",
  "ConcurrencyLimit",
  "ConcurrencyLimit with marks",
  "CircuitBreaker",
  "CircuitBreaker with its own judge",
  "CircuitBreaker.gate",
  "CircuitBreaker over time, with slow calls",
  "CircuitBreaker.Family.make",
  "Deadline.attempt",
  "Deadline.within",
  "Hedge",
  "Hedge that never starts",
  "Hedge that knows nothing",
  "RateLimiter",
  "RateLimiter with costs",
  "Retry",
  "Retry of nothing",
  "Retry under a budget",
  "RetryBudget.within"
] as const

const partNames = ["deadline", "retry", "hedge", "rateLimiter", "bulkhead", "breaker", "attemptTimeout"] as const

const Chosen = Schema.Array(Schema.Literals(partNames)).check(Schema.isMaxLength(7))

const pick = <P extends Pipeline.Parts>(parts: P, chosen: ReadonlyArray<keyof Pipeline.Parts>): Pipeline.Parts =>
  Object.fromEntries(chosen.map((name) => [name, parts[name]]))

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)
const options = { arbitrary: { runs, size: 12 }, timeout: 10_000 + 60 * runs }

describe("a guard that has no reason to refuse changes neither value, error, defect, interruption nor time:", () => {
  it.effect("every guard there is is tried", () =>
    Effect.map(roomy, ({ guards }) => assert.deepStrictEqual(Object.keys(guards).sort(), [...names].sort())))

  for (const name of names) {
    it.effect.prop(name, { program: Program }, ({ program }) =>
      Effect.gen(function*() {
        const { guards } = yield* roomy
        const bare = yield* observe(program, (work) => work)
        assert.strictEqual(yield* observe(program, guards[name]!), bare)
      }), options)
  }

  it.effect.prop(
    "a pipeline of any parts",
    { program: Program, chosen: Chosen },
    ({ chosen, program }) =>
      Effect.gen(function*() {
        const { parts } = yield* roomy
        const pipeline = yield* Pipeline.make(pick(parts, chosen))
        const bare = yield* observe(program, (work) => work)
        assert.strictEqual(yield* observe(program, pipeline.protect), bare)
        const one = pipeline.protectWith<number, string>({ costs: { tokens: 2 }, settle: () => ({ tokens: 1 }) })
        assert.strictEqual(yield* observe(program, one), bare)
      }),
    options
  )

  it.effect.prop(
    "a stack of any guards, nested as deep as you like",
    { program: Program, stack: Schema.Array(Schema.Literals(names)).check(Schema.isMaxLength(8)) },
    ({ program, stack }) =>
      Effect.gen(function*() {
        const { guards } = yield* roomy
        const bare = yield* observe(program, (work) => work)
        const guard: Guard = (self) =>
          stack.reduce<Effect.Effect<any, any, any>>((inner, name) => guards[name]!(inner), self)
        assert.strictEqual(yield* observe(program, guard), bare)
      }),
    options
  )
})

describe("identity", () => {
  it.effect("a pipeline without parts is the very effect, also where the parts are named and missing", () =>
    Effect.gen(function*() {
      const work = Effect.sleep(1)
      const missing = Object.fromEntries(partNames.map((name) => [name, undefined]))
      for (const parts of [{}, missing]) assert.strictEqual((yield* Pipeline.make(parts)).protect(work), work)
    }))

  it.effect.prop("a retry of one attempt is none", { program: Program }, ({ program }) =>
    Effect.gen(function*() {
      const retry = yield* Retry.make({ maxAttempts: 1, baseDelay: "1 millis", while: () => true })
      assert.deepStrictEqual(yield* observe(program, retry.protect), yield* observe(program, (work) => work))
    }), options)

  it.effect.prop(
    "a cascade of one step is that step, with its provenance",
    { program: Program },
    ({ program }) =>
      Effect.gen(function*() {
        const cascade = yield* observe(program, (work) => Cascade.run(Cascade.first("only", work)))
        const mapped = yield* observe(program, (work) =>
          Effect.catchCause(
            Effect.map(work, (value) => ({ value, step: "only", degradation: "none", failures: [] })),
            (cause): Effect.Effect<never, unknown> => {
              const failures = cause.reasons.filter(Cause.isFailReason)
              return failures[0] !== undefined && failures.length === cause.reasons.length
                ? Effect.fail(new Cascade.CascadeExhausted({ failures: [{ step: "only", error: failures[0].error }] }))
                : Effect.failCause(cause)
            }
          ))
        assert.deepStrictEqual(cascade, mapped)
      }),
    options
  )
})

const Limit = Schema.Literals([1, 7, 50, 100, 105, 1500])

// The farther of two limits is out of reach of the clean-up that the nearer one waits for: it would interrupt that, too.
const Limits = Schema.Struct({ near: Limit, farther: Schema.Literals([0, 100_000]), inner: Schema.Boolean })

const limitsOf = ({ farther, inner, near }: typeof Limits.Type) => {
  const [a, b] = inner ? [near + farther, near] : [near, near + farther]
  return { a, b }
}

describe("two in one:", () => {
  it.effect.prop(
    "a deadline within a deadline is the nearer of the two",
    { program: Program, limits: Limits },
    ({ limits, program }) =>
      Effect.gen(function*() {
        const { a, b } = limitsOf(limits)
        const nested = yield* observe(program, (work) => work.pipe(Deadline.within(b), Deadline.within(a)))
        assert.deepStrictEqual(nested, yield* observe(program, Deadline.within(Math.min(a, b))))
      }),
    options
  )

  it.effect.prop(
    "an attempt within a deadline is the nearer of the two, and tells whose limit it was",
    { program: Program, limits: Limits },
    ({ limits, program }) =>
      Effect.gen(function*() {
        const { a, b } = limitsOf(limits)
        const nested = yield* observe(program, (work) => work.pipe(Deadline.attempt(b), Deadline.within(a)))
        const nearer = a <= b ? Deadline.within(a) : Deadline.attempt(b)
        assert.deepStrictEqual(nested, yield* observe(program, nearer))
      }),
    options
  )

  it.effect.prop(
    "attempts within attempts are the fewer of the two",
    {
      program: Program,
      a: Schema.Literals([1, 2, 3, 4]),
      b: Schema.Literals([1, 2, 3, 4]),
      retries: Schema.Literals([2, 3, 5])
    },
    ({ a, b, program, retries }) =>
      Effect.gen(function*() {
        const retry = Retry.retry({ maxAttempts: retries, baseDelay: 5, jitter: "none" })
        const nested = yield* observe(program, (work) => work.pipe(retry, Attempts.within(b), Attempts.within(a)))
        const fewer = yield* observe(program, (work) => work.pipe(retry, Attempts.within(Math.min(a, b))))
        assert.deepStrictEqual(nested, fewer)
      }),
    options
  )
})

/** Guards that do refuse, a new set each time. */
const tight = Effect.gen(function*() {
  const breaker = yield* CircuitBreaker.make({
    name: "tight",
    minimumCalls: 2,
    window: CircuitBreaker.lastCalls(3),
    openFor: 300
  })
  const bulkhead = yield* Bulkhead.make({ name: "tight", concurrency: 1, queue: 1, maxWait: 50 })
  const limit = yield* ConcurrencyLimit.make({ name: "tight", algorithm: "aimd", initial: 1, min: 1, max: 2, queue: 1 })
  const rateLimiter = yield* RateLimiter.make({ name: "tight", limits: [RateLimiter.requests(2, 200)], maxWait: 80 })
  const retry = yield* Retry.make({ maxAttempts: 2, baseDelay: 20, jitter: "none", while: () => true })
  const again = yield* Retry.make({ maxAttempts: 2, baseDelay: 45, jitter: "none" })
  const parts = { deadline: 400, retry, rateLimiter, bulkhead, breaker, attemptTimeout: 60 } as const
  const guards: { readonly [N in typeof tightNames[number]]: Guard } = {
    breaker: breaker.protect,
    gate: breaker.gate,
    bulkhead: bulkhead.protect,
    limit: limit.protect,
    rateLimiter: rateLimiter.protect,
    retry: retry.protect,
    again: again.protect,
    attempt: Deadline.attempt(60),
    deadline: Deadline.within(250),
    attempts: Attempts.within(3)
  }
  const counters = Effect.gen(function*() {
    return {
      breaker: yield* breaker.snapshot,
      bulkhead: yield* bulkhead.snapshot,
      limit: yield* limit.snapshot,
      rateLimiter: yield* rateLimiter.snapshot
    }
  })
  return { counters, guards, parts }
})
type Tight = Effect.Success<typeof tight>

const tightNames = [
  "breaker",
  "gate",
  "bulkhead",
  "limit",
  "rateLimiter",
  "retry",
  "again",
  "attempt",
  "deadline",
  "attempts"
] as const

/** What several callers of one guard see, who come one after the other, and what it counted. */
const crowd = (programs: ReadonlyArray<Program>, guardOf: (tight: Tight) => Effect.Effect<Guard>) =>
  Effect.gen(function*() {
    // From a round second on, so that what is compared begins alike.
    yield* TestClock.adjust(1000 - (yield* Clock.currentTimeMillis) % 1000)
    const start = yield* Clock.currentTimeMillis
    const made = yield* tight
    const guard = yield* guardOf(made)
    const events: Array<string> = []
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (const [i, program] of programs.entries()) {
      const work = toWork(
        program,
        (event) => events.push(`${i}: ${event.replace(/ at (\d+)$/, (_, at) => ` ${at - start}`)}`)
      )
      const ended = Effect.onExit(
        guard(work),
        (exit) => Effect.map(Clock.currentTimeMillis, (now) => void events.push(`${i} ${told(exit)} ${now - start}`))
      )
      fibers.push(yield* Effect.forkChild(ended))
      yield* pass(10)
      if (program.interruptedAfter !== undefined) fibers.at(-1)!.interruptUnsafe()
    }
    yield* pass(10_000)
    const { breaker, ...others } = yield* made.counters
    for (const fiber of fibers) fiber.interruptUnsafe()
    yield* pass(1000)
    return { events: events.join("\n"), breaker: { ...breaker, since: breaker.since - start }, ...others }
  })

const Programs = Schema.Array(Program).check(Schema.isMinLength(1), Schema.isMaxLength(5))

const compose = (outer: Guard, inner: Guard): Guard => (self) => outer(inner(self))

describe("composing", () => {
  const Stack = Schema.Array(Schema.Literals(tightNames)).check(Schema.isMinLength(3), Schema.isMaxLength(6))

  it.effect.prop(
    "is associative, and the same through pipe, for guards that refuse",
    { programs: Programs, stack: Stack, split: Schema.Literals([1, 2]) },
    ({ programs, split, stack }) =>
      Effect.gen(function*() {
        const all = ({ guards }: Tight) => stack.map((name) => guards[name])
        const fold = (guards: ReadonlyArray<Guard>) => guards.reduce((outer, inner) => compose(outer, inner))
        const leftFirst = yield* crowd(programs, (made) => Effect.succeed(fold(all(made))))
        const grouped = yield* crowd(programs, (made) =>
          Effect.succeed(compose(fold(all(made).slice(0, split)), fold(all(made).slice(split)))))
        const rightFirst = yield* crowd(programs, (made) =>
          Effect.succeed(
            all(made).reduceRight((inner, outer) =>
              compose(outer, inner)
            )
          ))
        const piped = yield* crowd(programs, (made) => {
          const [a, b, c, ...rest] = all(made).toReversed() as [Guard, Guard, Guard, ...Array<Guard>]
          return Effect.succeed(
            ((self) => rest.reduce((inner, guard) => guard(inner), self.pipe(a, b, c))) as Guard
          )
        })
        assert.deepStrictEqual(grouped, leftFirst)
        assert.deepStrictEqual(rightFirst, leftFirst)
        assert.deepStrictEqual(piped, leftFirst)
      }),
    options
  )

  // The circuit is asked before the limit and again after the bulkhead, so that it is no part that could be cut off.
  const inOrder = ["deadline", "retry", "rateLimiter", "bulkhead", "attemptTimeout"] as const

  it.effect.prop(
    "a pipeline cut in two anywhere is the same pipeline",
    { programs: Programs, chosen: Schema.Array(Schema.Literals(inOrder)), cut: Schema.Literals([0, 1, 2, 3, 4, 5]) },
    ({ chosen, cut, programs }) =>
      Effect.gen(function*() {
        const parts = inOrder.filter((name) => chosen.includes(name))
        const protect = (made: Tight, names: ReadonlyArray<keyof Pipeline.Parts>) =>
          Effect.map(Pipeline.make(pick(made.parts, names)), ({ protect }): Guard => protect)
        // A deadline is also the time-out of an attempt that has none of its own.
        const whole = parts.includes("deadline") ? [...parts, "attemptTimeout" as const] : parts
        const one = yield* crowd(programs, (made) => protect(made, whole))
        const two = yield* crowd(programs, (made) =>
          Effect.gen(function*() {
            return compose(yield* protect(made, whole.slice(0, cut)), yield* protect(made, whole.slice(cut)))
          }))
        assert.deepStrictEqual(two, one)
      }),
    options
  )

  // Whoever waits leaves when the circuit opens, which only the pipeline as a whole can see.
  it.effect.prop(
    "a pipeline with a circuit in which nobody waits is its gate, the pipeline of the others, and the circuit",
    { programs: Programs, chosen: Schema.Array(Schema.Literals(["rateLimiter", "bulkhead"])) },
    ({ chosen, programs }) =>
      Effect.gen(function*() {
        const one = yield* crowd(programs, ({ parts }) =>
          Effect.map(Pipeline.make(pick(parts, [...chosen, "breaker"])), ({ protectWith }): Guard =>
            protectWith({ maxWait: 0 })))
        const three = yield* crowd(programs, ({ guards, parts }) =>
          Effect.map(Pipeline.make(pick(parts, chosen)), ({ protectWith }) =>
            compose(guards.gate, compose(protectWith({ maxWait: 0 }), guards.breaker))))
        assert.deepStrictEqual(three, one)
      }),
    options
  )

  it.effect.prop(
    "the steps of a cascade are appended one by one or together",
    { programs: Schema.Tuple([Program, Program, Program]), fatal: Schema.Literals(["bad", "worse", "none"]) },
    ({ fatal, programs }) =>
      Effect.gen(function*() {
        const [a, b, c] = programs
        const when = (error: string) => error !== fatal
        const tried = (build: (a: Work, b: Work, c: Work) => Effect.Effect<unknown, unknown>) => {
          const events: Array<string> = []
          const work = (program: Program) => toWork(program, (event) => events.push(event.replace(/ at \d+$/, "")))
          return Effect.map(observe(a, () => build(work(a), work(b), work(c))), (seen) => [seen, ...events])
        }
        const oneByOne = yield* tried((a, b, c) =>
          Cascade.run(
            Cascade.orElse("c", c, { when })(Cascade.orElse("b", b, { when })(Cascade.first("a", a, { when })))
          )
        )
        const together = yield* tried((a, b, c) => {
          const rest = (self: Cascade.Cascade<number, string, string, never, string>) =>
            self.pipe(Cascade.orElse("b", b, { when }), Cascade.orElse("c", c, { when }))
          return Cascade.run(Cascade.first("a", a, { when }).pipe(rest))
        })
        assert.deepStrictEqual(together, oneByOne)
      }),
    options
  )
})
