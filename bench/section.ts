/** What a group of measurements has to say: rows of a table, and what needs a sentence. */
export interface Section {
  readonly title: string
  /** Several numbers of each subject, printed before the rows. */
  readonly grid?: Grid | undefined
  readonly rows: ReadonlyArray<Row | Missing>
  /** One line each, printed below the table. */
  readonly notes: ReadonlyArray<string>
}

/** The first column says what is measured, the others are numbers. */
export interface Grid {
  readonly columns: ReadonlyArray<string>
  readonly lines: ReadonlyArray<readonly [what: string, ...cells: ReadonlyArray<string | number>]>
}

export interface Row {
  readonly what: string
  /** The unit of `value`, of `overhead` and of `spread`. */
  readonly unit: "ns" | "ms" | "MB" | "exponent" | "per second" | "count"
  readonly value: number
  /** What is left of `value` when its own bare baseline is taken off. */
  readonly overhead?: number | undefined
  /** The quartiles of `overhead` over the rounds. */
  readonly spread?: readonly [number, number] | undefined
  readonly comparisons: ReadonlyArray<Comparison>
}

/** What could not be measured, and why. */
export interface Missing {
  readonly what: string
  readonly missing: string
  readonly comparisons: readonly []
}

/** `ratio` is the row's overhead (or value, where there is no baseline) over the peer's. */
export interface Comparison {
  readonly peer: string
  readonly ratio: number
  /** What the ratio has to stay at or below; without it the row is there to be looked at. */
  readonly atMost?: number | undefined
  /** What the ratio has to stay at or above. */
  readonly atLeast?: number | undefined
  readonly met?: boolean | undefined
}

/** A comparison, judged where it has a target. */
export const compared = (peer: string, ratio: number, atMost?: number | undefined): Comparison =>
  atMost === undefined ? { peer, ratio } : { peer, ratio, atMost, met: ratio <= atMost }

/** A comparison of which more is better. */
export const comparedAtLeast = (peer: string, ratio: number, atLeast: number): Comparison => ({
  peer,
  ratio,
  atLeast,
  met: ratio >= atLeast
})
