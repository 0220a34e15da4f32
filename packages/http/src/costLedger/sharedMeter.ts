/**
 * The budgets of the tenants for whom the ledger has no account left: a count-min sketch. Each tenant has one cell in
 * each row, which it shares with others, and the least of its cells says what it has spent at most. So nobody who spent
 * is forgotten, whatever other names come, and nobody who spent nothing is refused unless others fill all of its cells.
 * Memory is bounded by the number of cells.
 */
import { plus } from "../pricing/money.ts"
import type { Balance, Meter, Rule } from "./budgetMeter.ts"
import { isOverBefore, type Window, Windows } from "./windows.ts"

const rows = 4
const fewestColumns = 1024

interface Sketch extends Window {
  isUntouched: boolean
  readonly spent: Float64Array
  readonly reserved: Float64Array
}

/** The cells of a tenant in one window. */
class Cells implements Balance {
  private readonly sketch: Sketch
  private readonly cells: ReadonlyArray<number>

  constructor(sketch: Sketch, cells: ReadonlyArray<number>) {
    this.sketch = sketch
    this.cells = cells
  }

  get end(): number {
    return this.sketch.end
  }

  get spent(): number {
    return this.sketch.spent[this.least]!
  }

  get reserved(): number {
    return this.sketch.reserved[this.least]!
  }

  add(spent: number, reserved: number): void {
    if (spent === 0 && reserved === 0) return
    this.sketch.isUntouched = false
    for (const cell of this.cells) {
      this.sketch.spent[cell] = plus(this.sketch.spent[cell]!, spent)
      this.sketch.reserved[cell]! += reserved
    }
  }

  private get least(): number {
    const sum = (cell: number) => this.sketch.spent[cell]! + this.sketch.reserved[cell]!
    return this.cells.reduce((least, cell) => sum(cell) < sum(least) ? cell : least)
  }
}

export class SharedMeters {
  private readonly columns: number
  private readonly seed: number
  private readonly meters: ReadonlyArray<{ readonly rule: Rule; readonly windows: Windows<Sketch> }>

  /** Whoever makes up names must not know the `seed`, or they could aim at the cells of somebody. */
  constructor(rules: ReadonlyArray<Rule>, tenants: number, seed: number, before?: SharedMeters) {
    // Cells that go on are as many as they were.
    this.columns = before?.columns ??
      2 ** Math.ceil(Math.log2(Math.min(Math.max(tenants, fewestColumns), 2 ** 20)))
    this.seed = seed
    this.meters = rules.map((rule) => {
      const same = before?.meters.find((meter) => meter.rule.window === rule.window)
      let source = before?.meters[0]?.windows.latest
      return {
        rule,
        windows: same?.windows ?? new Windows<Sketch>(rule.window, (span, earlier) => {
          const goesOn = source !== undefined && !isOverBefore(source, span) ? source : undefined
          if (goesOn !== undefined) source = undefined
          const known = goesOn ?? earlier
          return {
            ...span,
            isUntouched: known === undefined || known.isUntouched,
            spent: known?.spent.slice() ?? new Float64Array(rows * this.columns),
            reserved: new Float64Array(rows * this.columns)
          }
        })
      }
    })
  }

  of(tenant: string): ReadonlyArray<Meter> {
    const cells = this.cellsOf(tenant)
    return this.meters.map(({ rule, windows }) => ({
      rule,
      whose: "shared",
      at: (now) => new Cells(windows.at(now), cells)
    }))
  }

  private cellsOf(tenant: string): ReadonlyArray<number> {
    const first = hash(tenant, this.seed)
    // Odd, so that it reaches every column.
    const second = hash(tenant, this.seed ^ 0x9e3779b9) | 1
    return Array.from(
      { length: rows },
      (_, row) => row * this.columns + ((first + Math.imul(row, second)) >>> 0) % this.columns
    )
  }
}

/** Spreads a text over 32 bits: FNV-1a over its characters, and the last steps of MurmurHash3. */
const hash = (text: string, seed: number): number => {
  let h = seed ^ 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
