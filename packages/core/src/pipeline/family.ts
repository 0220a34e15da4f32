/** A pipeline for each key, made when the key is first used, and which of them is forgotten. */
import type * as Clock from "effect/Clock"
import * as Exit from "effect/Exit"
import type { OptionsOf } from "../internal/config/checks.ts"
import { LruMap } from "../internal/data/lruMap.ts"
import {
  Admission,
  type AnyEffect,
  type AnyFiber,
  clockOf,
  passOn,
  type TimeContext
} from "../internal/runtime/guard.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import type { FamilyOptions, FamilySnapshot } from "./familyModel.ts"
import type { CallOptions, Pipeline } from "./model.ts"

/** How many pipelines a family keeps, and for how long. */
export interface Bounds {
  readonly name: string
  readonly capacity: number
  readonly idleMillis: number
}

interface Member {
  readonly key: string
  readonly pipeline: Pipeline<any>
  inFlight: number
  usedAt: number
}

export const toBounds = (options: FamilyOptions<any, any>, check: OptionsOf): Bounds => ({
  name: check.name(options.name),
  capacity: check.integer("capacity", options.capacity ?? 10_000, 1),
  idleMillis: check.limit("idleTimeToLive", options.idleTimeToLive ?? "1 hour")
})

/** How many pipelines that hold calls are looked at for one that can be forgotten. */
const looks = 8

/**
 * The pipelines of the keys. Invariant: a pipeline that holds a call is not forgotten, so that two calls of a key never
 * pass two different bulkheads.
 */
export class Members {
  readonly bounds: Bounds
  private readonly build: (key: string) => Exit.Exit<Pipeline<any>>
  private readonly members = new LruMap<string, Member>()
  private inFlight = 0

  constructor(bounds: Bounds, build: (key: string) => Exit.Exit<Pipeline<any>>) {
    this.bounds = bounds
    this.build = build
  }

  /** The pipeline of a key, which holds one call more; the failure if it could not be made. */
  begin(key: string, clock: Clock.Clock): Member | Exit.Failure<never, never> {
    const now = monotonicMillis(clock)
    const known = this.members.get(key)
    const made = known === undefined ? this.build(key) : undefined
    if (made !== undefined && Exit.isFailure(made)) return Exit.failCause(made.cause) as Exit.Failure<never, never>
    // Making a pipeline runs a function of the user's, which may have used the key meanwhile.
    const current = known ?? this.members.get(key)
    const member = current ?? { key, pipeline: made!.value, inFlight: 0, usedAt: now }
    if (current === undefined) this.members.set(key, member)
    member.usedAt = now
    member.inFlight++
    this.inFlight++
    this.forget(now)
    return member
  }

  end(member: Member): void {
    member.inFlight--
    this.inFlight--
    if (member.inFlight === 0 && this.members.size > this.bounds.capacity && this.members.peek(member.key) === member) {
      this.members.delete(member.key)
    }
  }

  read(): FamilySnapshot {
    const { capacity, name } = this.bounds
    return { name, keys: this.members.size, capacity, inFlight: this.inFlight }
  }

  // What holds a call is used: it moves to the young end, and is looked at again when all others have been.
  private forget(now: number): void {
    for (let look = 0; look < looks; look++) {
      const eldest = this.members.eldestKey
      const member = eldest === undefined ? undefined : this.members.peek(eldest)
      if (member === undefined) return
      const isDue = this.members.size > this.bounds.capacity || now - member.usedAt >= this.bounds.idleMillis
      if (!isDue) return
      if (member.inFlight > 0) this.members.get(eldest!)
      else this.members.delete(eldest!)
    }
  }
}

/** One call on its way through the pipeline of its key. */
export class FamilyCall extends Admission {
  private readonly members: Members
  private readonly key: string
  private readonly self: AnyEffect
  private readonly options: CallOptions<any, any> | undefined
  private member: Member | undefined

  constructor(members: Members, key: string, self: AnyEffect, options: CallOptions<any, any> | undefined) {
    super()
    this.members = members
    this.key = key
    this.self = self
    this.options = options
  }

  acquire(fiber: AnyFiber, time?: TimeContext | undefined): AnyEffect {
    const begun = this.members.begin(this.key, clockOf(fiber, time))
    if (Exit.isExit(begun)) return begun
    const { pipeline } = this.member = begun
    const guarded = this.options === undefined
      ? pipeline.protect(this.self)
      : pipeline.protectWith(this.options)(this.self)
    return passOn(this, guarded, fiber)
  }

  release(): void {
    const { member } = this
    this.member = undefined
    if (member !== undefined) this.members.end(member)
  }
}
