/**
 * Random histories of calls, their endings, interrupts, clock steps, pins and resets, to be played on a limit and on a model
 * that keeps every call in one list. The limit is moved by "aimd", whose rule is four lines: what is checked is that each call
 * is told once, at the right time, or not at all.
 */
import { Bulkhead, ConcurrencyLimit, Deadline, Pipeline, Retry } from "@switchgear/core"
import { Arbitraries } from "@switchgear/core/testing"
import { Effect, Schema } from "effect"

const Call = Schema.Struct({
  priority: Schema.Literals([0, 0, -1, 7]),
  /** Whether the caller's deadline cuts it, a minute from its beginning. */
  isCut: Schema.Literals([false, false, true]),
  marks: Schema.Literals([false, true])
})
type Call = typeof Call.Type

const Ending = Schema.Literals(["success", "success", "drop", "drop", "ignore", "defect", "rejection"])
type Ending = typeof Ending.Type

const Control = Schema.Union([Schema.Literals([1, 3, 9]), Schema.Literals(["unpin", "reset"])])
type Control = typeof Control.Type

export const history = Arbitraries.history({
  calls: Call,
  endings: Ending,
  advance: [1, 400, 30_000, 60_000],
  control: Control,
  weights: { Begin: 8, Call: 6, End: 10, Interrupt: 4, Advance: 3, Control: 2 },
  length: { from: 30, to: 120 }
})

export const Setup = Schema.Struct({
  initial: Schema.Literals([1, 2, 4, 7]),
  min: Schema.Literals([1, 2]),
  max: Schema.Literals([7, 9]),
  // Calls that end at once go on one after the other, each in a step of its own: of longer queues not all have, when one looks.
  queue: Schema.Literals([0, 2, 4]),
  /** What stands around the work besides the limit. */
  within: Schema.Literals(["nothing", "a pipeline", "a pipeline with times and a retry"])
})
export type Setup = typeof Setup.Type

const longest = 60_000

interface ModelCall {
  readonly id: number
  readonly priority: number
  readonly instant: Ending | undefined
  readonly diesAt: number
  state: "waiting" | "running" | "over"
  generation: number
}

interface Subject {
  readonly limit: ConcurrencyLimit.ConcurrencyLimit
  readonly protect: <A>(work: Effect.Effect<A, unknown>) => Effect.Effect<A, unknown>
}

interface Seen {
  readonly admitted: ReadonlyArray<number>
  readonly concurrency: number
  readonly limit: number
  readonly inFlight: number
  readonly queued: number
  readonly rejected: number
  readonly successes: number
  readonly drops: number
  readonly ignored: number
}

/** The specification, as plainly as it can be said. */
class Model implements Arbitraries.Model<Call, Ending, Control, Seen> {
  private readonly calls: Array<ModelCall> = []
  private readonly admitted: Array<number> = []
  private readonly told = { successes: 0, drops: 0, ignored: 0 }
  private rejected = 0
  private limit: number
  private pinned: number | undefined
  private generation = 0
  private readonly setup: Setup

  constructor(setup: Setup) {
    this.setup = setup
    this.limit = initialOf(setup)
  }

  on(event: Arbitraries.Event<Call, Ending, Control>): void {
    switch (event._tag) {
      case "Began":
        return this.begin(event.call, event.ending, event.now)
      case "Ended":
        return this.end(this.calls[event.id]!, event.ending)
      case "Interrupted":
        return this.end(this.calls[event.id]!, "ignore")
      case "Advanced": {
        const moments = new Set(this.calls.map(({ diesAt }) => diesAt).filter((at) => at <= event.now))
        for (const at of [...moments].sort((a, b) => a - b)) this.cut(at)
        return
      }
      case "Controlled":
        this.control(event.control)
    }
  }

  look(): Seen {
    return {
      admitted: this.admitted,
      concurrency: this.slots,
      limit: this.limit,
      inFlight: this.in("running").length,
      queued: this.in("waiting").length,
      rejected: this.rejected,
      ...this.told
    }
  }

  private get slots(): number {
    return this.pinned ?? Math.floor(this.limit)
  }

  private in(state: ModelCall["state"]): Array<ModelCall> {
    return this.calls.filter((call) => call.state === state)
  }

  private begin({ isCut, priority }: Call, instant: Ending | undefined, now: number): void {
    const call: ModelCall = {
      id: this.calls.length,
      priority,
      instant,
      diesAt: isCut ? now + longest : Infinity,
      state: "waiting",
      generation: -1
    }
    const isFull = this.in("running").length >= this.slots && this.in("waiting").length >= this.setup.queue
    this.calls.push(call)
    if (isFull) {
      call.state = "over"
      this.rejected++
    }
    this.handOut()
  }

