/**
 * Random histories of calls, their endings, interrupts, clock steps and resizes, played on the bulkhead and on a model
 * that keeps every call in one list and looks through all of it each time.
 */
import { it } from "@effect/vitest"
import { Bulkhead, Deadline } from "@switchgear/core"
import { Arbitraries } from "@switchgear/core/testing"
import { Cause, Effect, Exit, Schema } from "effect"

const Call = Schema.Struct({
  priority: Schema.Literals([0, 0, -1, 7]),
  key: Schema.UndefinedOr(Schema.Literals(["a", "a", "b", "c"])),
  /** Milliseconds until the deadline. A call that has one goes on when it is interrupted. */
  deadline: Schema.UndefinedOr(Schema.Literals([400, 1000, 3000]))
})
type Call = typeof Call.Type

// Calls outnumber the rest, so that queues get long.
const history = Arbitraries.history({
  calls: Call,
  endings: ["success"],
  advance: [1, 400, 600, 999],
  control: [1, 2, 3, 4, 5, 6, 7, 8],
  weights: { Begin: 8, Call: 4, End: 6, Interrupt: 6, Advance: 3, Control: 3 },
  length: { from: 30, to: 100 }
})

const Setup = Schema.Struct({
  concurrency: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })),
  queue: Schema.Literals([0, 2, 5, 12]),
  sharePercent: Schema.UndefinedOr(Schema.Literals([1, 20, 50, 75, 100])),
  maxWait: Schema.Literals([1000, 2500])
})
type Setup = typeof Setup.Type

interface ModelCall {
  readonly id: number
  readonly key: string | undefined
  readonly priority: number
  readonly instant: boolean
  readonly interruptible: boolean
  readonly latest: number
  readonly late: Bulkhead.Reason
  state: "waiting" | "running" | "over"
}

interface Seen {
  readonly admitted: ReadonlyArray<number>
  readonly concurrency: number
  readonly inFlight: number
  readonly queued: number
  readonly rejected: Bulkhead.Snapshot["rejected"]
  readonly over: ReadonlyArray<number>
  readonly answers: ReadonlyMap<number, Bulkhead.Reason>
}

/** The specification, as plainly as it can be said. */
class Model implements Arbitraries.Model<Call, "success", number, Seen> {
  private readonly calls: Array<ModelCall> = []
  private readonly admitted: Array<number> = []
  private readonly rejected = { "queue-full": 0, "wait-timeout": 0, "deadline": 0 }
  private readonly answers = new Map<number, Bulkhead.Reason>()
  private concurrency: number
  private readonly setup: Setup

  constructor(setup: Setup) {
    this.setup = setup
    this.concurrency = setup.concurrency
  }

  on(event: Arbitraries.Event<Call, "success", number>): void {
    switch (event._tag) {
      case "Began":
        return this.begin(event.call, event.ending !== undefined, event.now)
      case "Ended":
        return this.end(this.calls[event.id]!)
      case "Interrupted": {
        const call = this.calls[event.id]!
        if (call.interruptible) this.end(call)
        return
      }
      case "Advanced":
        return this.advance(event.now)
      case "Controlled":
        this.resize(event.control)
    }
  }

  look(): Seen {
    return {
      admitted: this.admitted,
      concurrency: this.concurrency,
      inFlight: this.in("running").length,
      queued: this.in("waiting").length,
      rejected: this.rejected,
      over: this.in("over").map(({ id }) => id),
      answers: this.answers
    }
  }

  private in(state: ModelCall["state"]): Array<ModelCall> {
    return this.calls.filter((call) => call.state === state)
  }

  private mayHold(key: string | undefined): boolean {
    const { sharePercent } = this.setup
    if (sharePercent === undefined || key === undefined) return true
    const slots = Math.max(1, Math.floor(this.concurrency * sharePercent / 100))
    return this.in("running").filter((call) => call.key === key).length < slots
  }

  /** How many slots the key holds, or all that have no key. Keys are not looked at without a share. */
  private held(key: string | undefined): number {
    if (this.setup.sharePercent === undefined) return 0
    return this.in("running").filter((call) => call.key === key).length
  }

  /** All that may have a slot have it before the first of them goes on, and ends if it is one that ends at once. */
  private handOut(): void {
    const admitted = this.admit()
    for (let call = admitted.shift(); call !== undefined; call = admitted.shift()) {
      if (!call.instant) continue
      call.state = "over"
      admitted.push(...this.admit())
    }
  }

