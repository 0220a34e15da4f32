/** Values by the index of a choice. Of nearly all answers there is one choice, and an open stream needs no `Map` for it. */
export class ByIndex<A> implements Iterable<readonly [index: number, value: A]> {
  private first: number | undefined
  private firstValue: A | undefined
  private others: Map<number, A> | undefined

  get size(): number {
    return this.first === undefined ? 0 : 1 + (this.others?.size ?? 0)
  }

  get(index: number): A | undefined {
    return index === this.first ? this.firstValue : this.others?.get(index)
  }

  set(index: number, value: A): void {
    if (this.first === undefined || index === this.first) {
      this.first = index
      this.firstValue = value
    } else (this.others ??= new Map()).set(index, value)
  }

  /** In the order in which they were set first. */
  *[Symbol.iterator](): Generator<readonly [index: number, value: A]> {
    if (this.first === undefined) return
    yield [this.first, this.firstValue!]
    if (this.others !== undefined) yield* this.others
  }

  *values(): Generator<A> {
    for (const [, value] of this) yield value
  }
}