  /** All that may have a slot have it before the first of them goes on, and ends if it is one that ends at once. */
  private handOut(): void {
    this.goOn(this.admit())
  }

  private goOn(admitted: Array<ModelCall>): void {
    for (let call = admitted.shift(); call !== undefined; call = admitted.shift()) {
      call.generation = this.generation
      this.admitted.push(call.id)
      if (call.instant !== undefined) this.tell(call, call.instant)
      admitted.push(...this.admit())
    }
  }

  private admit(): Array<ModelCall> {
    const admitted: Array<ModelCall> = []
    while (this.in("running").length < this.slots) {
      const [next] = this.in("waiting").sort((a, b) => b.priority - a.priority || a.id - b.id)
      if (next === undefined) break
      next.state = "running"
      admitted.push(next)
    }
    return admitted
  }

  private end(call: ModelCall, ending: Ending): void {
    if (call.state === "running") this.tell(call, ending)
    call.state = "over"
    this.handOut()
  }

  /** The deadlines of this moment come. */
  private cut(at: number): void {
    const due = this.calls.filter(({ diesAt, state }) => state !== "over" && diesAt === at)
    // A slot is of no use to a call whose own time is over.
    for (const call of due) if (call.state === "waiting") call.state = "over"
    // Who is given a slot goes on when all whose time is over have left.
    const admitted: Array<ModelCall> = []
    for (const call of due) {
      if (call.state === "running") this.tell(call, "drop")
      admitted.push(...this.admit())
    }
    this.goOn(admitted)
  }

  private tell(call: ModelCall, ending: Ending): void {
    const inFlight = this.in("running").length
    call.state = "over"
    if (ending !== "success" && ending !== "drop") this.told.ignored++
    else {
      if (ending === "success") this.told.successes++
      else this.told.drops++
      if (call.generation === this.generation && this.pinned === undefined) this.move(ending, inFlight)
    }
  }

  private move(ending: "success" | "drop", inFlight: number): void {
    const { max, min } = this.setup
    if (ending === "drop") this.limit = Math.floor(this.limit * 0.9)
    else if (inFlight * 2 >= this.limit) this.limit += 1
    this.limit = Math.min(max, Math.max(min, this.limit))
  }

  private control(control: Control): void {
    if (control === "unpin" && this.pinned === undefined) return
    this.generation++
    if (control === "reset") this.limit = initialOf(this.setup)
    else this.pinned = control === "unpin" ? undefined : control
    this.handOut()
  }
}

const initialOf = ({ initial, max, min }: Setup): number => Math.min(max, Math.max(min, initial))

class Refused extends Bulkhead.BulkheadFull {}

const endedBy: { readonly [E in Ending]: Effect.Effect<string, unknown> } = {
  success: Effect.succeed("answer"),
  drop: Effect.fail({ status: 503 }),
  ignore: Effect.fail("bad"),
  defect: Effect.die("bug"),
  rejection: Effect.fail(new Refused({ bulkhead: "of a tool", reason: "queue-full" }))
}

export const subject = (setup: Setup) => ({
  make: Effect.gen(function*(): Effect.fn.Return<Subject> {
    const { max, min, queue, within } = setup
    const limit = yield* ConcurrencyLimit.make({
      name: "model",
      algorithm: "aimd",
      initial: initialOf(setup),
      min,
      max,
      queue,
      maxWait: "Infinity"
    })
    const { protect } = within === "nothing"
      ? limit
      : yield* Pipeline.make(
        within === "a pipeline" ? { bulkhead: limit } : {
          bulkhead: limit,
          retry: yield* Retry.make({ maxAttempts: 1 }),
          deadline: "1 day",
          attemptTimeout: "1 day"
        }
      )
    return { limit, protect }
  }),
  call: (
    { protect }: Subject,
    work: Effect.Effect<Ending>,
    { isCut, marks, priority }: Call
  ) => {
    const marked = marks ? Effect.andThen(ConcurrencyLimit.firstToken, work) : work
    const call = protect(Effect.flatMap(marked, (ending) => endedBy[ending])).pipe(
      Effect.provideService(Bulkhead.CurrentPriority, priority)
    )
    return isCut ? Deadline.within(longest)(call) : call
  },
  control: ({ limit: { control } }: Subject, command: Control) =>
    command === "unpin" ? control.unpin : command === "reset" ? control.reset : control.pin(command),
  look: ({ limit }: Subject, { started }: Arbitraries.Scene<Call>) =>
    Effect.map(
      limit.snapshot,
      ({ concurrency, drops, ignored, inFlight, limit, queued, rejected, successes }): Seen => ({
        admitted: started.map(({ id }) => id),
        concurrency,
        limit,
        inFlight,
        queued,
        rejected: rejected["queue-full"],
        successes,
        drops,
        ignored
      })
    ),
  model: () => new Model(setup)
})
