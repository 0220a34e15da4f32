/**
 * The order of writes to a store. For one key, each write starts when the one before it has ended. Of those that wait,
 * only the last is done, because it replaces the others. A removal that hangs is passed when its time is over: if it
 * arrives later, a value is lost, and none comes back. A clear waits for every write that started before it, at most
 * for its own time-out. Later writes wait for the clear.
 */
import type { Operation } from "./operation.ts"

/** A place in the order, and the operation that starts when its turn comes. */
export class Turn {
  private operation: Operation<void> | undefined
  private readonly order: Turns
  private readonly key: string | undefined
  private readonly followers: Array<Turn> = []
  private blockers = 0
  private hasBegun = false
  private hasPassed = false

  constructor(order: Turns, key: string | undefined) {
    this.order = order
    this.key = key
  }

  get isWaiting(): boolean {
    return !this.hasBegun
  }

  follow(turn: Turn): void {
    turn.followers.push(this)
    this.blockers++
  }

  /** Puts an operation in this place, and replaces one that waits there. */
  take(operation: Operation<void>): void {
    const before = this.operation
    this.operation = operation
    if (this.blockers === 0) return this.begin()
    operation.arm()
    before?.supersede()
  }

  /** Removes the operation from this place, unless another one has replaced it. */
  drop(operation: Operation<void>): void {
    if (this.operation === operation) this.operation = undefined
  }

  /** Starts, even if earlier operations have not ended. */
  begin(): void {
    if (this.hasBegun) return
    this.hasBegun = true
    if (this.operation === undefined) this.pass()
    else this.operation.start()
  }

  /** Lets the places behind this one start. */
  pass(): void {
    if (this.hasPassed) return
    this.hasPassed = true
    this.order.forget(this, this.key)
    for (const follower of this.followers) {
      if (--follower.blockers === 0) follower.begin()
    }
  }
}

export class Turns {
  private readonly last = new Map<string, Turn>()
  private clearing: Turn | undefined

  /** The place of a write that is requested now: the one of an earlier write of the key, if that still waits. */
  write(key: string): Turn {
    const before = this.last.get(key)
    if (before?.isWaiting) return before
    const turn = new Turn(this, key)
    const blocker = before ?? this.clearing
    if (blocker !== undefined) turn.follow(blocker)
    this.last.set(key, turn)
    return turn
  }

  /** The place of a clear that is requested now. */
  clear(): Turn {
    const turn = new Turn(this, undefined)
    for (const blocker of this.last.values()) turn.follow(blocker)
    if (this.clearing !== undefined) turn.follow(this.clearing)
    this.last.clear()
    this.clearing = turn
    return turn
  }

  forget(turn: Turn, key: string | undefined): void {
    if (this.clearing === turn) this.clearing = undefined
    if (key !== undefined && this.last.get(key) === turn) this.last.delete(key)
  }
}
