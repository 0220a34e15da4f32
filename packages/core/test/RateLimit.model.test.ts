/**
 * Random histories of calls, reservations, settlements, interrupts, clock steps, pauses, lowered levels and changes of
 * limits, played on the limiter and on a model that keeps everything that was ever taken in a list, and tells every turn
 * by going through all of it each time.
 */
import { assert, it } from "@effect/vitest"
import { Deadline, Outcome, RateLimit } from "@switchgear/core"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 }))

const Cost = Schema.Struct({
  requests: Schema.UndefinedOr(Schema.Literals([0, 1, 2, 4])),
  tokens: Schema.UndefinedOr(Schema.Literals([0, 1, 3, 7, 12])),
  cost: Schema.UndefinedOr(Schema.Literals([0, 1, 5]))
})

/** What a call turns out to have taken, also far more than there is. */
const Actual = Schema.Struct({
  requests: Schema.UndefinedOr(Schema.Literals([0, 1, 2])),
  tokens: Schema.UndefinedOr(Schema.Literals([0, 2, 5, 9, 100])),
  cost: Schema.UndefinedOr(Schema.Literals([0, 3, 8]))
})

const Begin = Schema.TaggedStruct("Begin", {
  how: Schema.Literals(["protect", "protect", "reserve"]),
  costs: Cost,
  /** Milliseconds until the deadline. */
  deadline: Schema.UndefinedOr(Schema.Literals([150, 400, 1500])),
  /** Whether the work goes on until it is told to end, or ends in its first step and has taken so much. */
  work: Schema.Union([Schema.Literal("lasting"), Actual])
})

/** How much of each resource there is at most, as a provider says it. */
const AtMost = Schema.Struct({
  requests: Schema.UndefinedOr(Schema.Literals([0, 1, 3, 50])),
  tokens: Schema.UndefinedOr(Schema.Literals([0, 2, 6, 50])),
  cost: Schema.UndefinedOr(Schema.Literals([0, 4, 50]))
})

const Ending = Schema.Union([Actual, Schema.Literals(["failure", "rejection", "defect"])])

const NewLimit = Schema.Struct({ limit: Schema.Literals([2, 3, 6, 10]), burst: Schema.Literals([1, 4, 10]) })

// Calls and steps of the clock outnumber the rest, so that queues get long and move.
const Operation = Schema.Union([
  Begin,
  Begin,
  Begin,
  Begin,
  Begin,
  Schema.TaggedStruct("End", { index: Index, ending: Ending }),
  Schema.TaggedStruct("Settle", { index: Index, actual: Actual }),
  Schema.TaggedStruct("Refund", { index: Index }),
  Schema.TaggedStruct("InterruptWaiting", { index: Index }),
  Schema.TaggedStruct("InterruptRunning", { index: Index }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([3, 10, 30, 70, 100]) }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([100, 300, 999, 3000]) }),
  Schema.TaggedStruct("Pause", { millis: Schema.Literals([50, 200, 700]) }),
  Schema.TaggedStruct("Lower", { atMost: AtMost }),
  Schema.TaggedStruct("SetLimits", {
    pace: Schema.Literals(["as at first", "twice as fast"]),
    limits: Schema.Tuple([NewLimit, NewLimit, NewLimit])
  })
])
type Operation = typeof Operation.Type

const LimitSetup = Schema.Struct({
  kind: Schema.Literals(["token-bucket", "sliding-window"]),
  limit: Schema.Literals([1, 3, 5, 10]),
  burst: Schema.Literals([1, 5, 10, 20]),
  /** Milliseconds for one unit. */
  unit: Schema.Literals([10, 70, 100, 300])
})

const resources = {
  "requests": ["requests"],
  "tokens": ["tokens"],
  "requests and tokens": ["requests", "tokens"],
  "all": ["cost", "requests", "tokens"]
} as const satisfies { readonly [name: string]: ReadonlyArray<RateLimit.Resource> }

const Setup = Schema.Struct({
  limited: Schema.Literals(["requests", "tokens", "requests and tokens", "all"]),
  limits: Schema.Tuple([LimitSetup, LimitSetup, LimitSetup]),
  maxWait: Schema.Literals([0, 300, 1000, "Infinity"]),
  /** Turns between two milliseconds come only from another pace, and could then meet a deadline in the same one. */
  varied: Schema.Literals(["deadlines", "pace"]),
  /** Whether somebody looks at the limiter after every step. */
  watched: Schema.Boolean
})
type Setup = typeof Setup.Type

