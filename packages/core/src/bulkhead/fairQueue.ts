/**
 * The waiting calls of a bulkhead and their order: highest priority first; among equals, the key that holds the fewest
 * slots; then arrival order. A key at its limit of slots is skipped.
 *
 * Each key has a lane: the number of slots it holds, and its waiting calls. A lane at its limit is closed and does not
 * block the others. Open lanes are ordered by their first waiting call. All calls without a key are in one lane without
 * a limit. An operation costs at most O(log n) for n open lanes.
 */
import { Heap, type Heaped } from "../internal/data/heap.ts"
import { PriorityQueue, type Ranked } from "./priorityQueue.ts"

export interface Waiter<Member extends Waiter<Member>> extends Ranked<Member> {
  readonly lane: Lane<Member>
  /** Set by the queue, to order the lanes. */
  arrival: number
}

/** The calls with one key, or all calls without a key. */
export class Lane<Member extends Waiter<Member>> implements Heaped {
  readonly key: string | undefined
  readonly waiting = new PriorityQueue<Member>()
  held = 0
  spot = -1

  constructor(key: string | undefined) {
    this.key = key
  }
}

export class FairQueue<Member extends Waiter<Member>> {
  /** The number of waiting calls in all lanes. */
  size = 0
  private limit: number
  private arrivals = 0
  private readonly common = new Lane<Member>(undefined)
  // Invariant: contains exactly the keys that hold a slot or have a waiting call.
  private readonly lanes = new Map<string, Lane<Member>>()
  // Invariant: contains exactly the lanes that are below the limit and have a waiting call.
  private readonly open = new Heap<Lane<Member>>(comesFirst)

  /** `limit` is the number of slots one key may hold. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** The lane of a key. The queue keeps it only once it holds a slot or has a waiting call. */
  lane(key: string | undefined): Lane<Member> {
    return key === undefined ? this.common : this.lanes.get(key) ?? new Lane(key)
  }

  /** Whether a new call in the lane would be next if a slot were free. */
  isNext(lane: Lane<Member>): boolean {
    return this.open.size === 0 && this.mayHold(lane)
  }

  take(lane: Lane<Member>): void {
    lane.held++
    this.update(lane)
  }

  giveBack(lane: Lane<Member>): void {
    lane.held--
    this.update(lane)
  }

  push(member: Member): void {
    member.arrival = this.arrivals++
    member.lane.waiting.push(member)
    this.size++
    this.update(member.lane)
  }

  remove(member: Member): void {
    member.lane.waiting.remove(member)
    this.size--
    this.update(member.lane)
  }

  /** Removes the call that is next and counts a slot for it. Returns undefined when no waiting call may have a slot. */
  shift(): Member | undefined {
    const lane = this.open.peek()
    if (lane === undefined) return undefined
    const member = lane.waiting.peek()!
    lane.held++
    this.remove(member)
    return member
  }

  /** Changes the limit. Costs O(number of keys). */
  setLimit(limit: number): void {
    this.limit = limit
    for (const lane of this.lanes.values()) this.update(lane)
  }

  private mayHold(lane: Lane<Member>): boolean {
    return lane.key === undefined || lane.held < this.limit
  }

  private update(lane: Lane<Member>): void {
    if (lane.waiting.size > 0 && this.mayHold(lane)) this.open.place(lane)
    else this.open.remove(lane)
    if (lane.key === undefined) return
    if (lane.held + lane.waiting.size === 0) this.lanes.delete(lane.key)
    else if (lane.held + lane.waiting.size === 1) this.lanes.set(lane.key, lane)
  }
}

const comesFirst = <Member extends Waiter<Member>>(a: Lane<Member>, b: Lane<Member>): boolean => {
  const first = a.waiting.peek()!
  const second = b.waiting.peek()!
  if (first.priority !== second.priority) return first.priority > second.priority
  return a.held !== b.held ? a.held < b.held : first.arrival < second.arrival
}
