/**
 * The JSON of a reply as the provider wrote it, with its numbers to the last digit, kept for as long as the reply itself.
 * Who passes a reply on need not write it again. One that came as events has none. Of a copy it can be noted what the text of
 * the reply was, or how long.
 */
import { Given } from "./given.ts"

class Written extends Given {
  #text: string | undefined
  #length: number | undefined
  #isJson = false

  static note(reply: object, text: string): void {
    const written = #text in reply ? reply : new Written(reply)
    written.#text = text
    written.#length = text.length
  }

  static noteLength(copy: object, length: number): void {
    const written = #length in copy ? copy : new Written(copy)
    written.#length = length
  }

  static noteJson(reply: object): void {
    if (#isJson in reply) reply.#isJson = true
  }

  static forget(reply: object): void {
    if (!(#text in reply)) return
    reply.#text = undefined
    reply.#isJson = false
  }

  static jsonOf(reply: object): string | undefined {
    return #isJson in reply && reply.#isJson ? reply.#text : undefined
  }

  static textOf(reply: object): string | undefined {
    return #text in reply ? reply.#text : undefined
  }

  static lengthOf(reply: object): number | undefined {
    return #length in reply ? reply.#length : undefined
  }
}

export const noteText = <Reply extends object>(reply: Reply, text: string): Reply => {
  Written.note(reply, text)
  return reply
}

/** The same of a reply that is what the text says, field by field. */
export const noteJson = <Reply extends object>(reply: Reply, text: string): Reply => {
  Written.note(reply, text)
  Written.noteJson(reply)
  return reply
}

/** From here on somebody may have changed the reply. */
export const forgetText = (reply: object): void => Written.forget(reply)

/** The text of a reply that is what the text says, as long as nobody can have changed it. */
export const jsonOf = (reply: object): string | undefined => Written.jsonOf(reply)

export const textOf = (reply: object): string | undefined => Written.textOf(reply)

/** Notes of a copy how long the text of its reply is, where that is known. */
export const sameLength = (reply: object, copy: object): void => {
  const length = Written.lengthOf(reply)
  if (length !== undefined) Written.noteLength(copy, length)
}

/** Notes of a copy the text of its reply, where nobody can have changed the reply before. */
export const sameText = (reply: object, copy: object): void => {
  const text = Written.textOf(reply)
  if (text === undefined) sameLength(reply, copy)
  else Written.note(copy, text)
}

/** How long a reply is as JSON: as its provider wrote it, where that is known. */
export const lengthOf = (reply: object): number => Written.lengthOf(reply) ?? JSON.stringify(reply).length
