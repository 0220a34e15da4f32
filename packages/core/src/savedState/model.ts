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
  guards: Schema.Array(Schema.Struct({
    kind: Schema.String,
    id: Schema.String,
    name: Schema.optionalKey(Schema.String),
    age: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 8.64e15 }))),
    state: Schema.Json
  })),
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
 * The state of one guard.
 *
 * @since 0.1.0
 * @category models
 */
export interface SavedGuard extends GuardId {
  /** The name of the guard, where its id is another: the id of a second guard of one name is `name#2`. */
  readonly name?: string
  /**
   * How much older than the whole the state is, in milliseconds: it is from an earlier process, and this one did not make the
   * guard. @default 0
   */
  readonly age?: number
  readonly state: Schema.Json
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
  readonly guards: ReadonlyArray<SavedGuard>
  /**
   * Guards whose state could not be saved: their code threw, the whole would be larger than 64 million characters, or it is a
   * concurrency limit with an algorithm of your own.
   */
  readonly leftOut: ReadonlyArray<GuardId>
}

/**
 * How long states wait.
 *
 * @since 0.1.0
 * @category options
 */
export interface WaitOptions {
  /**
   * How long the state of a guard that is not made is kept: in the memory of a process, and from the process that last had
   * the guard to the one that saves it no more. A duration, or infinity. @default "1 day"
   */
  readonly keepFor?: Duration.Input | undefined
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
