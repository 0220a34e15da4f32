/** How numbers are written for a reader. */

/** 1292 as `1,292`. */
export const whole = (count: number): string => count.toLocaleString("en-US")

/** Milliseconds as `1.5 s`. */
export const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)} s`

/** A part of a whole as `3.6 %`: never rounded to nothing or to all. Nothing of nothing is `0 %`. */
export const share = (part: number, of: number): string => {
  const percent = of === 0 ? 0 : Number(((100 * part) / of).toFixed(1))
  if (percent === 0 && part > 0) return "< 0.1 %"
  if (percent === 100 && part < of) return "> 99.9 %"
  return `${percent} %`
}
