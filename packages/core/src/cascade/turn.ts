/** Whether the target that runs was asked in its turn. */
import * as Context from "effect/Context"

/**
 * The turn of a target. It is early while the targets before it still have time: then it was asked as a hedge.
 *
 * @since 0.1.0
 * @category models
 */
export interface Turn {
  readonly isEarly: boolean
  /**
   * Says that the work of the target has begun, where that cannot be seen: what a guard refuses after that was a hedge all
   * the same.
   */
  readonly begins: () => void
}

/**
 * The turn of the target that runs beside others; undefined for one that is asked alone.
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentTurn = Context.Reference<Turn | undefined>("@switchgear/core/Cascade/CurrentTurn", {
  defaultValue: () => undefined
})
