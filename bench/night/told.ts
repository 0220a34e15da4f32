/** What the processes of a lane tell each other. */

/** The night begins at this time of the wall clock, in milliseconds. */
export interface Begin {
  readonly begin: number
}

/** Asks for the calls so far. */
export interface Count {
  readonly count: true
}

/** Customers of one phase by what they got. */
export interface Phase {
  readonly phase: string
  readonly customers: number
  readonly byModel: number
  readonly canned: number
  readonly errors: number
  readonly gaveUp: number
}

/** What the customers of a lane got. Times are milliseconds. */
export interface Served {
  readonly customers: number
  /** Answers of a model, made for this customer. */
  readonly byModel: number
  /** Answers that a model gave before: fresh ones, and stale ones. */
  readonly fresh: number
  readonly stale: number
  readonly canned: number
  readonly errors: number
  /** Customers without an answer at the end of their patience. */
  readonly gaveUp: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  /** CPU of the lane's process in milliseconds, user and system. */
  readonly cpu: number
  /** From the beginning of the recovery until a customer has an answer of the first model; undefined where none has. */
  readonly recovered: number | undefined
  /** The longest time for which the event loop stood still: a machine that is too busy shows here. */
  readonly stoodStill: number
  readonly phases: ReadonlyArray<Phase>
  /** Errors, and reasons of canned replies, with how often they were. */
  readonly reasons: Readonly<Record<string, number>>
}

/** A lane with the calls that reached the models. */
export interface Played extends Served {
  readonly lane: string
  readonly calls: number
  /** Those to the first model while it was down. */
  readonly callsToDead: number
  readonly callsByModel: ReadonlyArray<number>
}
