/**
 * Listeners of each call through one guard, for a record of single calls. Where nobody listens, a call pays for a
 * comparison. Snapshots and metrics do not need them.
 */
import { callBack } from "./callBack.ts"

/** What happened to one call. */
export interface CallEvent {
  /**
   * Of a circuit: `success`, `failure`, `ignored`, `not-permitted`. Of a bulkhead and a rate limiter: `permitted`,
   * `rejected`, and of a bulkhead `finished`. Of a retry: `retry` before each attempt but the first, and, for a call that
   * was retried or failed, `success`, `failure` or `ignored` at its end. Of a time-out: `timeout`, and no other end.
   */
  readonly type:
    | "success"
    | "failure"
    | "ignored"
    | "not-permitted"
    | "permitted"
    | "rejected"
    | "finished"
    | "retry"
    | "timeout"
  /** How long the call took, where the guard measures that. */
  readonly millis?: number | undefined
  /** What the call failed with. */
  readonly error?: unknown
  /** Of a retry: the attempts made so far. */
  readonly attempts?: number | undefined
}

/** What the calls of a guard share. */
export interface CallSource {
  onCall: ((event: CallEvent) => void) | undefined
}

const sources = new WeakMap<object, { readonly source: CallSource; readonly listeners: Set<Listener> }>()

interface Listener {
  readonly tell: (event: CallEvent) => void
}

/** Lets the calls of a guard be listened to. */
export const offerCalls = <Guard extends object>(guard: Guard, source: CallSource): Guard => {
  sources.set(guard, { source, listeners: new Set() })
  return guard
}

/**
 * Calls `tell` for each later call through the guard, in the step in which it happens. What it throws is logged. Returns
 * a function that ends that. A guard that was not made by this library tells nothing.
 */
export const listenToCalls = (guard: object, tell: (event: CallEvent) => void): () => void => {
  const known = sources.get(guard)
  if (known === undefined) return () => {}
  const { listeners, source } = known
  const listener: Listener = { tell }
  listeners.add(listener)
  source.onCall = (event) => {
    for (const { tell } of listeners) callBack(() => tell(event))
  }
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) source.onCall = undefined
  }
}
