/**
 * The circuits of a family, and which of them is forgotten when there are too many. Every step costs the same however
 * many circuits there are.
 *
 * A circuit that is open or half-open, or has calls in flight, is "holding": it is not forgotten before it is idle and
 * Closed again. A circuit in a state set by hand is never forgotten. Both are kept out of the queue by use.
 */
import type * as Clock from "effect/Clock"
import type { FamilySnapshot } from "./familyModel.ts"
import type { BreakerRules } from "./machineModel.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { WaitQueue } from "../internal/data/waitQueue.ts"
import type { Circuit } from "./circuit.ts"
import { Counters } from "./counters.ts"
import type { FamilyMember, MemberOwner } from "./familyMember.ts"
import type { Bounds } from "./rules.ts"
import type { SavedCircuit } from "./savedStates.ts"

/** The time since the last use of a circuit, in milliseconds, and its state; none for one that is like a new one. */
export type SavedMember = {
  readonly key: string
  readonly unused: number
  readonly circuit?: SavedCircuit
}

/** How many holding circuits are checked for one that can be replaced. */
const looks = 8

export class Members implements MemberOwner {
  readonly rules: BreakerRules
  private readonly name: string
  private readonly bounds: Bounds
  private readonly all = new Map<string, FamilyMember>()
  // In the order of use. Moving a member in a queue is cheaper than deleting it from the map and adding it again.
  private readonly byUse = new WaitQueue<FamilyMember>()
  // Those whose turn to be forgotten came while they were holding: less recently used than all in `byUse`.
  private readonly holding = new WaitQueue<FamilyMember>()
  private readonly byHand = new WaitQueue<FamilyMember>()
  private readonly forgotten: Counters
  private readonly newMember: (name: string, clock: Clock.Clock) => FamilyMember
  private notKept = 0

  constructor(
    name: string,
    rules: BreakerRules,
    bounds: Bounds,
    newMember: (name: string, clock: Clock.Clock) => FamilyMember
  ) {
    this.name = name
    this.rules = rules
    this.bounds = bounds
    this.newMember = newMember
    this.forgotten = new Counters(rules.durationBounds)
  }

  nameOf(key: string): string {
    return `${this.name}/${key}`
  }

  /** The circuit of a key to call through. Without room for it, the call passes unguarded and is counted in `notKept`. */
  call(key: string, clock: Clock.Clock): Circuit {
    const member = this.get(key, clock)
    if (member.queue === undefined) this.notKept++
    return member
  }

  /** The circuit of a key, as a use of it; it is kept if there is room. */
  get(key: string, clock: Clock.Clock): FamilyMember {
    const now = this.grains(clock)
    const member = this.all.get(key)
    if (member === undefined) return this.add(key, now, clock)
    if (now !== member.usedAt && member.queue !== this.byHand) {
      this.use(member, now)
      this.forget(now, member)
    }
    return member
  }

  /** The circuit of a key, to read; that is no use of it. */
  peek(key: string, clock: Clock.Clock): Circuit {
    return this.all.get(key) ?? this.born(key, clock)
  }

  /** Changes the circuit of a key by a command; there is always room for that. */
  command(key: string, clock: Clock.Clock, change: (circuit: Circuit) => void): void {
    const now = this.grains(clock)
    let member = this.all.get(key)
    if (member === undefined) {
      member = this.born(key, clock)
      this.all.set(key, member)
      member.kept()
    }
    member.commands++
    change(member)
    member.commands--
    this.use(member, now)
    this.forget(now, member)
  }

  /** A member is not holding any more: it becomes the least recently used one in `byUse`. */
  letGo(member: FamilyMember): void {
    if (member.queue !== this.holding) return
    const first = this.byUse.peek()
    this.holding.remove(member)
    if (first === undefined) this.byUse.push(member)
    else this.byUse.insertBefore(member, first)
    member.queue = this.byUse
    member.tellsEnds = false
  }

  /**
   * The fleet has closed a member, which no call of this node does: one that was kept out of the queue by use goes back. Where
   * that was a state set by hand by others, closing it counts as a use, as a command does.
   */
  freed(member: FamilyMember, clock: Clock.Clock): void {
    if (member.isHolding) return
    if (member.queue === this.byHand) this.use(member, this.grains(clock))
    else this.letGo(member)
  }

  private born(key: string, clock: Clock.Clock): FamilyMember {
    const member = this.newMember(this.nameOf(key), clock)
    member.key = key
    member.owner = this
    return member
  }

  // Small whole numbers; several uses within one grain count as one.
  private grains(clock: Clock.Clock): number {
    return Math.floor(monotonicMillis(clock) / this.bounds.grain)
  }

  private add(key: string, now: number, clock: Clock.Clock): FamilyMember {
    const member = this.born(key, clock)
    this.all.set(key, member)
    this.use(member, now)
    if (!this.forget(now, member)) this.makeRoom(now, member, clock)
    if (member.queue !== undefined) member.kept()
    return member
  }

  private use(member: FamilyMember, now: number): void {
    // In grains.
    member.usedAt = now
    this.place(member, member.isByHand ? this.byHand : this.byUse)
  }

  private place(member: FamilyMember, queue: WaitQueue<FamilyMember>): void {
    this.takeOut(member)
    member.queue = queue
    member.tellsEnds = queue === this.holding
    queue.push(member)
  }

