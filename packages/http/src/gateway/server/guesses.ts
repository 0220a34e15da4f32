/** Counts wrong tokens by address, and tells where too many come from. What is counted has a bound. */

/** Wrong tokens of an address in a minute. */
const most = 20

const minute = 60_000
const mostAddresses = 10_000

export class Guesses {
  private counts = new Map<string, number>()
  private begun = 0
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  isTooMany(address: string): boolean {
    this.turn()
    return (this.counts.get(address) ?? 0) >= most
  }

  note(address: string): void {
    this.turn()
    if (this.counts.size < mostAddresses || this.counts.has(address)) {
      this.counts.set(address, (this.counts.get(address) ?? 0) + 1)
    }
  }

  private turn(): void {
    if (this.now() - this.begun < minute) return
    this.begun = this.now()
    this.counts.clear()
  }
}
