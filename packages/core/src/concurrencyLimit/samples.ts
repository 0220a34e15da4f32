/** The samples of one class in the current window, of which the newest 64 are kept. */

/** More would make the median no steadier, and the close of a window slower. */
const KEPT = 64

export class Samples {
  /** All samples of the window. */
  count = 0
  private readonly kept = new Float64Array(KEPT)

  add(sample: number): void {
    this.kept[this.count++ % KEPT] = sample
  }

  clear(): void {
    this.count = 0
  }

  /** The median, the upper one of two. Leaves the samples in another order: the window is over. */
  takeMedian(): number {
    const size = Math.min(this.count, KEPT)
    this.count = 0
    return select(this.kept, size, size >> 1)
  }
}

/** The value that is at `rank` when the first `size` values are sorted, without sorting all of them. */
const select = (values: Float64Array, size: number, rank: number): number => {
  let low = 0
  let high = size - 1
  while (low < high) {
    const pivot = values[(low + high) >> 1]!
    let left = low
    let right = high
    while (left <= right) {
      while (values[left]! < pivot) left++
      while (values[right]! > pivot) right--
      if (left > right) break
      const value = values[left]!
      values[left++] = values[right]!
      values[right--] = value
    }
    if (rank <= right) high = right
    else if (rank >= left) low = left
    else return values[rank]!
  }
  return values[rank]!
}
