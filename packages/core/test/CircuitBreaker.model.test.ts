/**
 * Random histories of calls, clock steps, interrupts and control operations, played on the breaker and on a model that
 * keeps every result in a list and counts anew each time.
 */
import { assert, it } from "@effect/vitest"
import { CircuitBreaker, Outcome } from "@switchgear/core"
import { Clock, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const Ending = Schema.Literals(["success", "failure", "ignored", "defect", "interrupt", "tripFor"])
type Ending = typeof Ending.Type

const Result = Schema.Literals(["success", "failure"])

// Plain calls and steps of the clock outnumber the rest, so that histories get far.
const Operation = Schema.Union([
  Schema.TaggedStruct("Call", { ending: Result }),
  Schema.TaggedStruct("Call", { ending: Result }),
  Schema.TaggedStruct("Call", { ending: Result }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([499, 500, 1000]) }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([500, 2000]) }),
  Schema.TaggedStruct("Begin", {}),
  Schema.TaggedStruct("Begin", {}),
  Schema.TaggedStruct("End", { index: Schema.Literals([0, 1]), ending: Result }),
  Schema.TaggedStruct("End", { index: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 })), ending: Ending }),
  Schema.TaggedStruct("Call", { ending: Ending }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([1, 499, 500, 999, 1000, 2500]) }),
  Schema.TaggedStruct("Control", { to: Schema.Literals(["forceOpen", "disable", "metricsOnly", "close", "reset"]) })
])
type Operation = typeof Operation.Type

const Setup = Schema.Struct({
  window: Schema.Literals(["count", "time"]),
  minimumCalls: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 })),
  failureRate: Schema.Literals([0.25, 0.5, 1]),
  slow: Schema.Boolean,
  consecutiveFailures: Schema.UndefinedOr(Schema.Literals([2, 3])),
  probes: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 }))
})
type Setup = typeof Setup.Type

const openFor = 1000
const maxWait = 2500
const tripFor = 3000
const slowAfter = 500
const windowMillis = 2000
const slices = 4

interface Recorded {
  readonly at: number
  failed: boolean
  readonly slow: boolean
}

interface Lease {
  readonly start: number
  readonly period: number
  /** Where a call that became slow in flight has been counted. */
  counted?: Recorded
}

/** The specification, as plainly as it can be said. */
class Model {
  state: CircuitBreaker.State = "Closed"
  private period = 0
  private openUntil = 0
  private results: Array<Recorded> = []
  private probesOut: Array<Lease> = []
  private callsOut: Array<Lease> = []
  private row: Array<boolean> = []
  private readonly setup: Setup

  constructor(setup: Setup) {
    this.setup = setup
  }

  private enter(state: CircuitBreaker.State): void {
    this.state = state
    this.period++
    this.results = []
    this.probesOut = []
    this.callsOut = []
    this.row = []
  }

  private open(at: number, millis: number): void {
    this.enter("Open")
    this.openUntil = at + millis
  }

  private countSlow(now: number, ending?: Lease): void {
    if (!this.setup.slow || (this.state !== "Closed" && this.state !== "MetricsOnly")) return
    const hanging = this.callsOut.filter((lease) =>
      lease !== ending && !lease.counted && now - lease.start >= slowAfter
    )
    for (const lease of hanging) {
      lease.counted = { at: now, failed: false, slow: true }
      this.results.push(lease.counted)
    }
    if (hanging.length > 0 && this.state === "Closed" && this.trips(now)) this.open(now, openFor)
  }

  private trips(now: number): boolean {
    const inWindow = this.inWindow(now)
    const enough = inWindow.length >= this.setup.minimumCalls
    const rate = (count: (result: Recorded) => boolean) => inWindow.filter(count).length / inWindow.length
    const row = this.setup.consecutiveFailures ?? Infinity
    const tail = this.row.slice(-row)
    return tail.length === row && tail.every((failed) => failed) ||
      enough && rate(({ failed }) => failed) >= this.setup.failureRate ||
      enough && this.setup.slow && rate(({ slow }) => slow) >= 1
  }

