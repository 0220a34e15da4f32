/** How the time that is left is shared among the models of a cascade. */

/**
 * How the time of a cascade is shared among its models. When a model has had its share, the next one is asked as well,
 * while the first runs on.
 *
 * - `"measured"`: all of the time but what the later models usually need, which is the 95th percentile of the time to
 *   their answers; and at least the equal part. The equal part as long as that time is not known of all later models.
 * - `"even"`: the equal part: what is left, divided by the number of models that can still be asked.
 * - `"none"`: a model has all of the time. The next one is asked when it has failed.
 *
 * @category options
 * @since 0.1.0
 */
export type Share = "measured" | "even" | "none"

export const shares: ReadonlyArray<Share> = ["measured", "even", "none"]

/**
 * The share of a model in milliseconds. `later` are the 95th percentiles of the models after it that can be asked, unknown
 * where there are too few answers.
 */
export const shareOf = (rule: Share, left: number, later: ReadonlyArray<number | undefined>): number => {
  if (rule === "none" || later.length === 0 || !(left > 0) || left === Infinity) return Infinity
  const even = left / (later.length + 1)
  if (rule === "even") return even
  let rest = left
  for (const p95 of later) {
    if (p95 === undefined) return even
    rest -= p95
  }
  return Math.max(even, rest)
}
