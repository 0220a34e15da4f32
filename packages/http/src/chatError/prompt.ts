/**
 * What was said to a model, which no error may repeat. It is searched when a text of a provider is first asked for, and
 * then for all texts of the same call that wait for it, so that it is read once however many attempts failed.
 */
import { quotations, type Ranges } from "./quotation.ts"

/** A text that may quote, until it is searched. */
interface Waiting {
  readonly text: string
  ranges: Ranges | undefined
}

export class Prompt {
  private readonly texts: Iterable<string>
  private readonly waiting = new Set<Waiting>()

  /** `texts` are read once for each search. */
  constructor(texts: Iterable<string>) {
    this.texts = texts
  }

  /** Where the text quotes the prompt, told when it is asked for. */
  quotedIn(text: string): () => Ranges {
    const waiting: Waiting = { text, ranges: undefined }
    this.waiting.add(waiting)
    // The oldest are searched by themselves.
    for (const oldest of this.waiting) {
      if (this.waiting.size <= mostWaiting) break
      this.waiting.delete(oldest)
    }
    return () => waiting.ranges ?? this.search(waiting)
  }

  private search(asked: Waiting): Ranges {
    this.waiting.add(asked)
    const all = [...this.waiting]
    this.waiting.clear()
    const found = quotations(all.map(({ text }) => text), this.texts)
    all.forEach((waiting, i) => {
      waiting.ranges = found[i]!
    })
    return asked.ranges!
  }
}

/** An error has up to four texts. Those of errors that nobody holds wait, too, so they are bounded. */
const mostWaiting = 64
