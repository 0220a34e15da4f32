/** The store behind the memory. It cannot fail a call, delay it beyond the time-out, or bring back a removed value. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { LruMap } from "../internal/data/lruMap.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { resumeWith } from "../internal/runtime/wake.ts"
import type { StaleCacheStore, Stored } from "../StaleCacheStore.ts"
import type { Cached } from "./cached.ts"
import { type Account, type Listener, Operation, type Origin, originOf } from "./operation.ts"
import { Removals } from "./removals.ts"
import type { Rules } from "./rules.ts"
import type { MemoryTier } from "./memoryTier.ts"
import { type Turn, Turns } from "./turns.ts"

/** While this many operations that were given up still run, the store is not used. */
const mostAbandoned = 16

/** A read in progress. */
interface Reading {
  readonly key: string
  /** Values stored up to this time were removed before the read started. */
  readonly removedAt: number
  /** The key has been written or removed since the read started. */
  isOutdated: boolean
}

/** A value whose date is ahead of the wall clock, and the time when this process first read it. */
interface Early {
  readonly storedAt: number
  readonly seenAt: number
}

export class SecondTier<A> {
  readonly account: Account
  private readonly store: StaleCacheStore<A>
  private readonly memory: MemoryTier<A>
  private readonly keptFor: Duration.Duration
  private readonly capacity: number
  private readonly removals = new Removals()
  private readonly turns = new Turns()
  // By key, so that a write finds the reads of its key among thousands.
  private readonly readings = new Map<string, Set<Reading>>()
  private readonly early = new LruMap<string, Early>()

  constructor(store: StaleCacheStore<A>, memory: MemoryTier<A>, rules: Rules) {
    this.store = store
    this.memory = memory
    this.keptFor = Duration.millis(rules.timeToLive + rules.staleFor)
    this.capacity = rules.capacity
    this.account = { timeout: rules.storeTimeout, failures: 0, abandoned: 0 }
  }

  /** The younger of the values in memory and in the store. */
  find(key: string): Effect.Effect<Cached<A> | undefined> {
    return Effect.withFiber((fiber) => {
      const origin = originOf(fiber)
      return Effect.callback((resume) => {
        const inMemory = () => this.memory.find(key, monotonicMillis(origin.clock))
        const reading: Reading = { key, removedAt: this.removals.removedAt(key), isOutdated: false }
        const read = this.operation(origin, () => Effect.map(this.store.get(key), check), {
          told: (stored) => {
            this.ended(reading)
            resumeWith(resume, Effect.succeed(stored === undefined ? inMemory() : this.adopt(reading, stored, origin)))
          }
        })
        if (this.refuses(read)) return undefined
        this.began(reading)
        read.start()
        return Effect.sync(() => {
          this.ended(reading)
          read.abandon()
        })
      })
    })
  }

  /** Writes the answer of a call. No caller waits for it. */
  keep(key: string, value: A, origin: Origin): void {
    this.write(key, value, origin, this.removals.nextTurn(), ignored)
  }

  /** Writes a value given by `StaleCache.set`. Until the store has taken it, the value in the store is outdated. */
  set(key: string, value: A, origin: Origin, told: () => void): void {
    this.outdate(key)
    this.write(key, value, origin, this.removals.removed(key, origin.clock.currentTimeMillisUnsafe()), told)
  }

  remove(key: string, origin: Origin, told: () => void): void {
    this.outdate(key)
    const turn = this.removals.removed(key, origin.clock.currentTimeMillisUnsafe())
    // Removes even if the time-out comes before its turn: otherwise the write before it would stay in the store.
    this.inTurn(key, origin, () => this.store.remove(key), {
      told,
      ended: (exit) => {
        if (exit._tag === "Success") this.removals.confirmed(key, turn)
      },
      late: (hasBegun, place) => {
        if (hasBegun) place.pass()
      }
    })
  }

