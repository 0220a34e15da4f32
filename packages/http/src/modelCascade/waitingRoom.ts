/**
 * The requests that all models have refused or failed, and that wait to ask them again: so many at once, each for so long.
 *
 * A slot that is free again goes to the request that came first of those that a full bulkhead has refused: the end of an
 * answer wakes it. So new requests do not overtake those that wait. All others ask again after a while of their own, and so
 * does a woken one that finds no slot.
 */
import * as Bulkhead from "@switchgear/core/Bulkhead"
import * as Outcome from "@switchgear/core/Outcome"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { untried } from "../chatModel/attemptCounter.ts"
import type { Tried } from "../chatModel/model.ts"

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
  /** Ends the wait of a request for which a slot would do; undefined while there is none. */
  wake: (() => void) | undefined
  /** Whether it was woken for a slot that it has not yet found taken. */
  isWoken = false

  constructor(room: WaitingRoom, now: number) {
    this.room = room
    this.since = now
    this.until = now + room.maxWait
  }

  /** Whether a model was called for this request in a round before. */
  get hasCalled(): boolean {
    return this.calls > 0
  }

  /** Waits for so many milliseconds; after a full bulkhead, for less if an answer ends before. */
  wait(errors: ReadonlyArray<unknown>, millis: number): Effect.Effect<void> {
    if (!errors.some(isFull)) return Effect.sleep(millis)
    const woken = Effect.callback<void>((resume) => {
      this.wake = () => resume(Effect.void)
      return Effect.sync(() => {
        this.wake = undefined
      })
    })
    return Effect.asVoid(Effect.timeoutOption(woken, millis))
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
    this.isWoken = false
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
  private readonly size: number
  /** Of those who wait, in the order in which they came. */
  private readonly places = new Set<Place>()

  constructor(size: number, maxWait: number) {
    this.size = size
    this.maxWait = maxWait
  }

  /** Places that are taken. */
  get taken(): number {
    return this.places.size
  }

  /** Undefined when all places are taken. */
  enter(now: number): Place | undefined {
    if (this.taken >= this.size) return undefined
    const place = new Place(this, now)
    this.places.add(place)
    return place
  }

  leave(place: Place | undefined): void {
    if (place !== undefined) this.places.delete(place)
  }

  /** A slot may be free. Wakes the first that waits for its slot. */
  freed(): void {
    for (const place of this.places) {
      const { wake } = place
      if (wake === undefined) continue
      place.wake = undefined
      place.isWoken = true
      return wake()
    }
  }
}

/** The slot of a stream, which is held until the stream ends. */
export class SlotOfStream {
  /** To be added before the slot is taken, so that it is run when that is given back. */
  readonly whenFreed: Effect.Effect<void, never, Scope.Scope>
  private tried = untried

  constructor(room: WaitingRoom) {
    this.whenFreed = Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (this.tried.attempts > 0) room.freed()
      })
    )
  }

  /** The models are asked. */
  readonly begun = (tried: Tried): void => {
    this.tried = tried
  }
}

const isFull = (error: unknown): boolean => error instanceof Bulkhead.BulkheadFull

/** Whether the model, or a guard of it, would fail the request in the same way again. */
export const isLasting = (error: unknown): boolean => !Outcome.isRetryable(error)
