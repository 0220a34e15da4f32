/** The counts of some calls: of all of them, and of those in each phase. */
import { type Figures, type Span, SpanCounts } from "./figures.ts"

export class Timelines {
  private readonly all: SpanCounts
  private readonly timelines: ReadonlyArray<ReadonlyArray<SpanCounts>>

  /** The spans of one timeline follow each other; those of several overlap. `reached` are the providers and nodes. */
  constructor(whole: Span, timelines: ReadonlyArray<ReadonlyArray<Span>>, reached: ReadonlyArray<string>) {
    this.all = new SpanCounts(whole, reached)
    this.timelines = timelines.map((spans) => spans.map((span) => new SpanCounts(span, reached)))
  }

  /** What a call of this time counts for. */
  at(at: number): ReadonlyArray<SpanCounts> {
    const all = [this.all]
    for (const timeline of this.timelines) {
      const counts = timeline.find(({ span }) => at < span.to)
      if (counts !== undefined && at >= counts.span.from) all.push(counts)
    }
    return all
  }

  /** The figures at the end of the run. */
  figures(end: number): { readonly all: Figures; readonly phases: ReadonlyArray<Figures> } {
    return {
      all: this.all.figures(end),
      phases: this.timelines.flat().map((counts) => counts.figures(end))
    }
  }
}
