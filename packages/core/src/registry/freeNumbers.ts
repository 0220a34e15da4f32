/**
 * Gives numbers from 1 to those with one name: the lowest that is free. Taking and giving back cost the logarithm of how many
 * are free.
 */
import { Heap, type Heaped } from "../internal/data/heap.ts"

interface Numbered extends Heaped {
  readonly n: number
}

export class FreeNumbers {
  /** How many numbers are taken. */
  taken = 0
  // Numbers up to the highest that are not taken.
  private readonly free = new Heap<Numbered>((a, b) => a.n < b.n)
  private highest = 0

  /** The lowest free number that may be taken. One that may not stays free. */
  take(mayBe: (n: number) => boolean): number {
    this.taken++
    const passed: Array<Numbered> = []
    let number = this.next()
    while (!mayBe(number.n)) {
      passed.push(number)
      number = this.next()
    }
    for (const one of passed) this.free.place(one)
    return number.n
  }

  giveBack(n: number): void {
    this.taken--
    this.free.place({ n, spot: -1 })
  }

  private next(): Numbered {
    const lowest = this.free.peek()
    if (lowest === undefined) return { n: ++this.highest, spot: -1 }
    this.free.remove(lowest)
    return lowest
  }
}