  private admit(): Array<ModelCall> {
    const admitted: Array<ModelCall> = []
    while (this.in("running").length < this.concurrency) {
      const [next] = this.in("waiting")
        .filter(({ key }) => this.mayHold(key))
        .sort((a, b) => b.priority - a.priority || this.held(a.key) - this.held(b.key) || a.id - b.id)
      if (next === undefined) break
      this.admitted.push(next.id)
      next.state = "running"
      admitted.push(next)
    }
    return admitted
  }

  private reject(call: ModelCall, reason: Bulkhead.Reason): void {
    call.state = "over"
    this.rejected[reason]++
    this.answers.set(call.id, reason)
  }

  private begin(options: Call, instant: boolean, now: number): void {
    const { key, priority } = options
    const deadline = options.deadline ?? Infinity
    const wait = Math.min(deadline, this.setup.maxWait)
    const late = deadline <= this.setup.maxWait && deadline < Infinity ? "deadline" : "wait-timeout"
    const id = this.calls.length
    const call: ModelCall = {
      id,
      key,
      priority,
      instant,
      interruptible: options.deadline === undefined,
      latest: now + wait,
      late,
      state: "waiting"
    }
    const waited = this.in("waiting")
    this.calls.push(call)
    this.handOut()
    if (call.state !== "waiting") return
    if (waited.length >= this.setup.queue || !this.hasPlace(key, waited)) this.reject(call, "queue-full")
  }

  private hasPlace(key: string | undefined, waited: ReadonlyArray<ModelCall>): boolean {
    const { queue, sharePercent } = this.setup
    if (sharePercent === undefined || key === undefined) return true
    return waited.filter((call) => call.key === key).length < Math.max(1, Math.floor(queue * sharePercent / 100))
  }

  private end(call: ModelCall): void {
    call.state = "over"
    this.handOut()
  }

  private advance(now: number): void {
    for (const call of this.in("waiting")) if (call.latest <= now) this.reject(call, call.late)
  }

  private resize(concurrency: number): void {
    this.concurrency = concurrency
    this.handOut()
  }
}

interface Subject {
  readonly bulkhead: Bulkhead.Bulkhead
  readonly exits: Map<number, Exit.Exit<unknown, unknown>>
}

const subject = (setup: Setup) => ({
  make: Effect.gen(function*(): Effect.fn.Return<Subject> {
    const { concurrency, maxWait, queue, sharePercent } = setup
    const share = sharePercent === undefined ? undefined : sharePercent / 100
    const bulkhead = yield* Bulkhead.make({ name: "model", concurrency, queue, share, maxWait })
    return { bulkhead, exits: new Map() }
  }),
  call: ({ bulkhead, exits }: Subject, work: Effect.Effect<unknown>, { deadline, key, priority }: Call, id: number) => {
    const call = bulkhead.protect(work).pipe(
      Effect.provideService(Bulkhead.CurrentPriority, priority),
      Effect.provideService(Bulkhead.CurrentKey, key),
      Effect.onExit((exit) => Effect.sync(() => exits.set(id, exit)))
    )
    // What cannot be interrupted shows what the bulkhead makes of the deadline, and not what the deadline does itself.
    return deadline === undefined ? call : Deadline.within(deadline)(Effect.uninterruptible(call))
  },
  control: ({ bulkhead }: Subject, concurrency: number) => bulkhead.resize(concurrency),
  look: ({ bulkhead, exits }: Subject, { started }: Arbitraries.Scene<Call>) =>
    Effect.map(bulkhead.snapshot, ({ concurrency, inFlight, queued, rejected }): Seen => ({
      admitted: started.map(({ id }) => id),
      concurrency,
      inFlight,
      queued,
      rejected,
      over: [...exits.keys()].sort((a, b) => a - b),
      answers: answersIn(exits)
    })),
  model: () => new Model(setup)
})

const answersIn = (exits: Subject["exits"]): Seen["answers"] => {
  const answers = new Map<number, Bulkhead.Reason>()
  for (const [id, exit] of exits) {
    const error = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
    if (error instanceof Bulkhead.BulkheadFull) answers.set(id, error.reason)
  }
  return answers
}

const runs = Number(process.env.SWITCHGEAR_RUNS ?? 100)

it.effect.prop(
  "the bulkhead does what the model does, whatever the history",
  { setup: Setup, history },
  ({ history, setup }) => Arbitraries.play(history, subject(setup)),
  { arbitrary: { runs, size: 100, maxShrinks: 2000 }, timeout: 5000 + 20 * runs }
)
