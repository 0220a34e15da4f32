/** What is read from repeated measurements. Medians, because a machine that is shared only ever adds time. */

const at = (sorted: ReadonlyArray<number>, share: number): number => {
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? NaN
  const above = sorted[Math.ceil(place)] ?? NaN
  return below + (above - below) * (place - Math.floor(place))
}

/** The value that the given share of the samples does not exceed, interpolated between neighbours. */
export const quantile = (samples: ReadonlyArray<number>, share: number): number =>
  at(samples.toSorted((a, b) => a - b), share)

export const median = (samples: ReadonlyArray<number>): number => quantile(samples, 0.5)

export const mean = (samples: ReadonlyArray<number>): number =>
  samples.reduce((sum, value) => sum + value, 0) / samples.length

/** What something of this size cost. */
export interface Point {
  readonly size: number
  readonly cost: number
}

/**
 * The exponent of growth: the slope of log(cost) over log(size), fitted by least squares. 1 is linear, 2 is quadratic.
 */
export const growth = (points: ReadonlyArray<Point>): number => {
  const xs = points.map(({ size }) => Math.log(size))
  const ys = points.map(({ cost }) => Math.log(cost))
  const x0 = mean(xs)
  const y0 = mean(ys)
  const covariance = xs.reduce((sum, x, i) => sum + (x - x0) * (ys[i]! - y0), 0)
  const variance = xs.reduce((sum, x) => sum + (x - x0) ** 2, 0)
  return covariance / variance
}
