/** All guards of a gateway as they are at one moment, found by kind and name: there may be hundreds of models with six each. */
import type * as Registry from "@switchgear/core/Registry"

export class Guards {
  private readonly kinds = new Map<string, Map<string, Registry.Snapshot>>()
  private readonly history: ReadonlyArray<Registry.Event>

  /** `history` has the oldest change first. */
  constructor(snapshots: ReadonlyArray<Registry.Snapshot>, history: ReadonlyArray<Registry.Event>) {
    this.history = history
    for (const [tag, ofKind] of Map.groupBy(snapshots, ({ kind }) => kind)) {
      this.kinds.set(tag, new Map(ofKind.map((one) => [one.id, one])))
    }
  }

  /** Those of one kind, sorted by id. */
  of<Self, S>({ tag }: Registry.Kind<Self, S>): ReadonlyArray<Registry.Snapshot<S>> {
    const guards = [...this.kinds.get(tag)?.values() ?? []] as Array<Registry.Snapshot<S>>
    return guards.sort((a, b) => a.id < b.id ? -1 : 1)
  }

  find<Self, S>({ tag }: Registry.Kind<Self, S>, id: string): Registry.Snapshot<S> | undefined {
    return this.kinds.get(tag)?.get(id) as Registry.Snapshot<S> | undefined
  }

  /** The last change of a guard that is still known. */
  lastChangeOf<Self, S>({ tag }: Registry.Kind<Self, S>, id: string): Registry.Event | undefined {
    return this.history.findLast((event) => event.kind === tag && event.id === id)
  }
}
