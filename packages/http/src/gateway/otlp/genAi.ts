/** The metrics of calls to models, by the names of OpenTelemetry's conventions for generative AI. */
import type { Family, Series } from "../admin/metrics/family.ts"
import { Histogram } from "../server/histogram.ts"

/** Names of the file and fixed words, so that the number of series is bounded. */
export interface Operation {
  /** `chat`, `embeddings` or `count_tokens`. */
  readonly operation: string
  readonly provider: string
  readonly model: string
}

export interface Usage {
  readonly input: number
  readonly output: number
}

type Labels = Readonly<Record<string, string>>

/** One histogram for each set of labels. */
class Histograms {
  private readonly bounds: ReadonlyArray<number>
  private readonly all = new Map<string, { readonly labels: Labels; readonly histogram: Histogram }>()

  constructor(bounds: ReadonlyArray<number>) {
    this.bounds = bounds
  }

  observe(labels: Labels, value: number): void {
    const key = JSON.stringify(labels)
    let one = this.all.get(key)
    if (one === undefined) this.all.set(key, one = { labels, histogram: new Histogram(this.bounds) })
    one.histogram.observe(value)
  }

  get series(): ReadonlyArray<Series<Histogram>> {
    return [...this.all.values()].map(({ histogram, labels }) => ({ labels, value: histogram }))
  }
}

const powers = (first: number, factor: number, count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, i) => first * factor ** i)

export class GenAi {
  // The bounds that the conventions advise.
  private readonly durations = new Histograms(powers(0.01, 2, 14))
  private readonly tokens = new Histograms(powers(1, 4, 14))

  /** Counts a call that has ended; `error` is the tag of what it failed with. */
  ended({ model, operation, provider }: Operation, seconds: number, usage: Usage | undefined, error?: string): void {
    const labels: Labels = {
      "gen_ai.operation.name": operation,
      "gen_ai.provider.name": provider,
      "gen_ai.request.model": model
    }
    this.durations.observe(error === undefined ? labels : { ...labels, "error.type": error }, seconds)
    if (usage === undefined) return
    this.tokens.observe({ ...labels, "gen_ai.token.type": "input" }, usage.input)
    this.tokens.observe({ ...labels, "gen_ai.token.type": "output" }, usage.output)
  }

  get families(): ReadonlyArray<Family> {
    return [
      {
        type: "histogram",
        meter: "gen_ai.client.operation.duration",
        name: "gen_ai_client_operation_duration_seconds",
        description: "Time of a call to a model, to the end of its answer.",
        series: this.durations.series
      },
      {
        type: "histogram",
        meter: "gen_ai.client.token.usage",
        name: "gen_ai_client_token_usage_tokens",
        description: "Tokens of a call to a model.",
        series: this.tokens.series
      }
    ]
  }
}
