/** Comparisons of sums of fractions, which have rounding errors. */

/** The relative rounding error that is tolerated. */
export const EPSILON = 1e-9

/** The absolute rounding error that is tolerated for an amount of `cost`. */
export const tolerance = (cost: number): number => EPSILON * Math.max(1, cost)

/** Whether `available` covers `cost`, up to the rounding error. */
export const isSufficient = (available: number, cost: number): boolean => cost - available <= tolerance(cost)
