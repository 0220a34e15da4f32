/**
 * A tree over the waiting calls of token buckets. Every node knows, for all its calls together,
 *
 * - the effect on the buckets of the calls that come in time: a matrix of {@link BucketChain};
 * - the largest lateness among them: a row whose product with the state of the buckets is that time;
 * - the smallest lateness among the calls left out: a row whose product is a lower bound of that time.
 *
 * While the first lateness is at most zero and the second is above zero, no call of the node changes between in time
 * and left out, and one product passes the whole node. Otherwise its children are checked.
 */
import { BucketChain, product } from "./bucketChain.ts"
import type { Plan } from "./meter.ts"
import type { TokenBucket } from "./tokenBucket.ts"
import { grain, isTooLate, type Turn } from "./turn.ts"
import type { WaitQueue } from "../internal/data/waitQueue.ts"

/** The number of calls in a leaf. A leaf is passed call by call. */
const BLOCK = 16

export class TurnTree {
  /** The buckets behind all calls that come in time. */
  readonly ends: ReadonlyArray<Pick<Plan, "when">>
  private readonly chain: BucketChain
  private readonly width: number
  /** The call in each slot. A call that has left leaves its slot empty. */
  private readonly turns: Array<Turn | undefined> = []
  /** The index of the first leaf. Node 1 is the root; the children of node i are 2i and 2i + 1. */
  private readonly leaves: number
  private readonly matrices: Float64Array
  private readonly latest: Float64Array
  private readonly soonest: Float64Array
  /** The nodes to recalculate. If a node is stale, so are all nodes above it. */
  private readonly stale: Uint8Array
  /** All times in the tree are relative to this one, so that no digits are lost. */
  private readonly base: number
  private state: Float64Array
  private next: Float64Array
  private steps = 0

  /** Holds every waiting call, and has room for as many more. */
  constructor(buckets: ReadonlyArray<TokenBucket>, queue: WaitQueue<Turn>, base: number) {
    this.chain = new BucketChain(buckets)
    const width = this.width = this.chain.width
    this.leaves = 1
    while (this.leaves * BLOCK < 2 * queue.size) this.leaves *= 2
    this.matrices = new Float64Array(2 * this.leaves * width * width)
    this.latest = new Float64Array(2 * this.leaves * width)
    this.soonest = new Float64Array(2 * this.leaves * width)
    this.stale = new Uint8Array(2 * this.leaves).fill(1)
    this.base = base
    this.state = new Float64Array(width)
    this.next = new Float64Array(width)
    this.ends = buckets.map((_, i) => ({
      when: (cost, from) => this.chain.when(i, this.state[i + 1]! + base, cost, from)
    }))
    for (let turn = queue.peek(); turn !== undefined; turn = turn.after) this.put(turn)
  }

  /** The turn of the last call that comes in time. */
  get end(): number {
    return this.state[0]! + this.base
  }

  /** Whether more slots are empty than in use, so that a smaller tree would do. */
  isSparse(size: number): boolean {
    return this.turns.length > 2 * Math.max(size, BLOCK)
  }

  /** Appends a call. Returns false if there is no slot left. */
  add(turn: Turn): boolean {
    if (this.turns.length === this.leaves * BLOCK) return false
    this.put(turn)
    this.touch(turn.slot)
    return true
  }

  remove({ slot }: Turn): void {
    this.turns[slot] = undefined
    this.touch(slot)
  }

  /**
   * Recalculates which calls are left out, and the state behind the others. Returns the number of steps used, zero if
   * nothing changed; a negative number if it needs more than `most` steps, in which case some nodes are not up to date.
   */
  refresh(from: number, most: number): number {
    this.steps = most
    this.chain.read(from, this.base, this.state)
    if (this.leaves === 1) {
      // With so few calls, a matrix costs more than it saves.
      this.passOneByOne(1)
      return 0
    }
    this.update(1)
    return this.pass(1) ? most - this.steps : -1
  }

  private put(turn: Turn): void {
    turn.slot = this.turns.length
    this.turns.push(turn)
  }

  private touch(slot: number): void {
    for (let node = this.leafOf(slot); node > 0 && this.stale[node] === 0; node >>= 1) this.stale[node] = 1
  }

