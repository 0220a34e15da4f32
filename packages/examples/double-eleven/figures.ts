/** How numbers are written for a reader. */

/** 1292 as `1,292`. */
export const whole = (count: number): string => count.toLocaleString("en-US")

/** Milliseconds as `1.5 s`. */
export const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)} s`

/** A part of a whole as `3.6 %`; nothing of nothing is `0 %`. */
export const share = (part: number, of: number): string => `${of === 0 ? 0 : Number(((100 * part) / of).toFixed(1))} %`
