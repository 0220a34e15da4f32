/** The requests that all models have refused or failed, and that wait to ask them again: so many at once, each for so long. */
import * as Outcome from "@switchgear/core/Outcome"
import * as Duration from "effect/Duration"

/** How long is waited before a round, where nothing is known: neither what errors ask for, nor what answers take. */
const unknown = 100
/** The longest wait before a round that no error asks for, unless it has waited for much longer. */
const longest = 1000
/** Milliseconds for each that waits: all of them together ask a thousand times a second at most. */
const each = 1
/** The part of the time that it has waited which it waits at least once more: whoever waits for long asks ever more rarely. */
const part = 1 / 16

/** The place of one request. It is kept between the rounds, until the request has its answer. */
export class Place {
  /** When it ends, in monotonic milliseconds. */
  readonly until: number
  private readonly room: WaitingRoom
  private readonly since: number
  private calls = 0
  /** Rounds in which a model was called, in vain. */
  private inVain = 0

  constructor(room: WaitingRoom, now: number) {
    this.room = room
    this.since = now
    this.until = now + room.maxWait
  }

  /**
   * The wait before the next round, in milliseconds: until the first of the models may answer. A guard that rejects says when
   * to come again, or nothing: then it is half of what an answer `usually` takes, since a call that runs may end by then. It is
   * doubled by each round that has made a call, so that a model that fails is not hammered. Infinity where no model is
   * worth another call. `calls` are those so far, `now` is in monotonic milliseconds; `roll` is a random number from 0 to 1, so that those who wait do not come at once.
   */
  next(
    errors: ReadonlyArray<unknown>,
    calls: number,
    usually: number | undefined,
    now: number,
    roll: number
  ): number {
    if (calls > this.calls) this.inVain++
    this.calls = calls
    const usual = (usually === undefined ? unknown : usually / 2) * 2 ** this.inVain
    const own = Math.max(Math.min(longest, usual), (now - this.since) * part, this.room.taken * each)
    let first = Infinity
    for (const error of errors) {
      if (isLasting(error)) continue
      const asked = Outcome.retryAfter(error)
      first = Math.min(first, asked === undefined ? own * (0.5 + roll) : Duration.toMillis(asked) + own * roll)
    }
    return Math.max(1, first)
  }
}

export class WaitingRoom {
  readonly maxWait: number
  /** Places that are taken. */
  taken = 0
  private readonly size: number

  constructor(size: number, maxWait: number) {
    this.size = size
    this.maxWait = maxWait
  }

  /** Undefined when all places are taken. */
  enter(now: number): Place | undefined {
    if (this.taken >= this.size) return undefined
    this.taken++
    return new Place(this, now)
  }

  leave(place: Place | undefined): void {
    if (place !== undefined) this.taken--
  }
}

/** Whether the model, or a guard of it, would fail the request in the same way again. */
export const isLasting = (error: unknown): boolean => !Outcome.isRetryable(error)
