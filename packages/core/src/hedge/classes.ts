/** The times of the calls of a hedge, class by class. Users name the classes, so their number is bounded. */
import { RecentTimes } from "../internal/data/recentTimes.ts"

const most = 8

/** The class of the calls beyond the eighth class. */
const rest = "other"

/** The calls of one class. */
export class HedgeClass {
  readonly name: string
  /** The times of calls, whichever run has answered them. */
  readonly times = new RecentTimes()
  private ofBackups: RecentTimes | undefined

  constructor(name: string) {
    this.name = name
  }

  get backups(): RecentTimes {
    return this.ofBackups ??= new RecentTimes()
  }

  /** What half of the calls take, in milliseconds; undefined where that is not known. */
  get median(): number | undefined {
    return this.times.quantile(0.5)
  }

  /** What half of the backups take, in milliseconds; where that is not known, what half of the calls take. */
  medianOf(isBackup: boolean): number {
    return (isBackup ? this.ofBackups?.quantile(0.5) : undefined) ?? this.times.quantile(0.5) ?? 0
  }
}

export class HedgeClasses {
  private readonly byName = new Map<string, HedgeClass>()

  get(name: string): HedgeClass {
    const known = this.byName.get(name)
    if (known !== undefined) return known
    if (this.byName.size >= most && name !== rest) return this.get(rest)
    const made = new HedgeClass(name)
    this.byName.set(name, made)
    return made
  }

  get all(): ReadonlyArray<HedgeClass> {
    return [...this.byName.values()]
  }
}
