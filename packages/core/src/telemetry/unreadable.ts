/**
 * The guards that could not be read when they were registered. Nothing says when one can be read, so that each scrape tries
 * again: by a gauge for each kind, which is there only as long as there are such guards.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Publication } from "./publisher.ts"
import { showSeries } from "./shownSeries.ts"

type Publish = () => void

export class Unreadable {
  private readonly context: Context.Context<never>
  private readonly kinds = new Map<string, { readonly waiting: Set<Publish>; readonly hide: () => void }>()

  constructor(context: Context.Context<never>) {
    this.context = context
  }

  /** Tries `publish`, which throws while it is in vain, on each scrape and when the guard grows. */
  add(tag: string, publish: Publish): Publication {
    this.waitingOf(tag).add(publish)
    return { grow: () => this.retry(tag, publish), retract: () => this.remove(tag, publish) }
  }

  close(): void {
    for (const { hide } of this.kinds.values()) hide()
  }

  private waitingOf(tag: string): Set<Publish> {
    const known = this.kinds.get(tag)
    if (known !== undefined) return known.waiting
    const waiting = new Set<Publish>()
    const gauge = Metric.gauge("switchgear_unpublished_guards", {
      description: "Guards that have no metrics, because they have not been readable yet.",
      attributes: { kind: tag }
    })
    const hide = showSeries(gauge, this.context, () => {
      for (const publish of waiting) this.retry(tag, publish)
      return { value: waiting.size }
    })
    this.kinds.set(tag, { waiting, hide })
    return waiting
  }

  private retry(tag: string, publish: Publish): void {
    try {
      publish()
    } catch {
      return
    }
    this.remove(tag, publish)
  }

  private remove(tag: string, publish: Publish): void {
    const kind = this.kinds.get(tag)
    if (kind === undefined || !kind.waiting.delete(publish) || kind.waiting.size > 0) return
    kind.hide()
    this.kinds.delete(tag)
  }
}
