/**
 * A store that can neither fail a call nor hold it up for longer than its time-out, and in which the writes for a key
 * arrive in the order in which they were begun.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { StaleCacheStore, Stored } from "../StaleCacheStore.ts"

export class HarmlessStore<A> {
  failures = 0
  private readonly store: StaleCacheStore<A>
  private readonly timeout: number
  // The last write begun for each key that has one under way.
  private readonly writes = new Map<string, Fiber.Fiber<unknown>>()

  constructor(store: StaleCacheStore<A>, timeout: number) {
    this.store = store
    this.timeout = timeout
  }

  get(key: string): Effect.Effect<Stored<A> | undefined> {
    return this.bounded(() => this.store.get(key))
  }

  /** Begins to write and does not wait for it: what it answers is awaited by those who want to. */
  set(key: string, stored: Stored<A>, timeToLive: Duration.Duration): Effect.Effect<Fiber.Fiber<unknown>> {
    return this.inTurn(key, () => this.store.set(key, stored, timeToLive))
  }

  remove(key: string): Effect.Effect<void> {
    return Effect.flatMap(this.inTurn(key, () => this.store.remove(key)), awaitEnd)
  }

  get clear(): Effect.Effect<void> {
    return Effect.asVoid(
      this.bounded(() =>
        Effect.andThen(Effect.forEach(this.writes.values(), awaitEnd, { discard: true }), this.store.clear)
      )
    )
  }

  private inTurn(key: string, write: () => Effect.Effect<void, unknown>): Effect.Effect<Fiber.Fiber<unknown>> {
    return Effect.uninterruptible(Effect.suspend(() => {
      const before = this.writes.get(key)
      const work = before === undefined ? write : () => Effect.flatMap(awaitEnd(before), write)
      return Effect.map(Effect.forkDetach(this.bounded(work), { startImmediately: true }), (fiber) => {
        this.writes.set(key, fiber)
        fiber.addObserver(() => {
          if (this.writes.get(key) === fiber) this.writes.delete(key)
        })
        return fiber
      })
    }))
  }

  // In a fiber of its own that is not awaited after the time-out, since an interrupt is no promise of an end.
  private bounded<B>(work: () => Effect.Effect<B, unknown>): Effect.Effect<B | undefined> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(
        Effect.forkDetach(Effect.suspend(work), { startImmediately: true }),
        (fiber) =>
          restore(Effect.timeoutOption(Fiber.await(fiber), this.timeout)).pipe(
            Effect.onExit(() => Effect.sync(() => fiber.interruptUnsafe())),
            Effect.map((ended) => {
              if (Option.isSome(ended) && Exit.isSuccess(ended.value)) return ended.value.value
              this.failures++
              return undefined
            })
          )
      )
    )
  }
}

export const awaitEnd = (fiber: Fiber.Fiber<unknown>): Effect.Effect<void> => Effect.asVoid(Fiber.await(fiber))
