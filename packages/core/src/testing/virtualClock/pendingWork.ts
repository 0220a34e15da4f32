/**
 * Work that a program has begun outside of its fibers, such as a hash in the thread pool, and that has not ended. Time
 * stands still while there is any.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { StackTrace, type Trace } from "./trace.ts"

/** One piece of work. */
export interface Piece {
  /** What it is, such as `FSREQCALLBACK`. */
  readonly what: string
  /** Where it was begun. */
  readonly begun: Trace
  /**
   * How time waits for it: until it tells its end, by turns of the event loop for what ends within a few and may be
   * cancelled without a notice, or not at all.
   */
  readonly wait: "end" | "turns" | "none"
  /** Whether it ends when the machine likes, so that several of them end in an order of chance. */
  readonly races: boolean
  /** How long it takes in real time, for a timer; 0 for what no time must pass in; not known for what comes unasked. */
  readonly millis?: number | undefined
  /** Whether it has ended without a notice. */
  readonly isOver: () => boolean
}

/**
 * What time has to wait for: nothing, one more turn of the event loop, work that tells when it has ended, or the release
 * of the fibers that such work has woken.
 */
export type Wait = "nothing" | "turn" | "work" | "release"

export class PendingWork {
  /** That of the play that this one is part of. */
  readonly around: PendingWork | undefined
  private readonly pieces = new Set<Piece>()
  private readonly holds = new Set<Piece>()
  /** Those that time does not wait for, kept to be told, with the virtual time at which they were begun. */
  private readonly besides = new Map<Piece, number>()
  private now = 0
  private owed = false
  private racing = false
  /** What calls back at the moment, where the program is expected to wait for nothing of the kind. */
  waking: Pick<Piece, "what" | "begun"> | undefined
  /** Called when the last piece has ended. */
  onIdle: () => void = () => {}
  /** Called when something that time does not wait for comes at another virtual time than it would by its clock. */
  onUntimely: (piece: Piece) => void = () => {}

  constructor(around?: PendingWork) {
    this.around = around
  }

  begin(piece: Piece): void {
    if (piece.wait === "none") {
      if (this.besides.size === mostBesides) this.besides.delete(this.besides.keys().next().value!)
      this.besides.set(piece, this.now)
    } else {
      this.pieces.add(piece)
      this.racing ||= piece.races
    }
    this.around?.begin(piece)
  }

  end(piece: Piece): void {
    const begun = this.besides.get(piece)
    if (begun !== undefined) {
      this.besides.delete(piece)
      if (begun !== this.now) this.onUntimely(piece)
    }
    if (this.pieces.delete(piece) && this.pieces.size === 0) this.onIdle()
    this.around?.end(piece)
  }

  /** Something comes of a piece that goes on. It may come unasked to a program that holds time until then. */
  hear(piece: Piece): void {
    const last = this.besides.get(piece)
    const isTimely = last === undefined || last === this.now || (piece.millis === undefined && this.holds.size > 0)
    if (!isTimely) this.onUntimely(piece)
    this.besides.set(piece, this.now)
    this.around?.hear(piece)
  }

  hold(piece: Piece): void {
    this.holds.add(piece)
    this.around?.hold(piece)
  }

  release(piece: Piece): void {
    if (this.holds.delete(piece) && this.holds.size === 0) this.onIdle()
    this.around?.release(piece)
  }

  /** Something may come in the next turn of the event loop. */
  expectTurn(): void {
    this.owed = true
    this.around?.expectTurn()
  }

  /** Virtual time has moved. */
  movedTo(now: number): void {
    this.now = now
    if (this.besides.size === 0) return
    for (const [piece, begun] of this.besides) {
      if (piece.isOver()) this.besides.delete(piece)
      else if (now - begun > (piece.millis ?? Infinity)) {
        this.besides.delete(piece)
        this.onUntimely(piece)
      }
    }
  }

  get owesTurn(): boolean {
    return this.owed
  }

  /** Whether fibers that the event loop wakes wait for each other, so that their order is not that of chance. */
  get isRacing(): boolean {
    return this.racing
  }

  /** Asked when all fibers rest. */
  next(): Wait {
    if (this.owed) {
      this.owed = false
      return "turn"
    }
    if (this.pieces.size > 0) {
      let isBrief = false
      for (const piece of this.pieces) {
        if (piece.isOver()) this.pieces.delete(piece)
        else isBrief ||= piece.wait === "turns"
      }
      if (isBrief) return "turn"
      if (this.pieces.size > 0) return "work"
    }
    if (this.racing) {
      this.racing = false
      return "release"
    }
    return this.holds.size > 0 ? "work" : "nothing"
  }

  /** The pieces that have not ended. */
  get all(): ReadonlyArray<Piece> {
    return [...this.holds, ...this.pieces, ...this.besides.keys()].filter((piece) => !piece.isOver())
  }
}

// Timers that are cancelled tell nobody: only the latest are kept.
const mostBesides = 100

/** The pending work of the virtual time in which a fiber runs. */
export const CurrentWork = Context.Reference<PendingWork | undefined>(
  "@switchgear/core/testing/VirtualClock/PendingWork",
  { defaultValue: () => undefined }
)

/** Makes virtual time wait for an effect. Outside of virtual time, it is the effect itself. */
export const holding = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const begun = new StackTrace()
  return Effect.withFiber((fiber) => {
    const work = fiber.getRef(CurrentWork)
    if (work === undefined) return effect
    // The fiber that ends it may not wait for it.
    const piece: Piece = { what: "VirtualClock.hold", begun, wait: "end", races: false, isOver: () => false }
    return Effect.acquireUseRelease(
      Effect.sync(() => work.hold(piece)),
      () => effect,
      () => Effect.sync(() => work.release(piece))
    )
  })
}
