/** Bounds of what is read from the store: anybody may write there. Redis checks the same in Lua. */

/** A time or an amount that a number holds to the unit. */
export const isBounded = (value: number): boolean => Math.abs(value) <= Number.MAX_SAFE_INTEGER

/**
 * Numbers from which the store counts on, such as epochs, are read up to here where anybody may write. So what somebody else wrote is never
 * the last one: all that follows is still read by the nodes.
 */
export const mostKept = 2 ** 53 - 2 ** 40

/** The same of a message of the channel, of which the store goes on as from a record. As a time in microseconds, it is in the year 2112. */
export const mostPushed = 2 ** 52

export const isKept = (value: number): boolean => isCount(value) && value <= mostKept

export const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** No number of terms is larger. */
export const largestTerm = 1e30

/** A number of written terms, of which none is below zero; undefined for anything else. */
export const termIn = (text: string): number | undefined => {
  const value = /^[\d.e+-]{1,24}$/.test(text) ? Number(text) : NaN
  return value >= 0 && value <= largestTerm ? value : undefined
}
