/**
 * What the log has of a store that is away: one line when it goes, and one when it is back. A store that comes and goes is not back before
 * it has answered for a while, so that the log has not two lines for each time.
 *
 * Circuits, limits and budgets have messages of their own, and most often they go and come back together: then the line is that of the
 * circuits. Where those are answered, and limits or budgets are not for longer than any pause between two tries, there is a line for them.
 * So there is where changes of circuits are not heard for that long.
 * All have the reason of the last message, in words.
 */
import * as Effect from "effect/Effect"

/** What is shared beside circuits, and since when the store does not answer for it, in milliseconds. */
export interface Part {
  readonly what: "limits" | "budgets"
  readonly awaySince: number | undefined
  /** Why, in words. */
  readonly silence: string
}

/** Since when changes of circuits are not heard, and until when that is known, in milliseconds; and why, in words. */
export interface Deafness {
  readonly since: number
  readonly until: number
  readonly silence: string
}

/** In milliseconds: longer than the longest pause between two tries, and a message after it. */
const longAway = 5000

/** In milliseconds: what fails again sooner was not back, be it the store or the hearing of changes. */
export const steadyAfter = 5000

export class AwayLog {
  private told: "nothing" | "all" | "parts" = "nothing"
  /** What was away before is counted from then on. */
  private backAt = -Infinity
  /** Since when it answers again, and its last answer. */
  private answersSince: number | undefined
  private answeredAt = 0
  /** Whether it went away soon after it had come back. */
  private comesAndGoes = false
  private isToldDeaf = false

  /** Whether changes of circuits are heard, while the store answers for these. */
  tellHearing(deafness: Deafness | undefined): Effect.Effect<void> {
    if (this.told === "all") return Effect.void
    if (deafness === undefined) {
      if (!this.isToldDeaf) return Effect.void
      this.isToldDeaf = false
      return Effect.logInfo("Changes of circuits of the fleet are heard again.")
    }
    if (this.isToldDeaf || deafness.until - Math.max(this.backAt, deafness.since) < longAway) return Effect.void
    this.isToldDeaf = true
    return Effect.logWarning(
      `The store of the fleet answers for circuits, and their changes are not heard (${deafness.silence}): this node learns of them later. Look at its log and what its user may do.`
    )
  }

  /**
   * `away` says why the circuits are, and is undefined where they are not. `isAnswered` says that their last message was answered.
   */
  tell(away: string | undefined, isAnswered: boolean, parts: Iterable<Part>, now: number): Effect.Effect<void> {
    const { told } = this
    if (away !== undefined) {
      if (this.answersSince !== undefined) {
        this.comesAndGoes = this.answeredAt - this.answersSince < steadyAfter
        this.answersSince = undefined
      }
      this.told = "all"
      return told === "all"
        ? Effect.void
        : Effect.logWarning(
          `The store of the fleet does not answer (${away}): shared circuits, limits and budgets go on by themselves.`
        )
    }
    if (isAnswered && this.answersSince !== undefined) this.answeredAt = now
    if (told === "all") {
      this.answersSince ??= this.answeredAt = now
      if (!isAnswered || this.comesAndGoes && now - this.answersSince < steadyAfter) return Effect.void
      this.told = "nothing"
      this.backAt = this.answersSince
      return Effect.logInfo("The store of the fleet answers again.")
    }
    const gone = [...parts].filter(({ awaySince }) => awaySince !== undefined)
    if (told === "parts") {
      if (gone.length > 0) return Effect.void
      this.told = "nothing"
      return Effect.logInfo("The store of the fleet answers again for limits and budgets.")
    }
    const isLong = gone.some(({ awaySince }) => now - Math.max(this.backAt, awaySince!) >= longAway)
    if (!isLong || !isAnswered) return Effect.void
    this.told = "parts"
    const whats = (["limits", "budgets"] as const).filter((name) => gone.some(({ what }) => what === name)).join(
      " and "
    )
    const silences = [...new Set(gone.map(({ silence }) => silence))].join("; ")
    return Effect.logWarning(
      `The store of the fleet answers for circuits, and not for ${whats} (${silences}): they go on by themselves. Look at its log and what its user may do.`
    )
  }
}
