/**
 * Random histories of calls, reservations, settlements, interrupts, clock steps, pauses, lowered levels and changes of
 * limits, played on the limiter and on a model that keeps everything that was ever taken in a list, and tells every turn
 * by going through all of it each time.
 *
 * The model says when a call is refused: on arrival, if its turn behind all that can still come in time is too late, or
 * no place is free; and as a waiter, as soon as the turn of the head of the queue is too late for it, or its costs are
 * larger than a new limit.
 */
import { assert, it } from "@effect/vitest"
import { Deadline, Outcome, RateLimiter } from "@switchgear/core"
import { Arbitraries } from "@switchgear/core/testing"
import { Cause, Duration, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

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

const Request = Schema.Struct({
  how: Schema.Literals(["protect", "protect", "reserve"]),
  costs: Cost,
  /** Milliseconds until the deadline. */
  deadline: Schema.UndefinedOr(Schema.Literals([150, 400, 1500])),
  /** Where it waits otherwise than the limiter says. */
  maxWait: Schema.UndefinedOr(Schema.Literals([0, 100, 600, "Infinity"]))
})
type Request = typeof Request.Type

/** How much of each resource there is at most, as a provider says it. */
const AtMost = Schema.Struct({
  requests: Schema.UndefinedOr(Schema.Literals([0, 1, 3, 50])),
  tokens: Schema.UndefinedOr(Schema.Literals([0, 2, 6, 50])),
  cost: Schema.UndefinedOr(Schema.Literals([0, 4, 50]))
})

/** What a call took, or why it took nothing or no one knows; a reservation is settled, or given back. */
const Ending = Schema.Union([Actual, Actual, Actual, Schema.Literals(["failure", "rejection", "defect"])])
type Ending = typeof Ending.Type

const NewLimit = Schema.Struct({
  limit: Schema.Literals([2, 3, 6, 10]),
  burst: Schema.UndefinedOr(Schema.Literals([1, 4, 10]))
})

const Pause = Schema.TaggedStruct("Pause", { millis: Schema.Literals([50, 200, 700]) })
const Lower = Schema.TaggedStruct("Lower", { atMost: AtMost })
const SetLimits = Schema.TaggedStruct("SetLimits", {
  pace: Schema.Literals(["as at first", "twice as fast"]),
  limits: Schema.Tuple([NewLimit, NewLimit, NewLimit])
})
const Resume = Schema.TaggedStruct("Resume", {})
const Control = Schema.Union([Pause, Resume, Lower, SetLimits])
type Control = typeof Control.Type

type Event = Arbitraries.Event<Request, Ending, Control>

// Calls and steps of the clock outnumber the rest, so that queues get long and move.
const history = Arbitraries.history({
  calls: Request,
  endings: Ending,
  advance: [3, 10, 30, 70, 100, 100, 300, 999, 3000],
  control: Control,
  weights: { Begin: 3, Call: 3, End: 3, Interrupt: 2, Advance: 2, Control: 3 },
  length: { from: 30, to: 100 }
})

const LimitSetup = Schema.Struct({
  kind: Schema.Literals(["token-bucket", "sliding-window"]),
  limit: Schema.Literals([1, 3, 5, 10]),
  burst: Schema.UndefinedOr(Schema.Literals([1, 5, 10, 20])),
  /** Milliseconds for one unit. */
  unit: Schema.Literals([10, 70, 100, 300])
})

const resources = {
  "requests": ["requests"],
  "tokens": ["tokens"],
  "requests and tokens": ["requests", "tokens"],
  "all": ["cost", "requests", "tokens"]
} as const satisfies { readonly [name: string]: ReadonlyArray<RateLimiter.Resource> }

const Setup = Schema.Struct({
  limited: Schema.Literals(["requests", "tokens", "requests and tokens", "all"]),
  limits: Schema.Tuple([LimitSetup, LimitSetup, LimitSetup]),
  maxWait: Schema.Literals([0, 300, 1000, "Infinity"]),
  queue: Schema.Literals([1000, 0, 1, 3]),
  maxRetryAfter: Schema.Literals(["10 minutes", 300]),
  /** Turns between two milliseconds come only from another pace, and could then meet a deadline in the same one. */
  varied: Schema.Literals(["deadlines", "pace"]),
  /** Whether somebody looks at the limiter after every step. */
  watched: Schema.Boolean
})
type Setup = typeof Setup.Type

const deadlineIn = (setup: Setup, deadline: Request["deadline"]): number =>
  setup.varied === "deadlines" ? deadline ?? Infinity : Infinity

const fasterIn = (setup: Setup, pace: typeof SetLimits.Type["pace"]): number =>
  setup.varied === "pace" && pace === "twice as fast" ? 2 : 1

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
  /** As it was given, if it was. */
  private option: number | undefined
  private burst: number
  private unit: number

  constructor(limit: number, option: number | undefined, unit: number, start: number) {
    this.option = option
    this.first = this.burst = option ?? limit
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

  clampAvailable(atMost: number, now: number): void {
    this.happens(now, (level) => Math.min(atMost, level))
  }

  change(limit: number, option: number | undefined, unit: number, now: number): void {
    this.option = option ?? this.option
    const burst = this.option ?? limit
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

  clampAvailable(atMost: number, now: number): void {
    const excess = this.available(now) - atMost
    if (excess > 0) this.takings.push({ at: now, by: -1, cost: excess })
  }

  // What has left the window does not come back into a longer one.
  change(limit: number, _burst: number | undefined, unit: number, now: number): void {
    this.takings = this.takings.filter(({ at }) => at + this.per > now)
    this.limit = limit
    this.per = limit * unit
  }
}

interface Call {
  readonly id: number
  readonly costs: ReadonlyArray<number>
  readonly how: "protect" | "reserve"
  /** How it ends in its first step, if it does. */
  readonly ending: Ending | undefined
  /** The last turn that is not later than `maxWait`, and the first that is too late for the deadline. */
  readonly latest: number
  readonly deadline: number
  readonly waits: boolean
  state: "waiting" | "running" | "over"
}

/** What a call is told that is refused. */
interface Refusal {
  readonly bucket: RateLimiter.Resource
  readonly reason: RateLimiter.RateLimited["reason"]
  readonly retryAfter: number | undefined
}

/** When a call can have all it costs, and the limit that is the last to have it. */
interface Turn {
  readonly at: number
  readonly bucket: RateLimiter.Resource
}

interface Seen {
  readonly admitted: ReadonlyArray<{ readonly id: number; readonly at: number }>
  readonly over: ReadonlyArray<number>
  readonly refused: ReadonlyMap<number, Refusal>
  readonly told: {
    readonly admitted: number
    readonly rejected: number
    readonly waiting: number
    readonly pausedFor: number | undefined
    readonly available: ReadonlyArray<number>
  } | undefined
}

/** The specification, as plainly as it can be said. */
class Model implements Arbitraries.Model<Request, Ending, Control, Seen> {
  private readonly calls: Array<Call> = []
  private readonly admitted: Array<{ readonly id: number; readonly at: number }> = []
  private readonly refused = new Map<number, Refusal>()
  private readonly meters: ReadonlyArray<ModelBucket | ModelWindow>
  private now: number
  private pausedUntil = -Infinity
  /** The turn of the first who waits. */
  private headAt = Infinity
  /** Those granted who will end in their first step. */
  private readonly ending: Array<Call> = []
  private readonly setup: Setup
  private readonly names: ReadonlyArray<RateLimiter.Resource>

  constructor(setup: Setup, now: number) {
    this.setup = setup
    this.now = now
    this.names = resources[setup.limited]
    this.meters = this.names.map((_, i) => {
      const { burst, kind, limit, unit } = setup.limits[i]!
      return kind === "token-bucket" ? new ModelBucket(limit, burst, unit, now) : new ModelWindow(limit, unit)
    })
  }

  on(event: Event): void {
    switch (event._tag) {
      case "Began":
        return this.begin(event.call, event.ending)
      case "Ended":
        return this.end(this.calls[event.id]!, event.ending)
      case "Interrupted":
        return this.interrupt(this.calls[event.id]!)
      case "Advanced":
        return this.advance(event.now)
      case "Controlled":
        return this.control(event.control)
    }
  }

  look(): Seen {
    const { admitted, refused } = this
    return {
      admitted,
      over: this.in("over").map(({ id }) => id),
      refused,
      told: this.setup.watched
        ? {
          admitted: admitted.length,
          rejected: refused.size,
          waiting: this.in("waiting").length,
          pausedFor: this.pausedUntil > this.now ? this.pausedUntil - this.now : undefined,
          available: this.meters.map((meter) => exact(meter.available(this.now)))
        }
        : undefined
    }
  }

  private in(state: Call["state"]): Array<Call> {
    return this.calls.filter((call) => call.state === state)
  }

  /** The turn of a call at `from` or later, behind what is planned. */
  private turn(call: Call, from: number, planned: ReadonlyArray<Taken> = []): Turn {
    const earliest = Math.max(from, this.pausedUntil)
    const turns = call.costs.map((cost, i) => {
      const meter = this.meters[i]!
      if (cost === 0) return -Infinity
      if (cost > meter.capacity) return Infinity
      return meter.earliest(cost, earliest, planned.map((p) => ({ at: p.at, by: p.call.id, cost: p.call.costs[i]! })))
    })
    const slowest = Math.max(...turns)
    return { at: Math.max(earliest, slowest), bucket: this.names[turns.indexOf(slowest)]! }
  }

  /** The turn of a call behind all those who wait and can still come in time. */
  private turnBehindAll(call: Call): Turn {
    const planned: Array<Taken> = []
    for (const waiter of this.in("waiting")) {
      const { at } = this.turn(waiter, planned.at(-1)?.at ?? this.now, planned)
      if (!isTooLate(at, waiter)) planned.push({ call: waiter, at })
    }
    return this.turn(call, planned.at(-1)?.at ?? this.now, planned)
  }

  private refuse(call: Call, { at, bucket }: Turn, reason?: Refusal["reason"]): void {
    call.state = "over"
    const why = at === Infinity ? "too-large" : this.pausedUntil > this.now ? "paused" : "limit"
    const retryAfter = at === Infinity ? undefined : Math.ceil(at - this.now)
    this.refused.set(call.id, { bucket, reason: reason ?? why, retryAfter })
  }

  private grant(call: Call): void {
    call.state = "running"
    this.admitted.push({ id: call.id, at: this.now })
    this.meters.forEach((meter, i) => meter.take({ at: this.now, by: call.id, cost: call.costs[i]! }))
    if (call.ending !== undefined) this.ending.push(call)
  }

  /** Lets go who is due, and refuses for whom even the turn of the head is too late. */
  private letGo(): void {
    let head: Call | undefined
    while ((head = this.in("waiting")[0]) !== undefined) {
      const turn = this.turn(head, this.now)
      if (isTooLate(turn.at, head)) this.refuse(head, turn)
      else if (turn.at <= this.now) this.grant(head)
      else {
        this.headAt = turn.at
        for (const call of this.in("waiting")) {
          if (isTooLate(turn.at, call)) this.refuse(call, this.turn(call, turn.at))
        }
        return
      }
    }
    this.headAt = Infinity
  }

  /** Those who end in their first step come one after the other, behind those granted before. */
  private settle(): void {
    this.letGo()
    let call: Call | undefined
    while ((call = this.ending.shift()) !== undefined) {
      this.finish(call, call.ending!)
      this.letGo()
    }
  }

  private finish(call: Call, ending: Ending): void {
    call.state = "over"
    // A rejection that comes out of the work has used what was taken; by hand it is given back.
    if (ending === "rejection" && call.how === "reserve") this.correct(call, { requests: 0, tokens: 0, cost: 0 })
    else if (typeof ending === "object") this.correct(call, ending)
  }

  private correct(call: Call, actual: typeof Actual.Type): void {
    this.meters.forEach((meter, i) => {
      const amount = actual[this.names[i]!]
      if (amount !== undefined && amount !== call.costs[i]!) meter.correct(amount - call.costs[i]!, call.id, this.now)
    })
  }

  private begin({ costs, deadline, how, maxWait }: Request, ending: Ending | undefined): void {
    const { now, setup } = this
    const longest = Number(maxWait ?? setup.maxWait)
    const call: Call = {
      id: this.calls.length,
      costs: this.names.map((name) => costs[name] ?? (name === "requests" ? 1 : 0)),
      how,
      ending,
      latest: now + longest,
      deadline: now + deadlineIn(setup, deadline),
      waits: longest > 0,
      state: "over"
    }
    const waiting = this.in("waiting")
    this.calls.push(call)
    const turn = this.turnBehindAll(call)
    if (waiting.length === 0 && turn.at <= now) this.grant(call)
    else if (turn.at === Infinity) this.refuse(call, turn)
    else if (call.waits && waiting.length > 0 && waiting.length >= setup.queue) {
      this.refuse(call, this.turn(waiting[0]!, now), "queue-full")
    } else if (isTooLate(turn.at, call)) this.refuse(call, turn)
    else if (setup.queue === 0) this.refuse(call, turn, "queue-full")
    else call.state = "waiting"
    this.settle()
  }

  private end(call: Call, ending: Ending): void {
    this.finish(call, ending)
    this.settle()
  }

  private interrupt(call: Call): void {
    call.state = "over"
    this.settle()
  }

  private control(change: Control): void {
    switch (change._tag) {
      case "Pause":
        this.pausedUntil = Math.max(
          this.pausedUntil,
          this.now + (this.setup.maxRetryAfter === 300 ? Math.min(300, change.millis) : change.millis)
        )
        for (const meter of this.meters) meter.clampAvailable(0, this.now)
        break
      case "Resume":
        this.pausedUntil = -Infinity
        break
      case "Lower":
        this.meters.forEach((meter, i) => meter.clampAvailable(change.atMost[this.names[i]!] ?? Infinity, this.now))
        break
      case "SetLimits":
        this.meters.forEach((meter, i) => {
          const { burst, limit } = change.limits[i]!
          meter.change(limit, burst, this.setup.limits[i]!.unit / fasterIn(this.setup, change.pace), this.now)
        })
        for (const call of this.in("waiting")) {
          const turn = this.turn(call, this.now)
          if (turn.at === Infinity) this.refuse(call, turn)
        }
    }
    this.settle()
  }

  // A clock of whole milliseconds rings for a turn in between at the next one.
  private advance(to: number): void {
    for (;;) {
      const due = Math.ceil(this.headAt)
      if (due > to) break
      this.now = due
      this.settle()
    }
    this.now = to
    for (const call of this.in("running")) if (call.deadline <= to) call.state = "over"
  }
}

interface Taken {
  readonly call: Call
  readonly at: number
}

const isTooLate = (at: number, { deadline, latest, waits }: Call): boolean =>
  !waits || at > latest || at >= deadline || at === Infinity

const toLimits = (
  setup: Setup,
  limits: ReadonlyArray<{ readonly limit: number; readonly burst: number | undefined }>,
  faster = 1
): ReadonlyArray<RateLimiter.Limit> =>
  resources[setup.limited].map((resource, i) => {
    const { kind, unit } = setup.limits[i]!
    const { burst, limit } = limits[i]!
    return RateLimiter[resource](limit, limit * unit / faster, { kind, burst })
  })

const rejection = { _tag: "Refused", [Outcome.RejectionTypeId]: true } as const

const exits = {
  failure: Exit.fail("failure"),
  rejection: Exit.fail(rejection),
  defect: Exit.die("bug")
} as const

const makeIn = (setup: Setup) =>
  RateLimiter.make({
    name: "model",
    limits: toLimits(setup, setup.limits),
    maxWait: setup.maxWait,
    queue: setup.queue,
    maxRetryAfter: setup.maxRetryAfter
  })

const refusalIn = (exit: Exit.Exit<unknown, unknown> | undefined): Refusal | undefined => {
  const error = exit && Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return error instanceof RateLimiter.RateLimited
    ? {
      bucket: error.bucket,
      reason: error.reason,
      retryAfter: error.retryAfter && Duration.toMillis(error.retryAfter)
    }
    : undefined
}

/** Takes by hand what `protectWith` takes, and settles it or gives it back; more than once, which counts once. */
const reserve = (
  limiter: RateLimiter.RateLimiter,
  costs: RateLimiter.Cost,
  options: RateLimiter.WaitOptions,
  work: Effect.Effect<Ending>
) =>
  Effect.gen(function*() {
    const reservation = yield* limiter.reserve(costs, options)
    const ending = yield* work
    if (typeof ending === "object") return yield* reservation.settle(ending)
    if (ending === "rejection") yield* Effect.andThen(reservation.refund, reservation.refund)
    return yield* exits[ending]
  })

const subject = (setup: Setup, limiter: RateLimiter.RateLimiter) => ({
  make: Effect.succeed(limiter),
  call: (
    _: unknown,
    work: Effect.Effect<Ending>,
    { costs, deadline, how, maxWait }: Request
  ): Effect.Effect<unknown, unknown> => {
    const ended = Effect.flatMap(
      work,
      (ending): Effect.Effect<typeof Actual.Type, unknown> =>
        typeof ending === "object" ? Effect.succeed(ending) : exits[ending]
    )
    const call: Effect.Effect<unknown, unknown> = how === "reserve"
      ? reserve(limiter, costs, { maxWait }, work)
      : limiter.protectWith({ costs, maxWait, settle: (actual: typeof Actual.Type) => actual })(ended)
    const millis = deadlineIn(setup, deadline)
    return millis === Infinity ? call : Deadline.within(millis)(call)
  },
  control: (_: unknown, change: Control) => {
    switch (change._tag) {
      case "Pause":
        return limiter.pause(change.millis)
      case "Resume":
        return limiter.resume
      case "Lower":
        return limiter.clampAvailable(change.atMost)
      case "SetLimits":
        return limiter.setLimits(toLimits(setup, change.limits, fasterIn(setup, change.pace)))
    }
  },
  look: (_: unknown, { calls, started }: Arbitraries.Scene<Request>) =>
    Effect.gen(function*(): Effect.fn.Return<Seen> {
      const refusals = calls.flatMap(({ exit, id }) => {
        const refusal = refusalIn(exit)
        return refusal ? [[id, refusal] as const] : []
      })
      const over = calls.flatMap(({ id, state }) => state === "over" ? [id] : [])
      const seen = { admitted: started, over, refused: new Map(refusals) }
      if (!setup.watched) return { ...seen, told: undefined }
      const { admitted, limits, pausedFor, rejected, waiting } = yield* limiter.snapshot
      for (const { available, capacity } of limits) assert.isAtMost(available, capacity)
      const available = limits.map((limit) => exact(limit.available))
      const told = { admitted, rejected, waiting, pausedFor: pausedFor && Duration.toMillis(pausedFor), available }
      return { ...seen, told }
    }),
  model: (): Arbitraries.Model<Request, Ending, Control, Seen> => new Model(setup, 0)
})

const play = (setup: Setup, history: Arbitraries.History<Request, Ending, Control>) =>
  Effect.gen(function*() {
    const limiter = yield* makeIn(setup)
    yield* Arbitraries.play(history, subject(setup, limiter))
    assert.strictEqual((yield* limiter.snapshot).waiting, 0)
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)

it.effect.prop(
  "the limiter does what the model does, whatever the history",
  { setup: Setup, history },
  ({ history, setup }) => play(setup, history),
  { arbitrary: { runs, size: 100, maxShrinks: 2000 }, timeout: 10_000 + 40 * runs }
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
      steps.flatMap((millis, i): Arbitraries.History<Request, Ending, Control> => [
        {
          _tag: "Begin",
          call: {
            how: "protect",
            costs: { requests: 1, tokens: 1, cost: 0 },
            deadline: undefined,
            maxWait: undefined
          }
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
      const lasting = (millis: number) => [RateLimiter.requests(1, millis, { kind: "sliding-window" })]
      const limiter = yield* RateLimiter.make({ name: "model", limits: lasting(100) })
      yield* limiter.protect(Effect.void)
      yield* TestClock.adjust(150)
      if (looked === "in between") yield* limiter.snapshot
      yield* limiter.setLimits(lasting(1000))
      assert.strictEqual(yield* limiter.protect(Effect.succeed("passes")), "passes")
    }
  }))

it.effect("those who end at once and make room for the next leave no one behind, however many they are", () =>
  Effect.gen(function*() {
    const limits = [RateLimiter.tokens(10, "1 second")]
    const limiter = yield* RateLimiter.make({ name: "model", limits, maxWait: "Infinity", queue: 2000 })
    const reservation = yield* limiter.reserve({ tokens: 10 })
    let passed = 0
    const call = Effect.sync(() => ++passed).pipe(
      limiter.protectWith({ costs: { tokens: 10 }, settle: () => ({ tokens: 0 }) })
    )
    const fibers = yield* Effect.forEach(
      Array.from({ length: 2000 }),
      () => Effect.forkChild(call, { startImmediately: true })
    )
    yield* reservation.refund
    yield* Fiber.joinAll(fibers)
    assert.deepStrictEqual([passed, (yield* limiter.snapshot).waiting], [2000, 0])
  }))

const honest = Arbitraries.history({
  calls: Request,
  advance: [1, 10, 70, 100, 100, 333, 3000],
  control: Schema.Union([Schema.TaggedStruct("Pause", { millis: Schema.Literals([50, 200]) }), Resume, Lower]),
  weights: { Call: 0, Begin: 4, End: 0, Interrupt: 2, Advance: 2, Control: 2 },
  length: { from: 30, to: 100 }
})

it.effect.prop(
  "no span holds more than a limit allows, and nobody overtakes, whatever the history",
  { setup: Setup, history: honest },
  ({ history, setup }) =>
    Effect.gen(function*() {
      const limiter = yield* makeIn(setup)
      let judged = 0
      const inTheEnd = { _tag: "Advance", millis: 600_000 } as const
      yield* Arbitraries.play([...history, inTheEnd], {
        ...subject({ ...setup, watched: false }, limiter),
        call: (_, work, request) => subject(setup, limiter).call(_, Effect.andThen(work, Effect.never), request),
        model: undefined,
        look: (_, { calls, started }: Arbitraries.Scene<Request>) =>
          Effect.gen(function*() {
            for (const { available, capacity } of (yield* limiter.snapshot).limits) assert.isAtMost(available, capacity)
            for (; judged < started.length; judged++) {
              assert.isAbove(started[judged]!.id, started[judged - 1]?.id ?? -1, "nobody overtakes")
              for (const limit of toLimits(setup, setup.limits)) {
                assertSpans(
                  limit,
                  started.slice(0, judged + 1).map(({ at, id }) => ({
                    at,
                    cost: calls[id]!.call.costs[limit.resource] ?? (limit.resource === "requests" ? 1 : 0)
                  }))
                )
              }
            }
          })
      })
    }),
  { arbitrary: { runs, size: 100, maxShrinks: 2000 }, timeout: 10_000 + 40 * runs }
)

/** Every span that ends with the last taking holds at most what the limit allows for so long. */
const assertSpans = (
  { kind, limit, per, resource, burst = limit }: RateLimiter.Limit,
  taken: ReadonlyArray<{ readonly at: number; readonly cost: number }>
) => {
  const millis = Duration.toMillis(per)
  let sum = 0
  for (const { at, cost } of taken.toReversed()) {
    sum += cost
    const span = taken.at(-1)!.at - at
    const allowed = kind === "sliding-window" ? span < millis ? limit : Infinity : burst + limit * span / millis
    assert.isAtMost(sum, allowed + 1e-6, `${resource} (${kind}) within ${span} ms`)
  }
}
