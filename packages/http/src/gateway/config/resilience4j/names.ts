/**
 * The names of keys as Spring Boot binds them: `sliding-window-size`, `slidingWindowSize`, `sliding_window_size` and
 * `SLIDING_WINDOW_SIZE` are one name, and a key may have several names with dots between them. A name in brackets is taken as
 * it stands, as in `"[gpt-4.1]"`.
 */

/** One name of a key. */
export interface Name {
  readonly text: string
  readonly isBracketed: boolean
}

/** What all spellings of a name have in common. */
export const uniform = (name: string): string => name.toLowerCase().replace(/[-_]/g, "")

/** A pattern of all spellings of a name. */
export const spellingsOf = (name: string): string =>
  `[-_]*${
    [...uniform(name)].map((letter) => `${/[a-z]/.test(letter) ? `[${letter}${letter.toUpperCase()}]` : letter}[-_]*`)
      .join("")
  }`

export const namesOf = (key: string): ReadonlyArray<Name> =>
  Array.from(
    key.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g),
    ([, bracketed, plain]) => ({ text: bracketed ?? plain!, isBracketed: bracketed !== undefined })
  )
