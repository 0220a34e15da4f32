/**
 * Several meters taken all or nothing, and the queue of those who wait for their turn. First come, first served: a large
 * request is not overtaken by small ones, and a small one behind it waits.
 *
 * A newcomer's turn is foreseen (see {@link Forecast}), and one that comes too late is refused at once. After that only
 * the turn of the head of the queue is kept up to date, so that a change (somebody leaves, gives back, a pause) costs
 * O(log n) whatever the length of the queue. A waiter is refused as soon as the head's turn is later than the waiter's
 * latest. A newcomer whose turn cannot be foreseen at a bearable cost joins the queue in doubt: it is refused as soon as
 * its turn is known to be too late.
 *
 * Every change is made for everybody before anybody is told.
 */
import { BucketForecast } from "./bucketForecast.ts"
import type { Forecast } from "./forecast.ts"
import { Heap } from "../internal/data/heap.ts"
import { isSufficient } from "../internal/data/isSufficient.ts"
import type { Limit, Meter } from "./meter.ts"
import { PlanForecast } from "./planForecast.ts"
import { TokenBucket } from "./tokenBucket.ts"
import { type Costs, type Decided, earliest, grain, isTooLate, type Refusal, type Turn } from "./turn.ts"
import { WaitQueue } from "../internal/data/waitQueue.ts"

export class LimiterMachine {
  readonly meters: ReadonlyArray<Meter>
  readonly queue = new WaitQueue<Turn>()
  pausedUntil = -Infinity
  private readonly places: number
  private readonly arm: (at: number) => void
  /** The waiters that do not wait for ever. */
  private readonly impatient = new Heap<Turn>((a, b) => a.latest! < b.latest!)
  /** The turn of the head of the queue. */
  private headAt = Infinity
  private readonly forecast: Forecast
  /** Those who joined the queue before it was known whether their turn comes in time. */
  private doubted: Array<Turn> = []
  private readonly decided: Decided = { meter: -1 }

  /**
   * At most `places` wait at a time. `arm` sets the alarm that calls `advance` at the turn of the head of the queue;
   * infinity stops it.
   */
  constructor(meters: ReadonlyArray<Meter>, places: number, arm: (at: number) => void) {
    this.meters = meters
    this.places = places
    this.arm = arm
    this.forecast = meters.every((meter) => meter instanceof TokenBucket)
      ? new BucketForecast(meters, this.queue)
      : new PlanForecast(meters, this.queue)
  }

  /** Takes the costs if their turn is now, joins the queue if it comes by `turn.latest`, and refuses otherwise. */
  request(turn: Turn, now: number): "taken" | "queued" | Refusal {
    const { queue } = this
    if (queue.size > 0 && (this.headAt <= now + grain || this.doubted.length > 0)) this.advance(now)
    if (queue.size === 0) {
      if (this.tryTake(turn.costs, now)) return "taken"
      const at = this.turnAlone(turn.costs, now)
      if (at <= now + grain) {
        this.take(turn.costs, now)
        return "taken"
      }
      if (isTooLate(at, turn)) return this.refusal(at, now)
      if (this.places === 0) return { ...this.refusal(at, now), reason: "queue-full" }
      this.join(turn)
      this.forecast.joined(turn, this.startFrom(now))
      this.headAt = at
      this.arm(at)
      return "queued"
    }
    const tooLarge = this.tooLarge(turn.costs)
    if (tooLarge !== undefined) return tooLarge
    if (turn.latest !== undefined && queue.size >= this.places) return this.queueFull(now)
    return this.joinBehind(turn, now) ?? "queued"
  }

  /** Why a call that does not wait would be refused; undefined where it would not, or where others wait already. */
  refusalNow(costs: Costs, now: number): Refusal | undefined {
    if (this.queue.size > 0 || this.has(costs, now)) return undefined
    const at = this.turnAlone(costs, now)
    return at <= now + grain ? undefined : this.refusal(at, now)
  }

  /** Takes out a caller that no longer waits; does nothing for one that is not in the queue. */
  leave(turn: Turn, now: number): void {
    if (!turn.waiting) return
    const wasHead = this.queue.peek() === turn
    this.takeOut(turn)
    this.forecast.left(turn)
    if (wasHead || this.doubted.length > 0) this.advance(now)
  }

  /**
   * Grants every turn that has come, and refuses those for whom it is too late. To be called when the head's turn has
   * come, or may have changed. Tells those in `told`, too.
   */
  advance(now: number, told: Array<Turn> = []): void {
    const { queue } = this
    this.headAt = Infinity
    for (let head = queue.peek(); head !== undefined; head = queue.peek()) {
      const at = this.turnAlone(head.costs, now)
      if (isTooLate(at, head)) {
        this.refuse(head, this.refusal(at, now), told)
      } else if (at > now + grain) {
        this.headAt = at
        break
      } else {
        this.takeOut(head)
        this.take(head.costs, now)
        this.forecast.granted(head, now)
        head.grant(now)
        told.push(head)
      }
    }
    this.refuseHopeless(now, told)
    this.refuseDoubted(now, told)
    for (const turn of told) turn.tell()
    this.arm(this.headAt)
  }

  correct(differences: Costs, takenAt: number, now: number): void {
    let takesMore = false
    for (let i = 0; i < differences.length; i++) {
      const difference = differences[i]!
      if (difference === 0) continue
      if (difference > 0) takesMore = true
      this.meters[i]!.correct(difference, takenAt, now)
    }
    if (this.queue.size === 0) return
    if (takesMore) this.forecast.becameLater()
    else this.forecast.becameEarlier()
    this.advance(now)
  }