  look(now: number): CircuitBreaker.State {
    this.countSlow(now)
    const oldest = this.probesOut[0]
    if (this.state === "HalfOpen" && oldest && now - oldest.start >= maxWait) this.open(oldest.start + maxWait, openFor)
    if (this.state === "Open" && now >= this.openUntil) this.enter("HalfOpen")
    return this.state
  }

  begin(now: number): Lease | undefined {
    const state = this.look(now)
    const lease = { start: now, period: this.period }
    if (state === "Open" || state === "ForcedOpen") return undefined
    if (state === "HalfOpen") {
      if (this.probesOut.length + this.results.length >= this.setup.probes) return undefined
      this.probesOut.push(lease)
    } else if (state !== "Disabled") {
      this.callsOut.push(lease)
    }
    return lease
  }

  private inWindow(now: number): Array<Recorded> {
    const slice = (time: number) => Math.floor(time / (windowMillis / slices))
    return this.setup.window === "count"
      ? this.results.slice(-5)
      : this.results.filter(({ at }) => slice(at) > slice(now) - slices)
  }

  end(lease: Lease, ending: Ending, now: number): void {
    const ignored = ending === "ignored" || ending === "interrupt"
    if (!ignored) this.countSlow(now, lease)
    if (lease.period !== this.period || this.state === "Disabled") return
    this.probesOut = this.probesOut.filter((probe) => probe !== lease)
    this.callsOut = this.callsOut.filter((call) => call !== lease)
    if (ignored) return
    const failed = ending !== "success"
    this.row.push(failed)
    if (lease.counted) lease.counted.failed = failed
    else this.results.push({ at: now, failed, slow: this.setup.slow && now - lease.start >= slowAfter })
    if (this.state === "MetricsOnly") return
    if (ending === "tripFor") return this.open(now, tripFor)
    if (this.state === "Closed") {
      if (this.trips(now)) this.open(now, openFor)
      return
    }
    // Every way in which the missing probes could still end; certain is what all of them agree on.
    const verdicts = new Set(endings(this.setup.probes - this.results.length).map((rest) => this.reopens(rest)))
    if (verdicts.size > 1) return
    if (verdicts.has(true)) this.open(now, openFor)
    else this.enter("Closed")
  }

  private reopens(rest: ReadonlyArray<Recorded>): boolean {
    const all = [...this.results, ...rest]
    const row = this.setup.consecutiveFailures ?? Infinity
    const inRow = all.some((_, i) =>
      all.slice(i, i + row).length === row && all.slice(i, i + row).every((r) => r.failed)
    )
    return inRow || all.filter((r) => r.failed).length / all.length >= this.setup.failureRate ||
      this.setup.slow && all.every((r) => r.slow)
  }

  control(to: "forceOpen" | "disable" | "metricsOnly" | "close" | "reset"): void {
    const states = { forceOpen: "ForcedOpen", disable: "Disabled", metricsOnly: "MetricsOnly" } as const
    this.enter(to === "close" || to === "reset" ? "Closed" : states[to])
  }

  counts(now: number): { calls: number; failed: number } | undefined {
    if (this.state === "Open" || this.state === "ForcedOpen") return undefined
    const counted = this.state === "HalfOpen" ? this.results : this.inWindow(now)
    return { calls: counted.length, failed: counted.filter(({ failed }) => failed).length }
  }
}

const endings = (n: number): ReadonlyArray<ReadonlyArray<Recorded>> =>
  n <= 0 ?
    [[]] :
    endings(n - 1).flatMap((rest) =>
      [false, true].flatMap((failed) => [false, true].map((slow) => [...rest, { at: 0, failed, slow }]))
    )

