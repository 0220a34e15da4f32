/** What became of a night. */

/** How the call of a customer ended. An answer that broke off is an error. */
export type Ending = "asked-for" | "fallback" | "stale" | "sentence" | "error" | "left"

export const endings: ReadonlyArray<Ending> = ["asked-for", "fallback", "stale", "sentence", "error", "left"]

export type Endings = Readonly<Record<Ending, number>>

/** What one model bore. */
export interface Borne {
  readonly model: string
  readonly calls: number
  /** Calls that it got while it could not answer. */
  readonly whileDown: number
  readonly mostAtOnce: number
}

/** A time in which a model is not well. Seconds of the night. */
export interface Spell {
  readonly from: number
  readonly to: number
  readonly state: "down" | "weak"
}

/** A change of the circuit of a model. */
export interface Change {
  /** Seconds of the night. */
  readonly at: number
  readonly model: string
  readonly to: string
  readonly reason: string
}

/** The night over its time, in intervals. Endings and waits are those of customers who make no flood. */
export interface Series {
  /** Seconds. */
  readonly interval: number
  readonly endings: Readonly<Record<Ending, ReadonlyArray<number>>>
  /** Milliseconds; null where nobody's call ended. */
  readonly p95: ReadonlyArray<number | null>
  /** Calls that reached each model. */
  readonly calls: Readonly<Record<string, ReadonlyArray<number>>>
}

export interface Figures {
  readonly night: string
  readonly about: string
  readonly customers: number
  readonly endings: Endings
  /** Of the customers of those clients that make no flood; of all where there is none. */
  readonly others: Endings
  /** By how customers asked. */
  readonly kinds: ReadonlyArray<{ readonly kind: string; readonly endings: Endings }>
  /** Errors by their tag. */
  readonly errors: Readonly<Record<string, number>>
  /** Milliseconds until the answer, or the first content of a stream, or the error; of those who make no flood. */
  readonly p50: number
  readonly p95: number
  /** Customers who came while a model could not answer. */
  readonly customersWhileDown: number
  readonly models: ReadonlyArray<Borne>
  /** Calls of all models of its provider with the key that is spent; undefined where there is none. */
  readonly keyWhileDown?: number | undefined
  /** Dollars; undefined where there are no prices. */
  readonly cost: number | undefined
  readonly seconds: number
  readonly spells: ReadonlyArray<Spell>
  readonly changes: ReadonlyArray<Change>
  readonly series: Series
}

export const sumOf = (counts: Endings): number => endings.reduce((sum, ending) => sum + counts[ending], 0)
