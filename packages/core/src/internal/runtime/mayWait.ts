/**
 * Whether a call may wait for a slot or a turn. A further run of a call whose first run goes on may not: a hedge that waits
 * answers nobody sooner, and takes the place of a call that has no other run.
 */
import * as Context from "effect/Context"
import type { AnyFiber } from "./primitive.ts"

/** A run that may be a further one. */
export interface FurtherRun {
  /** Whether it runs beside another one that still has its time. */
  readonly isEarly: boolean
}

/** The innermost further run around the running fiber. */
export const CurrentFurtherRun = Context.Reference<FurtherRun | undefined>(
  "@switchgear/core/internal/runtime/mayWait/CurrentFurtherRun",
  { defaultValue: () => undefined }
)

export const mayWait = (fiber: AnyFiber): boolean => fiber.getRef(CurrentFurtherRun)?.isEarly !== true
