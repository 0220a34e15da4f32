/**
 * Who holds slots, who waits for one, and who is next: the highest priority; among equals the key that holds the fewest
 * slots; and then the one who came first. A key that holds as many slots as a key may is passed over.
 *
 * Each key has a lane: what it holds, and who waits under it. A lane that is at the limit is closed and stands in
 * nobody's way; the open ones are ordered by their best waiter. All that has no key is in one lane without a limit. A
 * step costs at most the logarithm of the number of open lanes.
 */
import { Heap, type Heaped } from "../internal/data/heap.ts"
import { PriorityQueue, type Ranked } from "./priorityQueue.ts"

export interface Waiter<Member extends Waiter<Member>> extends Ranked<Member> {
  readonly lane: Lane<Member>
  /** Set by the queue, for the order between lanes. */
  arrival: number
}

/** Those with one key, or all those without. */
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
  /** How many wait, in all lanes. */
  size = 0
  private limit: number
  private arrivals = 0
  private readonly common = new Lane<Member>(undefined)
  // Invariant: the lanes of those keys, and only those, that hold a slot or wait for one.
  private readonly lanes = new Map<string, Lane<Member>>()
  // Invariant: those lanes, and only those, that are below the limit and in which somebody waits.
  private readonly open = new Heap<Lane<Member>>(comesFirst)

  /** A key may hold so many slots. */
  constructor(limit: number) {
    this.limit = limit
  }

  /** The lane of a key; it is only kept once something is taken or waited for in it. */
  lane(key: string | undefined): Lane<Member> {
    return key === undefined ? this.common : this.lanes.get(key) ?? new Lane(key)
  }

  /** Whether a newcomer in the lane would be next, if there were a slot. */
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

  /** Takes out a member that is in the queue. */
  remove(member: Member): void {
    member.lane.waiting.remove(member)
    this.size--
    this.update(member.lane)
  }

  /** Takes out the member whose turn it is, which then holds a slot; undefined when nobody may have one. */
  shift(): Member | undefined {
    const lane = this.open.peek()
    if (lane === undefined) return undefined
    const member = lane.waiting.peek()!
    lane.held++
    this.remove(member)
    return member
  }

  /** Goes on with another limit. Costs as much as there are keys. */
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
