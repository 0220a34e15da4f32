/** What the runs of a hedged effect share. */
import type { AnyEffect } from "../internal/runtime/primitive.ts"
import type { HedgeMachine } from "./machine.ts"
import type { Target } from "./model.ts"

export interface Hedging {
  readonly machine: HedgeMachine
  readonly primary: AnyEffect
  /** What is run as a hedge. */
  readonly hedge: AnyEffect
  /** Whether a hedge goes to another target than the first run. */
  readonly isElsewhere: boolean
  readonly target: Target | undefined
}
