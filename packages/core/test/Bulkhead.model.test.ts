/**
 * Random histories of calls, their endings, interrupts, clock steps and resizes, played on the bulkhead and on a model
 * that keeps every call in one list and looks through all of it each time.
 */
import { assert, it } from "@effect/vitest"
import { Bulkhead, Deadline } from "@switchgear/core"
import { Cause, Clock, Effect, Exit, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"

const Index = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))

const Begin = Schema.TaggedStruct("Begin", {
  priority: Schema.Literals([0, 0, -1, 7]),
  key: Schema.UndefinedOr(Schema.Literals(["a", "a", "b", "c"])),
  /** Milliseconds until the deadline. A call that has one goes on when it is interrupted. */
  deadline: Schema.UndefinedOr(Schema.Literals([400, 1000, 3000])),
  /** Whether the work goes on until it is told to end, or ends in its first step. */
  work: Schema.Literals(["lasting", "lasting", "instant"])
})

// Calls outnumber the rest, so that queues get long.
const Operation = Schema.Union([
  Begin,
  Begin,
  Begin,
  Begin,
  Schema.TaggedStruct("End", { index: Index }),
  Schema.TaggedStruct("End", { index: Index }),
  Schema.TaggedStruct("InterruptRunning", { index: Index }),
  Schema.TaggedStruct("InterruptWaiting", { index: Index }),
  Schema.TaggedStruct("Advance", { millis: Schema.Literals([1, 400, 600, 999]) }),
  Schema.TaggedStruct("Resize", { concurrency: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 8 })) })
])
type Operation = typeof Operation.Type

const Setup = Schema.Struct({
  concurrency: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })),
  queue: Schema.Literals([0, 2, 5, 12]),
  sharePercent: Schema.UndefinedOr(Schema.Literals([1, 20, 50, 75, 100])),
  maxWait: Schema.Literals([1000, 2500])
})
type Setup = typeof Setup.Type

interface Call {
  readonly id: number
  readonly key: string | undefined
  readonly priority: number
  readonly instant: boolean
  readonly interruptible: boolean
  readonly latest: number
  readonly late: Bulkhead.Reason
  state: "waiting" | "running" | "over"
}

/** The specification, as plainly as it can be said. */
class Model {
  readonly calls: Array<Call> = []
  readonly admitted: Array<number> = []
  readonly rejected = { "queue-full": 0, "wait-timeout": 0, "deadline": 0 }
  readonly answers = new Map<number, Bulkhead.Reason>()
  concurrency: number
  private readonly setup: Setup

  constructor(setup: Setup) {
    this.setup = setup
    this.concurrency = setup.concurrency
  }

  in(state: Call["state"]): Array<Call> {
    return this.calls.filter((call) => call.state === state)
  }

  private mayHold(key: string | undefined): boolean {
    const { sharePercent } = this.setup
    if (sharePercent === undefined || key === undefined) return true
    const slots = Math.max(1, Math.floor(this.concurrency * sharePercent / 100))
    return this.in("running").filter((call) => call.key === key).length < slots
  }

  private handOut(): void {
    while (this.in("running").length < this.concurrency) {
      const [next] = this.in("waiting")
        .filter(({ key }) => this.mayHold(key))
        .sort((a, b) => b.priority - a.priority || a.id - b.id)
      if (next === undefined) return
      this.admitted.push(next.id)
      next.state = next.instant ? "over" : "running"
    }
  }

  private reject(call: Call, reason: Bulkhead.Reason): void {
    call.state = "over"
    this.rejected[reason]++
    this.answers.set(call.id, reason)
  }

  begin(options: typeof Begin.Type, now: number): void {
    const { key, priority, work } = options
    const deadline = options.deadline ?? Infinity
    const wait = Math.min(deadline, this.setup.maxWait)
    const late = deadline <= this.setup.maxWait && deadline < Infinity ? "deadline" : "wait-timeout"
    const id = this.calls.length
    const call: Call = {
      id,
      key,
      priority,
      instant: work === "instant",
      interruptible: options.deadline === undefined,
      latest: now + wait,
      late,
      state: "waiting"
    }
    const waited = this.in("waiting").length
    this.calls.push(call)
    this.handOut()
    if (call.state !== "waiting") return
    if (waited >= this.setup.queue) this.reject(call, "queue-full")
  }

