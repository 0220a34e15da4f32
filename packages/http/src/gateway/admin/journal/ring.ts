/** The last things, up to a number. */
export class Ring<A> {
  private readonly size: number
  private readonly kept: Array<A> = []
  private oldest = 0

  constructor(size: number) {
    this.size = size
  }

  add(one: A): void {
    this.kept[this.oldest] = one
    this.oldest = (this.oldest + 1) % this.size
  }

  /** Oldest first. */
  get all(): ReadonlyArray<A> {
    return [...this.kept.slice(this.oldest), ...this.kept.slice(0, this.oldest)]
  }
}
