/** The samples of all classes, their baselines, and how much slower than these a window was. */

export interface Window {
  readonly count: number
  readonly median: number
  readonly baseline: { value: number; windows: number }
}

export class ClassesModel {
  private readonly samples = new Map<number, ReadonlyArray<number>>()
  private readonly baselines = new Map<number, { value: number; windows: number }>()

  /** A window that is this many times slower than the baseline is no part of the mean of the first ones. */
  private readonly unusual: number

  constructor(unusual: number) {
    this.unusual = unusual
  }

  add(index: number, sample: number): void {
    this.samples.set(index, [...this.samples.get(index) ?? [], sample])
  }

  /** Closes the window of the classes that have samples enough. */
  close(): { readonly classes: ReadonlyArray<Window>; readonly stretch: number } {
    const classes = [...this.samples].filter(([, all]) => all.length >= 3).map(([index, all]) => {
      this.samples.delete(index)
      const kept = all.slice(-64).toSorted((a, b) => a - b)
      const median = kept[Math.floor(kept.length / 2)]!
      const baseline = this.baselines.get(index) ?? { value: median, windows: 0 }
      this.baselines.set(index, baseline)
      baseline.windows++
      baseline.value += (median - baseline.value) *
        (baseline.windows <= 10 && median <= this.unusual * baseline.value
          ? 1 / baseline.windows
          : median > baseline.value
          ? 0.005
          : 0.05)
      return { count: all.length, median, baseline }
    })
    const count = classes.reduce((sum, { count }) => sum + count, 0)
    const times = classes.reduce((sum, { baseline, count, median }) => sum + count * median / baseline.value, 0)
    return { classes, stretch: count === 0 ? 1 : times / count }
  }
}