interface Taking {
  readonly at: number
  readonly by: number
  cost: number
}

// All times and levels of these histories are multiples of this part, so that nothing is lost to the sum of fractions;
// and there is only one zero.
const parts = 2 * 2100
const exact = (n: number): number => Math.round(n * parts) / parts + 0

/** The level of a bucket is what all that has happened to it leaves. */
class ModelBucket {
  private readonly past: Array<
    {
      readonly at: number
      readonly burst: number
      readonly unit: number
      readonly change: (level: number) => number
    }
  > = []
  private readonly first: number
  private readonly start: number
  private burst: number
  private unit: number

  constructor(burst: number, unit: number, start: number) {
    this.first = this.burst = burst
    this.unit = unit
    this.start = start
  }

  get capacity(): number {
    return this.burst
  }

  available(now: number, planned: ReadonlyArray<Taking> = []): number {
    const { burst, unit } = this
    const plans = planned.map(({ at, cost }) => ({ at, burst, unit, change: (level: number) => level - cost }))
    let level = this.first
    let last = this.start
    for (const each of [...this.past, ...plans, { at: now, burst, unit, change: exact }]) {
      if (each.at > last) level = Math.min(each.burst, level + (each.at - last) / each.unit)
      level = exact(each.change(level))
      last = Math.max(last, each.at)
    }
    return level
  }

  earliest(cost: number, from: number, planned: ReadonlyArray<Taking>): number {
    return exact(from + Math.max(0, (cost - this.available(from, planned)) * this.unit))
  }

  private happens(at: number, change: (level: number) => number): void {
    this.past.push({ at, burst: this.burst, unit: this.unit, change })
  }

  take({ at, cost }: Taking): void {
    this.happens(at, (level) => level - cost)
  }

  correct(difference: number, _by: number, now: number): void {
    const { burst } = this
    this.happens(now, (level) =>
      difference > 0
        ? Math.min(level, Math.max(-burst, level - difference))
        : Math.min(burst, level - difference))
  }

  lower(atMost: number, now: number): void {
    this.happens(now, (level) => Math.min(atMost, level))
  }

  change(_limit: number, burst: number, unit: number, now: number): void {
    this.happens(now, (level) => Math.min(level, burst))
    this.burst = burst
    this.unit = unit
  }
}

/** What may be taken from a window is what the takings in it leave. */
class ModelWindow {
  private takings: Array<Taking> = []
  private limit: number
  private per: number

  constructor(limit: number, unit: number) {
    this.limit = limit
    this.per = limit * unit
  }

  get capacity(): number {
    return this.limit
  }

  available(now: number, planned: ReadonlyArray<Taking> = []): number {
    const used = [...this.takings, ...planned].filter(({ at }) => at + this.per > now)
    return this.limit - used.reduce((sum, { cost }) => sum + cost, 0)
  }

  earliest(cost: number, from: number, planned: ReadonlyArray<Taking>): number {
    const ends = [...this.takings, ...planned].map(({ at }) => at + this.per).filter((end) => end > from)
    return [from, ...ends.sort((a, b) => a - b)].find((at) => this.available(at, planned) >= cost)!
  }

  take(taking: Taking): void {
    this.takings.push({ ...taking })
  }

  correct(difference: number, by: number, now: number): void {
    if (difference > 0) {
      const debt = Math.min(difference, this.limit + this.available(now))
      if (debt > 0) this.takings.push({ at: now, by: -1, cost: debt })
      return
    }
    for (const taking of this.takings) if (taking.by === by) taking.cost -= Math.min(taking.cost, -difference)
  }

  lower(atMost: number, now: number): void {
    const excess = this.available(now) - atMost
    if (excess > 0) this.takings.push({ at: now, by: -1, cost: excess })
  }

  // What has left the window does not come back into a longer one.
  change(limit: number, _burst: number, unit: number, now: number): void {
    this.takings = this.takings.filter(({ at }) => at + this.per > now)
    this.limit = limit
    this.per = limit * unit
  }
}

interface Call {
  readonly id: number
  readonly costs: ReadonlyArray<number>
  readonly how: "protect" | "reserve"
  readonly work: "lasting" | typeof Actual.Type
  /** The last turn that is not later than `maxWait`, and the first that is too late for the deadline. */
  readonly latest: number
  readonly deadline: number
  state: "waiting" | "running" | "reserved" | "over"
  turn: number
}

