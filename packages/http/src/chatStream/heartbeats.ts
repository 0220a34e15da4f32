/**
 * Events that only keep a connection alive, and are no objects: a word, or nothing. What is an object and says nothing
 * that is known is passed over anyway.
 */

const words = /^\W?(?:ping|pong|heart-?beat|keep[-_ ]?alive|null|nil)\W?$/i

const names = /^(?:ping|pong|heart[-_]?beat|keep[-_]?alive|comment)$/i

const longest = 20

/** Whether an event with this name and this data says nothing. */
export const isHeartbeat = (data: string, name: string): boolean =>
  names.test(name) || (data.length <= longest && words.test(data))
