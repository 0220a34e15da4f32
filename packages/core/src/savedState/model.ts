/** The types of a saved state and of what became of it. */
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { NotRestored } from "../registry/kind.ts"

/** The wall-clock times that a date can have, in milliseconds. */
const wall = Schema.Finite.check(Schema.isBetween({ minimum: -8.64e15, maximum: 8.64e15 }))

/** A registered guard. */
const guardId = Schema.Struct({ kind: Schema.String, id: Schema.String })

export const savedState = Schema.Struct({
  version: Schema.Literal(1),
  savedAt: wall,
  guards: Schema.Array(Schema.Struct({ kind: Schema.String, id: Schema.String, state: Schema.Json })),
  leftOut: Schema.Array(guardId)
})

/**
 * A guard by the tag of its kind and its id in the registry.
 *
 * @since 0.1.0
 * @category models
 */
export interface GuardId {
  readonly kind: string
  readonly id: string
}

/**
 * The state of the guards of a registry as plain JSON. It contains the names of guards, the keys of families and the
 * tenants of ledgers, times and amounts, and nothing of any request or reply.
 *
 * @since 0.1.0
 * @category models
 */
export interface SavedState {
  /** Of the format. */
  readonly version: 1
  /** Wall-clock time of the saving in milliseconds. */
  readonly savedAt: number
  /** In the order of the registry. */
  readonly guards: ReadonlyArray<GuardId & { readonly state: Schema.Json }>
  /** Guards whose state could not be saved: their code threw, or the whole would be larger than 64 million characters. */
  readonly leftOut: ReadonlyArray<GuardId>
}

/**
 * What became of a saved state. Every guard that it names is in one of the lists.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  /** Time since the saving; zero where the clock has gone back since. */
  readonly age: Duration.Duration
  readonly restored: ReadonlyArray<GuardId>
  readonly ignored: ReadonlyArray<GuardId & { readonly reason: NotRestored }>
}
