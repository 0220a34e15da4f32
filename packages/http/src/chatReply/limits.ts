/**
 * The sizes beyond which an answer is none: an endpoint that is no API must not fill the memory. They hold for a whole
 * reply as for a stream.
 */

/** Bytes of a whole reply, after its content encoding is undone, and characters that a stream may add up to. */
export const maxReplyBytes = 32 * 2 ** 20

/** Characters of one event of a stream. */
export const maxEventSize = 10 * 2 ** 20

/** Bytes of the body of a failed status. */
export const maxErrorBytes = 64 * 2 ** 10

/** More choices than anybody asks for. */
export const maxChoices = 1024

/** Whether a reply, or one event of a stream, has more than that. */
export const hasTooManyChoices = ({ choices }: Readonly<Record<string, unknown>>): boolean =>
  Array.isArray(choices) && choices.length > maxChoices

/** What was found in their place. */
export const tooManyChoices = "more choices than anybody asks for"