  private leafOf(slot: number): number {
    return this.leaves + Math.floor(slot / BLOCK)
  }

  /** The slot after the last one of a leaf. */
  private endOf(leaf: number): number {
    return (leaf - this.leaves + 1) * BLOCK
  }

  private update(node: number): void {
    if (this.stale[node] === 0) return
    this.stale[node] = 0
    if (node < this.leaves) {
      this.update(2 * node)
      this.update(2 * node + 1)
    }
    this.calculate(node)
  }

  /**
   * Passes the state through the calls of a node whose own values are up to date. Returns false if that takes too many
   * steps.
   */
  private pass(node: number): boolean {
    const { width } = this
    if (this.stays(node)) {
      product(this.matrices, node * width * width, width, this.state, 0, 1, width, this.next, 0)
      const { state } = this
      this.state = this.next
      this.next = state
      return true
    }
    if (node >= this.leaves) {
      this.steps -= BLOCK
      if (this.steps < 0) return false
      if (this.passOneByOne(node)) this.calculate(node)
      return true
    }
    this.steps -= 1
    const passed = this.steps >= 0 && this.pass(2 * node) && this.pass(2 * node + 1)
    this.calculate(node)
    return passed
  }

  /** Whether, in this state, no call of the node changes between in time and left out. */
  private stays(node: number): boolean {
    const { latest, soonest, state, width } = this
    const at = node * width
    for (let i = 0; i < width; i++) if (latest[at + i]! + state[i]! > grain) return false
    if (soonest[at] === Infinity) return true
    for (let i = 0; i < width; i++) if (soonest[at + i]! + state[i]! > grain) return true
    return false
  }

  private passOneByOne(leaf: number): boolean {
    const { base, chain, state, turns } = this
    const end = this.endOf(leaf)
    let changed = false
    for (let slot = end - BLOCK; slot < end; slot++) {
      const turn = turns[slot]
      if (turn === undefined) continue
      const isLeftOut = isTooLate(chain.turn(turn.costs, state, 0, 1, 0) + base, turn)
      if (isLeftOut !== turn.isLeftOut) changed = true
      turn.isLeftOut = isLeftOut
      if (!isLeftOut) chain.serve(turn.costs, state, 0, 1)
    }
    return changed
  }

  private calculate(node: number): void {
    if (node >= this.leaves) this.calculateLeaf(node)
    else this.calculateParent(node)
  }

  private calculateLeaf(leaf: number): void {
    const { base, chain, latest, matrices, soonest, turns, width } = this
    const end = this.endOf(leaf)
    const row = leaf * width
    const matrix = row * width
    chain.identity(matrices, matrix)
    latest.fill(-Infinity, row, row + width)
    soonest.fill(Infinity, row, row + width)
    for (let slot = end - BLOCK; slot < end; slot++) {
      const turn = turns[slot]
      if (turn === undefined) continue
      const last = turn.latest! - base
      if (turn.isLeftOut) {
        for (let i = 0; i < width; i++) {
          const lateness = chain.turn(turn.costs, matrices, matrix, width, i) - last
          soonest[row + i] = Math.min(soonest[row + i]!, lateness)
        }
      } else {
        chain.serve(turn.costs, matrices, matrix, width)
        // The first row is the turn of the last call served.
        for (let i = 0; i < width; i++) latest[row + i] = Math.max(latest[row + i]!, matrices[matrix + i]! - last)
      }
    }
  }

  private calculateParent(node: number): void {
    const { latest, matrices, next, soonest, width } = this
    const square = width * width
    const left = 2 * node
    const right = left + 1
    product(matrices, right * square, width, matrices, left * square, width, width, matrices, node * square)
    product(latest, right * width, 1, matrices, left * square, width, width, latest, node * width)
    const isEmpty = soonest[right * width] === Infinity
    if (!isEmpty) product(soonest, right * width, 1, matrices, left * square, width, width, next, 0)
    for (let i = 0; i < width; i++) {
      const at = node * width + i
      latest[at] = Math.max(latest[at]!, latest[left * width + i]!)
      soonest[at] = isEmpty ? soonest[left * width + i]! : Math.min(soonest[left * width + i]!, next[i]!)
    }
  }
}
