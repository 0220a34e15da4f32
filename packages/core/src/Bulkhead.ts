/**
 * One slow dependency cannot take all of the caller's capacity: so many calls run at once, so many more wait, and the
 * rest are refused at once with {@link BulkheadFull}.
 *
 * Callers wait in the order in which they came, those with a higher {@link CurrentPriority} ahead of the others. A wait
 * ends with a slot, after `maxWait`, or at the caller's deadline, whichever is first; it is refused before it begins
 * when the queue is full or the deadline has passed. A caller that is interrupted while it waits leaves its place, and
 * one that runs gives its slot back only when its work has really ended.
 *
 * With a `share`, no {@link CurrentKey}, such as a tenant, ever holds more than that share of the slots. Its further
 * calls wait, and let everybody else pass. `resize` changes the number of slots while calls run and wait.
 *
 * **Order.** Inside the rate limit, outside the breaker: a call that only waits is not in flight, and the time it
 * waited does not make the dependency look slow.
 *
 * **Semantics.** The queue and its bound are those of Polly's concurrency limiter and failsafe-go's bulkhead; a slot is
 * handed to the next waiter directly, so that nobody barges in.
 *
 * **Gotchas.** A priority decides who of those who wait is next: it interrupts nobody, and in a full queue it takes
 * nobody's place, so that the most urgent caller is refused there like any other. Under a steady load of higher
 * priorities the lower ones wait until `maxWait`. A share is one of the slots and not of the queue: a key at its share
 * can fill that with its waiters, so give it room, or a rate limit outside.
 *
 * ```ts
 * import { Bulkhead } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 2, queue: 1 })
 *   const call = Effect.as(Effect.sleep("5 millis"), "answered").pipe(
 *     bulkhead.protect,
 *     Effect.catchTag("BulkheadFull", ({ reason }) => Effect.succeed(reason))
 *   )
 *   return yield* Effect.all([call, call, call, call], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => ["answered", "answered", "answered", "queue-full"]
 * ```
 */
import type * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Deadline from "./Deadline.ts"
import { FairQueue, type Lane, type Waiter } from "./internal/fairQueue.ts"
import { Admission, type Begin, guard, type Moment } from "./internal/guard.ts"
import { OptionsOf } from "./internal/options.ts"
import { withoutStack } from "./internal/rejection.ts"
import { type GuardClass, guardClass } from "./internal/serviceClass.ts"
import { startTimer } from "./internal/timer.ts"
import { Quantity, writtenOptions } from "./internal/writtenOptions.ts"
import * as Outcome from "./Outcome.ts"
import * as Registry from "./Registry.ts"

/** How many may run and wait. `name` and `concurrency` must be given. */
export interface Options {
  /** Appears in errors and metrics. */
  readonly name: string
  /** Calls that may run at once. */
  readonly concurrency: number
  /** Calls that may wait for a slot. @default 0 */
  readonly queue?: number | undefined
  /** The longest wait for a slot; `"Infinity"` to leave it to the deadline. @default "10 seconds" */
  readonly maxWait?: Duration.Input | undefined
  /**
   * How much of the concurrency one {@link CurrentKey} may hold: above 0 and at most 1, rounded down to whole slots, but
   * always one. @default none: keys are not looked at
   */
  readonly share?: number | undefined
}

interface Rules {
  readonly name: string
  readonly concurrency: number
  readonly limit: number
  readonly maxWait: number
  readonly share: number | undefined
}

const toRules = (options: Options, check: OptionsOf): Rules => ({
  name: check.name(options.name),
  concurrency: check.integer("concurrency", options.concurrency, 1),
  limit: check.integer("queue", options.queue ?? 0, 0),
  maxWait: check.wait("maxWait", options.maxWait ?? "10 seconds"),
  share: options.share === undefined ? undefined : check.rate("share", options.share)
})

const written = writtenOptions<Options>()({
  name: Schema.optionalKey(Schema.String),
  concurrency: Schema.optionalKey(Quantity),
  queue: Schema.optionalKey(Quantity),
  maxWait: Schema.optionalKey(Quantity),
  share: Schema.optionalKey(Quantity)
}, { read: (given) => given as Partial<Options>, check: toRules })

/** {@link Options} as they are written in YAML or JSON. A field that is wrong or unknown is refused by name. */
export const OptionsSchema = written.schema

/**
 * How urgent the calls inside are: those who wait are served from the highest priority down, and in the order in which
 * they came among equals. Any number; NaN counts as 0. @default 0
 *
 * ```ts
 * import { Bulkhead } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const served: Array<string> = []
 * const program = Effect.gen(function*() {
 *   const bulkhead = yield* Bulkhead.make({ name: "model", concurrency: 1, queue: 10 })
 *   const call = (caller: string) =>
 *     Effect.andThen(Effect.sync(() => served.push(caller)), Effect.sleep("1 millis")).pipe(bulkhead.protect)
 *   const shopper = Effect.provideService(call("shopper"), Bulkhead.CurrentPriority, 10)
 *   yield* Effect.all([call("batch 1"), call("batch 2"), shopper], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program)
 * served // => ["batch 1", "shopper", "batch 2"]
 * ```
 */
