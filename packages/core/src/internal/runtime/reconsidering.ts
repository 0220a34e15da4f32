/**
 * Races that calculate anew how long their newest target has, because what that depends on has changed while it runs: a
 * caller has joined who waits for less time than those before.
 */
import * as Context from "effect/Context"

/**
 * The races of one run, which calculate anew when they are told.
 *
 * @since 0.1.0
 * @category models
 */
export class Reconsidering {
  private readonly races = new Set<() => void>()

  /** Calls `race` each time until what is returned is called. */
  join(race: () => void): () => void {
    this.races.add(race)
    return () => void this.races.delete(race)
  }

  /** All of them calculate anew, in this step. */
  now(): void {
    for (const race of this.races) race()
  }
}

/**
 * What the races of a run join; undefined where nothing changes while it runs.
 *
 * @since 0.1.0
 * @category references
 */
export const CurrentReconsidering = Context.Reference<Reconsidering | undefined>(
  "@switchgear/core/internal/runtime/reconsidering/CurrentReconsidering",
  { defaultValue: () => undefined }
)
