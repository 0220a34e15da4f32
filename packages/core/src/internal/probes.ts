/** What one half-open period has sent and seen. */
export class Probes {
  /** Start times of the probes in flight, oldest first. */
  readonly starts: Array<number> = []
  results = 0
  failures = 0
  failuresInRow = 0
  slow = 0
  /** The longest wait that a failed probe asked for, in milliseconds. */
  retryAfter = 0

  get taken(): number {
    return this.starts.length + this.results
  }

  begin(start: number): void {
    this.starts.push(start)
  }

  forget(start: number): void {
    this.starts.splice(this.starts.indexOf(start), 1)
  }

  record(failed: boolean, slow: boolean, retryAfter: number | undefined): void {
    this.results++
    if (slow) this.slow++
    if (!failed) {
      this.failuresInRow = 0
      return
    }
    this.failures++
    this.failuresInRow++
    if (retryAfter !== undefined) this.retryAfter = Math.max(this.retryAfter, retryAfter)
  }
}
