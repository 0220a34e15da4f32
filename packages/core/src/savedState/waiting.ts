/**
 * States whose guards have not been made yet in this process. Each waits until its guard is made, and is part of what is
 * saved meanwhile: a key that has no call in one process keeps its state for the next.
 *
 * Invariant: a state waits in one process no longer than `keepFor`, and is saved no more once it is older than that. So a
 * key that nobody uses any more is forgotten.
 */
import type { Registry } from "../Registry.ts"
import type { SavedGuard } from "./model.ts"
import { plainJson } from "./plainJson.ts"

/** A state that is saved again, with its age, and about how many characters its text has. */
export interface Again {
  readonly guard: SavedGuard
  readonly size: number
}

const waiting = new WeakMap<Registry, Set<Waiting>>()

export const keyOf = (kind: string, id: string): string => JSON.stringify([kind, id])

export class Waiting {
  private readonly guards: Map<string, SavedGuard>
  private readonly age: () => number
  private readonly until: number
  private readonly keepFor: number

  /** `age` tells the milliseconds since all of them were saved. */
  constructor(guards: ReadonlyArray<SavedGuard>, age: () => number, keepFor: number) {
    this.guards = new Map(guards.map((guard) => [keyOf(guard.kind, guard.id), guard]))
    this.age = age
    this.keepFor = keepFor
    this.until = age() + keepFor
  }

  /** Takes the state for a guard of this kind, id and name, if there is one. */
  take(kind: string, id: string, name: string): SavedGuard | undefined {
    this.forget()
    const key = keyOf(kind, id)
    const guard = this.guards.get(key)
    if (guard === undefined || (guard.name ?? id) !== name) return undefined
    this.guards.delete(key)
    return guard
  }

  /** Its states are saved with the registry. The answer ends that. */
  joins(registry: Registry): () => void {
    const all = waiting.get(registry) ?? new Set()
    waiting.set(registry, all.add(this))
    return () => void all.delete(this)
  }

  *again(): Generator<SavedGuard> {
    this.forget()
    const age = this.age()
    for (const guard of this.guards.values()) {
      const whole = age + (guard.age ?? 0)
      if (whole <= this.keepFor) yield { ...guard, age: whole }
    }
  }

  private forget(): void {
    if (this.age() > this.until) this.guards.clear()
  }
}

/** What waits for guards that are not there. */
export function* waitingIn(registry: Registry): Generator<Again> {
  const told = new Set<string>()
  for (const one of waiting.get(registry) ?? []) {
    for (const guard of one.again()) {
      const key = keyOf(guard.kind, guard.id)
      if (told.has(key) || registry.find(guard.kind, guard.id) !== undefined) continue
      told.add(key)
      const plain = plainJson(guard.state, Infinity)
      if (typeof plain === "object") yield { guard, size: plain.size }
    }
  }
}
