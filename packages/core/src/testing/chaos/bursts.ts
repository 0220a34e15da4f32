/** Times in which failures come together. */
import type * as Duration from "effect/Duration"
import type * as Random from "effect/Random"
import type { OptionsOf } from "../../internal/config/checks.ts"

/**
 * Bursts that begin and end at random. Their lengths and the times between them have exponential distributions.
 *
 * @since 0.1.0
 * @category options
 */
export interface BurstOptions {
  /** The mean time from the end of one burst to the start of the next. */
  readonly every: Duration.Input
  /** The mean length of a burst. */
  readonly for: Duration.Input
}

/** Whether there is a burst, at times that ascend. It begins between two bursts. */
export class Bursts {
  private readonly every: number
  private readonly length: number
  private isOn = false
  private until = NaN

  constructor(check: OptionsOf, field: string, options: BurstOptions) {
    check.within(field).known(options, ["every", "for"])
    this.every = check.positive(`${field}.every`, options.every)
    this.length = check.positive(`${field}.for`, options.for)
  }

  /** Times begin anew. */
  restart(): void {
    this.isOn = false
    this.until = NaN
  }

  isOnAt(at: number, random: Random.Random): boolean {
    if (Number.isNaN(this.until)) this.until = at + drawn(this.every, random)
    while (this.until <= at) {
      this.isOn = !this.isOn
      this.until += drawn(this.isOn ? this.length : this.every, random)
    }
    return this.isOn
  }
}

const drawn = (mean: number, random: Random.Random): number => -Math.log(1 - random.nextDoubleUnsafe()) * mean
