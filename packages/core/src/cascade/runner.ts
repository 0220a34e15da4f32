/** One run of a chain under a name: it is counted by how it ends, once, whatever ends it. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Change } from "../registry/kind.ts"
import type { Counts } from "./counts.ts"
import type { DegradationLog } from "./degradation.ts"
import type { AnyStep, Served } from "./model.ts"
import type { Listener } from "./progress.ts"
import { Ending } from "../internal/runtime/ending.ts"
import { runSteps } from "./run.ts"

/** What the runs of one name share. */
export interface Book {
  readonly counts: Counts
  readonly degradation: DegradationLog
  /** There are steps that were not there before. */
  readonly grew: () => void
  readonly announce: (change: Change) => void
}

/** Runs the steps of a chain, counted. */
export const runCounted = (steps: ReadonlyArray<AnyStep>, book: Book): Effect.Effect<Served<any>, unknown, any> =>
  Effect.withFiber((fiber) => {
    book.counts.runs++
    if (book.counts.learn(steps)) book.grew()
    const run = new CountedRun(book, fiber)
    run.enter(fiber)
    return runSteps(steps, fiber, run)
  })

/** It is the frame around the run itself. */
class CountedRun extends Ending implements Listener {
  private readonly book: Book
  private readonly fiber: Fiber.Fiber<any, any>
  private hasRunOut = false
  private isWaiting = false
  private by = ""

  constructor(book: Book, fiber: Fiber.Fiber<any, any>) {
    super()
    this.book = book
    this.fiber = fiber
  }

  movedOn(step: string, index: number): void {
    this.book.counts.of(step, index === 0 ? "none" : "fallback").failed++
  }

  served(step: string): void {
    this.by = step
  }

  waits(): void {
    this.isWaiting = true
    this.book.counts.waiting++
  }

  waited(again: boolean): void {
    this.endWait()
    if (again) this.book.counts.rounds++
  }

  ranOut(): void {
    this.hasRunOut = true
  }

  onExit(exit: Exit.Exit<Served<unknown>, unknown>): undefined {
    const { announce, counts, degradation, grew } = this.book
    this.endWait()
    if (exit._tag === "Failure") {
      if (Cause.hasInterruptsOnly(exit.cause)) return
      if (!this.hasRunOut) counts.failedAtOnce++
      else {
        counts.exhausted++
        counts.degraded = "exhausted"
      }
      return
    }
    const answer = exit.value
    // A step that is a cascade itself has answers of other degradations than its own.
    const known = counts.known
    counts.of(this.by, answer.degradation).served++
    if (counts.known > known) grew()
    counts.servingFrom = answer.step
    const change = degradation.after(answer, this.fiber)
    counts.degraded = degradation.degraded
    if (change !== undefined) announce(change)
  }
  private endWait(): void {
    if (!this.isWaiting) return
    this.isWaiting = false
    this.book.counts.waiting--
  }
}
