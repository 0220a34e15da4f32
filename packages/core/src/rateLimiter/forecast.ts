/** Foresees the turn of a newcomer behind everybody who waits. */
import type { Decided, Turn } from "./turn.ts"

/**
 * Waiters for whom it is too late where they stand are left out: whoever is behind them need not wait for them. To find
 * out who they are can cost as much as the queue is long, so it is paid for from a budget of steps.
 */
export interface Forecast {
  /** Finds out who is left out now; false when that costs more than has been saved up. */
  refresh(from: number): boolean
  /**
   * The turn of a newcomer. When it is in time for the newcomer, the turn is there or earlier; when it is too late, the
   * turn is exactly there. Undefined when that is not known and costs more to find out than has been saved up.
   */
  turnOf(turn: Turn, from: number, decided: Decided): number | undefined
  /** The turn has joined the queue, at its end. */
  joined(turn: Turn, from: number): void
  /** The turn has left the queue, and took nothing. */
  left(turn: Turn): void
  /** The turn has left the head of the queue, and took its costs. */
  granted(turn: Turn, now: number): void
  /** The meters have more than was known, or a pause ends earlier. */
  becameEarlier(): void
  /** The meters have less than was known, or a pause ends later. */
  becameLater(): void
  /** The limits are others now. */
  changed(): void
}
