/** The figures of the calls of a phase, or of all calls. */
import * as Histogram from "../Histogram.ts"

/**
 * A call of a customer. Times are milliseconds since the start of the load.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  readonly index: number
  readonly at: number
  /** When it ended; NaN until then. */
  readonly ended: number
  /** Its outcome: see `Claim.share`. */
  readonly outcome: string
  /** Whether the customer got an answer of any kind. */
  readonly answered: boolean
  /** The number of calls to providers that were made for it, or to nodes where customers call nodes. */
  readonly reached: number
}

/**
 * A named part of the run, in milliseconds since the start of the load; the end is exclusive.
 *
 * @since 0.1.0
 * @category models
 */
export interface Span {
  readonly name: string
  /** What it is: a phase of the load or of a provider, a fault of nodes, all calls of customers to one node, or all. */
  readonly of: "load" | "provider" | "fault" | "node" | "run"
  /** The provider, for a phase of one. */
  readonly provider: string | undefined
  readonly from: number
  readonly to: number
}

/**
 * What the customers of a phase, or of the whole run, have seen.
 *
 * @since 0.1.0
 * @category snapshots
 */
export interface Figures extends Span {
  /** Calls that customers made in it. */
  readonly calls: number
  /** Calls that got an answer of any kind. */
  readonly answered: number
  /** The number of calls by outcome; outcomes without calls are absent. */
  readonly outcomes: Readonly<Record<string, number>>
  /** The durations of these calls in milliseconds, whatever their outcome. */
  readonly latency: Histogram.Summary
  /** The calls that reached each provider in this time, and those that customers made to each node. */
  readonly reached: Readonly<Record<string, number>>
}

/** Counts for {@link Figures}, in memory that does not grow with the calls. */
export class SpanCounts {
  calls = 0
  readonly span: Span
  readonly reached: Record<string, number>
  private answered = 0
  private readonly outcomes = new Map<string, number>()
  private readonly latency = Histogram.make()

  constructor(span: Span, providers: ReadonlyArray<string>) {
    this.span = span
    this.reached = Object.fromEntries(providers.map((provider) => [provider, 0]))
  }

  settled({ answered, at, ended, outcome }: Call): void {
    if (answered) this.answered++
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    this.latency.record(ended - at)
  }

  /** The figures at the end of the run. */
  figures(end: number): Figures {
    const { answered, calls, latency, outcomes, reached, span } = this
    return {
      ...span,
      to: span.to === Infinity ? Math.max(end, span.from) : span.to,
      calls,
      answered,
      outcomes: Object.fromEntries(outcomes),
      latency: latency.summary(),
      reached: { ...reached }
    }
  }
}
