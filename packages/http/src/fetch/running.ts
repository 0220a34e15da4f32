/**
 * The calls that have not ended. Each is ended by time-outs of its own, except on a platform that ends these as well: on Cloudflare
 * Workers nothing of a request goes on after its response. Such a call would hold its slot for ever, so a later one ends it.
 */

/** A call, as far as its time is watched. */
export interface Watched {
  /** Is another number whenever something has happened. */
  readonly progress: number
  /** After how many milliseconds without progress its own time-outs have ended it. */
  readonly patience: number
  readonly leave: (reason: unknown) => Promise<void>
}

interface Seen {
  progress: number
  /** When it was seen first, in monotonic milliseconds. */
  since: number
  /** When it was seen that its time is over. */
  overdueSince: number | undefined
}

/** How many calls a new one looks at. They take turns. */
const looks = 2

/** Where the whole process stood still, time-outs are late, and answers that came may be read first. */
const grace = 5000

export class Running<Call extends Watched> {
  private readonly all = new Map<Call, Seen>()

  get calls(): ReadonlyArray<Call> {
    return [...this.all.keys()]
  }

  add(call: Call, now: number): void {
    this.all.set(call, { progress: call.progress, since: now, overdueSince: undefined })
  }

  delete(call: Call): void {
    this.all.delete(call)
  }

  /** Ends those that nothing else ends any more, of the few that were not looked at for the longest time. */
  look(now: number, reason: () => unknown): void {
    let left = Math.min(looks, this.all.size)
    for (const [call, seen] of this.all) {
      if (left-- === 0) break
      this.all.delete(call)
      if (isOverdue(call, seen, now)) call.leave(reason()).catch(noop)
      else this.all.set(call, seen)
    }
  }
}

/** One that is overdue twice, with time between to end by itself. */
const isOverdue = ({ patience, progress }: Watched, seen: Seen, now: number): boolean => {
  if (progress !== seen.progress) Object.assign(seen, { progress, since: now, overdueSince: undefined })
  if (now - seen.since <= patience) return false
  seen.overdueSince ??= now
  return now - seen.overdueSince >= grace
}

const noop = (): void => {}
