/**
 * Prefix sums of a list that grows at its end and changes anywhere, in O(log n): a Fenwick tree. It is built on first
 * use, so that an unused list costs nothing.
 */
export class PrefixSums {
  private readonly values: ReadonlyArray<number>
  // Counted from 1. Entry i is the sum of the last lowbit(i) values up to i.
  private readonly tree: Array<number> = [0]

  constructor(values: ReadonlyArray<number>) {
    this.values = values
  }

  /** Adds `difference` to the value at `index`. */
  changed(index: number, difference: number): void {
    for (let i = index + 1; i < this.tree.length; i += i & -i) this.tree[i]! += difference
  }

  sum(count: number): number {
    this.grow()
    let sum = 0
    for (let i = count; i > 0; i -= i & -i) sum += this.tree[i]!
    return sum
  }

  /** The index of the value with which the sum reaches `target`; the length of the list if it never does. */
  reaching(target: number): number {
    this.grow()
    const { tree } = this
    let passed = 0
    let left = target
    for (let step = 1 << (31 - Math.clz32(tree.length)); step > 0; step >>= 1) {
      const next = passed + step
      if (next < tree.length && tree[next]! < left) {
        passed = next
        left -= tree[next]!
      }
    }
    return passed
  }

  private grow(): void {
    const { tree, values } = this
    while (tree.length <= values.length) {
      const i = tree.length
      let sum = values[i - 1]!
      for (let j = i - 1; j > i - (i & -i); j -= j & -j) sum += tree[j]!
      tree.push(sum)
    }
  }
}