const exits: { readonly [E in Ending]: Exit.Exit<string, string> } = {
  success: Exit.succeed("ok"),
  failure: Exit.fail("failure"),
  ignored: Exit.fail("ignored"),
  defect: Exit.die("bug"),
  interrupt: Exit.interrupt(),
  tripFor: Exit.fail("tripFor")
}

const make = (setup: Setup) =>
  CircuitBreaker.make({
    name: "model",
    window: setup.window === "count"
      ? CircuitBreaker.lastCalls(5)
      : CircuitBreaker.lasting(windowMillis, { buckets: slices }),
    minimumCalls: setup.minimumCalls,
    failureRate: setup.failureRate,
    slowCallDuration: setup.slow ? slowAfter : undefined,
    consecutiveFailures: setup.consecutiveFailures,
    openFor,
    halfOpen: { calls: setup.probes, maxWait },
    classify: (exit) => {
      const failure = Exit.isFailure(exit) ? Exit.findErrorOption(exit) : undefined
      if (failure?._tag === "Some" && failure.value === "ignored") return Outcome.ignored
      if (failure?._tag === "Some" && failure.value === "tripFor") return Outcome.tripFor(tripFor)
      return Outcome.fromExit(exit)
    }
  })

interface InFlight {
  readonly fiber: Fiber.Fiber<Exit.Exit<string, unknown>>
  readonly finish: (exit: Exit.Exit<string, string>) => void
  readonly lease: Lease | undefined
}

const play = (setup: Setup, history: ReadonlyArray<Operation>) =>
  Effect.gen(function*() {
    const breaker = yield* make(setup)
    const model = new Model(setup)
    const inFlight: Array<InFlight> = []
    let now = yield* Clock.currentTimeMillis

    const begin = Effect.gen(function*() {
      const lease = model.begin(now)
      let finish: InFlight["finish"] | undefined
      const call = breaker.protect(Effect.callback<string, string>((resume) => {
        finish = resume
      }))
      const fiber = yield* Effect.forkChild(Effect.exit(call), { startImmediately: true })
      assert.strictEqual(finish !== undefined, lease !== undefined, "admitted")
      if (finish) inFlight.push({ fiber, finish, lease })
    })
    const end = (index: number, ending: Ending) =>
      Effect.gen(function*() {
        const call = inFlight.splice(index, 1)[0]
        if (call === undefined) return
        model.end(call.lease!, ending, now)
        if (ending === "interrupt") yield* Fiber.interrupt(call.fiber)
        else call.finish(exits[ending])
        yield* Fiber.await(call.fiber)
      })

    for (const operation of history) {
      switch (operation._tag) {
        case "Begin":
          yield* begin
          break
        case "End":
          yield* end(operation.index, operation.ending)
          break
        case "Call": {
          const before = inFlight.length
          yield* begin
          if (inFlight.length > before) yield* end(before, operation.ending)
          break
        }
        case "Advance":
          now += operation.millis
          yield* TestClock.adjust(operation.millis)
          break
        case "Control":
          model.control(operation.to)
          yield* breaker.control[operation.to]
      }
      const expected = model.look(now)
      const { calls, failed, inFlight: admitted, state } = yield* breaker.snapshot
      assert.strictEqual(state, expected)
      assert.strictEqual(admitted, inFlight.length)
      const counts = model.counts(now)
      if (counts) assert.deepStrictEqual({ calls, failed }, counts)
    }
    yield* Effect.forEach(inFlight, ({ fiber }) => Fiber.interrupt(fiber))
    assert.strictEqual((yield* breaker.snapshot).inFlight, 0)
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 200)

it.effect.prop(
  "the breaker does what the model does, whatever the history",
  { setup: Setup, history: Schema.Array(Operation).check(Schema.isMinLength(30), Schema.isMaxLength(100)) },
  ({ history, setup }) => play(setup, history),
  { arbitrary: { runs, size: 100 }, timeout: 5_000 + 20 * runs }
)
