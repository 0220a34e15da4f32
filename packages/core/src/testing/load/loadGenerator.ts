/** Makes the calls of a load. Each starts at its time, whether others have ended or not. */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { monotonicMillis } from "../../internal/runtime/time.ts"
import type { LoadCounts } from "./loadCounts.ts"
import { roundToMicros } from "./times.ts"

/**
 * The position and the time of a call.
 *
 * @since 0.1.0
 * @category models
 */
export interface Arrival {
  /** Counted from 0. */
  readonly index: number
  /** The arrival time, in milliseconds since the start of the load. */
  readonly at: number
}

/**
 * A call that has ended. Times are milliseconds since the start of the load.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settled<A, E, L extends string> extends Arrival {
  readonly ended: number
  /** From the time at which the call was due until its end. */
  readonly latency: number
  readonly label: L
  readonly exit: Exit.Exit<A, E>
}

export interface Plan<A, E, R, L extends string> {
  readonly times: Iterator<number, number>
  readonly call: (arrival: Arrival) => Effect.Effect<A, E, R>
  readonly label: (exit: Exit.Exit<A, E>, arrival: Arrival) => L
  readonly onSettled: ((settled: Settled<A, E, L>) => void) | undefined
  readonly counts: LoadCounts<L>
}

export class LoadGenerator<A, E, R, L extends string> {
  private readonly plan: Plan<A, E, R, L>
  private readonly clock: Clock.Clock
  private readonly fork: (call: Effect.Effect<A, E, R>) => Fiber.Fiber<A, E>
  private readonly begin: number
  private readonly underWay = new Set<Fiber.Fiber<A, E>>()
  private next: IteratorResult<number, number>
  private index = 0
  /** A defect that a function of the user threw, boxed. */
  private thrown: { readonly defect: unknown } | undefined
  private onChange = () => {}

  constructor(plan: Plan<A, E, R, L>, clock: Clock.Clock, context: Context.Context<R>) {
    this.plan = plan
    this.clock = clock
    this.fork = Effect.runForkWith(context)
    this.begin = monotonicMillis(clock)
    this.next = plan.times.next()
  }

  /** Milliseconds since the start of the load. */
  get now(): number {
    return roundToMicros(monotonicMillis(this.clock) - this.begin)
  }

  /**
   * Ends when the time of the load is over and the last call has ended. Its end interrupts everything that still runs.
   */
  get run(): Effect.Effect<void> {
    return Effect.whileLoop({
      while: () => this.startDue(),
      body: () => this.clock.sleep(Duration.millis(this.next.value - this.now)),
      step: () => {}
    }).pipe(
      Effect.andThen(this.emptied),
      Effect.ensuring(Effect.suspend(() => Fiber.interruptAll([...this.underWay]))),
      Effect.ensuring(Effect.sync(() => this.plan.counts.finish(this.now)))
    )
  }

  /** Starts the calls that are due. Returns whether there is anything left to wait for. */
  private startDue(): boolean {
    const { now } = this
    while (!this.next.done && this.next.value <= now && this.thrown === undefined) {
      this.start({ index: this.index++, at: this.next.value })
      this.next = this.plan.times.next()
    }
    return this.thrown === undefined && !(this.next.done && this.next.value <= now)
  }

  private start(arrival: Arrival): void {
    const { call, counts } = this.plan
    counts.arrive(arrival.at)
    const fiber = this.fork(Effect.suspend(() => call(arrival)))
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return this.settle(arrival, exit)
    this.underWay.add(fiber)
    fiber.addObserver((exit) => {
      this.underWay.delete(fiber)
      this.settle(arrival, exit)
    })
  }

  private settle(arrival: Arrival, exit: Exit.Exit<A, E>): void {
    const { label: labelOf, onSettled, counts } = this.plan
    const ended = this.now
    // Measured from when the call was due, so that a late start does not make it look faster.
    const latency = roundToMicros(ended - arrival.at)
    try {
      const label = labelOf(exit, arrival)
      counts.settle(ended, label, latency)
      onSettled?.({ ...arrival, ended, latency, label, exit })
    } catch (defect) {
      this.thrown ??= { defect }
    }
    this.onChange()
  }

  private get emptied(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      this.onChange = () => {
        if (this.thrown !== undefined) resume(Effect.die(this.thrown.defect))
        else if (this.underWay.size === 0) resume(Effect.void)
      }
      this.onChange()
      return Effect.sync(() => {
        this.onChange = () => {}
      })
    })
  }
}
