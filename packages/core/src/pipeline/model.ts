/** What a pipeline is made of, and what its type tells. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Bulkhead from "../Bulkhead.ts"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import type * as Deadline from "../Deadline.ts"
import type { Guard, RejectionOf } from "../guard/model.ts"
import type * as Outcome from "../Outcome.ts"
import type * as RateLimiter from "../RateLimiter.ts"
import type * as Retry from "../Retry.ts"

/**
 * One guard, or several of which the first is outermost.
 *
 * @since 0.1.0
 * @category models
 */
export type Further = Guard<unknown> | ReadonlyArray<Guard<unknown>>

/**
 * Further guards, by their place in the order. Theirs are the calls that come that far: what a guard further out refuses
 * they do not see.
 *
 * @since 0.1.0
 * @category models
 */
export interface Guards {
  /** Around everything, the deadline and the retry included: asked once for a call. */
  readonly outermost?: Further | undefined
  /** Around each attempt, after the circuit was asked and before the rate limiter. */
  readonly perAttempt?: Further | undefined
  /** Between the rate limiter and the bulkhead. */
  readonly beforeBulkhead?: Further | undefined
  /** Between the bulkhead and the circuit: what it refuses the circuit does not see. */
  readonly beforeBreaker?: Further | undefined
  /** Inside the circuit, around the attempt time-out. The circuit does not count what it refuses. */
  readonly innermost?: Further | undefined
}

/**
 * The guards of a pipeline; all are optional.
 *
 * @since 0.1.0
 * @category models
 */
export interface Parts {
  /** The time for everything together. */
  readonly deadline?: Duration.Input | undefined
  readonly retry?: Retry.Retry<any> | undefined
  readonly rateLimiter?: RateLimiter.RateLimiter | undefined
  readonly bulkhead?: Bulkhead.Bulkhead | undefined
  readonly breaker?: CircuitBreaker.CircuitBreaker | undefined
  /** The time for one attempt, from the moment it is let through. */
  readonly attemptTimeout?: Duration.Input | undefined
  /** Guards that are not among those above, such as those of your own. */
  readonly guards?: Guards | undefined
}

type Present<P, Part> = Part extends keyof P ? Exclude<P[Part], undefined> : never

type TimeError<Time> = [Time] extends [never] ? never : Deadline.DeadlineExceeded

/** The errors that the times of the parts add. */
export type Timed<P> = P extends unknown ? TimeError<Present<P, "deadline"> | Present<P, "attemptTimeout">> : never

/** The errors that the part at a place adds. */
export type Added<P, Part> = P extends unknown ? RejectionOf<Present<P, Part>> : never

/** The errors that the further guards add. */
export type AddedByGuards<P> = P extends unknown ? AddedAt<Present<P, "guards">, keyof Guards> : never

/** The errors that the further guards add which a retry is asked about. */
export type AddedInside<P> = P extends unknown ? AddedAt<Present<P, "guards">, Exclude<keyof Guards, "outermost">>
  : never

type AddedAt<G, Place> = [G] extends [never] ? never
  : G extends unknown ? RejectionOf<Present<G, Place & keyof G>>
  : never

/**
 * The errors that the parts add; of parts that are one thing or the other, the errors of both.
 *
 * @since 0.1.0
 * @category models
 */
export type Rejections<P> =
  | Timed<P>
  | Added<P, "rateLimiter">
  | Added<P, "bulkhead">
  | Added<P, "breaker">
  | AddedByGuards<P>

/**
 * The errors that the retry of the parts can be asked about: all, where there is none; of parts that are one thing or the
 * other, those that both can be asked about.
 */
export type Retried<P> = (P extends unknown ? (error: RetriedBy<P>) => void : never) extends (error: infer E) => void
  ? E
  : never

type RetriedBy<P> = [Present<P, "retry">] extends [never] ? unknown
  : [Present<P, "retry">] extends [Retry.Retry<infer E>] ? E
  : unknown

type KeysOf<P> = P extends unknown ? keyof P : never

type UnknownOf<P> = Exclude<KeysOf<P>, keyof Parts> | Exclude<KeysOf<Present<P, "guards">>, keyof Guards>

/**
 * Refuses what cannot work: a part that does not exist, which is most likely misspelt, and a retry for other errors than
 * those that the parts inside of it add.
 */
export type Checked<P> =
  & ([UnknownOf<P>] extends [never] ? unknown
    : { readonly [Part in UnknownOf<P>]: string extends keyof P ? unknown : never })
  & (P extends unknown ? {
      readonly retry?:
        | Retry.Retry<
          Timed<P> | Added<P, "rateLimiter"> | Added<P, "bulkhead"> | Added<P, "breaker"> | AddedInside<P>
        >
        | undefined
    }
    : never)

/**
 * What is different for one kind of call.
 *
 * @since 0.1.0
 * @category options
 */
export interface CallOptions<A, E> {
  /** What it takes from the limiter. @default one request */
  readonly costs?: RateLimiter.Cost | undefined
  /** What it turned out to have taken. */
  readonly settle?: ((value: A) => RateLimiter.Cost) | undefined
  /** How the circuit judges it. */
  readonly classify?: ((exit: Exit.Exit<A, E | Deadline.DeadlineExceeded>) => Outcome.Outcome) | undefined
  /** Slow-call threshold of the circuit; `"Infinity"` for never. */
  readonly slowCallDuration?: Duration.Input | undefined
  /** The longest wait for a turn and for a slot, each; zero for a call that does not wait. @default as the parts say */
  readonly maxWait?: Duration.Input | undefined
}

/**
 * A pipeline: it adds `Rejection` to the errors of what it protects, and takes effects whose errors are among those that its retry is for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pipeline<out Rejection, in Retried = unknown> {
  readonly protect: <A, E extends Retried, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
  /** Like `protect`, for a kind of call that costs more or is judged otherwise. */
  readonly protectWith: <A, E extends Retried>(
    options: CallOptions<A, E>
  ) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
}

/**
 * The times of a pipeline: what there is to write down about it besides its parts.
 *
 * @since 0.1.0
 * @category options
 */
export type Times = Pick<Parts, "deadline" | "attemptTimeout">