  private takeOut(member: FamilyMember): void {
    member.queue?.remove(member)
    member.queue = undefined
    member.tellsEnds = false
  }

  /** Keys that have a circuit, least recently used first. */
  keys(): ReadonlyArray<string> {
    const members: Array<FamilyMember> = []
    for (const queue of [this.holding, this.byUse, this.byHand]) {
      for (let member = queue.peek(); member !== undefined; member = member.after) members.push(member)
    }
    return members.sort((a, b) => a.usedAt - b.usedAt).map(({ key }) => key)
  }

  /** Those that are like a new one as well, because they take part in what is forgotten. The least recently used first. */
  save(clock: Clock.Clock): ReadonlyArray<SavedMember> {
    const now = this.grains(clock)
    const saved: Array<SavedMember> = []
    for (const key of this.keys()) {
      const member = this.all.get(key)!
      const circuit = member.save(clock)
      const unused = Math.max(0, now - member.usedAt) * this.bounds.grain
      saved.push({ key, unused, ...!member.isUntouched && { circuit } })
    }
    return saved
  }

  /** Goes on with circuits that were saved `age` milliseconds ago; those that were used last where there are too many. */
  restore(
    saved: ReadonlyArray<SavedMember>,
    age: number,
    clock: Clock.Clock
  ): "restored" | "in-use" | "other-options" | "malformed" {
    if (this.all.size > 0 || this.notKept > 0 || this.forgotten.hasCalls) return "in-use"
    if (new Set(saved.map(({ key }) => key)).size < saved.length) return "malformed"
    const sample = this.born("", clock)
    if (!saved.every(({ circuit }) => circuit === undefined || sample.accepts(circuit))) return "other-options"
    const isByHand = ({ circuit }: SavedMember) =>
      circuit !== undefined && circuit.state !== "Closed" && circuit.state !== "Open"
    let excess = saved.length - this.bounds.capacity
    for (const one of saved) {
      if (!isByHand(one) && excess-- > 0) continue
      const member = this.born(one.key, clock)
      this.all.set(one.key, member)
      member.kept()
      member.commands++
      this.use(member, this.grains(clock) - Math.round((age + one.unused) / this.bounds.grain))
      if (one.circuit !== undefined) member.restore(one.circuit, age, clock)
      member.commands--
      if (this.all.get(one.key) === member) this.place(member, member.isByHand ? this.byHand : this.byUse)
    }
    return "restored"
  }

  snapshot(clock: Clock.Clock): FamilySnapshot {
    const now = monotonicMillis(clock)
    const circuits = { Closed: 0, Open: 0, HalfOpen: 0, ForcedOpen: 0, Disabled: 0, MetricsOnly: 0 }
    const sum = new Counters(this.rules.durationBounds)
    sum.add(this.forgotten)
    let inFlight = 0
    for (const circuit of this.all.values()) {
      circuit.settle(now, clock)
      circuits[circuit.state]++
      inFlight += circuit.inFlight
      sum.add(circuit)
    }
    const { durations, late, openings, rejected, totals } = sum
    const { bounds: { capacity }, name, notKept } = this
    return { name, circuits, capacity, notKept, inFlight, rejected, openings, late, totals, durations }
  }

  /** Forgets idle circuits, and others while there are too many. Returns whether that was enough. */
  private forget(now: number, current: FamilyMember): boolean {
    const { capacity } = this.bounds
    for (let oldest = this.byUse.peek(); oldest !== undefined; oldest = this.byUse.peek()) {
      if (this.all.size <= capacity && !this.isIdle(oldest, now)) return true
      if (oldest === current) break
      if (oldest.isHolding) this.place(oldest, this.holding)
      else this.drop(oldest)
    }
    return this.all.size <= capacity
  }

  private isIdle(member: FamilyMember, now: number): boolean {
    const { grain, idleMillis } = this.bounds
    return (now - member.usedAt) * grain >= idleMillis
  }

  /**
   * Replaces a circuit that has been idle since its opening ended; if there is none, the newcomer is not kept. Without
   * this, keys that failed once and never came back would fill the family forever.
   */
  private makeRoom(now: number, newcomer: FamilyMember, clock: Clock.Clock): void {
    for (let look = 0; look < looks; look++) {
      const oldest = this.holding.peek()
      if (oldest === undefined) break
      this.place(oldest, this.holding)
      oldest.settle(monotonicMillis(clock), clock)
      const isOver = oldest.state === "HalfOpen" && oldest.inFlight + oldest.commands === 0 && this.isIdle(oldest, now)
      if (isOver && oldest.queue === this.holding) return this.drop(oldest)
    }
    // A listener may have set the newcomer by hand meanwhile.
    if (!newcomer.isHolding) this.drop(newcomer)
  }

  /** Takes over the counters of a circuit that is not in the family any more, or never was for lack of room. */
  collect(member: FamilyMember): void {
    this.forgotten.add(member)
    member.clear()
  }

  private drop(member: FamilyMember): void {
    this.takeOut(member)
    // A call may still be running through it.
    member.tellsEnds = true
    member.dropped()
    // A listener may have caused it to be forgotten, and its key to begin again, meanwhile.
    if (this.all.get(member.key) !== member) return
    this.all.delete(member.key)
    this.collect(member)
  }
}
