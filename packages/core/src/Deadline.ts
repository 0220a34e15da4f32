/**
 * A call ends by the time its caller has promised: the total deadline of a request, and the time-out of each attempt.
 *
 * {@link within} gives everything inside an absolute deadline, which can be narrowed further in but never widened, and
 * interrupts what is still running when it comes. {@link attempt} is the time-out of one attempt and takes the smaller
 * of its own limit and what is left of the deadline. The other guards read the deadline: a retry does not begin a wait
 * that would pass it, a bulkhead does not queue beyond it.
 *
 * **Order.** `within` outermost, `attempt` innermost, next to the call. Where both come due at once, the innermost
 * tells: the breaker between them sees a time-out, not an interruption.
 *
 * **Gotchas.** A time-out interrupts the work and waits for its finalizers: work that cannot be interrupted is not cut
 * short, and what it answers after the deadline is dropped. A defect in it is not.
 *
 * ```ts
 * import { Deadline } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const slow = Effect.sleep("1 minute").pipe(Deadline.attempt("20 millis"), Deadline.within("10 seconds"))
 *
 * const error = await Effect.runPromise(Effect.flip(slow))
 * error.limit // => "attempt"
 * ```
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { Admission, type Begin } from "./internal/guard.ts"
import { OptionsOf } from "./internal/options.ts"
import { withoutStack } from "./internal/rejection.ts"
import { monotonicMillis } from "./internal/time.ts"
import { startTimer } from "./internal/timer.ts"
import { nextTurn, startTimeout, type Timeout } from "./internal/timerLane.ts"

/** Whose limit it is: one attempt's, or the whole call's. */
export type Limit = "attempt" | "total"

/** A point in time by which what runs inside must have ended. */
export interface Deadline {
  readonly limit: Limit
  /** Monotonic milliseconds; meaningful only against the same clock. */
  readonly at: number
}

/** The deadline that the running fiber is under, if any. */
export const CurrentDeadline = Context.Reference<Deadline | undefined>("@switchgear/core/Deadline/CurrentDeadline", {
  defaultValue: () => undefined
})

/** The time ran out: the work was interrupted, or, with nothing left at the start, not begun. */
export class DeadlineExceeded
  extends Schema.TaggedError<DeadlineExceeded>("@switchgear/core/Deadline/DeadlineExceeded")(
    "DeadlineExceeded",
    {
      limit: Schema.Literals(["attempt", "total"]),
      /** The time that the work was given. */
      after: Schema.Duration
    }
  )
{
  override get message(): string {
    const after = Duration.format(this.after)
    return this.limit === "attempt"
      ? `The attempt had not ended after ${after} and was interrupted. Allow more time, or try another target.`
      : `The deadline passed after ${after}: no time is left for this call. Answer with what there is.`
  }
}

/**
 * Gives the effect so much time from its start, or less if the deadline around it is nearer. Throws a `RangeError` on a
 * duration that is not above zero.
 */
export const within = (
  duration: Duration.Input
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R> => {
  const millis = new OptionsOf("Deadline.within").positive("duration", duration)
  return (self) => limited(self, "total", millis)
}

/** Gives one attempt so much time, or what is left of the deadline if that is less. */
export const attempt = (
  duration: Duration.Input
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R> => {
  const millis = new OptionsOf("Deadline.attempt").positive("duration", duration)
  return (self) => limited(self, "attempt", millis)
}

/** The time left, never negative; undefined when there is no deadline. */
export const remaining: Effect.Effect<Duration.Duration | undefined> = Effect.withFiber((fiber) => {
  const millis = millisLeft(fiber)
  return Effect.succeed(millis === Infinity ? undefined : Duration.millis(Math.max(0, millis)))
})

/**
 * Milliseconds left, zero or less when the deadline has passed, infinity when there is none.
 *
 * @internal
 */
export const millisLeft = (fiber: Fiber.Fiber<any, any>): number => {
  const deadline = fiber.getRef(CurrentDeadline)
  return deadline === undefined ? Infinity : deadline.at - monotonicMillis(fiber.getRef(Clock.Clock))
}

/**
 * Calls `expire` when the fiber's deadline comes, which is after so many milliseconds; answers how to leave.
 *
 * @internal
 */
export const onExpiry = (fiber: Fiber.Fiber<any, any>, left: number, expire: () => void): () => void => {
  const deadline = fiber.getRef(CurrentDeadline)
  return deadline instanceof Expiry ? deadline.join(expire).cancel : startTimer(fiber, left, expire)
}

const limited = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  limit: Limit,
  millis: number
): Effect.Effect<A, E | DeadlineExceeded, R> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const now = monotonicMillis(clock)
    const around = fiber.getRef(CurrentDeadline)
    const nearer = around !== undefined && around.at <= now + millis ? around : undefined
    if (nearer !== undefined && nearer.at <= now) return Effect.fail(exceeded(nearer.limit, 0))
    // A deadline that was not given by this module tells nobody, so that one of the same time is put inside it.
    const shared = nearer instanceof Expiry ? nearer : undefined
    const expiry = shared ?? new Expiry(nearer?.limit ?? limit, nearer?.at ?? now + millis)
    const given = expiry.at - now
    const context = (shared ? fiber.context : Context.add(fiber.context, CurrentDeadline, expiry)) as Context.Context<R>
    // The child starts in the step that registers its interruption, so that no interrupt can come between the two.
    return Effect.callback<A, E | DeadlineExceeded>((resume) => {
      const child = Effect.runForkWith(context)(self)
      const ended = child.pollUnsafe()
      if (ended !== undefined) return resume(ended)
      let late = false
      const expire = () => {
        late = true
        child.interruptUnsafe(fiber.id)
      }
      const timeout = shared
        ? shared.join(expire)
        : startTimeout(fiber, clock, nearer ? given : millis, expiry.at, () => expiry.fire(expire))
      // Told before it is cancelled: what is further out must find the time-out dealt with when its own turn comes.
      child.addObserver((exit) => {
        resume(late ? outOfTime(exit, exceeded(expiry.limit, given)) : exit)
        timeout.cancel(fiber)
      })
      return Fiber.interrupt(child)
    })
  })

