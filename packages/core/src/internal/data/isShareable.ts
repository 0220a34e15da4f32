/**
 * Whether a name from outside can be one of all nodes. It is in keys of their store: none is long, and no two are the same once they
 * are UTF-8.
 */
export const isShareable = (name: string): boolean => name.length <= longestName && isWellFormed(name)

export const longestName = 512

const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text)
