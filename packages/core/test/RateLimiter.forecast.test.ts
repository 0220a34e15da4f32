/**
 * The decisions about newcomers to a long queue, beside a planner that goes through the whole queue each time. Alarms
 * ring at whole milliseconds and later, so that turns come late.
 *
 * - Nobody is refused who would come in time, neither as a newcomer nor as a waiter.
 * - With at most 64 waiting, a newcomer whose turn is too late is refused at once.
 * - With more waiting it may join the queue in doubt. It is then refused, unless its turn has come in time meanwhile,
 *   after at most so many operations for each waiter: a half for token buckets, a 32nd with a sliding window.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { vi } from "vitest"

interface Source {
  when(cost: number, from: number): number
  take(cost: number, at: number): void
}

interface Meter extends Source {
  readonly capacity: number
  available(now: number): number
  plan(): Source
}

interface Turn {
  readonly costs: ReadonlyArray<number>
  readonly latest: number | undefined
  readonly waiting: boolean
}

interface Refusal {
  readonly reason: string
  readonly wait: number
}

interface Machine {
  readonly queue: { readonly size: number; peek(): (Turn & { readonly after: unknown }) | undefined }
  readonly pausedUntil: number
  request(turn: Turn, now: number): "taken" | "queued" | Refusal
  leave(turn: Turn, now: number): void
  advance(now: number): void
  correct(differences: ReadonlyArray<number>, takenAt: number, now: number): void
  pause(until: number, now: number): void
  resume(now: number): void
  clampAvailable(levels: ReadonlyArray<number>, now: number): void
  change(limits: ReadonlyArray<unknown>, now: number): void
}

const { LimiterMachine } = await vi.importActual<{
  readonly LimiterMachine: new(meters: ReadonlyArray<Meter>, places: number, arm: (at: number) => void) => Machine
}>("../src/rateLimiter/machine.ts")
const { TokenBucket } = await vi.importActual<{
  readonly TokenBucket: new(limit: unknown, now: number) => Meter
}>("../src/rateLimiter/tokenBucket.ts")
const { SlidingLog } = await vi.importActual<{ readonly SlidingLog: new(limit: unknown) => Meter }>(
  "../src/rateLimiter/slidingLog.ts"
)

const Limit = Schema.Struct({
  limit: Schema.Literals([3, 5, 10]),
  per: Schema.Literals([33.3, 100, 450]),
  burst: Schema.Literals([3, 10, 50])
})

const Caller = Schema.Struct({
  costs: Schema.Tuple([Schema.Literals([0, 1, 3]), Schema.Literals([0, 1, 2]), Schema.Literals([0, 0, 3])]),
  patience: Schema.Literals([80, 300, 1000, 3000, 6000, 12_000, 30_000, "Infinity", "just too little", "just enough"])
})

const Difference = Schema.Literals([-3, -1, -0.1, 0, 0.1, 1, 5])

const Step = Schema.Union([
  Schema.TaggedStruct("Come", {
    callers: Schema.NonEmptyArray(Caller).check(Schema.isMaxLength(5)),
    times: Schema.Literals([1, 1, 1, 2, 30, 90])
  }),
  Schema.TaggedStruct("Shake", {
    callers: Schema.NonEmptyArray(Caller).check(Schema.isMaxLength(3)),
    millis: Schema.Literals([100, 700, 3000])
  }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([0.3, 1, 4, 20, 150]), late: Schema.Literals([0, 0.4, 5]) }),
  Schema.TaggedStruct("Flow", {
    callers: Schema.NonEmptyArray(Caller).check(Schema.isMaxLength(3)),
    millis: Schema.Literals([1, 4, 20]),
    late: Schema.Literals([0, 0.4, 5]),
    times: Schema.Literals([5, 20])
  }),
  Schema.TaggedStruct("Correct", { differences: Schema.Tuple([Difference, Difference, Difference]) }),
  Schema.TaggedStruct("Leave", { part: Schema.Literals([0, 0.3, 0.7, 0.99]) }),
  Schema.TaggedStruct("Pause", { millis: Schema.Literals([5, 100, 700]) }),
  Schema.TaggedStruct("Resume", {}),
  Schema.TaggedStruct("Lower", { to: Schema.Literals([0, 2]) }),
  Schema.TaggedStruct("Change", { limits: Schema.Tuple([Limit, Limit, Limit]) })
])
type Step = typeof Step.Type

const Kind = Schema.Literals(["token-bucket", "sliding-window"])

const Kinds = {
  "token buckets": Schema.Literal("token-bucket"),
  "sliding windows": Schema.Literal("sliding-window"),
  "both": Kind
}

/** Times that differ by less than this are the same, but for the sum of fractions. */
const hair = 1e-5

