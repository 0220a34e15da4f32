/**
 * Takes costs from several meters, all or nothing, and keeps the queue of waiting calls. First come, first served:
 * small requests do not overtake a large one.
 *
 * The turn of a new call is predicted (see {@link Forecast}). A call whose turn is too late is rejected at once. After
 * that, only the turn of the head of the queue is kept up to date, so that a change (a call leaves or refunds, a pause)
 * costs O(log n). A waiting call is rejected as soon as the turn of the head is later than the latest time of that
 * call. A new call whose turn costs too many steps to predict joins the queue in doubt: it is rejected as soon as its
 * turn is known to be too late.
 *
 * Invariant: every change is made for all affected calls before any of them is notified.
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
  /** The waiting calls that do not wait forever. */
  private readonly impatient = new Heap<Turn>((a, b) => a.latest! < b.latest!)
  /** The turn of the head of the queue. */
  private headAt = Infinity
  private readonly forecast: Forecast
  /** The calls in doubt: they joined the queue before it was known whether their turn comes in time. */
  private doubted: Array<Turn> = []
  private readonly decided: Decided = { meter: -1 }

  /**
   * At most `places` calls wait. `arm` sets the timer that calls `advance` at the turn of the head of the queue;
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

  /** Takes the costs if the turn is now, joins the queue if it comes by `turn.latest`, and rejects otherwise. */
  request(turn: Turn, now: number): "taken" | "queued" | Refusal {
    const { queue } = this
    if (queue.size > 0 && (this.headAt <= now + grain || this.doubted.length > 0 && this.knowsAllTurns(now)))
      this.advance(now)
    if (queue.size === 0) {
      if (this.tryTake(turn.costs, now)) return "taken"
      const at = this.turnAlone(turn.costs, now)
      if (at <= now + grain) {
        this.take(turn.costs, now)
        return "taken"
      }
      if (isTooLate(at, turn)) return this.refusal(at, now)
      if (this.isFull(turn.costs, now)) return { ...this.refusal(at, now), reason: "queue-full" }
      this.join(turn)
      this.forecast.joined(turn, this.startFrom(now))
      this.headAt = at
      this.arm(at)
      return "queued"
    }
    const tooLarge = this.tooLarge(turn.costs)
    if (tooLarge !== undefined) return tooLarge
    if (turn.latest !== undefined && this.isFull(turn.costs, now)) return this.queueFull(now)
    return this.joinBehind(turn, now) ?? "queued"
  }

  /** The refusal of a call that does not wait; undefined when it would be admitted, or when others wait already. */
  refusalNow(costs: Costs, now: number): Refusal | undefined {
    if (this.queue.size > 0 || this.has(costs, now)) return undefined
    const at = this.turnAlone(costs, now)
    return at <= now + grain ? undefined : this.refusal(at, now)
  }

  /** Removes a call that no longer waits. Does nothing for a call that is not in the queue. */
  leave(turn: Turn, now: number): void {
    if (!turn.waiting) return
    const wasHead = this.queue.peek() === turn
    this.takeOut(turn)
    this.forecast.left(turn)
    if (wasHead || this.doubted.length > 0) this.advance(now)
  }

  /**
   * Grants every turn that has come, and refuses calls whose turn is too late. Call it when the turn of the head has
   * come or may have changed. Also notifies the calls in `told`.
   */
  advance(now: number, told: Array<Turn> = []): void {
    const { queue } = this
    this.headAt = Infinity
    for (let head = queue.peek(); head !== undefined; head = queue.peek()) {
      const at = this.turnAlone(head.costs, now)
      // A turn that has come was in time: only the timer that says so may be late.
      if (at > now + grain && isTooLate(at, head)) {
        this.refuse(head, this.refusal(at, now), told)
      } else if (at > now + grain) {
        this.headAt = at
        if (this.places > 0 || !this.hasExcess(now)) break
        // Had it come now, it would not have joined, and the calls behind it may cost less.
        this.refuse(head, this.noPlace(head, now), told)
        this.headAt = Infinity
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
    this.refuseExcess(now, told)
    for (const turn of told) turn.tell()
    this.arm(this.headAt)
  }

  /** The meters have other turns than was known. */
  replan(now: number): void {
    this.forecast.changed()
    this.advance(now)
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

  /** Grants nothing before `until`, unless a longer pause is in force, and empties what was saved up. */
  pause(until: number, now: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, until)
    for (const meter of this.meters) meter.clampAvailable(0, now)
    this.forecast.becameLater()
    this.advance(now)
  }

  resume(now: number): void {
    this.pausedUntil = -Infinity
    this.forecast.becameEarlier()
    this.advance(now)
  }

  /** Caps the available amount of each meter at `levels`; infinity leaves a meter as it is. */
  clampAvailable(levels: Costs, now: number): void {
    // When nothing is lowered, no turn moves.
    if (this.meters.every((meter, i) => meter.available(now) <= levels[i]!)) return
    this.meters.forEach((meter, i) => meter.clampAvailable(levels[i]!, now))
    this.forecast.becameLater()
    this.advance(now)
  }

  /**
   * Changes the limits, in the order of the meters. Rejects each waiting call that costs more than a new limit holds,
   * so that this looks at every call.
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
    // A call that waits forever needs no turn.
    if (turn.latest !== Infinity) {
      const isKnown = this.knowsAllTurns(now, turn.costs)
      if (!isKnown) this.forecast.postponed()
      const at = isKnown && this.doubted.length === 0 ? this.forecast.turnOf(turn, from, this.decided) : undefined
      if (at === undefined) {
        // No turn is before that of the head.
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

  /** Whether the turns of all calls that wait are known, and of one that has these costs behind them. */
  protected knowsAllTurns(_now: number, _costs?: Costs): boolean {
    return true
  }

  /** Whether a call that has these costs may not join the queue. */
  protected isFull(_costs: Costs, _now: number): boolean {
    return this.queue.size >= this.places
  }

  /** Whether calls wait that have no place. */
  private hasExcess(now: number): boolean {
    return this.queue.size > this.places && this.knowsAllTurns(now)
  }

  protected join(turn: Turn): void {
    turn.waiting = true
    turn.spot = -1
    this.queue.push(turn)
    if (turn.latest! < Infinity) this.impatient.place(turn)
  }

  protected takeOut(turn: Turn): void {
    turn.waiting = false
    this.queue.remove(turn)
    this.impatient.remove(turn)
  }

  // No turn is before that of the head.
  private refuseHopeless(now: number, told: Array<Turn>): void {
    for (;;) {
      const turn = this.impatient.peek()
      if (turn === undefined || !isTooLate(this.headAt, turn)) return
      this.refuse(turn, this.refusal(this.turnAlone(turn.costs, this.headAt), now), told)
    }
  }

  private refuseDoubted(now: number, told: Array<Turn>): void {
    const { doubted } = this
    if (doubted.length === 0 || !this.knowsAllTurns(now) || !this.forecast.refresh(this.startFrom(now))) return
    this.doubted = []
    const waiting = doubted.filter((turn) => turn.waiting)
    let kept = this.queue.size - waiting.length
    for (const turn of waiting) {
      if (!turn.isLeftOut) kept++
      else {
        const refusal = kept < this.places
          ? this.refusal(this.turnAlone(turn.costs, this.headAt), now)
          : this.noPlace(turn, now)
        this.refuse(turn, refusal, told)
      }
    }
  }

  // Calls have joined while the queue was not full for them, and it is now: those that came last have no place.
  private refuseExcess(now: number, told: Array<Turn>): void {
    while (this.hasExcess(now)) {
      const last = this.queue.peekLast()!
      this.refuse(last, this.noPlace(last, now), told)
    }
  }

  private noPlace({ costs, maxWait }: Turn, now: number): Refusal {
    return maxWait === 0 ? this.refusal(this.turnAlone(costs, this.headAt), now) : this.queueFull(now)
  }

  private refuse(turn: Turn, refusal: Refusal, told: Array<Turn>): void {
    this.takeOut(turn)
    this.forecast.left(turn)
    turn.refuse(refusal)
    told.push(turn)
  }

  /** The turn of these costs with no call ahead. */
  private turnAlone(costs: Costs, from: number): number {
    return earliest(this.meters, this.meters, costs, this.startFrom(from), this.decided)
  }

  /** The earliest time of any turn: `from`, or the end of a pause. */
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

  // The next free place is that of the head.
  private queueFull(now: number): Refusal {
    this.turnAlone(this.queue.peek()!.costs, now)
    return { reason: "queue-full", meter: this.decided.meter, wait: this.headAt - now }
  }

  // With no call ahead, no forecast is needed.
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
