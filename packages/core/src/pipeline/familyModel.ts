/** What a family of pipelines is. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { CallOptions, Pipeline, PipelineFor } from "./model.ts"

/**
 * How the pipelines of a family are made, and how many are kept.
 *
 * @since 0.1.0
 * @category options
 */
export interface FamilyOptions<out P extends PipelineFor<any, any>, in out R> {
  /** Appears in metrics. */
  readonly name: string
  /**
   * Makes the pipeline of a key, once, when the key is first used. It must not wait for anything. What it makes is not in
   * the registry, so that keys are no labels: the family is, under its name.
   */
  readonly pipeline: (key: string) => Effect.Effect<P, never, R>
  /**
   * Pipelines kept, at least 1; above that, the least recently used is forgotten. One that holds a call is not.
   * @default 10_000
   */
  readonly capacity?: number | undefined
  /** A pipeline that is not used for so long is forgotten. `"Infinity"` keeps it. @default "1 hour" */
  readonly idleTimeToLive?: Duration.Input | undefined
}

/**
 * What there is to read about a family of pipelines at one moment.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface FamilySnapshot {
  readonly name: string
  /** Keys that have a pipeline. */
  readonly keys: number
  readonly capacity: number
  /** Calls that have not ended. */
  readonly inFlight: number
}

/**
 * A pipeline for each key: a tenant, a host, a model.
 *
 * @since 0.1.0
 * @category models
 */
export interface Family<out Rejection, in Retried = unknown> {
  readonly name: string
  /** Wraps an effect with the pipeline of the key. */
  readonly protect: (
    key: string
  ) => <A, E extends Retried, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
  /** Like `protect`, for a kind of call that costs more or is judged otherwise. */
  readonly protectWith: <A, E extends Retried>(
    key: string,
    options: CallOptions<A, E>
  ) => <R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Rejection, R>
  readonly snapshot: Effect.Effect<FamilySnapshot>
}

/**
 * The family of pipelines of this type.
 *
 * @since 0.1.0
 * @category models
 */
export type FamilyOf<P> = P extends Pipeline<infer Rejection> ? Family<Rejection>
  : P extends PipelineFor<infer Rejection, infer Retried> ? Family<Rejection, Retried>
  : never
