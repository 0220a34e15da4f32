/**
 * The JSON of a reply as the provider wrote it, with its numbers to the last digit, kept for as long as the reply itself.
 * Who passes a reply on need not write it again. A copy of a reply has none, and neither has one that came as events.
 */

const texts = new WeakMap<object, string>()

export const noteText = <Reply extends object>(reply: Reply, text: string): Reply => {
  texts.set(reply, text)
  return reply
}

export const textOf = (reply: object): string | undefined => texts.get(reply)
