/** Saves and restores the guards of a registry, each in one synchronous step. What the code of a kind throws is logged. */
import type * as Clock from "effect/Clock"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { report } from "../internal/runtime/callBack.ts"
import type { Registered, Registry } from "../Registry.ts"
import type { NotRestored } from "../registry/kind.ts"
import { InvalidSavedState } from "./InvalidSavedState.ts"
import { type GuardId, type SavedState, savedState } from "./model.ts"
import { plainJson } from "./plainJson.ts"

/** About how many characters a saved state has at most. */
const largest = 64_000_000

export const save = (registry: Registry, clock: Clock.Clock): SavedState => {
  const guards: Array<SavedState["guards"][number]> = []
  const leftOut: Array<GuardId> = []
  let left = largest
  for (const entry of registry.entries()) {
    const named = { kind: entry.kind.tag, id: entry.id }
    const saved = savedOf(entry, clock, left)
    if (saved === undefined) continue
    if (saved === "left-out") {
      leftOut.push(named)
      continue
    }
    // What the names and the braces take, and whether the guard is left out, is part of the whole.
    left -= saved.size + named.kind.length + named.id.length + 64
    if (left < 0) leftOut.push(named)
    else guards.push({ ...named, state: saved.json })
  }
  return { version: 1, savedAt: clock.currentTimeMillisUnsafe(), guards, leftOut }
}

const savedOf = ({ guard, kind: { saving } }: Registered, clock: Clock.Clock, most: number) => {
  if (saving === undefined) return undefined
  try {
    const state = saving.save(guard, clock)
    if (state === undefined) return undefined
    const plain = plainJson(state, most)
    if (plain === "not-json") throw new TypeError("The state that a kind saves must be plain JSON.")
    return plain === "too-large" ? "left-out" : plain
  } catch (defect) {
    report(defect)
    return "left-out"
  }
}

const stateIn = Schema.decodeUnknownOption(savedState)

/** The saved state in what may be anything. */
export const read = (given: unknown): SavedState | InvalidSavedState => {
  const plain = plainJson(given, 2 * largest)
  if (typeof plain === "string") return new InvalidSavedState({ reason: plain })
  const state = Option.getOrUndefined(stateIn(plain.json))
  return state ?? new InvalidSavedState({ reason: isOfOtherVersion(plain.json) ? "version" : "malformed" })
}

const isOfOtherVersion = (json: Schema.Json): boolean =>
  typeof json === "object" && json !== null && "version" in json && json.version !== 1

/** Milliseconds since the saving; zero where the clock has gone back. */
export const ageOf = ({ savedAt }: SavedState, clock: Clock.Clock): number =>
  Math.max(0, clock.currentTimeMillisUnsafe() - savedAt)

/** Puts a state into a guard that is registered. */
export const restore = (
  entry: Registered | undefined,
  state: Schema.Json,
  age: number,
  clock: Clock.Clock
): "restored" | NotRestored => {
  if (entry === undefined) return "not-registered"
  const { guard, kind: { saving } } = entry
  if (saving === undefined) return "not-saved"
  try {
    return saving.restore(guard, state, age, clock)
  } catch (defect) {
    report(defect)
    return "failed"
  }
}