const isTooLate = (at: number, latest: number) => at === Infinity || at > latest + hair

const isInTime = (at: number, latest: number) => at < Infinity && at <= latest - hair

class Play {
  private now = 0.5
  private alarm = Infinity
  private late = 0
  private operations = 0
  private readonly meters: ReadonlyArray<Meter>
  private readonly machine: Machine
  private readonly part: number
  /** Those who joined though their turn was too late, and how many operations had been made then. */
  private readonly doubted = new Map<Turn, { readonly since: number; readonly waiting: number }>()

  constructor(kinds: ReadonlyArray<typeof Kind.Type>, limits: ReadonlyArray<typeof Limit.Type>) {
    this.meters = kinds.map((kind, i) =>
      kind === "token-bucket" ? new TokenBucket(limits[i], this.now) : new SlidingLog(limits[i])
    )
    this.part = kinds.includes("sliding-window") ? 1 / 32 : 1 / 2
    this.machine = new LimiterMachine(this.meters, 2000, (at) => {
      this.alarm = at
    })
  }

  step(step: Step): void {
    const { machine, now } = this
    switch (step._tag) {
      case "Come":
        for (let n = 0; n < step.times; n++) {
          for (const caller of step.callers) this.come(caller)
        }
        return
      case "Shake":
        for (let n = 0; n < 10; n++) {
          this.operation(() => n % 2 === 0 ? machine.pause(now + step.millis, now) : machine.resume(now))
          this.come(step.callers[n % step.callers.length]!)
        }
        return
      case "Flow":
        this.late = step.late
        for (let n = 0; n < step.times; n++) {
          this.advance(this.now + step.millis)
          this.come(step.callers[n % step.callers.length]!)
        }
        return
      case "Advance":
        this.late = step.late
        return this.advance(now + step.millis)
      case "Correct":
        return this.operation(() => machine.correct(step.differences.slice(0, this.meters.length), now, now))
      case "Leave": {
        const waiting = this.waiting()
        const turn = waiting[Math.floor(step.part * waiting.length)]
        return turn && this.operation(() => machine.leave(turn, now))
      }
      case "Pause":
        return this.operation(() => machine.pause(now + step.millis, now))
      case "Resume":
        return this.operation(() => machine.resume(now))
      case "Lower":
        if (this.meters.every((meter) => meter.available(now) <= step.to)) return
        return this.operation(() => machine.clampAvailable(this.meters.map(() => step.to), now))
      case "Change":
        return this.operation(() => machine.change(step.limits.slice(0, this.meters.length), now))
    }
  }

  private waiting(): Array<Turn> {
    const turns: Array<Turn> = []
    for (let turn: any = this.machine.queue.peek(); turn !== undefined; turn = turn.after) turns.push(turn)
    return turns
  }

