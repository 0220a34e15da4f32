/**
 * The guards of one thing that is made from a file. They enter the registry when the file takes over, after those that
 * they replace have left: so a guard of a name keeps its id, and its metrics and its place on a page with it.
 */
import type * as Registry from "@switchgear/core/Registry"

interface Held {
  readonly entry: Registry.Entry
  leave: (() => void) | undefined
}

export class HeldEntries {
  /** For the making of the guards. */
  readonly registry: Registry.Registry
  private readonly around: Registry.Registry
  private readonly held = new Set<Held>()
  private isIn = false

  constructor(around: Registry.Registry) {
    this.around = around
    this.registry = { ...around, enter: (entry) => this.hold(entry) }
  }

  /** The guards are now in the registry. */
  enter(): void {
    this.isIn = true
    for (const held of this.held) held.leave ??= this.around.enter(held.entry)
  }

  /** They are no longer, though calls in flight still go through them. */
  leave(): void {
    this.isIn = false
    for (const held of this.held) held.leave?.()
    this.held.clear()
  }

  private hold(entry: Registry.Entry): () => void {
    const held: Held = { entry, leave: this.isIn ? this.around.enter(entry) : undefined }
    this.held.add(held)
    return () => {
      this.held.delete(held)
      held.leave?.()
    }
  }
}
