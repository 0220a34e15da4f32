/**
 * Answers a caller when memory has no fresh value: by a new call, or by a call in flight (a _flight_, see `flight.ts`).
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { startTimerOf } from "../internal/runtime/timer.ts"
import { resumeWith } from "../internal/runtime/wake.ts"
import { type Cached, isFresh } from "./cached.ts"
import { CurrentFlight, type Flight, type Waiter } from "./flight.ts"
import { Flights } from "./flights.ts"
import { type Origin, originOf } from "./operation.ts"
import type { SecondTier } from "./secondTier.ts"
import type { MemoryTier } from "./memoryTier.ts"

/**
 * How a call uses the cache: see `mode` of {@link CallOptions}.
 *
 * @since 0.1.0
 * @category models
 */
export type Mode = "use" | "refresh" | "bypass"

export const modes: ReadonlyArray<Mode> = ["use", "refresh", "bypass"]

export class Asking<A> {
  readonly flights = new Flights<A>()
  private readonly name: string
  private readonly memory: MemoryTier<A>
  private readonly tier: SecondTier<A> | undefined

  constructor(name: string, memory: MemoryTier<A>, tier: SecondTier<A> | undefined) {
    this.name = name
    this.memory = memory
    this.tier = tier
  }

  /** Waits for a flight; at most `after` milliseconds if there is a stale value to serve instead. */
  ask<E, R>(
    fiber: Fiber.Fiber<any, any>,
    key: string,
    call: Effect.Effect<A, E, R>,
    mode: "use" | "refresh",
    after: number,
    onCall: ((call: object) => void) | undefined
  ): Effect.Effect<Cached<A>, E, R> {
    // One synchronous step from the read of memory to joining the flight, so that no interrupt and no other caller
    // comes between.
    return Effect.callback<Cached<A>, E, R>((resume) => {
      const clock = fiber.getRef(Clock.Clock)
      const kept = mode === "use" ? this.memory.find(key, monotonicMillis(clock)) : undefined
      if (isFresh(kept)) return resume(Effect.succeed(this.memory.serve(kept)))
      const inside = runningFlight(fiber)
      if (inside !== undefined && this.flights.isCircle(inside, key)) return resume(Effect.die(this.circle(key)))

      const current = mode === "use" ? this.flights.current(key) : undefined
      const token = onCall === undefined ? undefined : current?.token ?? {}
      // Nothing is begun yet, if it throws.
      if (token !== undefined) onCall!(token)
      const flight = current ?? this.flights.begin(key)
      flight.token ??= token
      const waiter: Waiter<A> = {
        tell: (exit) => resumeWith(resume, this.answer(flight, exit) as Exit.Exit<Cached<A>, E>),
        inside,
        stopTimer: undefined,
        late: undefined
      }
      flight.waiters.add(waiter)
      if (current === undefined) this.begin(flight, originOf(fiber), call as Effect.Effect<A, unknown>, mode)
      // A refresh wants a new value, so it waits for it.
      if (after < Infinity && mode === "use" && flight.waiters.has(waiter)) {
        const late = () => this.serveKept(flight, waiter, clock, resume)
        if (after <= 0) late()
        else waiter.stopTimer = startTimerOf(clock, fiber.cache.scheduler, after, late)
      }
      return Effect.suspend(() => {
        if (take(flight, waiter)) this.left(flight, clock)
        return flight.isDying ? yielded(flight, 2) : Effect.void
      })
    })
  }

  private begin(flight: Flight<A>, origin: Origin, call: Effect.Effect<A, unknown>, mode: "use" | "refresh"): void {
    const { tier } = this
    const work = tier === undefined || mode === "refresh" ?
      call :
      Effect.flatMap(tier.find(flight.key), (found) => {
        if (isFresh(found)) {
          flight.found = found
          return Effect.succeed(found.value)
        }
        if (found !== undefined) { for (const waiter of flight.waiters) waiter.late?.() }
        return call
      })
    flight.start(origin.context, work, (exit) => {
      const isWanted = () => this.flights.isWanted(flight)
      const isKept = exit._tag === "Success" && flight.found === undefined && isWanted() &&
        this.memory.keep(flight.key, exit.value, monotonicMillis(origin.clock), isWanted) === "kept"
      if (isKept) flight.line.kept = flight.order
      this.flights.end(flight)
      if (isKept) tier?.keep(flight.key, this.memory.kept(flight.key), origin)
    })
  }

  private answer(flight: Flight<A>, exit: Exit.Exit<A, unknown>): Exit.Exit<Cached<A>, unknown> {
    if (exit._tag === "Failure") return exit as Exit.Exit<never, unknown>
    const cached = flight.found ?? { value: exit.value, freshness: "loaded" as const, age: Duration.zero }
    return Exit.succeed(this.memory.serve(cached))
  }

  // The flight continues for the next caller.
  private serveKept(
    flight: Flight<A>,
    waiter: Waiter<A>,
    clock: Clock.Clock,
    resume: (effect: Effect.Effect<Cached<A>>) => void
  ): void {
    const kept = this.memory.find(flight.key, monotonicMillis(clock))
    if (kept === undefined) {
      waiter.late = () => this.serveKept(flight, waiter, clock, resume)
      return
    }
    if (!take(flight, waiter)) return
    flight.isHeld = true
    resumeWith(resume, Effect.succeed(this.memory.serve(kept)))
    this.left(flight, clock)
  }

  // A flight without callers continues only while new callers join it, its answer is wanted and a stale value can be
  // served meanwhile. A call that hangs therefore does not block its key forever.
  private left(flight: Flight<A>, clock: Clock.Clock): void {
    if (flight.waiters.size > 0) return
    const mayGoOn = flight.isHeld && flight.line.current === flight && this.flights.isWanted(flight) &&
      this.memory.has(flight.key, monotonicMillis(clock))
    if (!mayGoOn) flight.kill()
  }

  private circle(key: string): Error {
    const shown = key.length > mostShown ? `${key.slice(0, mostShown)}…` : key
    return new Error(
      `StaleCache "${this.name}": the call for key ${JSON.stringify(shown)} asks for itself. ` +
        "Ask for another key inside of it, or make the call without the cache (mode \"bypass\")."
    )
  }
}

/**
 * Lets an interrupted call end if it needs no time for that, so that its resources are free when its last caller
 * returns.
 */
const yielded = (flight: Flight<any>, turns: number): Effect.Effect<void> =>
  flight.hasEnded || turns === 0
    ? Effect.void
    : Effect.andThen(Effect.yieldNow, Effect.suspend(() => yielded(flight, turns - 1)))

/** Removes a waiter from its flight. Returns false if it has left or has its answer. */
const take = <A>(flight: Flight<A>, waiter: Waiter<A>): boolean => {
  if (!flight.waiters.delete(waiter)) return false
  waiter.stopTimer?.()
  return true
}

const runningFlight = (fiber: Fiber.Fiber<any, any>): Flight<any> | undefined => {
  const flight = fiber.getRef(CurrentFlight)
  return flight?.hasEnded === false ? flight : undefined
}

/** Longest part of a key in a message: a key may be a whole conversation. */
const mostShown = 100
