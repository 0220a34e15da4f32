/**
 * What the store must not bring back: a removal counts from the moment it is asked for, whatever the store does about it.
 *
 * Until the store has confirmed a removal, values of the key that were stored before it are not believed. A write that was
 * cut off by its time-out may still arrive after the removal, so that the time of that removal is remembered even when it
 * is confirmed. Times are those of the wall clock, by which the store dates its values.
 */
import { LruMap } from "../internal/data/lruMap.ts"

interface Mark {
  readonly removedAt: number
  readonly turn: number
  /** A write that was cut off may still arrive. */
  isUncertain: boolean
}

/** Keys remembered one by one. Beyond it the oldest counts as a removal of everything that was stored before it. */
const mostMarks = 10_000

export class Removals {
  private readonly marks = new LruMap<string, Mark>()
  private turns = 0
  private allRemovedAt = -Infinity
  private clearing = 0
  private isUncertain = false

  /** The turn of a write that begins now. */
  nextTurn(): number {
    return ++this.turns
  }

  /** Everything the store has for the key is out of date from now on. */
  removed(key: string, wallNow: number): number {
    const turn = this.nextTurn()
    this.put(key, { removedAt: wallNow, turn, isUncertain: this.marks.peek(key)?.isUncertain ?? false })
    return turn
  }

  /** The same for all keys. */
  cleared(wallNow: number): number {
    this.allRemovedAt = Math.max(this.allRemovedAt, wallNow)
    return this.clearing = this.nextTurn()
  }

  /** The store has confirmed a write for the key, or its removal. */
  confirmed(key: string, turn: number): void {
    const mark = this.marks.peek(key)
    if (mark !== undefined && mark.turn <= turn && !mark.isUncertain) this.marks.delete(key)
  }

  /** The store has confirmed that it is empty. */
  emptied(turn: number): void {
    if (turn === this.clearing && !this.isUncertain) this.allRemovedAt = -Infinity
  }

  /** A write for the key was cut off, and may arrive at any time. */
  cutOff(key: string): void {
    this.isUncertain = true
    const mark = this.marks.peek(key)
    if (mark !== undefined) mark.isUncertain = true
    else this.put(key, { removedAt: -Infinity, turn: 0, isUncertain: true })
  }

  /** What the store has for the key counts only if it was stored after that, in milliseconds of the wall clock. */
  removedAt(key: string): number {
    return Math.max(this.allRemovedAt, this.marks.peek(key)?.removedAt ?? -Infinity)
  }

  private put(key: string, mark: Mark): void {
    this.marks.set(key, mark)
    if (this.marks.size > mostMarks) this.allRemovedAt = Math.max(this.allRemovedAt, this.marks.shift()!.removedAt)
  }
}
