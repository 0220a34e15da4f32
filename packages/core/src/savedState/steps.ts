/** Saves and restores the guards of a registry, each in one synchronous step. What the code of a kind throws is logged. */
import type * as Clock from "effect/Clock"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { report } from "../internal/runtime/callBack.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import type { Registered, Registry } from "../Registry.ts"
import type { NotRestored } from "../registry/kind.ts"
import { InvalidSavedState } from "./InvalidSavedState.ts"
import { type GuardId, type SavedGuard, type SavedState, savedState } from "./model.ts"
import { plainJson } from "./plainJson.ts"
import { waitingIn } from "./waiting.ts"

/** About how many characters a saved state has at most. */
const largest = 64_000_000

export const save = (registry: Registry, clock: Clock.Clock): SavedState => {
  // Read before all else: an opening must not seem younger than it is.
  const savedAt = clock.currentTimeMillisUnsafe()
  const guards: Array<SavedGuard> = []
  const leftOut: Array<GuardId> = []
  let left = largest
  const add = (guard: SavedGuard, size: number) => {
    // What the names and the braces take, and whether the guard is left out, is part of the whole.
    left -= size + guard.kind.length + guard.id.length + (guard.name?.length ?? 0) + 96
    if (left < 0) leftOut.push({ kind: guard.kind, id: guard.id })
    else guards.push(guard)
  }
  for (const entry of registry.entries()) {
    const named = { kind: entry.kind.tag, id: entry.id }
    const saved = savedOf(entry, clock, left)
    if (saved === undefined) continue
    if (saved === "left-out") leftOut.push(named)
    else add({ ...named, ...entry.name !== entry.id && { name: entry.name }, state: saved.json }, saved.size)
  }
  // What no guard has taken yet goes on waiting in the next process.
  for (const { guard, size } of waitingIn(registry)) add(guard, size)
  return { version: 1, savedAt, guards, leftOut }
}

const savedOf = ({ guard, kind: { saving } }: Registered, clock: Clock.Clock, most: number) => {
  if (saving === undefined) return undefined
  try {
    const state = saving.save(guard, clock)
    if (state === undefined) return saving.leavesOut?.(guard) === true ? "left-out" : undefined
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

/**
 * Tells the milliseconds since the saving; zero where the wall clock went back between the processes. From now on they are
 * counted by the monotonic clock: a wall clock that is set meanwhile makes nothing younger or older.
 */
export const agingFrom = ({ savedAt }: SavedState, clock: Clock.Clock): () => number => {
  const age = Math.max(0, clock.currentTimeMillisUnsafe() - savedAt)
  const from = monotonicMillis(clock)
  return () => age + Math.max(0, monotonicMillis(clock) - from)
}

/** Puts a state into a guard that is registered. `age` is that of the whole. */
export const restore = (
  entry: Registered | undefined,
  { age: before = 0, id, name = id, state }: SavedGuard,
  age: number,
  clock: Clock.Clock
): "restored" | NotRestored => {
  if (entry === undefined) return "not-registered"
  if (entry.name !== name) return "other-name"
  const { guard, kind: { saving } } = entry
  if (saving === undefined) return "not-saved"
  try {
    return saving.restore(guard, state, age + before, clock)
  } catch (defect) {
    report(defect)
    return "failed"
  }
}
