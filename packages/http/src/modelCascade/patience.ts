/**
 * How long the callers of one shared call wait. The call itself runs without the deadline of any of them, and keeps time
 * for the next model by the caller who waits the shortest; it gives up a wait when that is too long for all of them.
 */
import * as Deadline from "@switchgear/core/Deadline"
import { monotonicMillis, Reconsidering } from "@switchgear/core/runtime"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { untried } from "../chatModel/attemptCounter.ts"
import type { Tried } from "../chatModel/model.ts"

/** How long someone waits, in monotonic milliseconds: infinity without a deadline. */
export interface Waits {
  /** Of all who wait for the same, the deadline of the first who leaves. */
  readonly shortest: number
  /** The deadline of the last. */
  readonly longest: number
  /** Whether the last of them has reached its deadline. */
  readonly isOver: (now: number) => boolean
  /** Told when one joins who leaves before all others. */
  readonly reconsidering?: Reconsidering | undefined
}

/** One caller, and those who wait for it in turn: their number may change while it waits. */
class Caller implements Waits {
  private readonly deadline: number
  private readonly around: Waits | undefined

  constructor(deadline: number, around: Waits | undefined) {
    this.deadline = deadline
    this.around = around
  }

  get shortest(): number {
    return Math.min(this.deadline, this.around?.shortest ?? Infinity)
  }

  get longest(): number {
    return Math.min(this.deadline, this.around?.longest ?? Infinity)
  }

  isOver(now: number): boolean {
    return now >= this.deadline - early || this.around?.isOver(now) === true
  }
}

/** Milliseconds by which a timer may be early. */
const early = 1

/** The callers of one call. One that is a shared call of a cascade outside stands for all of its callers. */
export class Patience implements Waits {
  /** The calls to models of the flight that was begun last. */
  tried: Tried = untried
  readonly reconsidering = new Reconsidering()
  private readonly callers = new Set<Waits>()
  /** The one who left last. */
  private last: Waits | undefined

  get shortest(): number {
    let first = Infinity
    for (const { shortest } of this.callers) first = Math.min(first, shortest)
    return first
  }

  get longest(): number {
    let last = this.callers.size === 0 ? Infinity : -Infinity
    for (const { longest } of this.callers) last = Math.max(last, longest)
    return last
  }

  get isLeft(): boolean {
    return this.callers.size === 0
  }

  isOver(now: number): boolean {
    if (this.isLeft) return this.last?.isOver(now) === true
    for (const caller of this.callers) if (!caller.isOver(now)) return false
    return true
  }

  join(caller: Waits): void {
    const before = this.shortest
    this.callers.add(caller)
    if (caller.shortest < before) this.reconsidering.now()
  }

  leave(caller: Waits): void {
    this.callers.delete(caller)
    this.last = caller
  }
}

/** The patience of the callers by the key of the call. */
export class Patiences {
  private readonly byKey = new Map<string, Patience>()

  /** Runs the wait of one caller, for which those `around` wait. The call is made with the patience of all of the key. */
  readonly waiting = <A, E, R>(
    key: string,
    around: Waits | undefined,
    fiber: Fiber.Fiber<any, any>,
    wait: (patience: Patience) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> => {
    if (fiber.getRef(Deadline.CurrentDeadline) === undefined) {
      return this.waits(key, new Caller(Infinity, around), around, wait)
    }
    return Effect.flatMap(Deadline.remaining, (left) => {
      const deadline = monotonicMillis(fiber.getRef(Clock.Clock)) + Duration.toMillis(left ?? Duration.infinity)
      return this.waits(key, new Caller(deadline, around), around, wait)
    })
  }

  private waits<A, E, R>(
    key: string,
    caller: Caller,
    around: Waits | undefined,
    wait: (patience: Patience) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> {
    let patience: Patience | undefined
    let leaveAround: (() => void) | undefined
    const joined = Effect.suspend(() => {
      const all = patience = this.of(key)
      all.join(caller)
      leaveAround = around?.reconsidering?.join(() => all.reconsidering.now())
      return wait(all)
    })
    return Effect.onExitPrimitive(joined, () => {
      leaveAround?.()
      patience?.leave(caller)
      if (patience?.isLeft === true && this.byKey.get(key) === patience) this.byKey.delete(key)
      return undefined
    })
  }

  private of(key: string): Patience {
    let patience = this.byKey.get(key)
    if (patience === undefined) this.byKey.set(key, patience = new Patience())
    return patience
  }
}