/** What a call is told that is refused. */
interface Refusal {
  readonly bucket: RateLimit.Resource
  readonly retryAfter: number | undefined
}

/** The specification, as plainly as it can be said. */
class Model {
  readonly calls: Array<Call> = []
  readonly admitted: Array<readonly [id: number, at: number]> = []
  readonly refused = new Map<number, Refusal>()
  readonly meters: ReadonlyArray<ModelBucket | ModelWindow>
  private now: number
  private pausedUntil = -Infinity
  private readonly setup: Setup
  private readonly names: ReadonlyArray<RateLimit.Resource>

  constructor(setup: Setup, now: number) {
    this.setup = setup
    this.now = now
    this.names = resources[setup.limited]
    this.meters = this.names.map((_, i) => {
      const { burst, kind, limit, unit } = setup.limits[i]!
      return kind === "token-bucket" ? new ModelBucket(burst, unit, now) : new ModelWindow(limit, unit)
    })
  }

  in(state: Call["state"]): Array<Call> {
    return this.calls.filter((call) => call.state === state)
  }

  pausedFor(): number | undefined {
    return this.pausedUntil > this.now ? this.pausedUntil - this.now : undefined
  }

  available(): ReadonlyArray<number> {
    return this.meters.map((meter) => meter.available(this.now))
  }

  /** Plans all turns from the beginning, and refuses those that come too late. */
  private plan(): void {
    let last = -Infinity
    const planned: Array<Call> = []
    for (const call of this.in("waiting")) {
      const from = Math.max(this.now, this.pausedUntil, last)
      const turns = call.costs.map((cost, i) => {
        const meter = this.meters[i]!
        if (cost === 0) return -Infinity
        if (cost > meter.capacity) return Infinity
        return meter.earliest(cost, from, planned.map((p) => ({ at: p.turn, by: p.id, cost: p.costs[i]! })))
      })
      const slowest = Math.max(...turns)
      call.turn = Math.max(from, slowest)
      if (call.turn > call.latest || call.turn >= call.deadline || call.turn === Infinity) {
        call.state = "over"
        const retryAfter = call.turn === Infinity ? undefined : Math.ceil(call.turn - this.now)
        this.refused.set(call.id, { bucket: this.names[turns.indexOf(slowest)]!, retryAfter })
      } else {
        last = call.turn
        planned.push(call)
      }
    }
  }

  /** Lets go whoever is due, and then whoever comes to be due when the first of them end at once. */
  private settle(): void {
    for (;;) {
      this.plan()
      const due = this.in("waiting").filter(({ turn }) => turn <= this.now)
      if (due.length === 0) return
      for (const call of due) {
        call.state = call.how === "reserve" ? "reserved" : "running"
        this.admitted.push([call.id, this.now])
        this.meters.forEach((meter, i) => meter.take({ at: this.now, by: call.id, cost: call.costs[i]! }))
      }
      this.plan()
      for (const call of due) {
        if (call.how === "reserve" || call.work === "lasting") continue
        this.finish(call, call.work)
        this.plan()
      }
    }
  }

  private finish(call: Call, actual: typeof Actual.Type): void {
    call.state = "over"
    this.meters.forEach((meter, i) => {
      const amount = actual[this.names[i]!]
      if (amount !== undefined && amount !== call.costs[i]!) meter.correct(amount - call.costs[i]!, call.id, this.now)
    })
  }

  private giveBack(call: Call): void {
    this.finish(call, { requests: 0, tokens: 0, cost: 0 })
  }

  begin({ costs, deadline, how, work }: typeof Begin.Type): void {
    const { now } = this
    this.calls.push({
      id: this.calls.length,
      costs: this.names.map((name) => costs[name] ?? (name === "requests" ? 1 : 0)),
      how,
      work,
      latest: now + Number(this.setup.maxWait),
      deadline: now + (deadline ?? Infinity),
      state: "waiting",
      turn: Infinity
    })
    this.settle()
  }

  end(call: Call, ending: typeof Ending.Type): void {
    if (ending === "rejection") this.giveBack(call)
    else if (typeof ending === "object") this.finish(call, ending)
    else call.state = "over"
    this.settle()
  }