  /** Grants nothing before `until`, unless a longer pause stands, and leaves nothing that was saved up. */
  pause(until: number, now: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, until)
    for (const meter of this.meters) meter.clampAvailable(0, now)
    this.forecast.becameLater()
    this.advance(now)
  }

  /** Ends a pause. */
  resume(now: number): void {
    this.pausedUntil = -Infinity
    this.forecast.becameEarlier()
    this.advance(now)
  }

  /** Leaves of each meter at most so much, infinity as much as there is. */
  clampAvailable(levels: Costs, now: number): void {
    // Where nothing is lowered no turn moves.
    if (this.meters.every((meter, i) => meter.available(now) <= levels[i]!)) return
    this.meters.forEach((meter, i) => meter.clampAvailable(levels[i]!, now))
    this.forecast.becameLater()
    this.advance(now)
  }

  /**
   * Goes on with other limits, in the order of the meters. A waiter that is larger than a new limit is refused at once,
   * so this one looks at everybody.
   */
  change(limits: ReadonlyArray<Limit>, now: number): void {
    limits.forEach((limit, i) => this.meters[i]!.change(limit, now))
    this.forecast.changed()
    const told: Array<Turn> = []
    for (let turn = this.queue.peek(); turn !== undefined;) {
      const next: Turn | undefined = turn.after
      const refusal = this.tooLarge(turn.costs)
      if (refusal !== undefined) this.refuse(turn, refusal, told)
      turn = next
    }
    this.advance(now, told)
  }

  private joinBehind(turn: Turn, now: number): Refusal | undefined {
    const from = this.startFrom(now)
    // Who waits for ever needs to know no time.
    if (turn.latest !== Infinity) {
      const at = this.doubted.length > 0 ? undefined : this.forecast.turnOf(turn, from, this.decided)
      if (at === undefined) {
        // Nobody's turn is before the head's.
        const alone = this.turnAlone(turn.costs, this.headAt)
        if (isTooLate(alone, turn)) return this.refusal(alone, now)
        this.doubted.push(turn)
      } else if (isTooLate(at, turn)) {
        return this.refusal(at, now)
      }
    }
    this.join(turn)
    this.forecast.joined(turn, from)
    return undefined
  }

  private join(turn: Turn): void {
    turn.waiting = true
    turn.spot = -1
    this.queue.push(turn)
    if (turn.latest! < Infinity) this.impatient.place(turn)
  }

  private takeOut(turn: Turn): void {
    turn.waiting = false
    this.queue.remove(turn)
    this.impatient.remove(turn)
  }

  // Nobody's turn is before the head's.
  private refuseHopeless(now: number, told: Array<Turn>): void {
    for (;;) {
      const turn = this.impatient.peek()
      if (turn === undefined || !isTooLate(this.headAt, turn)) return
      this.refuse(turn, this.refusal(this.turnAlone(turn.costs, this.headAt), now), told)
    }
  }

  private refuseDoubted(now: number, told: Array<Turn>): void {
    const { doubted } = this
    if (doubted.length === 0 || !this.forecast.refresh(this.startFrom(now))) return
    this.doubted = []
    for (const turn of doubted) {
      if (turn.waiting && turn.isLeftOut)
        this.refuse(turn, this.refusal(this.turnAlone(turn.costs, this.headAt), now), told)
    }
  }

  private refuse(turn: Turn, refusal: Refusal, told: Array<Turn>): void {
    this.takeOut(turn)
    this.forecast.left(turn)
    turn.refuse(refusal)
    told.push(turn)
  }

  /** The turn of these costs with nobody ahead. */
  private turnAlone(costs: Costs, from: number): number {
    return earliest(this.meters, this.meters, costs, this.startFrom(from), this.decided)
  }

  /** The first time from which turns can come. */
  private startFrom(from: number): number {
    return Math.max(from, this.pausedUntil)
  }

  private refusal(at: number, now: number): Refusal {
    const reason = at === Infinity ? "too-large" : this.pausedUntil > now ? "paused" : "limit"
    return { reason, meter: this.decided.meter, wait: at - now }
  }

  private tooLarge(costs: Costs): Refusal | undefined {
    for (let i = 0; i < costs.length; i++) {
      if (costs[i]! > this.meters[i]!.capacity) return { reason: "too-large", meter: i, wait: Infinity }
    }
    return undefined
  }

  // The next place is the head's.
  private queueFull(now: number): Refusal {
    this.turnAlone(this.queue.peek()!.costs, now)
    return { reason: "queue-full", meter: this.decided.meter, wait: this.headAt - now }
  }

  // With nobody ahead there is nothing to plan.
  private tryTake(costs: Costs, now: number): boolean {
    if (!this.has(costs, now)) return false
    this.take(costs, now)
    return true
  }

  private has(costs: Costs, now: number): boolean {
    if (this.pausedUntil > now) return false
    for (let i = 0; i < costs.length; i++) {
      if (!isSufficient(this.meters[i]!.available(now), costs[i]!)) return false
    }
    return true
  }

  private take(costs: Costs, now: number): void {
    for (let i = 0; i < costs.length; i++) if (costs[i]! > 0) this.meters[i]!.take(costs[i]!, now)
  }
}
