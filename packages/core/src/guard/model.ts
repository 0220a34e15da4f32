/** What a guard is. */
import type * as Effect from "effect/Effect"

/**
 * Something that wraps an effect and may refuse it with `E`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Guard<out E> {
  readonly name: string
  /** Wraps an effect. Adds `E` to its errors and changes nothing else. */
  readonly protect: <A, E1, R>(self: Effect.Effect<A, E1, R>) => Effect.Effect<A, E | E1, R>
  /** Is only in the type, which tells `E` by it. */
  readonly "~@switchgear/core/Guard"?: E | undefined
}

/** The errors that a guard adds, or several. */
export type RejectionOf<G> = G extends ReadonlyArray<infer One> ? RejectionOf<One>
  : G extends { readonly "~@switchgear/core/Guard"?: infer E } ? Exclude<E, undefined>
  : never