  clear(origin: Origin, told: () => void): void {
    for (const key of this.readings.keys()) this.outdate(key)
    const turn = this.removals.cleared(origin.clock.currentTimeMillisUnsafe())
    const clearing = this.operation(origin, () => this.store.clear, {
      told,
      late: (hasBegun) => hasBegun ? place.pass() : place.begin(),
      ended: (exit) => {
        if (exit._tag === "Success") this.removals.emptied(turn)
      },
      passed: () => place.pass()
    })
    if (this.refuses(clearing)) return
    const place = this.turns.clear()
    place.take(clearing)
  }

  private write(key: string, value: A, origin: Origin, turn: number, told: () => void): void {
    const stored: Stored<A> = { value, storedAt: origin.clock.currentTimeMillisUnsafe() }
    this.inTurn(key, origin, () => this.store.set(key, stored, this.keptFor), {
      told,
      ended: (exit) => {
        if (exit._tag === "Success") this.removals.confirmed(key, turn)
      },
      cutOff: () => this.removals.cutOff(key),
      late: (hasBegun, place, operation) => {
        if (!hasBegun) place.drop(operation)
      }
    })
  }

  private inTurn(
    key: string,
    origin: Origin,
    work: () => Effect.Effect<void, unknown>,
    { late, ...listener }: Omit<Listener<void>, "late" | "passed"> & {
      readonly late: (hasBegun: boolean, place: Turn, operation: Operation<void>) => void
    }
  ): void {
    const operation: Operation<void> = this.operation(origin, work, {
      ...listener,
      passed: () => place.pass(),
      late: (hasBegun) => late(hasBegun, place, operation)
    })
    if (this.refuses(operation)) return
    const place = this.turns.write(key)
    place.take(operation)
  }

  private operation<B>(origin: Origin, work: () => Effect.Effect<B, unknown>, listener: Listener<B>): Operation<B> {
    return new Operation(this.account, origin, work, listener)
  }

  private refuses(operation: Operation<any>): boolean {
    if (this.account.abandoned < mostAbandoned) return false
    operation.fail()
    return true
  }

  private adopt(reading: Reading, stored: Stored<A>, { clock }: Origin): Cached<A> | undefined {
    const { key } = reading
    const now = monotonicMillis(clock)
    const wallNow = clock.currentTimeMillisUnsafe()
    const removedAt = Math.max(reading.removedAt, this.removals.removedAt(key))
    return reading.isOutdated || !isAfter(removedAt, stored.storedAt, wallNow)
      ? this.memory.find(key, now)
      : this.memory.adopt(key, stored.value, this.dateOf(key, stored.storedAt, now, wallNow), now)
  }

  // The store uses wall-clock time, because its values outlive the process; memory uses the monotonic clock. A value
  // with a date in the future counts as stored when it was first read, however often it is read.
  private dateOf(key: string, storedAt: number, now: number, wallNow: number): number {
    const before = this.early.get(key)
    const first = before?.storedAt === storedAt ? before.seenAt : now
    if (storedAt <= wallNow) return Math.min(first, now - (wallNow - storedAt))
    this.early.set(key, { storedAt, seenAt: first })
    if (this.early.size > this.capacity) this.early.shift()
    return first
  }

  private outdate(key: string): void {
    for (const reading of this.readings.get(key) ?? []) reading.isOutdated = true
  }

  private began(reading: Reading): void {
    const others = this.readings.get(reading.key)
    if (others === undefined) this.readings.set(reading.key, new Set([reading]))
    else others.add(reading)
  }

  private ended(reading: Reading): void {
    const readings = this.readings.get(reading.key)
    if (readings?.delete(reading) && readings.size === 0) this.readings.delete(reading.key)
  }
}

const ignored = () => {}

/** A store may return anything: a value without a valid date is a failure of the store. */
const check = <A>(stored: Stored<A> | undefined): Stored<A> | undefined => {
  if (stored === undefined || stored === null) return undefined
  const { storedAt, value } = stored
  if (typeof storedAt === "number" && !Number.isNaN(storedAt)) return { value, storedAt }
  throw new TypeError("StaleCacheStore: storedAt must be a number of milliseconds")
}

/** After a removal, a date ahead of the wall clock proves nothing. */
const isAfter = (removedAt: number, storedAt: number, wallNow: number): boolean =>
  removedAt === -Infinity || (storedAt > removedAt && storedAt <= wallNow)
