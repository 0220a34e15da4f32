/** What became of the customers of a night, over its time. */
import type { Kind } from "./kinds.ts"
import { type Ending, type Endings, endings, type Series } from "./model.ts"

/** Seconds of an entry of a series. */
export const interval = 5

interface Slot {
  readonly endings: Record<Ending, number>
  readonly waits: Array<number>
}

export class Recorder {
  readonly counts = zeros()
  /** Of those who make no flood. */
  readonly others = zeros()
  readonly errors: Record<string, number> = {}
  private readonly byKind: ReadonlyMap<Kind, Record<Ending, number>>
  private readonly waits: Array<number> = []
  private readonly slots: Array<Slot> = []

  constructor(kinds: ReadonlyArray<Kind>) {
    this.byKind = new Map(kinds.map((kind) => [kind, zeros()]))
  }

  /** A customer has got an end. Times are milliseconds, `at` of the night. */
  ended(kind: Kind, ending: Ending, isFlood: boolean, wait: number, at: number): void {
    this.counts[ending]++
    this.byKind.get(kind)![ending]++
    if (isFlood) return
    this.others[ending]++
    this.waits.push(wait)
    const slot = this.slotAt(at)
    slot.endings[ending]++
    slot.waits.push(wait)
  }

  failed(tag: string): void {
    this.errors[tag] = (this.errors[tag] ?? 0) + 1
  }

  /** Milliseconds. */
  wait(q: number): number {
    return quantile(this.waits, q) ?? 0
  }

  get kinds(): ReadonlyArray<{ readonly kind: string; readonly endings: Endings }> {
    return Array.from(this.byKind, ([{ name }, endings]) => ({ kind: name, endings }))
  }

  /** `seconds` is how long the night was. */
  series(seconds: number): Pick<Series, "endings" | "p95"> {
    const slots = Array.from({ length: Math.ceil(seconds / interval) }, (_, i) => this.slots[i])
    return {
      endings: Object.fromEntries(
        endings.map((ending) => [ending, slots.map((slot) => slot?.endings[ending] ?? 0)])
      ) as unknown as Series["endings"],
      p95: slots.map((slot) => slot === undefined ? null : quantile(slot.waits, 0.95) ?? null)
    }
  }

  private slotAt(at: number): Slot {
    const index = Math.floor(at / (1000 * interval))
    return this.slots[index] ??= { endings: zeros(), waits: [] }
  }
}

const zeros = (): Record<Ending, number> => Object.fromEntries(endings.map((ending) => [ending, 0])) as never

/** That of the nearest rank. */
const quantile = (values: ReadonlyArray<number>, q: number): number | undefined =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(q * values.length) - 1)]
