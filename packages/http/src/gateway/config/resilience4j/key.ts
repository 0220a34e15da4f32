/** What is known of the keys of a section, and the keys that several sections have. */
import { flag, integer, type Kind, text } from "./values.ts"

/** One key. */
export interface Key {
  readonly is: Kind
  /** The default of resilience4j, as it would be written. */
  readonly otherwise?: string | number | undefined
  /** Why it is accepted and has no effect; undefined where it has one. */
  readonly ignored?: string | undefined
  /** What it must be instead of a value that cannot be kept, and why; undefined where it can. */
  readonly refused?: ((value: unknown) => string | undefined) | undefined
}

export const kept = (is: Kind, otherwise?: string | number): Key => ({ is, otherwise })

export const ignored = (is: Kind, why: string): Key => ({ is, ignored: why })

export const refused = (why: string): Key => ({ is: text, refused: () => `it to be left out: ${why}` })

/** Why a class of Java cannot be kept. */
export const isJava = "it names code in Java, which does not run here"

export const buffer = ignored(integer(1), "the gateway keeps a history of its own")

export const stackTraces = ignored(flag, "rejections have no stack trace")

export const healthIndicator = ignored(flag, "the health of the gateway has every guard")

export const mayFailHealth = kept(flag, "false")
