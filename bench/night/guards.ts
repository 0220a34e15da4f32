/** The limits that every lane gets, as far as it has options for them. */
import { models } from "./script.ts"

/** Milliseconds, and calls at once. */
export interface Limits {
  readonly attempt: number
  readonly atOnce: number
  readonly openFor: number
}

/** An attempt may take five times what it takes on a calm day; the other models are known to bear six calls at once. */
const first: Limits = { attempt: 400, atOnce: 24, openFor: 3000 }
const other: Limits = { attempt: 300, atOnce: 6, openFor: 1000 }

export const limits: ReadonlyArray<Limits> = models.map((_, i) => (i === 0 ? first : other))

/** When a circuit opens: by the rate of failures, or, where there is no rate, by failures in a row. */
export const circuit = { calls: 20, minimumCalls: 10, failureRate: 0.5, inARow: 5, probes: 3 } as const
