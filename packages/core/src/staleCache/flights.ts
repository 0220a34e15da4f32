/** The flights of a cache by key: which one a new caller joins, and whose answer is stored. */
import { Flight, type Line } from "./flight.ts"

export class Flights<A> {
  private readonly lines = new Map<string, Line<A>>()
  private begun = 0

  current(key: string): Flight<A> | undefined {
    return this.lines.get(key)?.current
  }

  /**
   * Starts a flight that new callers join. Ends an earlier one that continues without callers: there is at most one of
   * these.
   */
  begin(key: string): Flight<A> {
    let line = this.lines.get(key)
    if (line === undefined) this.lines.set(key, line = { current: undefined, running: new Set(), kept: 0 })
    const flight = new Flight(this, line, key, ++this.begun)
    const before = line.current
    line.current = flight
    line.running.add(flight)
    if (before?.waiters.size === 0) before.kill()
    return flight
  }

  /**
   * Whether the answer of the flight is still wanted: not after the answer of a later flight, and not after an
   * invalidation.
   */
  isWanted({ isDying, key, line, order }: Flight<A>): boolean {
    return this.lines.get(key) === line && !isDying && order > line.kept
  }

  /** Removes a flight that has ended. */
  end(flight: Flight<A>): void {
    const { key, line } = flight
    line.running.delete(flight)
    if (line.current === flight) line.current = undefined
    if (line.running.size === 0 && this.lines.get(key) === line) this.lines.delete(key)
  }

  /** The value of the key has changed: no caller joins its flights any more, and none of their answers is stored. */
  abandon(key: string): void {
    const line = this.lines.get(key)
    if (line === undefined) return
    this.lines.delete(key)
    killIdle(line)
  }

  abandonAll(): void {
    const lines = [...this.lines.values()]
    this.lines.clear()
    for (const line of lines) killIdle(line)
  }

  /** Whether a caller inside this flight would wait for itself if it joined a flight of the key. */
  isCircle(inside: Flight<any>, key: string): boolean {
    // The flight itself, flights whose call waits for it, and so on. A `Set` is iterated to its end, including entries
    // added meanwhile.
    const stuck = new Set([inside])
    for (const flight of stuck) {
      if (flight.owner === this && flight.key === key) return true
      for (const waiter of flight.waiters)
        if (waiter.inside !== undefined && !waiter.inside.hasEnded) stuck.add(waiter.inside)
    }
    return false
  }
}

// Earlier callers still get their answer. A flight without callers has no use.
const killIdle = <A>({ running }: Line<A>): void => {
  for (const flight of running) if (flight.waiters.size === 0) flight.kill()
}
