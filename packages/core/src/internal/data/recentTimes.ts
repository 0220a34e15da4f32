/** How long calls took, over the last few hundred of them, and the quantiles of that. */

/** Times that are remembered. */
const remembered = 400
/** Below this number of times nothing is said. */
const fewest = 20
/** New times after which the quantiles are calculated again, when somebody asks for them. */
const refresh = 10

/**
 * The times of the last 400 calls, in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export class RecentTimes {
  /** In the order in which they came, around and around. */
  private readonly times: Array<number> = []
  /** The same in the order of their length, so that a quantile is looked up. */
  private readonly sorted = new Float64Array(remembered)
  private recorded = 0
  private readonly known = new Map<number, number>()
  private knownAt = 0

  /** The number of times that are remembered. */
  get samples(): number {
    return this.times.length
  }

  /** The time that this share of the calls took at most; undefined below 20 times. It may be 10 times old. */
  quantile(share: number): number | undefined {
    if (this.recorded < fewest) return undefined
    if (this.recorded - this.knownAt >= refresh) {
      this.known.clear()
      this.knownAt = this.recorded
    }
    let millis = this.known.get(share)
    if (millis === undefined) {
      millis = this.sorted[Math.max(0, Math.ceil(share * this.samples) - 1)]!
      this.known.set(share, millis)
    }
    return millis
  }

  add(millis: number): void {
    const { samples, sorted } = this
    const at = this.recorded++ % remembered
    let size = samples
    if (size === remembered) {
      const oldest = this.placeOf(this.times[at]!, size)
      sorted.copyWithin(oldest, oldest + 1, size--)
    }
    const place = this.placeOf(millis, size)
    sorted.copyWithin(place + 1, place, size)
    sorted[place] = millis
    this.times[at] = millis
  }

  /** The first place whose time is not shorter. */
  private placeOf(millis: number, size: number): number {
    let low = 0
    let high = size
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.sorted[middle]! < millis) low = middle + 1
      else high = middle
    }
    return low
  }
}