export const CurrentPriority = Context.Reference<number>("@switchgear/core/Bulkhead/CurrentPriority", {
  defaultValue: () => 0
})

/** On whose behalf the calls inside are made, for bulkheads with a `share`. @default undefined: may hold every slot */
export const CurrentKey = Context.Reference<string | undefined>("@switchgear/core/Bulkhead/CurrentKey", {
  defaultValue: () => undefined
})

/** Why a call was refused: nowhere to wait, waited long enough, or no time left to wait. */
export type Reason = "queue-full" | "wait-timeout" | "deadline"

/** What there is to read about a bulkhead at one moment. */
export interface Snapshot {
  readonly name: string
  readonly concurrency: number
  /** Calls that may wait. */
  readonly queue: number
  readonly inFlight: number
  readonly queued: number
  /** Calls refused since the beginning, by reason. */
  readonly rejected: { readonly [R in Reason]: number }
}

/** A bulkhead. */
export interface Bulkhead {
  readonly name: string
  /** Stands around an effect. Adds {@link BulkheadFull} to its errors and changes nothing else. */
  readonly protect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>
  /**
   * Goes on with so many slots, and shares of that. More are handed out at once; fewer interrupt nobody and keep nobody
   * waiting: no call is let in until enough have ended. Dies with a `RangeError` below 1.
   */
  readonly resize: (concurrency: number) => Effect.Effect<void>
  readonly snapshot: Effect.Effect<Snapshot>
}

/** Makes a bulkhead. Dies with a `RangeError` that names the field when an option is out of range. */
export const make = (options: Options): Effect.Effect<Bulkhead> =>
  Effect.sync((): Bulkhead => {
    const hall = new Hall(options)
    const begin: Begin = (_fiber, self) => new Guest(hall, self)
    return {
      name: hall.name,
      protect: (self) => guard(self, begin),
      resize: (concurrency) => Effect.sync(() => hall.resize(concurrency)),
      snapshot: Effect.sync(() => ({
        name: hall.name,
        concurrency: hall.concurrency,
        queue: hall.limit,
        inFlight: hall.taken,
        queued: hall.queue.size,
        rejected: { ...hall.rejected }
      }))
    }
  }).pipe(Effect.tap((bulkhead) => Registry.register({ _tag: "Bulkhead", name: bulkhead.name, bulkhead })))

/**
 * Makes a bulkhead with the options under a path of the configuration, such as `["model", "bulkhead"]`; what is not found
 * there is as in `options`. Options out of range are a `ConfigError`.
 */
export const fromConfig = (
  path: string | ConfigProvider.Path,
  options: Partial<Options> = {}
): Effect.Effect<Bulkhead, Config.ConfigError> => Effect.flatMap(written.config(path, options), make)

/** A class that is the service key of one bulkhead, with its `layer` and its `protect`. */
export const Service = <Self>() =>
<const Id extends string>(
  id: Id,
  options: Omit<Options, "name"> & { readonly name?: string | undefined }
): GuardClass<Self, Id, Bulkhead, BulkheadFull, Options> =>
  guardClass(id, { ...options, name: options.name ?? id }, make, written)

/** There was no slot for the call: the work was not started. */
export class BulkheadFull extends Schema.TaggedError<BulkheadFull>("@switchgear/core/Bulkhead/BulkheadFull")(
  "BulkheadFull",
  {
    bulkhead: Schema.String,
    reason: Schema.Literals(["queue-full", "wait-timeout", "deadline"]),
    retryAfter: Schema.optional(Schema.Duration)
  }
) {
  get [Outcome.RejectionTypeId](): true {
    return true
  }

  override get message(): string {
    const why = {
      "queue-full": "no slot is free for it and the queue is full. Shed load, or use another target.",
      "wait-timeout": "no slot came free within its maxWait. Shed load, or use another target.",
      "deadline": "no slot came free before the caller's deadline. Answer with what there is."
    }
    return `Bulkhead "${this.bulkhead}" did not take the call: ${why[this.reason]}`
  }
}

// The slots and the queue. Invariant: while a slot is free, nobody waits who may have it, except while slots are being
// handed out.
class Hall {
  readonly name: string
  readonly limit: number
  readonly maxWait: number
  readonly share: number | undefined
  readonly queue: FairQueue<Guest>
  readonly rejected = { "queue-full": 0, "wait-timeout": 0, "deadline": 0 }
  concurrency: number
  taken = 0
  private handingOut = false
  private readonly rejections: { readonly [R in Reason]: Exit.Exit<never, BulkheadFull> }

