/** A frame that is told how work has ended, whatever ends it: what `Effect.onExitPrimitive` does, as an object of one's own. */
import type * as Exit from "effect/Exit"
import { enterFrame, plainFramePrototype } from "./frame.ts"
import type { AnyFiber } from "./primitive.ts"

/** The end of one run. */
export abstract class Ending {
  /**
   * Pushes the frame around what the fiber evaluates next. Call it in the step that returns what that is, before what has to
   * be ended is begun: nothing can come between the two.
   */
  enter(fiber: AnyFiber): void {
    enterFrame(this, fiber)
  }

  /** Is called once. Must not throw. */
  abstract onExit(exit: Exit.Exit<any, any>): undefined
}

Object.setPrototypeOf(Ending.prototype, plainFramePrototype)
