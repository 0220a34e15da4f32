/**
 * What another node was heard of last. The store names the terms of the message before, which may be of a node that agrees: what it has
 * named is told on for a while.
 */

/** In milliseconds: some heartbeats of a usual fleet. */
const toldFor = 60_000

export class OtherNode<A> {
  private last: { readonly said: A; readonly at: number } | undefined

  /** An answer of the store, which names another node's or does not. */
  heard(said: A | undefined, now: number): void {
    if (said !== undefined) this.last = { said, at: now }
  }

  /** What it said, where that is no longer ago. */
  said(now: number): A | undefined {
    const { last } = this
    return last === undefined || now - last.at > toldFor ? undefined : last.said
  }
}
