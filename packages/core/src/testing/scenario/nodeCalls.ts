/** Records the calls that customers make to one node. */
import type { Timelines } from "./timelines.ts"
import { type Ending, Visit } from "./visit.ts"
import type { Recent, Watch } from "./watch.ts"

export class NodeCalls {
  readonly timelines: Timelines
  private readonly recent: Recent
  private readonly watches: ReadonlyArray<Watch>

  constructor(timelines: Timelines, watches: ReadonlyArray<Watch>, recent: Recent) {
    this.timelines = timelines
    this.recent = recent
    this.watches = watches
  }

  /** A call for the customer of this index is made. */
  begun(index: number, at: number): Visit {
    const call = new Visit(index, at, this.timelines.at(at))
    call.reached = 1
    for (const counts of call.counts) counts.calls++
    return call
  }

  ended(call: Visit, ending: Ending): void {
    call.end(ending)
    for (const watch of this.watches) watch.settled(call)
    this.recent.add(call)
  }
}