  refund(call: Call): void {
    this.giveBack(call)
    this.settle()
  }

  interrupt(call: Call): void {
    call.state = "over"
    this.settle()
  }

  pause(millis: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.now + millis)
    for (const meter of this.meters) meter.lower(0, this.now)
    this.settle()
  }

  lower(atMost: typeof AtMost.Type): void {
    this.meters.forEach((meter, i) => meter.lower(atMost[this.names[i]!] ?? Infinity, this.now))
    this.settle()
  }

  change(limits: ReadonlyArray<typeof NewLimit.Type>, faster: number): void {
    this.meters.forEach((meter, i) => {
      const { burst, limit } = limits[i]!
      meter.change(limit, burst, this.setup.limits[i]!.unit / faster, this.now)
    })
    this.settle()
  }

  // A clock of whole milliseconds rings for a turn in between at the next one.
  advance(to: number): void {
    for (;;) {
      const due = Math.ceil(Math.min(...this.in("waiting").map(({ turn }) => turn)))
      if (due > to) break
      this.now = due
      this.settle()
    }
    this.now = to
    for (const call of this.in("running")) if (call.deadline <= to) call.state = "over"
  }
}

const toLimits = (
  setup: Setup,
  limits: ReadonlyArray<{ readonly limit: number; readonly burst: number }>,
  faster = 1
): ReadonlyArray<RateLimit.Limit> =>
  resources[setup.limited].map((resource, i) => {
    const { kind, unit } = setup.limits[i]!
    const { burst, limit } = limits[i]!
    return RateLimit[resource](limit, limit * unit / faster, { kind, burst })
  })

const rejection = { _tag: "Refused", [Outcome.RejectionTypeId]: true } as const

const exits = {
  failure: Exit.fail("failure"),
  rejection: Exit.fail(rejection),
  defect: Exit.die("bug")
} as const

/** Callers of a limiter, as many as a history asks for. */
const callers = (limiter: RateLimit.RateLimit) => {
  const admitted: Array<readonly [id: number, at: number]> = []
  const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
  const exitOf = new Map<number, Exit.Exit<unknown, unknown>>()
  const finish = new Map<number, (ending: typeof Ending.Type) => void>()
  const reservations = new Map<number, RateLimit.Reservation>()
  const begin = ({ costs, deadline, how, work }: typeof Begin.Type) => {
    const id = fibers.length
    const admit = Effect.map(Clock.currentTimeMillis, (now) => admitted.push([id, now]))
    const lasting = Effect.callback<typeof Actual.Type, unknown>((resume) => {
      finish.set(id, (ending) => resume(typeof ending === "object" ? Effect.succeed(ending) : exits[ending]))
    })
    const protectedCall = Effect.andThen(admit, work === "lasting" ? lasting : Effect.succeed(work)).pipe(
      limiter.protectWith({ costs, settle: (actual) => actual })
    )
    const reserving = Effect.tap(limiter.reserve(costs), (reservation) => {
      reservations.set(id, reservation)
      return admit
    })
    const call: Effect.Effect<unknown, unknown> = how === "protect" ? protectedCall : reserving
    const told = Effect.onExit(
      deadline === undefined ? call : Deadline.within(deadline)(call),
      (exit) => Effect.sync(() => exitOf.set(id, exit))
    )
    return Effect.map(Effect.forkChild(told, { startImmediately: true }), (fiber) => fibers.push(fiber))
  }
  const refusalOf = (id: number): Refusal | undefined => {
    const exit = exitOf.get(id)
    const error = exit && Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    return error instanceof RateLimit.RateLimited
      ? { bucket: error.bucket, retryAfter: error.retryAfter && Duration.toMillis(error.retryAfter) }
      : undefined
  }
  return { admitted, begin, exitOf, fibers, finish, refusalOf, reservations }
}

