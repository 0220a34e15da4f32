/**
 * What was said to a model, which no error may repeat. It is read when a text of a provider is first asked for, and once,
 * however many attempts fail and whatever they say. All texts of the same call that wait for it are then searched together,
 * and what was found in a text is remembered.
 */
import { quotations, type Ranges } from "./quotation.ts"
import { Sources } from "./sourceLetters.ts"

/** A text that may quote, and the prompt until it is searched. */
interface Waiting {
  readonly text: string
  prompt: Prompt | undefined
  ranges: Ranges
}

interface Searched {
  readonly waiting: Set<Waiting>
  /** What was found in the last texts that were searched. */
  readonly found: Map<string, Ranges>
}

export class Prompt {
  private readonly texts: Iterable<string>
  private readonly sources: Sources
  private made: Searched | undefined
  private isLast = false

  constructor(texts: Iterable<string>) {
    this.texts = texts
    this.sources = new Sources(texts)
  }

  /** Where the text quotes the prompt, told when it is asked for. After a search for any of them, none keeps the prompt. */
  quotedIn(text: string): () => Ranges {
    const waiting: Waiting = { text, prompt: this, ranges: [] }
    this.searched.waiting.add(waiting)
    // The oldest are searched by themselves.
    for (const oldest of this.searched.waiting) {
      if (this.searched.waiting.size <= mostWaiting) break
      this.searched.waiting.delete(oldest)
    }
    return () => {
      waiting.prompt?.look(waiting)
      return waiting.ranges
    }
  }

  /** Tells that no more texts are expected, so that what was read is not kept for them. */
  end(): this {
    this.isLast = true
    if ((this.made?.waiting.size ?? 0) === 0) this.sources.release()
    return this
  }

  /** Whether one of the texts is so short that a quotation of it may not be found, and the given holds for it. */
  hasShort(is: (text: string) => boolean): boolean {
    for (const text of this.texts) if (text.length <= longestShort && is(text)) return true
    return false
  }

  /** Whether a text has the given, letter by letter. This is far cheaper than to search it for quotations. */
  includes(said: string): boolean {
    for (const text of this.texts) if (text.includes(said)) return true
    return false
  }

  // Each open stream has a prompt, and hardly any is searched.
  private get searched(): Searched {
    return this.made ??= { waiting: new Set(), found: new Map() }
  }

  private look(asked: Waiting): void {
    if (!this.searched.found.has(asked.text)) this.search(asked)
    for (const waiting of [...this.searched.waiting, asked]) {
      const ranges = this.searched.found.get(waiting.text)
      if (ranges === undefined) continue
      waiting.ranges = ranges
      waiting.prompt = undefined
      this.searched.waiting.delete(waiting)
    }
  }

  private search(asked: Waiting): void {
    const texts = [...new Set([asked, ...this.searched.waiting].map(({ text }) => text))]
    this.searched.found.clear()
    quotations(texts, this.sources).forEach((ranges, i) => this.searched.found.set(texts[i]!, ranges))
    if (this.isLast) this.sources.release()
  }
}

/** Characters: words that say nothing by themselves are found from 32 letters on. */
const longestShort = 256

/** An error has up to four texts. Those of errors that nobody holds any more wait, too, so their number has a bound. */
const mostWaiting = 64