  constructor(options: Options) {
    const { concurrency, limit, maxWait, name, share } = toRules(options, new OptionsOf("Bulkhead.make"))
    this.name = name
    this.concurrency = concurrency
    this.limit = limit
    this.maxWait = maxWait
    this.share = share
    this.queue = new FairQueue(this.slotsOfAKey())
    const rejection = (reason: Reason) =>
      Exit.fail(withoutStack(() => new BulkheadFull({ bulkhead: this.name, reason })))
    this.rejections = {
      "queue-full": rejection("queue-full"),
      "wait-timeout": rejection("wait-timeout"),
      "deadline": rejection("deadline")
    }
  }

  tryTake(lane: Lane<Guest>): boolean {
    if (this.taken >= this.concurrency || !this.queue.isNext(lane)) return false
    this.taken++
    this.queue.take(lane)
    return true
  }

  giveBack(lane: Lane<Guest>): void {
    this.taken--
    this.queue.giveBack(lane)
    this.handOut()
  }

  resize(concurrency: number): void {
    this.concurrency = new OptionsOf("Bulkhead.resize").integer("concurrency", concurrency, 1)
    this.queue.setLimit(this.slotsOfAKey())
    this.handOut()
  }

  reject(reason: Reason): Exit.Exit<never, BulkheadFull> {
    this.rejected[reason]++
    return this.rejections[reason]
  }

  // A guest that is given a slot runs at once and may give the slot back before `admit` returns: the loop takes that
  // up, where recursion would grow the stack with the length of the queue.
  private handOut(): void {
    if (this.handingOut) return
    this.handingOut = true
    try {
      while (this.taken < this.concurrency) {
        const next = this.queue.shift()
        if (next === undefined) return
        this.taken++
        next.admit()
      }
    } finally {
      this.handingOut = false
    }
  }

  // 29 % of 100 slots are 29, though the product of the two numbers is a hair less.
  private slotsOfAKey(): number {
    return this.share === undefined ? Infinity : Math.max(1, Math.floor(this.share * this.concurrency + 1e-9))
  }
}

// One call on its way through. The slot is owned from the synchronous step in which it is given.
class Guest extends Admission implements Waiter<Guest> {
  before: Guest | undefined
  after: Guest | undefined
  priority = 0
  arrival = 0
  lane!: Lane<Guest>
  private holds = false
  private waits = false
  private next: Effect.Effect<any, any, any> | undefined
  private resume: ((next: Effect.Effect<any, any, any>) => void) | undefined
  private stopTimer: (() => void) | undefined
  private readonly hall: Hall
  private readonly self: Effect.Effect<any, any, any>

  constructor(hall: Hall, self: Effect.Effect<any, any, any>) {
    super()
    this.hall = hall
    this.self = self
  }

  enter(fiber: Fiber.Fiber<any, any>, moment?: Moment | undefined): Effect.Effect<any, any, any> {
    const { hall } = this
    // Looked up in the step that uses it: a lane in which nothing happens is not kept.
    this.lane = hall.queue.lane(hall.share === undefined ? undefined : fiber.getRef(CurrentKey))
    if (hall.tryTake(this.lane)) {
      this.holds = true
      return this.self
    }
    if (hall.queue.size >= hall.limit) return hall.reject("queue-full")
    const { deadline, now } = moment ?? Deadline.momentOf(fiber)
    const left = deadline === undefined ? Infinity : deadline.at - now
    if (left <= 0) return hall.reject("deadline")
    this.priority = fiber.getRef(CurrentPriority) || 0
    hall.queue.push(this)
    this.waits = true
    const giveUp = (reason: Reason) => () => {
      hall.queue.remove(this)
      this.endWait(hall.reject(reason))
    }
    this.stopTimer = left <= hall.maxWait
      ? Deadline.onExpiry(fiber, deadline, left, giveUp("deadline"))
      : startTimer(fiber, hall.maxWait, giveUp("wait-timeout"))
    return Effect.callback((resume) => {
      // The wait can have ended between joining the queue and this step.
      if (this.next) resume(this.next)
      else this.resume = resume
    })
  }

  /** Gives the slot to this waiter, which the queue has let go. */
  admit(): void {
    this.holds = true
    this.endWait(this.self)
  }

  leave(): void {
    if (this.waits) {
      this.hall.queue.remove(this)
      this.waits = false
      this.stopTimer?.()
    } else if (this.holds) {
      this.holds = false
      this.hall.giveBack(this.lane)
    }
  }

  private endWait(next: Effect.Effect<any, any, any>): void {
    this.waits = false
    this.next = next
    this.resume?.(next)
    // After the answer: a deadline that asked for it interrupts only what has not answered by then.
    this.stopTimer?.()
  }
}