const play = (setup: Setup, history: ReadonlyArray<Operation>) =>
  Effect.gen(function*() {
    const limiter = yield* RateLimit.make({
      name: "model",
      limits: toLimits(setup, setup.limits),
      maxWait: setup.maxWait
    })
    let now = yield* Clock.currentTimeMillis
    const model = new Model(setup, now)
    const { admitted, begin, exitOf, fibers, finish, refusalOf, reservations } = callers(limiter)

    const interrupt = (call: Call | undefined) =>
      Effect.suspend(() => {
        if (call === undefined) return Effect.void
        model.interrupt(call)
        return Fiber.interrupt(fibers[call.id]!)
      })

    for (const operation of history) {
      switch (operation._tag) {
        case "Begin": {
          const call = setup.varied === "deadlines" ? operation : { ...operation, deadline: undefined }
          model.begin(call)
          yield* begin(call)
          break
        }
        case "End": {
          const call = model.in("running")[operation.index]
          if (call === undefined) break
          model.end(call, operation.ending)
          finish.get(call.id)!(operation.ending)
          yield* Fiber.await(fibers[call.id]!)
          break
        }
        case "Settle": {
          const call = model.in("reserved")[operation.index]
          if (call === undefined) break
          model.end(call, operation.actual)
          yield* reservations.get(call.id)!.settle(operation.actual)
          break
        }
        case "Refund": {
          const call = model.in("reserved")[operation.index]
          if (call === undefined) break
          model.refund(call)
          yield* reservations.get(call.id)!.refund
          // Once only.
          yield* reservations.get(call.id)!.refund
          break
        }
        case "InterruptWaiting":
          yield* interrupt(model.in("waiting")[operation.index])
          break
        case "InterruptRunning":
          yield* interrupt(model.in("running")[operation.index])
          break
        case "Advance":
          now += operation.millis
          model.advance(now)
          yield* TestClock.adjust(operation.millis)
          break
        case "Pause":
          model.pause(operation.millis)
          yield* limiter.pause(operation.millis)
          break
        case "Lower":
          model.lower(operation.atMost)
          yield* limiter.lower(operation.atMost)
          break
        case "SetLimits": {
          const faster = setup.varied === "pace" && operation.pace === "twice as fast" ? 2 : 1
          model.change(operation.limits, faster)
          yield* limiter.setLimits(toLimits(setup, operation.limits, faster))
        }
      }
      yield* TestClock.adjust(0)
      assert.strictEqual(admitted.join("; "), model.admitted.join("; "), "who was admitted when")
      for (const { id, state } of model.calls) {
        assert.strictEqual(exitOf.has(id), state === "over" || state === "reserved", `call ${id} has ended`)
        assert.deepStrictEqual(refusalOf(id), model.refused.get(id), `what call ${id} is told`)
      }
      if (!setup.watched) continue
      const { limits, pausedFor, rejected, waiting, ...told } = yield* limiter.snapshot
      assert.deepStrictEqual(
        { admitted: told.admitted, pausedFor: pausedFor && Duration.toMillis(pausedFor), rejected, waiting },
        {
          admitted: model.admitted.length,
          pausedFor: model.pausedFor(),
          rejected: model.refused.size,
          waiting: model.in("waiting").length
        }
      )
      assert.deepStrictEqual(limits.map(({ available }) => exact(available)), model.available().map(exact), "available")
      for (const { available, capacity } of limits) assert.isAtMost(available, capacity)
    }
    yield* Effect.forEach(fibers, Fiber.interrupt)
    assert.strictEqual((yield* limiter.snapshot).waiting, 0)
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)

it.effect.prop(
  "the limiter does what the model does, whatever the history",
  { setup: Setup, history: Schema.Array(Operation).check(Schema.isMinLength(30), Schema.isMaxLength(100)) },
  ({ history, setup }) => play(setup, history),
  { arbitrary: { runs, size: 100 }, timeout: 10_000 + 40 * runs }
)

it.effect.prop(
  "the limiter does what the model does over hundreds of calls",
  {
    setup: Setup,
    steps: Schema.Array(Schema.Literals([3, 10, 70])).check(Schema.isMinLength(80), Schema.isMaxLength(120))
  },
  ({ setup, steps }) =>
    play(
      setup,
      steps.flatMap((millis, i): ReadonlyArray<Operation> => [
        {
          _tag: "Begin",
          how: "protect",
          costs: { requests: 1, tokens: 1, cost: 0 },
          deadline: undefined,
          work: "lasting"
        },
        { _tag: "End", index: 0, ending: i % 7 === 0 ? "rejection" : "failure" },
        { _tag: "Advance", millis }
      ])
    ),
  { arbitrary: { runs: Math.ceil(runs / 5), size: 100 }, timeout: 10_000 + 40 * runs }
)

it.effect("what has left a window does not come back into a longer one, whether or not somebody looked", () =>
  Effect.gen(function*() {
    for (const looked of ["not at all", "in between"]) {
      const lasting = (millis: number) => [RateLimit.requests(1, millis, { kind: "sliding-window" })]
      const limiter = yield* RateLimit.make({ name: "model", limits: lasting(100) })
      yield* limiter.protect(Effect.void)
      yield* TestClock.adjust(150)
      if (looked === "in between") yield* limiter.snapshot
      yield* limiter.setLimits(lasting(1000))
      assert.strictEqual(yield* limiter.protect(Effect.succeed("passes")), "passes")
    }
  }))

it.effect("those who end at once and make room for the next leave no one behind, however many they are", () =>
  Effect.gen(function*() {
    const limits = [RateLimit.tokens(10, "1 second")]
    const limiter = yield* RateLimit.make({ name: "model", limits, maxWait: "Infinity" })
    const reservation = yield* limiter.reserve({ tokens: 10 })
    let passed = 0
    const call = Effect.sync(() => ++passed).pipe(
      limiter.protectWith({ costs: { tokens: 10 }, settle: () => ({ tokens: 0 }) })
    )
    yield* Effect.forEach(Array.from({ length: 2000 }), () => Effect.forkChild(call, { startImmediately: true }))
    yield* reservation.refund
    yield* TestClock.adjust(0)
    assert.deepStrictEqual([passed, (yield* limiter.snapshot).waiting], [2000, 0])
  }))

const Honest = Schema.Union([
  Begin,
  Begin,
  Begin,
  Begin,
  Schema.TaggedStruct("InterruptWaiting", { index: Index }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([1, 10, 70, 100]) }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([100, 333, 3000]) }),
  Schema.TaggedStruct("Pause", { millis: Schema.Literals([50, 200]) }),
  Schema.TaggedStruct("Lower", { atMost: AtMost })
])

