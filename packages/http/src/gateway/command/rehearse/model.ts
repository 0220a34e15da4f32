/** What became of a night. */

/** How the call of a customer ended. */
export type Ending = "asked-for" | "fallback" | "stale" | "sentence" | "error" | "left"

export const endings: ReadonlyArray<Ending> = ["asked-for", "fallback", "stale", "sentence", "error", "left"]

/** What one model bore. */
export interface Borne {
  readonly model: string
  readonly calls: number
  /** Calls that it got while it could not answer. */
  readonly whileDown: number
  readonly mostAtOnce: number
}

export interface Figures {
  readonly night: string
  readonly about: string
  readonly customers: number
  readonly endings: Readonly<Record<Ending, number>>
  /** Of the customers of those clients that make no flood; of all where there is none. */
  readonly others: Readonly<Record<Ending, number>>
  /** Errors by their tag. */
  readonly errors: Readonly<Record<string, number>>
  /** Milliseconds. */
  readonly p50: number
  readonly p95: number
  /** Customers who came while a model could not answer. */
  readonly customersWhileDown: number
  readonly models: ReadonlyArray<Borne>
  /** Dollars; undefined where there are no prices. */
  readonly cost: number | undefined
}
