/**
 * The last calls through each guard, as resilience4j tells them, and their changes of state. A guard that leaves the registry
 * takes its record with it.
 *
 * An error is told by its tag: what a provider wrote may have words of a prompt in it.
 */
import type * as Registry from "@switchgear/core/Registry"
import { type CallEvent, listenToCalls } from "@switchgear/core/runtime"
import * as Predicate from "effect/Predicate"
import { Ring } from "./ring.ts"

/** One event of a guard. */
export interface Recorded {
  readonly kind: string
  readonly id: string
  readonly type: string
  /** Wall-clock milliseconds. */
  readonly at: number
  readonly errorMessage?: string | undefined
  /** The HTTP status that the error names. */
  readonly status?: number | undefined
  readonly durationInMs?: number | undefined
  readonly stateTransition?: string | undefined
  readonly numberOfAttempts?: number | undefined
}

interface Book {
  readonly events: Ring<Recorded>
  /** Kept apart: a guard that rejects all calls soon has only rejections in its record. */
  lastError: Recorded | undefined
  readonly stop: () => void
}

/** As many as resilience4j keeps by default. */
const kept = 100

export class CallRecord {
  private readonly now: () => number
  private readonly books = new Map<string, Book>()
  private readonly listeners = new Set<(event: Recorded) => void>()

  /** `now` tells wall-clock milliseconds. */
  constructor(registry: Registry.Registry, now: () => number) {
    this.now = now
    registry.observe({
      entered: (entry) => this.open(entry),
      left: ({ id, kind }) => this.close(kind.tag, id),
      happened: (event, { kind: { tag } }) => this.changed(event, tag)
    })
    for (const entry of registry.entries()) this.open(entry)
  }

  /** Oldest first; undefined for a guard that is not there. */
  of(kind: string, id: string): ReadonlyArray<Recorded> | undefined {
    return this.books.get(keyOf(kind, id))?.events.all
  }

  lastErrorOf(kind: string, id: string): Recorded | undefined {
    return this.books.get(keyOf(kind, id))?.lastError
  }

  /** Of all guards of a kind, oldest first. */
  ofKind(kind: string): ReadonlyArray<Recorded> {
    return [...this.books.values()].flatMap(({ events }) => events.all)
      .filter((event) => event.kind === kind)
      .toSorted((a, b) => a.at - b.at)
  }

  /** Calls for each later event. Returns a function that ends that. */
  listen(listener: (event: Recorded) => void): () => void {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  private open({ guard, id, kind: { tag } }: Registry.Registered): void {
    const types = typesOf[tag]
    if (types === undefined) return
    const stop = listenToCalls(guard as object, (event) => {
      const type = types[event.type]
      if (type !== undefined) this.add({ kind: tag, id, type, at: this.now(), ...detailsOf(event) })
    })
    this.books.set(keyOf(tag, id), { events: new Ring(kept), lastError: undefined, stop })
  }

  private close(kind: string, id: string): void {
    this.books.get(keyOf(kind, id))?.stop()
    this.books.delete(keyOf(kind, id))
  }

  private changed({ at, from, id, reason, to }: Registry.Event, kind: string): void {
    if (kind !== "CircuitBreaker") return
    const exceeded = exceededBy[reason]
    if (exceeded !== undefined) this.add({ kind, id, type: exceeded, at })
    this.add({ kind, id, type: "STATE_TRANSITION", at, stateTransition: `${stateOf(from)}_TO_${stateOf(to)}` })
  }

  private add(event: Recorded): void {
    const book = this.books.get(keyOf(event.kind, event.id))
    book?.events.add(event)
    if (book !== undefined && event.errorMessage !== undefined) book.lastError = event
    for (const listener of this.listeners) listener(event)
  }
}

/** `FORCED_OPEN` for `ForcedOpen`. */
export const stateOf = (state: string): string => state.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()

const keyOf = (kind: string, id: string): string => JSON.stringify([kind, id])

const typesOf: { readonly [tag: string]: { readonly [T in CallEvent["type"]]?: string } } = {
  CircuitBreaker: {
    success: "SUCCESS",
    failure: "ERROR",
    ignored: "IGNORED_ERROR",
    "not-permitted": "NOT_PERMITTED"
  },
  Bulkhead: { permitted: "CALL_PERMITTED", rejected: "CALL_REJECTED", finished: "CALL_FINISHED" },
  RateLimiter: { permitted: "SUCCESSFUL_ACQUIRE", rejected: "FAILED_ACQUIRE" },
  Retry: { retry: "RETRY", success: "SUCCESS", failure: "ERROR", ignored: "IGNORED_ERROR" },
  Timeout: { timeout: "TIMEOUT" }
}

const exceededBy: { readonly [reason: string]: string } = {
  "failure-rate": "FAILURE_RATE_EXCEEDED",
  "slow-call-rate": "SLOW_CALL_RATE_EXCEEDED"
}

const detailsOf = ({ attempts, error, millis }: CallEvent) => ({
  ...error !== undefined && { errorMessage: tagOf(error), status: statusOf(error) },
  ...millis !== undefined && { durationInMs: Math.round(millis) },
  ...attempts !== undefined && { numberOfAttempts: attempts }
})

const statusOf = (error: unknown): number | undefined =>
  Predicate.hasProperty(error, "status") && typeof error.status === "number" ? error.status : undefined

const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && typeof error._tag === "string" ? error._tag : "Error"
