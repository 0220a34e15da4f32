/** What a node makes time wait for: as long as it lives, and while it is not paused. */
import { PendingWork, type Piece } from "../virtualClock/pendingWork.ts"

export class LifeWork extends PendingWork {
  private readonly held = new Set<Piece>()
  private isPaused = false

  override hold(piece: Piece): void {
    this.held.add(piece)
    if (!this.isPaused) super.hold(piece)
  }

  override release(piece: Piece): void {
    this.held.delete(piece)
    super.release(piece)
  }

  /** A node that stands still cannot release anything, so that time would never get to the end of its pause. */
  pause(): void {
    this.isPaused = true
    for (const piece of this.held) super.release(piece)
  }

  resume(): void {
    this.isPaused = false
    for (const piece of this.held) super.hold(piece)
  }
}
