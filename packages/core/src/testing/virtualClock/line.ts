/** The order in which dispatchers with tasks take their turns. */
import type * as Random from "effect/Random"
import type * as Scheduler from "effect/Scheduler"

export interface Line {
  readonly isEmpty: boolean
  makeDispatcher(queue: Queue): Dispatcher
  enter(dispatcher: Dispatcher): void
  /** Takes the next one out. */
  next(): Dispatcher | undefined
  /** Whether the running fiber is to let others go first. Asked before each of its operations. */
  interrupts(): boolean
  /** The rank of a sleeper among those that wake at the same time. */
  rank(): number
  /** Makes lines of the same kind, whose chance, if there is any, is their own: `chanceOf` makes it from a draw. */
  branch(chanceOf: (draw: number) => Random.Random): () => Line
  /** Whether another sleeper that is due wakes before the fibers rest. */
  wakesTogether(): boolean
}

export interface Dispatcher extends Scheduler.SchedulerDispatcher {
  takeTurn(): void
}

/** What a dispatcher enters when it has tasks. */
export interface Queue {
  enter(dispatcher: Dispatcher): void
}