  /** The turn of each, behind those before who come in time. */
  private planned(turns: ReadonlyArray<Turn>): ReadonlyArray<number> {
    const plans = this.meters.map((meter) => meter.plan())
    let end = Math.max(this.now, this.machine.pausedUntil)
    return turns.map(({ costs, latest }) => {
      let at = end
      this.meters.forEach(({ capacity }, i) => {
        const cost = costs[i]!
        if (cost > 0) at = Math.max(at, cost > capacity ? Infinity : plans[i]!.when(cost, end))
      })
      if (isTooLate(at, latest!)) return at
      end = at
      plans.forEach((plan, i) => costs[i]! > 0 && plan.take(costs[i]!, at))
      return at
    })
  }

  private come({ costs, patience }: typeof Caller.Type): void {
    const { machine, meters, now } = this
    const turn = {
      costs: costs.slice(0, meters.length),
      latest: Infinity,
      waiting: false,
      before: undefined,
      after: undefined,
      spot: -1,
      order: this.operations,
      grant: () => {},
      refuse: ({ reason }: Refusal) => {
        if (reason === "too-large") return
        const ahead = this.waiting().filter((other) => (other as typeof turn).order < turn.order)
        assert.isFalse(isInTime(this.planned([...ahead, turn]).at(-1)!, turn.latest), "no waiter is refused in time")
      },
      tell: () => {}
    }
    const latest = turn.latest = patience === "just too little" || patience === "just enough"
      ? this.planned([...this.waiting(), turn]).at(-1)! + (patience === "just enough" ? 0.2 : -0.2)
      : now + Number(patience)
    let answer: ReturnType<Machine["request"]> = "taken"
    this.operation(() => {
      answer = machine.request(turn, now)
      if (typeof answer === "object") {
        if (answer.reason === "too-large" || answer.reason === "queue-full") return
        const at = this.planned([...this.waiting(), turn]).at(-1)!
        assert.isFalse(isInTime(at, latest), "no newcomer is refused in time")
      } else if (answer === "queued") {
        const waiting = this.waiting()
        if (!isTooLate(this.planned(waiting).at(-1)!, latest)) return
        assert.isAbove(waiting.length, 64, "a newcomer whose turn is too late is refused at once")
        this.doubted.set(turn, { since: this.operations, waiting: waiting.length })
      }
    })
  }

  private operation(run: () => void): void {
    this.operations++
    run()
    assert.isAtMost(this.machine.queue.size, 2000)
    if (this.doubted.size === 0) return
    const waiting = this.waiting()
    const planned = this.planned(waiting)
    const at = new Map(waiting.map((turn, i) => [turn, planned[i]!]))
    for (const [turn, { since, waiting: before }] of this.doubted) {
      if (!turn.waiting || !isTooLate(at.get(turn)!, turn.latest!)) this.doubted.delete(turn)
      else assert.isAtMost(
          this.operations - since,
          this.part * Math.max(before, waiting.length) + 1,
          "a doubt is ended"
        )
    }
  }

  private advance(to: number): void {
    for (;;) {
      const rings = Math.max(this.now, Math.ceil(this.alarm - 1e-6) + this.late)
      if (rings > to) break
      this.now = rings
      const { alarm } = this
      this.operation(() => this.machine.advance(rings))
      if (this.alarm === alarm) break
    }
    this.now = to
  }
}

const runs = Number(process.env["SWITCHGEAR_RUNS"] ?? 100)

describe("newcomers to a long queue are decided about as by a plan of all turns", () => {
  for (const [name, kind] of Object.entries(Kinds)) {
    it.prop(
      `with ${name}`,
      {
        kinds: Schema.NonEmptyArray(kind).check(Schema.isMaxLength(3)),
        limits: Schema.Tuple([Limit, Limit, Limit]),
        steps: Schema.Array(Step).check(Schema.isMinLength(10), Schema.isMaxLength(60))
      },
      ({ kinds, limits, steps }) => {
        const play = new Play(kinds, limits)
        for (const step of steps) play.step(step)
      },
      { arbitrary: { runs, size: 60, maxShrinks: 2000 }, timeout: 10_000 + 400 * runs }
    )
  }
})
