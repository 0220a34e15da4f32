/**
 * A guard of a user's, written with public imports alone: calls together may use so much memory. Those that do not fit wait
 * in the order in which they came.
 */
import { Guard, Outcome, Registry } from "@switchgear/core"
import { Context, Effect, Schema } from "effect"

/** There was no memory for the call: the work was not started. */
export class MemoryFull extends Schema.TaggedError<MemoryFull>("test/MemoryFull")("MemoryFull", {
  gate: Schema.String,
  reason: Schema.Literals(["queue-full", "wait-timeout", "deadline"])
}) {
  get [Outcome.RejectionTypeId](): true {
    return true
  }

  override get message(): string {
    return `Memory gate "${this.gate}" did not take the call: ${this.reason}`
  }
}

/** The megabytes that the calls inside need. */
export const CurrentNeed = Context.Reference<number>("test/MemoryGate/CurrentNeed", { defaultValue: () => 1 })

export interface Options {
  readonly name: string
  /** Megabytes for all calls together. */
  readonly limit: number
  /** Calls that may wait. */
  readonly queue: number
  /** Milliseconds. */
  readonly maxWait: number
}

export interface Snapshot {
  readonly name: string
  readonly limit: number
  readonly used: number
  readonly waiting: number
  readonly rejected: number
  /** Calls whose work began, and calls that were let in and whose work did not. */
  readonly begun: number
  readonly notBegun: number
}

export interface MemoryGate extends Guard.Guard<MemoryFull> {
  readonly snapshot: Effect.Effect<Snapshot>
  readonly setLimit: (limit: number) => Effect.Effect<void>
}

export const kind: Guard.Kind<MemoryGate, Snapshot> = {
  tag: "test/MemoryGate",
  title: "Memory gate",
  snapshot: (gate) => gate.snapshot,
  health: ({ limit, used }) => ({ conditions: [{ reason: "memory-full", count: used >= limit ? 1 : 0 }] }),
  isRecovery: ({ to }) => to === "Open",
  metrics: [
    Guard.gauge("app_memory_used_megabytes", "Memory that running calls need.", ({ used }) => used),
    Guard.counter("app_memory_rejected_total", "Calls that there was no memory for.", ({ rejected }) => rejected)
  ]
}

interface Waiting {
  readonly need: number
  readonly waiter: Guard.Waiter<number, MemoryFull>
}

export const make = (options: Options): Effect.Effect<MemoryGate> =>
  Effect.gen(function*() {
    const { maxWait, name } = options
    const registry = yield* Registry.CurrentRegistry
    const queue = new Set<Waiting>()
    let limit = options.limit
    let used = 0
    let rejected = 0
    let begun = 0
    let notBegun = 0
    const full = (reason: MemoryFull["reason"]) => {
      rejected++
      return new MemoryFull({ gate: name, reason })
    }
    // It announces when the memory becomes full and when it is free again.
    let isFull = false
    const changed = (at: number) => {
      if (isFull === used >= limit) return
      isFull = !isFull
      const [from, to] = isFull ? ["Open", "Full"] : ["Full", "Open"]
      registry.announce(gate, { from: from!, to: to!, reason: "memory", at })
    }
    const handOut = () => {
      for (const waiting of queue) {
        if (used + waiting.need > limit) return
        queue.delete(waiting)
        used += waiting.need
        if (!waiting.waiter.admit(waiting.need)) used -= waiting.need
      }
    }
    const guard = yield* Guard.make<number, MemoryFull>({
      name,
      acquire: (call) => {
        const need = call.get(CurrentNeed)
        if (queue.size === 0 && used + need <= limit) {
          used += need
          changed(call.now)
          return Guard.admit(need)
        }
        if (queue.size >= options.queue) return Guard.reject(full("queue-full"))
        return Guard.wait({
          maxWait,
          onTimeout: full,
          enqueue: (waiter) => {
            const waiting = { need, waiter }
            queue.add(waiting)
            return () => {
              queue.delete(waiting)
              handOut()
            }
          }
        })
      },
      release: (need, ended) => {
        used -= need
        if (ended.begun) begun++
        else notBegun++
        handOut()
        changed(0)
      }
    })
    const gate: MemoryGate = {
      ...guard,
      snapshot: Effect.sync(() => ({ name, limit, used, waiting: queue.size, rejected, begun, notBegun })),
      setLimit: (next) =>
        Effect.sync(() => {
          limit = next
          handOut()
        })
    }
    yield* Registry.register({ kind, name, guard: gate })
    return gate
  })
