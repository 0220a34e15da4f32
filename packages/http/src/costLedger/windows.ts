/**
 * The windows of a budget, by the calendar. Each window has its budget once, whatever the clock does: the last few
 * windows are remembered, so a clock that jumps back and forth finds in each what was spent in it.
 */

/** A calendar day or month in UTC, or so many milliseconds, counted from the epoch. */
export type Length = "day" | "month" | number

/** A window of time: `end` is the first moment that is not in it. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** What is remembered of a window. */
export interface Window extends Span {
  /** Whether a new one would say the same. */
  readonly isUntouched: boolean
}

/** Of UTC, in milliseconds. */
export const day = 86_400_000

const spanAt = (length: Length, now: number): Span => {
  if (length === "month") {
    const date = new Date(now)
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
    return { start: Date.UTC(year, month, 1), end: Date.UTC(year, month + 1, 1) }
  }
  const millis = length === "day" ? day : length
  const start = Math.floor(now / millis) * millis
  return { start, end: start + millis }
}

export class Windows<W extends Window> {
  /** The one used last is the last. */
  private readonly remembered: Array<W> = []
  private readonly length: Length
  private readonly open: (span: Span, before: W | undefined) => W

  /** `open` makes a window; it begins with what was spent in the window `before`, if there is one. */
  constructor(length: Length, open: (span: Span, before: W | undefined) => W) {
    this.length = length
    this.open = open
  }

  /** The one that was used last. */
  get latest(): W | undefined {
    return this.remembered.at(-1)
  }

  /** Those that may still run. */
  notOver(now: number): ReadonlyArray<W> {
    return this.remembered.filter(({ end }) => end > now)
  }

  /** Whether a window of this length is so. */
  isSpan({ end, start }: Span): boolean {
    const span = spanAt(this.length, start)
    return span.start === start && span.end === end
  }

  /** Remembers a window of another process. */
  remember(window: W): void {
    if (this.remembered.length < mostRemembered) this.remembered.push(window)
  }

  at(now: number): W {
    const { latest } = this
    return latest !== undefined && holds(latest, now) ? latest : this.turnTo(now)
  }

  private turnTo(now: number): W {
    const i = this.remembered.findIndex((window) => holds(window, now))
    const window = i >= 0
      ? this.remembered.splice(i, 1)[0]!
      // Before everything that is remembered, the clock was wrong or is: that grants nothing anew.
      : this.open(
        spanAt(this.length, now),
        this.remembered.every(({ start }) => start > now) ? this.earliest : undefined
      )
    this.remembered.push(window)
    if (this.remembered.length > mostRemembered) {
      // One in which nothing was spent is the one that nobody misses.
      const untouched = this.remembered.findIndex((each) => each !== window && each.isUntouched)
      this.remembered.splice(Math.max(untouched, 0), 1)
    }
    return window
  }

  private get earliest(): W | undefined {
    return this.remembered.reduce<W | undefined>(
      (first, window) => first === undefined || window.start < first.start ? window : first,
      undefined
    )
  }
}

/** Whether it was over when the other one began, so that nothing of it belongs there. */
export const isOverBefore = ({ end }: Span, { start }: Span): boolean => end <= start

const holds = ({ end, start }: Span, now: number): boolean => now >= start && now < end

/** The one that the clock is in, and four others. */
const mostRemembered = 5
