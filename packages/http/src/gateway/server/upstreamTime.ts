/** How long calls to providers have run for one answer: what is left of its time is the gateway's own. */
import { AttemptCounter } from "../../chatModel/attemptCounter.ts"

export class UpstreamTime extends AttemptCounter {
  private readonly now: () => number
  private running = 0
  private since = 0
  private ended = 0

  /** `now` tells milliseconds. */
  constructor(now: () => number) {
    super()
    this.now = now
  }

  /** Milliseconds in which at least one call ran. */
  get millis(): number {
    return this.ended + (this.running > 0 ? this.now() - this.since : 0)
  }

  protected override begin(): void {
    super.begin()
    if (this.running++ === 0) this.since = this.now()
  }

  protected override end(): void {
    super.end()
    if (--this.running === 0) this.ended += this.now() - this.since
  }
}
