/** A request being answered: what it counts for, and the slot that it holds until its response has ended. */
import type { SimulatedService } from "@switchgear/core/testing"
import * as Effect from "effect/Effect"
import type { Counters } from "./counters.ts"
import type { Call } from "./wire.ts"

export class ProviderCall implements Call {
  readonly goesOn: boolean
  clientLeft = false
  slot: SimulatedService.Slot | undefined
  private readonly counted: ReadonlyArray<Counters>
  private onClientLeft: (() => void) | undefined
  private state: "new" | "running" | "handed-over" | "ended" = "new"

  constructor(counted: ReadonlyArray<Counters>, goesOn: boolean) {
    this.counted = counted
    this.goesOn = goesOn
  }

  start(): void {
    this.state = "running"
    for (const count of this.counted) {
      count.started++
      count.maxInFlight = Math.max(count.maxInFlight, ++count.inFlight)
    }
  }

  work(millis: number): Effect.Effect<void> {
    if (this.slot !== undefined) return this.slot.work(millis)
    return millis > 0 ? Effect.sleep(millis) : Effect.void
  }

  clientLeaves(): void {
    if (this.clientLeft) return
    this.clientLeft = true
    this.onClientLeft?.()
  }

  whenClientLeaves(then: () => void): void {
    this.onClientLeft = then
    if (this.clientLeft) then()
  }

  handOver(): void {
    if (this.state === "running") this.state = "handed-over"
  }

  end(how: "answered" | "cut" | "aborted"): void {
    if (this.state === "new" || this.state === "ended") return
    this.state = "ended"
    for (const count of this.counted) {
      count[how]++
      count.inFlight--
    }
    this.slot?.leave()
  }

  /** The fiber that answers has ended, with a response or without. */
  leave(done: boolean): void {
    if (!done) this.end("aborted")
    else if (this.state === "running") this.end(this.clientLeft ? "aborted" : "answered")
  }
}