const exceeded = (limit: Limit, millis: number): DeadlineExceeded =>
  withoutStack(() => new DeadlineExceeded({ limit, after: Duration.millis(millis) }))

// A defect that came to light while the work was being interrupted is not lost in the time-out.
const outOfTime = <A, E>(exit: Exit.Exit<A, E>, error: DeadlineExceeded): Exit.Exit<never, DeadlineExceeded> =>
  exit._tag === "Success"
    ? Exit.fail(error)
    : Exit.failCause(Cause.fromReasons([Cause.makeFailReason(error), ...exit.cause.reasons.filter(Cause.isDieReason)]))

// Tells the innermost work first and its own last, after everything inside has ended, so that a guard in between sees
// the time-out of what it guards and not an interruption from outside.
class Expiry implements Deadline {
  readonly limit: Limit
  readonly at: number
  private inner: Set<() => void> | undefined
  private own: (() => void) | undefined

  constructor(limit: Limit, at: number) {
    this.limit = limit
    this.at = at
  }

  /** Asks to be told, from further in; answers how to leave. */
  join(expire: () => void): { readonly cancel: () => void } {
    const inner = this.inner ??= new Set()
    inner.add(expire)
    return {
      cancel: () => {
        inner.delete(expire)
        if (inner.size === 0) this.own?.()
      }
    }
  }

  fire(own?: (() => void) | undefined): void {
    this.own = own
    const inner = this.inner
    if (inner !== undefined) { for (const expire of [...inner].reverse()) expire() }
    if (inner === undefined || inner.size === 0) own?.()
  }
}

// The deadline of a pipeline, inside of which everything that takes time asks to be told: it interrupts nothing itself,
// and has no timer as long as nobody asks.
class LazyExpiry extends Expiry {
  private readonly arm: () => Timeout
  private timeout: Timeout | undefined

  constructor(at: number, begin: (onFire: () => void) => Timeout) {
    super("total", at)
    this.arm = () => begin(() => this.fire())
  }

  override join(expire: () => void): { readonly cancel: () => void } {
    this.timeout ??= this.arm()
    return super.join(expire)
  }

  close(fiber: Fiber.Fiber<any, any>): void {
    this.timeout?.cancel(fiber)
  }
}

/**
 * Begins {@link within} as a guard that shares its fiber with what is inside: for a pipeline, whose parts all keep to the
 * deadline by themselves.
 *
 * @internal
 */
export const beginWithin = (millis: number): Begin => (fiber, self) => new Within(fiber, self, millis)

class Within extends Admission {
  private readonly fiber: Fiber.Fiber<any, any>
  private readonly self: Effect.Effect<any, any, any>
  private readonly millis: number
  private around: Context.Context<never> | undefined
  private expiry: LazyExpiry | undefined

  constructor(fiber: Fiber.Fiber<any, any>, self: Effect.Effect<any, any, any>, millis: number) {
    super()
    this.fiber = fiber
    this.self = self
    this.millis = millis
  }

  enter(): Effect.Effect<any, any, any> {
    const { fiber, millis } = this
    const clock = fiber.getRef(Clock.Clock)
    const now = monotonicMillis(clock)
    const around = fiber.getRef(CurrentDeadline)
    if (around !== undefined && around.at <= now + millis) {
      return around.at <= now ? Effect.fail(exceeded(around.limit, 0)) : this.self
    }
    const at = now + millis
    const turn = nextTurn()
    this.expiry = new LazyExpiry(at, (onFire) => startTimeout(fiber, clock, millis, at, onFire, turn))
    this.around = fiber.context
    fiber.setContext(Context.add(fiber.context, CurrentDeadline, this.expiry))
    return this.self
  }

  leave(): void {
    if (this.around === undefined) return
    this.fiber.setContext(this.around)
    this.expiry!.close(this.fiber)
  }
}
