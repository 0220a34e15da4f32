/**
 * Token buckets that serve waiting calls one after the other.
 *
 * The state is the time of the last turn and, for each bucket, the time at which it would be full if nothing more were
 * taken. Serving a call takes only maxima and sums of these times: it is linear in max-plus algebra. The effect of any
 * number of calls is therefore one small matrix that does not depend on the state, and the state after all of them
 * costs one product.
 *
 * A state is a matrix with one column. All matrices are stored row by row in shared arrays.
 */
import { tolerance } from "../internal/data/isSufficient.ts"
import type { TokenBucket } from "./tokenBucket.ts"
import type { Costs } from "./turn.ts"

export class BucketChain {
  /** The number of rows: one for the time of the last turn, and one for each bucket. */
  readonly width: number
  private readonly buckets: ReadonlyArray<TokenBucket>

  constructor(buckets: ReadonlyArray<TokenBucket>) {
    this.buckets = buckets
    this.width = buckets.length + 1
  }

  /** Writes the current state, before any call is served, as times relative to `base`. */
  read(from: number, base: number, state: Float64Array): void {
    state[0] = from - base
    this.buckets.forEach((bucket, i) => {
      state[i + 1] = from - base + (bucket.capacity - bucket.available(from)) / bucket.rate
    })
  }

  /** The time at which a bucket that would be full at `full` has the cost. */
  when(bucket: number, full: number, cost: number, from: number): number {
    const { capacity, rate } = this.buckets[bucket]!
    const at = full + (cost - capacity) / rate
    return at - from <= tolerance(cost) / rate ? from : at
  }

  /** The turn of a call with these costs, after what the matrix describes, for one column. */
  turn(costs: Costs, matrix: Float64Array, at: number, columns: number, column: number): number {
    let turn = matrix[at + column]!
    for (let i = 0; i < costs.length; i++) {
      const cost = costs[i]!
      if (cost === 0) continue
      const { capacity, rate } = this.buckets[i]!
      const when = matrix[at + (i + 1) * columns + column]! + (cost - capacity) / rate
      if (when > turn) turn = when
    }
    return turn
  }

  /** Adds a call with these costs to the matrix. */
  serve(costs: Costs, matrix: Float64Array, at: number, columns: number): void {
    for (let column = 0; column < columns; column++) {
      const turn = this.turn(costs, matrix, at, columns, column)
      matrix[at + column] = turn
      for (let i = 0; i < costs.length; i++) {
        const cost = costs[i]!
        if (cost === 0) continue
        const place = at + (i + 1) * columns + column
        matrix[place] = Math.max(matrix[place]!, turn) + cost / this.buckets[i]!.rate
      }
    }
  }

  /** Writes the identity matrix, which changes no state. */
  identity(matrix: Float64Array, at: number): void {
    const { width } = this
    matrix.fill(-Infinity, at, at + width * width)
    for (let i = 0; i < width; i++) matrix[at + i * (width + 1)] = 0
  }
}

/** Writes the product of `rows` rows of the second matrix with the first one: first applied first. */
export const product = (
  second: Float64Array,
  secondAt: number,
  rows: number,
  first: Float64Array,
  firstAt: number,
  columns: number,
  width: number,
  into: Float64Array,
  intoAt: number
): void => {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let most = -Infinity
      for (let i = 0; i < width; i++) {
        const sum = second[secondAt + row * width + i]! + first[firstAt + i * columns + column]!
        if (sum > most) most = sum
      }
      into[intoAt + row * columns + column] = most
    }
  }
}
