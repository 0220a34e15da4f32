/**
 * The numbers of the classes that calls are compared in: a name, and what is measured, since times of two kinds have no
 * common baseline. The first eight get a number of their own, and all others share the last.
 */
import { CLASSES } from "./algorithm.ts"
import type { Sample } from "./model.ts"
import type { SavedLimit } from "./saved.ts"

interface Known {
  readonly class: string | undefined
  readonly sample: Sample
}

const SHARED = CLASSES - 1

export class Classes {
  readonly known: Array<Known | undefined> = []
  private readonly numbers: { readonly [S in Sample]: Map<string | undefined, number> } = {
    firstToken: new Map(),
    perToken: new Map(),
    duration: new Map()
  }

  /** Undefined for a call that cannot be compared: the shared class holds times of one kind. */
  numberOf(name: string | undefined, sample: Sample): number | undefined {
    const numbers = this.numbers[sample]
    const number = numbers.get(name)
    if (number !== undefined) return number
    if (this.known.length < SHARED) {
      numbers.set(name, this.known.length)
      return this.known.push({ class: name, sample }) - 1
    }
    const shared = this.known[SHARED] ??= { class: undefined, sample }
    return shared.sample === sample ? SHARED : undefined
  }

  /** All of them in the order of their numbers. */
  save(): SavedLimit["classes"] {
    return this.known.flatMap((known) =>
      known === undefined ? [] : [{ ...known.class !== undefined && { class: known.class }, sample: known.sample }]
    )
  }

  /** Gives the numbers that they had. Returns whether that can be: no class has two, and the shared one has no name. */
  restore(saved: SavedLimit["classes"]): boolean {
    return saved.every((one, number) =>
      number === SHARED ? one.class === undefined && this.numberOf("", one.sample) === SHARED : (
        this.numberOf(one.class, one.sample) === number
      )
    )
  }
}
