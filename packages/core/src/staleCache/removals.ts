/**
 * Which values of the store are outdated. A removal counts from the moment it is requested, whether the store succeeds
 * or not.
 *
 * Until the store has confirmed a removal, values of the key that were stored before it are ignored. A write that was
 * interrupted by its time-out may still arrive after the removal, so the time of that removal is remembered even after
 * the confirmation. Times are wall-clock times, because the store dates its values by them.
 */
import { LruMap } from "../internal/data/lruMap.ts"

interface Mark {
  readonly removedAt: number
  readonly turn: number
  /** A write was interrupted and may still arrive. */
  isUncertain: boolean
}

/** The number of keys remembered one by one. Beyond it, the oldest becomes a removal of everything stored before it. */
const mostMarks = 10_000

export class Removals {
  private readonly marks = new LruMap<string, Mark>()
  private turns = 0
  private allRemovedAt = -Infinity
  private clearing = 0
  private isUncertain = false

  /** The number of a write that starts now. */
  nextTurn(): number {
    return ++this.turns
  }

  /** Everything the store has for the key is outdated from now on. */
  removed(key: string, wallNow: number): number {
    const turn = this.nextTurn()
    this.put(key, { removedAt: wallNow, turn, isUncertain: this.marks.peek(key)?.isUncertain ?? false })
    return turn
  }

  /** Everything the store has is outdated from now on. */
  cleared(wallNow: number): number {
    this.allRemovedAt = Math.max(this.allRemovedAt, wallNow)
    return this.clearing = this.nextTurn()
  }

  /** The store has confirmed a write or a removal of the key. */
  confirmed(key: string, turn: number): void {
    const mark = this.marks.peek(key)
    if (mark !== undefined && mark.turn <= turn && !mark.isUncertain) this.marks.delete(key)
  }

  /** The store has confirmed that it is empty. */
  emptied(turn: number): void {
    if (turn === this.clearing && !this.isUncertain) this.allRemovedAt = -Infinity
  }

  /** A write of the key was interrupted, and may still arrive. */
  cutOff(key: string): void {
    this.isUncertain = true
    const mark = this.marks.peek(key)
    if (mark !== undefined) mark.isUncertain = true
    else this.put(key, { removedAt: -Infinity, turn: 0, isUncertain: true })
  }

  /** A value of the store counts only if it was stored after this wall-clock time in milliseconds. */
  removedAt(key: string): number {
    return Math.max(this.allRemovedAt, this.marks.peek(key)?.removedAt ?? -Infinity)
  }

  private put(key: string, mark: Mark): void {
    this.marks.set(key, mark)
    if (this.marks.size > mostMarks) this.allRemovedAt = Math.max(this.allRemovedAt, this.marks.shift()!.removedAt)
  }
}
