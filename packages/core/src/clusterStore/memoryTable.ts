/** What Redis keeps of a fleet, in memory: the same calls with the same answers. */
import type { BookingAnswer, BookingCall } from "./bookingModel.ts"
import { book, type BookingRecord } from "./bookingRules.ts"
import type { BudgetAnswer, BudgetCall } from "./budgetModel.ts"
import { type BudgetRecord, shareOut } from "./budgetRules.ts"
import { type CircuitCall, type CircuitReply, keptFor } from "./circuitCall.ts"
import type { CircuitAnswer, CircuitEvent } from "./circuitModel.ts"
import { type CircuitRecord, decide } from "./circuitRules.ts"

interface Kept {
  readonly record: CircuitRecord
  readonly until: number
}

interface KeptLimit {
  readonly record: BookingRecord
  readonly until: number
}

interface KeptBudget {
  readonly record: BudgetRecord
  readonly until: number
}

/** All that a table has, at one time. */
export interface Copy {
  readonly nodes: ReadonlyMap<string, number>
  readonly circuits: ReadonlyMap<string, Kept>
  readonly limits: ReadonlyMap<string, KeptLimit>
  readonly budgets: ReadonlyMap<string, KeptBudget>
  readonly sequence: number
}

export class MemoryTable {
  private readonly nodes: Map<string, number>
  private readonly circuits: Map<string, Kept>
  private readonly limits: Map<string, KeptLimit>
  private readonly budgets: Map<string, KeptBudget>
  private sequence: number

  constructor(copy?: Copy) {
    this.nodes = new Map(copy?.nodes)
    this.circuits = new Map(copy?.circuits)
    this.limits = new Map(copy?.limits)
    this.budgets = new Map(copy?.budgets)
    this.sequence = copy?.sequence ?? 0
  }

  /** What is kept is never changed, but replaced. */
  copy(): Copy {
    const { budgets, circuits, limits, nodes, sequence } = this
    return {
      nodes: new Map(nodes),
      circuits: new Map(circuits),
      limits: new Map(limits),
      budgets: new Map(budgets),
      sequence
    }
  }

  circuit(name: string): CircuitRecord | undefined {
    return this.circuits.get(name)?.record
  }

  /** Answers a call that arrives at a time, in whole microseconds. `publish` gets each change. */
  callCircuits(call: CircuitCall, micros: number, publish: (event: CircuitEvent) => void): CircuitReply {
    const { circuits, goneAfter, holdFor, longestWay, node, said } = call
    const now = Math.floor(micros / 1000)
    const isLate = said > 0 && now - said > longestWay
    const nodes = this.heardOf(node, now, goneAfter)
    const answers = circuits.map(([circuit, message]): CircuitAnswer => {
      const kept = this.circuits.get(circuit)
      const known = kept === undefined || now >= kept.until ? undefined : kept.record
      const { answer, event, record } = decide(known, message, { node, nodes, now, micros, isLate, holdFor })
      const left = record.state === "Open" ? Math.max(0, record.until - now) : 0
      this.circuits.set(circuit, { record, until: now + keptFor + left })
      if (event !== undefined) publish({ ...event, circuit, sequence: ++this.sequence })
      return answer
    })
    return { now, nodes, sequence: this.sequence, circuits: answers }
  }

  /** The same about limits. */
  callLimits(call: BookingCall, micros: number): ReadonlyArray<BookingAnswer> {
    const now = micros / 1000
    return call.limits.map(([limit, message]) => {
      const kept = this.limits.get(limit)
      const { answer, record, until } = book(
        kept !== undefined && now < kept.until ? kept.record : undefined,
        message,
        now,
        call
      )
      this.limits.set(limit, { record, until })
      return answer
    })
  }

  /** The same about budgets. */
  callBudgets({ budgets }: BudgetCall, micros: number): ReadonlyArray<BudgetAnswer> {
    const now = micros / 1000
    return budgets.map(([budget, message]) => {
      const kept = this.budgets.get(budget)
      const { answer, record } = shareOut(kept === undefined || now >= kept.until ? undefined : kept.record, message)
      this.budgets.set(budget, { record, until: now + message.keepFor })
      return answer
    })
  }

  /** Counts the nodes that were heard of lately, this one with them, by a clock that may have been set back since. */
  private heardOf(node: string, now: number, goneAfter: number): number {
    this.nodes.set(node, now)
    for (const [other, at] of this.nodes) {
      if (at <= now - goneAfter || at >= now + goneAfter)
        this.nodes.delete(
          other
        )
    }
    return this.nodes.size
  }
}
