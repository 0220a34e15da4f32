/** Guards that were made outside a scope, and are therefore not in the registry. How many kinds there are bounds the memory. */

/**
 * Guards of one kind that were not added to the registry, because they were made outside a scope.
 *
 * @since 0.1.0
 * @category models
 */
export interface PassedOver {
  /** The tag of the kind. */
  readonly kind: string
  /** The name of the first one. */
  readonly name: string
  readonly count: number
}

export class PassedOverGuards {
  private readonly kinds = new Map<string, PassedOver>()

  add(kind: string, name: string): void {
    const { count, name: first } = this.kinds.get(kind) ?? { count: 0, name }
    this.kinds.set(kind, { kind, name: first, count: count + 1 })
  }

  get all(): ReadonlyArray<PassedOver> {
    return [...this.kinds.values()]
  }
}