it.effect.prop(
  "no span holds more than a limit allows, and nobody overtakes, whatever the history",
  { setup: Setup, history: Schema.Array(Honest).check(Schema.isMinLength(30), Schema.isMaxLength(100)) },
  ({ history, setup }) =>
    Effect.gen(function*() {
      const limits = toLimits(setup, setup.limits)
      const limiter = yield* RateLimit.make({ name: "model", limits, maxWait: setup.maxWait })
      const { admitted, begin, exitOf, fibers } = callers(limiter)
      const costs: Array<typeof Cost.Type> = []
      for (const operation of history) {
        switch (operation._tag) {
          case "Begin":
            costs.push(operation.costs)
            yield* begin({ ...operation, work: "lasting" })
            break
          case "InterruptWaiting": {
            const waiting = fibers.filter((_, id) => !exitOf.has(id) && admitted.every(([other]) => other !== id))
            if (waiting.length > 0) yield* Fiber.interrupt(waiting[operation.index % waiting.length]!)
            break
          }
          case "Advance":
            yield* TestClock.adjust(operation.millis)
            break
          case "Pause":
            yield* limiter.pause(operation.millis)
            break
          case "Lower":
            yield* limiter.lower(operation.atMost)
        }
        yield* TestClock.adjust(0)
        for (const { available, capacity } of (yield* limiter.snapshot).limits) assert.isAtMost(available, capacity)
      }
      yield* TestClock.adjust("10 minutes")
      const order = admitted.map(([id]) => id)
      assert.deepStrictEqual(order, order.toSorted((a, b) => a - b), "nobody overtakes")
      for (const { burst, kind, limit, per, resource } of limits) {
        const millis = Duration.toMillis(per)
        const taken = admitted.map(([id, at]) => ({
          at,
          cost: costs[id]![resource] ?? (resource === "requests" ? 1 : 0)
        }))
        for (let from = 0; from < taken.length; from++) {
          let sum = 0
          for (let to = from; to < taken.length; to++) {
            sum += taken[to]!.cost
            const span = taken[to]!.at - taken[from]!.at
            const allowed = kind === "sliding-window" ? span < millis ? limit : Infinity : burst + limit * span / millis
            assert.isAtMost(sum, allowed + 1e-6, `${resource} (${kind}) within ${span} ms`)
          }
        }
      }
      yield* Effect.forEach(fibers, Fiber.interrupt)
    }),
  { arbitrary: { runs, size: 100 }, timeout: 10_000 + 40 * runs }
)
