/** State that was exported, and what becomes of it where it is restored. */
import * as SavedState from "@switchgear/core/SavedState"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { RestoredState } from "./model.ts"

/** What was exported, or its JSON, as a value. Undefined where nothing was exported. */
export const exportedIn = (given: unknown): unknown => {
  if (typeof given !== "string") return given ?? undefined
  try {
    return JSON.parse(given) ?? undefined
  } catch {
    throw new TypeError("restoreState: The text is no JSON. It must be what JSON.stringify made of exportState().")
  }
}

export const nothingRestored: RestoredState = { age: 0, restored: [], ignored: [] }

/** Restores the guards that are there. */
export const restored = (state: unknown, sync: <A>(effect: Effect.Effect<A>) => A): RestoredState => {
  const report = sync(Effect.result(SavedState.restore(state)))
  if (Result.isFailure(report)) throw new TypeError(`restoreState: ${report.failure.message}`)
  return { ...report.success, age: Duration.toMillis(report.success.age) }
}
