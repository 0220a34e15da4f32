/**
 * What a node has its fleet do with a circuit: from when that is commanded, or the circuit opens, until the fleet has done it.
 *
 * Invariants
 * - What is commanded is told in the order of the commands, and no opening replaces a command.
 * - What was told is told again where its message may be lost, and not any more once the fleet is what was wished for: it would undo
 *   what somebody commands from then on. To close is told again only where the fleet is known to be what it was before.
 * - What the calls of this node say replaces no command to open, and a shorter end no later one.
 */
import type { State } from "../circuitBreaker/model.ts"
import type { FleetState, Wish } from "../ClusterStore.ts"

/** Why a node opens its circuit. */
export type Opening = "tripped" | "failedInRow" | "open"

export class Orders {
  /** A command of this node that is not told yet. */
  private commanded: "forceOpen" | "close" | "nothing" = "nothing"
  /** An opening of this node that is not told yet, and came after that command. */
  private opening: Opening | "nothing" = "nothing"
  private openingUntil = 0
  /** What the last message wished for, as long as nothing was heard of that the store has done so. */
  private underWay: Wish = "nothing"
  private underWayUntil = 0
  /** Whether a command to close may be lost. */
  isCloseLost = false

  /** What is told first: each holds in the state that the one before leaves. */
  get wish(): Wish {
    return this.commanded !== "nothing" ? this.commanded : this.opening
  }

  /** Whether nothing is left to tell, and no opening is under way. */
  get isDone(): boolean {
    return this.wish === "nothing" && !isOpening(this.underWay)
  }

  open(by: Opening, until: number): void {
    this.openingUntil = this.opening === "nothing" ? until : Math.max(until, this.openingUntil)
    if (this.opening !== "open") this.opening = by
  }

  command(wish: "forceOpen" | "close"): void {
    this.commanded = wish
    this.opening = this.underWay = "nothing"
    this.isCloseLost = false
  }

  /** What is told now, and for how long the fleet opens, in milliseconds. It is under way from here on. */
  tell(now: number): { readonly wish: Wish; readonly openFor: number } {
    // It would have all nodes try a target that the others found well.
    if (this.openingUntil <= now) this.opening = "nothing"
    const { wish } = this
    this.underWay = wish
    this.underWayUntil = this.openingUntil
    if (this.commanded !== "nothing") this.commanded = "nothing"
    else this.opening = "nothing"
    return { wish, openFor: Math.max(0, this.openingUntil - now) }
  }

  /** Nobody waits for the answer any more. What does no harm twice is wished for again, and what does once that is known. */
  unanswered(circuit: State): void {
    if (this.underWay === "close") this.isCloseLost = true
    else this.wishAgain(circuit)
  }

  /** For a circuit in that state, what was told last. What came after it is not replaced. */
  wishAgain(circuit: State): void {
    const { underWay } = this
    if (this.commanded !== "nothing") return
    // An opening that came since is told after it.
    if (underWay === "forceOpen" || underWay === "close") this.commanded = underWay
    else if (circuit === "Open" && isOpening(underWay) && (this.opening === "nothing" || underWay === "open")) {
      this.opening = underWay
      this.openingUntil = Math.max(this.openingUntil, this.underWayUntil)
    }
  }

  /** The fleet is what it was when it was commanded to close. */
  closeAgain(): void {
    this.isCloseLost = false
    if (this.commanded === "nothing") this.commanded = "close"
  }

  /** The store was away when it was commanded to close, or the node has left: that is told to nobody. */
  giveUpClose(): void {
    this.isCloseLost = false
  }

  /** The fleet is in another epoch. What the calls of one say means nothing in the next one. */
  changed(state: FleetState, until: number): void {
    if (this.opening !== "open") this.opening = "nothing"
    if (this.isDoneBy(state, until)) {
      if (this.commanded === this.underWay) this.commanded = "nothing"
      if (this.opening === this.underWay) this.opening = "nothing"
      this.underWay = "nothing"
    }
    this.isCloseLost = false
  }

  private isDoneBy(state: FleetState, until: number): boolean {
    const { underWay } = this
    if (underWay === "open") return state === "Open" && until >= Math.max(this.openingUntil, this.underWayUntil)
    return underWay === "forceOpen" ? state === "ForcedOpen" : underWay === "close" && state === "Closed"
  }
}

const isOpening = (wish: Wish): wish is Opening => wish === "tripped" || wish === "failedInRow" || wish === "open"
