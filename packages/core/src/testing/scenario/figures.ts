/** What is counted of the calls of a phase, or of all. */
import * as Histogram from "../Histogram.ts"

/** A call of a customer. Times are milliseconds since the load began. */
export interface Call {
  readonly index: number
  readonly at: number
  /** When it ended; NaN until then. */
  readonly ended: number
  /** How it ended: see `Claim.share`. */
  readonly outcome: string
  /** Whether the customer got an answer of any kind. */
  readonly answered: boolean
  /** The calls to providers that were made for it. */
  readonly reached: number
}

/** A stretch of the run with a name, from a moment until just before another, in milliseconds since the load began. */
export interface Span {
  readonly name: string
  /** Whose phase it is, if it is one of a provider. */
  readonly provider: string | undefined
  readonly from: number
  readonly to: number
}

/** What the customers of a phase, or of the whole run, have seen. */
export interface Figures extends Span {
  /** Calls that customers made in it. */
  readonly calls: number
  /** Those that got an answer of any kind. */
  readonly answered: number
  /** How many ended in which way; a way in which none ended is absent. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Milliseconds until these calls ended, whatever came of them. */
  readonly latency: Histogram.Summary
  /** Calls that reached each provider in this time. */
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

  /** What there is to read at the end of the run. */
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
