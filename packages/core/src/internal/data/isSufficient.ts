/** Comparisons of amounts that are sums of fractions, and so are off by their rounding errors. */

/** The relative rounding error that is tolerated. */
export const EPSILON = 1e-9

/** The rounding error up to which an amount counts as `cost`. */
export const tolerance = (cost: number): number => EPSILON * Math.max(1, cost)

/** Whether `available` pays for `cost`, but for the rounding error. */
export const isSufficient = (available: number, cost: number): boolean => cost - available <= tolerance(cost)
