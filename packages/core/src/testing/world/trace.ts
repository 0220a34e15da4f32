/** What happened in a world: a digest of all of it, and the last messages and faults as text. */
import { moment } from "../words.ts"

export class Trace {
  events = 0
  private readonly last: Array<Line> = []
  private oldest = 0
  private readonly hash = new Uint32Array([0x811c9dc5, 0x9e3779b9])
  private readonly float = new Float64Array(1)
  private readonly words = new Uint32Array(this.float.buffer)

  /** An event that is only counted and becomes part of the digest. `code` says which it is. */
  count(code: number, at: number, subject: number): void {
    this.events++
    this.float[0] = at
    for (const word of [code, subject, this.words[0]!, this.words[1]!]) {
      this.hash[0] = Math.imul(this.hash[0]! ^ word, 0x01000193)
      this.hash[1] = Math.imul((this.hash[1]! << 5) ^ (this.hash[1]! >>> 27) ^ word, 0x85ebca6b)
    }
  }

  /** Also shows it. `words` are joined only when they are read. */
  tell(at: number, ...words: Line["words"]): void {
    const line = { at, words }
    if (this.last.length < shown) {
      this.last.push(line)
    } else {
      this.last[this.oldest] = line
      this.oldest = (this.oldest + 1) % shown
    }
  }

  digest(): string {
    return Array.from(this.hash, (part) => part.toString(16).padStart(8, "0")).join("")
  }

  lines(): ReadonlyArray<string> {
    return [...this.last.slice(this.oldest), ...this.last.slice(0, this.oldest)]
      .map(({ at, words }) => `${moment(at)}  ${words.join("")}`)
  }
}

interface Line {
  readonly at: number
  readonly words: ReadonlyArray<string | number>
}

/** The number of lines that are kept. */
const shown = 30
