/**
 * Replies that another caller pays for: their call was shared. It is noted beside the reply, or the first chunk of the
 * stream that it is told in, so that nothing of it is sent. A copy has the note only where it was copied too.
 */

/** A reply, or a chunk of one. */
interface Said {
  readonly choices: ReadonlyArray<unknown>
}

const replies = new WeakSet<Said>()

export const notePaidElsewhere = (reply: Said): void => {
  replies.add(reply)
}

export const isPaidElsewhere = (reply: Said): boolean => replies.has(reply)

/** Notes of a copy of a reply, or of the stream that it is told in, what is noted of the reply. */
export const samePayer = (reply: Said, copy: Said): void => {
  if (replies.has(reply)) replies.add(copy)
}
