/**
 * The JSON of a reply as the provider wrote it, with its numbers to the last digit, kept for as long as the reply itself.
 * Who passes a reply on need not write it again. A copy of a reply has none, and neither has one that came as events.
 */
import { Given } from "./given.ts"

class Written extends Given {
  #text: string | undefined

  static note(reply: object, text: string): void {
    const written = #text in reply ? reply : new Written(reply)
    written.#text = text
  }

  static textOf(reply: object): string | undefined {
    return #text in reply ? reply.#text : undefined
  }
}

export const noteText = <Reply extends object>(reply: Reply, text: string): Reply => {
  Written.note(reply, text)
  return reply
}

export const textOf = (reply: object): string | undefined => Written.textOf(reply)
