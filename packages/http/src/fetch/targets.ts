/** The targets by their names, and which of them is forgotten when there are too many. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Target } from "./target.ts"

/** How many are looked at for one that can be forgotten. */
const looks = 16

export class Targets {
  /** In the order of their use. */
  private readonly all = new Map<string, Target>()
  private readonly capacity: number
  private readonly make: (name: string) => Target
  private readonly isOpen: (target: Target) => boolean

  constructor(capacity: number, make: (name: string) => Target, isOpen: (target: Target) => boolean) {
    this.capacity = capacity
    this.make = make
    this.isOpen = isOpen
  }

  /** The target of a name, as a use of it. */
  use(name: string): Target {
    const kept = this.all.get(name)
    const target = kept ?? this.make(name)
    if (kept !== undefined) this.all.delete(name)
    else if (this.all.size >= this.capacity) this.forgetOne()
    this.all.set(name, target)
    return target
  }

  get entries(): ReadonlyArray<Target> {
    return [...this.all.values()]
  }

  /** One that is busy counts as used. One that is open goes if there is no other: what it knows is of use for a while only. */
  private forgetOne(): void {
    let open: Target | undefined
    const eldest = this.all.values()
    for (let look = 0; look < looks; look++) {
      const target = eldest.next().value
      if (target === undefined) break
      if (target.inFlight > 0) {
        this.all.delete(target.name)
        this.all.set(target.name, target)
      } else if (!this.isOpen(target)) return this.forget(target)
      else open ??= target
    }
    if (open !== undefined) this.forget(open)
  }

  private forget(target: Target): void {
    this.all.delete(target.name)
    close(target)
  }

  closeAll(): void {
    for (const target of this.all.values()) close(target)
    this.all.clear()
  }
}

const close = ({ scope }: Target): void => Effect.runSync(Scope.close(scope, Exit.void))
