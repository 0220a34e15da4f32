/** The type of a latency. */
import type * as Duration from "effect/Duration"

/**
 * A distribution of durations.
 *
 * @since 0.1.0
 * @category models
 */
export type Latency =
  | { readonly _tag: "Constant"; readonly duration: Duration.Input }
  | { readonly _tag: "Uniform"; readonly min: Duration.Input; readonly max: Duration.Input }
  | { readonly _tag: "LogNormal"; readonly median: Duration.Input; readonly p95: Duration.Input }
  | { readonly _tag: "Exponential"; readonly mean: Duration.Input }
  | { readonly _tag: "Empirical"; readonly durations: ReadonlyArray<Duration.Input> }
  | { readonly _tag: "Mix"; readonly shares: ReadonlyArray<readonly [share: number, latency: Latency]> }
