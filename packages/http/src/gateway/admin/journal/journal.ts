/**
 * What has happened, numbered: changes of guards, and acts of operators with the name of their token and the reason they gave.
 * The numbers rise from 1 and are never used again, so that who was away asks for what came after the last one seen.
 */
import type * as Registry from "@switchgear/core/Registry"
import * as Duration from "effect/Duration"
import { Ring } from "./ring.ts"

/** A change of a guard. */
export interface Transition {
  readonly _tag: "Transition"
  readonly id: number
  /** Wall-clock milliseconds. */
  readonly at: number
  readonly kind: string
  readonly subject: string
  readonly from: string
  readonly to: string
  readonly reason: string
  readonly openForMillis?: number
}

/** An act of an operator. */
export interface Act {
  readonly _tag: "Act"
  readonly id: number
  /** Wall-clock milliseconds. */
  readonly at: number
  /** What was done, such as `open`. */
  readonly act: string
  /** To what, such as `CircuitBreaker first`. */
  readonly subject: string
  /** The name of the token. */
  readonly by: string
  /** What the operator gave as the reason. */
  readonly reason: string
  /** Whether it was done; otherwise why not. */
  readonly result: string
}

export type Entry = Transition | Act

const kept = 1000

/** What an operator writes is shown to others. */
const longestReason = 200

export class Journal {
  private readonly now: () => number
  private readonly entries = new Ring<Entry>(kept)
  private readonly listeners = new Set<(entry: Entry) => void>()
  private last = 0

  /** `now` tells wall-clock milliseconds. */
  constructor(registry: Registry.Registry, now: () => number) {
    this.now = now
    registry.observe({
      happened: ({ at, from, kind, openFor, reason, subject, to }) =>
        this.add((id) => ({
          _tag: "Transition",
          id,
          at,
          kind,
          subject,
          from,
          to,
          reason,
          ...openFor !== undefined && { openForMillis: Duration.toMillis(openFor) }
        }))
    })
  }

  /** The number of the last entry; 0 before the first. */
  get lastId(): number {
    return this.last
  }

  /** Those after this number that are still kept, oldest first. */
  since(id: number): ReadonlyArray<Entry> {
    return this.entries.all.filter((entry) => entry.id > id)
  }

  /** Notes an act. Control characters of the reason are left out. */
  acted(act: Omit<Act, "_tag" | "id" | "at">): Act {
    const reason = act.reason.replace(/\p{C}+/gu, " ").trim().slice(0, longestReason)
    return this.add((id) => ({ _tag: "Act", id, at: this.now(), ...act, reason }))
  }

  /** Calls for each later entry. Returns a function that ends that. */
  listen(listener: (entry: Entry) => void): () => void {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  private add<One extends Entry>(make: (id: number) => One): One {
    const entry = make(++this.last)
    this.entries.add(entry)
    for (const listener of this.listeners) listener(entry)
    return entry
  }
}
