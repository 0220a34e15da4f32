/** Bounds of what is read from the store: anybody may write there. Redis checks the same in Lua. */

/** A time or an amount that a number holds to the unit. */
export const isBounded = (value: number): boolean => Math.abs(value) <= Number.MAX_SAFE_INTEGER

export const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** No number of terms is larger. */
export const largestTerm = 1e30

/** A number of written terms, of which none is below zero; undefined for anything else. */
export const termIn = (text: string): number | undefined => {
  const value = /^[\d.e+-]{1,24}$/.test(text) ? Number(text) : NaN
  return value >= 0 && value <= largestTerm ? value : undefined
}
