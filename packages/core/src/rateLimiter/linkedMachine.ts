/** A machine whose meters are joined with those of other nodes: it tells its link what calls ask and wait for. */
import type { LimiterLink } from "./link.ts"
import { LimiterMachine } from "./machine.ts"
import type { Meter } from "./meter.ts"
import type { Costs, Refusal, Turn } from "./turn.ts"

export class LinkedMachine extends LimiterMachine {
  private readonly link: LimiterLink

  constructor(link: LimiterLink, meters: ReadonlyArray<Meter>, places: number, arm: (at: number) => void) {
    super(meters, places, arm)
    this.link = link
    link.joinBy(this)
  }

  override request(turn: Turn, now: number): "taken" | "queued" | Refusal {
    this.link.passed(now)
    this.link.asked(turn.costs, now)
    const answer = super.request(turn, now)
    this.link.moved(now)
    return answer
  }

  override refusalNow(costs: Costs, now: number): Refusal | undefined {
    if (this.link.coldWait(costs, now) > 0) return undefined
    const refusal = super.refusalNow(costs, now)
    if (refusal === undefined) return undefined
    this.link.asked(costs, now)
    this.link.moved(now)
    return refusal
  }

  override advance(now: number, told?: Array<Turn>): void {
    this.link.passed(now)
    super.advance(now, told)
    this.link.moved(now)
  }

  override correct(differences: Costs, takenAt: number, now: number): void {
    super.correct(differences, takenAt, now)
    this.link.moved(now)
  }

  override pause(until: number, now: number): void {
    this.link.paused(until, now)
    super.pause(until, now)
  }

  override clampAvailable(levels: Costs, now: number): void {
    this.link.clamped(levels, now)
    super.clampAvailable(levels, now)
    this.link.moved(now)
  }

  // Until the turns of all are known, they wait for the node, and not in the queue: had it asked before, it would know.
  protected override knowsAllTurns(now: number, costs?: Costs): boolean {
    return !this.link.isAsking(now, costs)
  }

  protected override isFull(costs: Costs, now: number): boolean {
    if (!super.isFull(costs, now)) return false
    return this.queue.size === 0 ? this.link.coldWait(costs, now) === 0 : this.knowsAllTurns(now, costs)
  }

  protected override join(turn: Turn): void {
    super.join(turn)
    this.link.waits(turn.costs, 1)
  }

  protected override takeOut(turn: Turn): void {
    super.takeOut(turn)
    this.link.waits(turn.costs, -1)
  }
}
