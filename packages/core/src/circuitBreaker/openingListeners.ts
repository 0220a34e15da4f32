/**
 * Listeners that are called in the step in which a circuit opens. Pipelines use them to reject the callers that still wait
 * for a turn or a slot.
 */
import type { CircuitBreaker, Transition } from "./model.ts"
import { callBack } from "../internal/runtime/callBack.ts"

/** Calls the listener at each opening; the returned function ends that. */
export type OnOpening = (listener: () => void) => () => void

/** By circuit. A wrapper around a circuit is not in it and calls no listener. */
export const onOpening = new WeakMap<CircuitBreaker, OnOpening>()

/** The listeners of all circuits that share one stream of transitions, by the name of the circuit. */
export class OpeningListeners {
  private readonly listeners = new Map<string, Set<() => void>>()

  /** Makes this circuit accept listeners. */
  offer(breaker: CircuitBreaker): CircuitBreaker {
    onOpening.set(breaker, (listener) => this.add(breaker.name, listener))
    return breaker
  }

  tell({ breaker, to }: Transition): void {
    if (to !== "Open" && to !== "ForcedOpen") return
    for (const listener of this.listeners.get(breaker) ?? []) callBack(listener)
  }

  private add(name: string, listener: () => void): () => void {
    const ofCircuit = this.listeners.get(name) ?? new Set()
    this.listeners.set(name, ofCircuit.add(listener))
    return () => {
      ofCircuit.delete(listener)
      if (ofCircuit.size === 0) this.listeners.delete(name)
    }
  }
}