  end(call: Call): void {
    call.state = "over"
    this.handOut()
  }

  advance(now: number): void {
    for (const call of this.in("waiting")) if (call.latest <= now) this.reject(call, call.late)
  }

  resize(concurrency: number): void {
    this.concurrency = concurrency
    this.handOut()
  }
}

const play = (setup: Setup, history: ReadonlyArray<Operation>) =>
  Effect.gen(function*() {
    const { concurrency, maxWait, queue, sharePercent } = setup
    const share = sharePercent === undefined ? undefined : sharePercent / 100
    const bulkhead = yield* Bulkhead.make({ name: "model", concurrency, queue, share, maxWait })
    const model = new Model(setup)
    const admitted: Array<number> = []
    const finish = new Map<number, () => void>()
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    const exits = new Map<number, Exit.Exit<void, Bulkhead.BulkheadFull>>()
    let now = yield* Clock.currentTimeMillis

    const begin = (options: typeof Begin.Type) => {
      const id = fibers.length
      const admit = Effect.sync(() => admitted.push(id))
      const lasting = Effect.callback<void>((resume) => {
        finish.set(id, () => resume(Effect.void))
      })
      const work = options.work === "instant" ? Effect.asVoid(admit) : Effect.andThen(admit, lasting)
      const call = bulkhead.protect(work).pipe(
        Effect.provideService(Bulkhead.CurrentPriority, options.priority),
        Effect.provideService(Bulkhead.CurrentKey, options.key),
        Effect.onExit((exit) => Effect.sync(() => exits.set(id, exit)))
      )
      // What cannot be interrupted shows what the bulkhead makes of the deadline, and not what the deadline does itself.
      const timed = options.deadline === undefined
        ? call
        : Deadline.within(options.deadline)(Effect.uninterruptible(call))
      return Effect.map(Effect.forkChild(timed, { startImmediately: true }), (fiber) => fibers.push(fiber))
    }
    const interrupt = (state: "waiting" | "running", index: number) =>
      Effect.gen(function*() {
        const call = model.in(state)[index]
        if (call === undefined || !call.interruptible) return
        model.end(call)
        yield* Fiber.interrupt(fibers[call.id]!)
      })

    for (const operation of history) {
      switch (operation._tag) {
        case "Begin":
          model.begin(operation, now)
          yield* begin(operation)
          break
        case "End": {
          const call = model.in("running")[operation.index]
          if (call === undefined) break
          model.end(call)
          finish.get(call.id)!()
          yield* Fiber.await(fibers[call.id]!)
          break
        }
        case "InterruptRunning":
          yield* interrupt("running", operation.index)
          break
        case "InterruptWaiting":
          yield* interrupt("waiting", operation.index)
          break
        case "Advance":
          now += operation.millis
          model.advance(now)
          yield* TestClock.adjust(operation.millis)
          break
        case "Resize":
          model.resize(operation.concurrency)
          yield* bulkhead.resize(operation.concurrency)
      }
      assert.deepStrictEqual(admitted, model.admitted, "order of admission")
      const { concurrency, inFlight, queued, rejected } = yield* bulkhead.snapshot
      assert.deepStrictEqual({ concurrency, inFlight, queued, rejected }, {
        concurrency: model.concurrency,
        inFlight: model.in("running").length,
        queued: model.in("waiting").length,
        rejected: model.rejected
      })
      for (const { id, state } of model.calls) {
        const exit = exits.get(id)
        assert.strictEqual(exit !== undefined, state === "over", `call ${id} is over`)
        const failure = exit && Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason) : undefined
        assert.strictEqual(failure?.error.reason, model.answers.get(id), `answer to call ${id}`)
      }
    }
    yield* TestClock.adjust("1 hour")
    for (const end of finish.values()) end()
    yield* Effect.forEach(fibers, Fiber.await)
    const { inFlight, queued } = yield* bulkhead.snapshot
    assert.deepStrictEqual({ inFlight, queued }, { inFlight: 0, queued: 0 })
  })

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)

it.effect.prop(
  "the bulkhead does what the model does, whatever the history",
  { setup: Setup, history: Schema.Array(Operation).check(Schema.isMinLength(30), Schema.isMaxLength(100)) },
  ({ history, setup }) => play(setup, history),
  { arbitrary: { runs, size: 100 }, timeout: 5000 + 20 * runs }
)
