/** What the type of a pipeline tells: the errors that its parts add, and those that its retry is for. */
import type * as Duration from "effect/Duration"
import type * as Deadline from "../Deadline.ts"
import type { RejectionOf } from "../guard/model.ts"
import type * as Retry from "../Retry.ts"
import type { Guards, Pipeline, PipelineFor, Times } from "./model.ts"

/** What is at a place of the parts, where something is. */
export type Present<P, Part> = Part extends keyof P ? Exclude<P[Part], undefined> : never

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

/**
 * Parts whose times are known only when the configuration is read.
 *
 * @since 0.1.0
 * @category models
 */
export type WithTimes<P> = P extends unknown ?
    & Omit<P, keyof Times>
    & { readonly [T in keyof Times]-?: Duration.Input | Present<P, T> }
  : never

/**
 * The pipeline that is made of the parts: a {@link PipelineFor} if they have a retry that is for some errors only.
 *
 * @since 0.1.0
 * @category models
 */
export type Made<P> = MadeFor<
  Timed<P> | Added<P, "rateLimiter"> | Added<P, "bulkhead"> | Added<P, "breaker"> | AddedByGuards<P>,
  Retried<P>
>

// The errors are spelt out above because the compiler would print `Rejections<…>` in their place.
type MadeFor<Rejection, Retried> = [unknown] extends [Retried] ? Pipeline<Rejection> : PipelineFor<Rejection, Retried>
