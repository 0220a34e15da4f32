/** Predicts the turn of a new call behind all waiting calls. */
import type { Decided, Turn } from "./turn.ts"

/**
 * Waiting calls whose predicted turn is too late for them are left out: calls behind them need not wait for them.
 * Finding the ones to leave out can cost O(n), so it is paid from a budget of steps (`stepBudget.ts`).
 */
export interface Forecast {
  /** Recalculates which waiting calls are left out. Returns false when that costs more steps than the budget has. */
  refresh(from: number): boolean
  /**
   * The turn of a new call. A turn in time for the call is exact or an upper bound. A turn that is too late is exact.
   * Undefined when the turn is unknown and finding it costs more steps than the budget has.
   */
  turnOf(turn: Turn, from: number, decided: Decided): number | undefined
  /** A call has come whose turn cannot be known yet. It pays for being decided on later. */
  postponed(): void
  /** The call has joined the end of the queue. */
  joined(turn: Turn, from: number): void
  /** The call has left the queue without taking its costs. */
  left(turn: Turn): void
  /** The call has left the head of the queue and has taken its costs. */
  granted(turn: Turn, now: number): void
  /** The meters have more available than was known, or a pause ends earlier. */
  becameEarlier(): void
  /** The meters have less available than was known, or a pause ends later. */
  becameLater(): void
  /** The limits have changed. */
  changed(): void
}
