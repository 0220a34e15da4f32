/**
 * A rate limiter as plainly as it can be said: what was taken is kept in a list, and every turn is found by looking
 * through it. Where libraries part ways it asks {@link LimiterWays}.
 */
import { Effect } from "effect"
import type { Facts } from "./judge.ts"
import { type Asked, type Limiter, rounded } from "./limiterPlay.ts"

/** The points on which libraries differ, and the answers that they give. */
export interface LimiterWays {
  /** Whether supply comes all the time, or in cycles (a window) and slots (a bucket) that lie on the clock. */
  readonly refill: "steady" | "in-steps"
  /** Whether a waiter takes when its turn comes, or has taken from the future already. */
  readonly waiters: "take-at-their-turn" | "have-taken"
  /** What becomes of the turn of a waiter that leaves. */
  readonly interrupted: "given-back" | "kept"
  /** When a changed limit begins to hold. */
  readonly changed: "at-once" | "with-the-next-cycle"
}

export const ourLimiter: LimiterWays = {
  refill: "steady",
  waiters: "take-at-their-turn",
  interrupted: "given-back",
  changed: "at-once"
}

export interface LimiterNumbers {
  readonly kind: "window" | "bucket"
  readonly limit: number
  readonly perMillis: number
  readonly burst: number
  readonly maxWait: number
}

interface Taken {
  readonly askedAt: number
  readonly at: number
  readonly permits: number
}

interface Waiting extends Taken {
  at: number
  state: Asked["state"]
}

export class LimiterModel implements Limiter {
  private readonly numbers: LimiterNumbers
  private readonly ways: LimiterWays
  private readonly start: number
  private taken: Array<Taken> = []
  private waiting: Array<Waiting> = []
  private limits: Array<{ readonly from: number; readonly limit: number }>
  private now: number

  constructor(numbers: LimiterNumbers, ways: LimiterWays, start: number) {
    this.numbers = numbers
    this.ways = ways
    this.now = this.start = start
    this.limits = [{ from: -Infinity, limit: numbers.limit }]
  }

  ask(permits: number, maxWait: number = this.numbers.maxWait): Effect.Effect<Asked> {
    return Effect.sync(() => {
      const { now } = this
      const at = this.turn(permits, [...this.taken, ...this.waiting])
      const state = at === now ? "granted" : at - now > maxWait ? "refused" : "waiting"
      const turn: Waiting = { askedAt: now, at, permits, state }
      if (turn.state === "granted") this.taken.push(turn)
      if (turn.state === "waiting") this.waiting.push(turn)
      return {
        get state() {
          return turn.state
        },
        get waitMs() {
          return Math.ceil(turn.at - now)
        },
        leave: Effect.sync(() => this.leave(turn))
      }
    })
  }

  private leave(turn: Waiting): void {
    if (turn.state !== "waiting") return
    turn.state = "left"
    if (this.ways.interrupted === "kept") return
    const isLast = this.waiting.at(-1) === turn
    this.waiting = this.waiting.filter((other) => other !== turn)
    if (!isLast) this.plan()
  }

  // When so much can be taken, after all that was taken or is planned to be.
  private turn(permits: number, before: ReadonlyArray<Taken>): number {
    const from = Math.max(this.now, before.at(-1)?.at ?? -Infinity)
    const { kind, perMillis } = this.numbers
    if (kind === "window" && this.ways.refill === "in-steps") {
      let balance = this.balance(this.now, before) - permits
      let at = this.now
      for (let cycle = this.cycle(at) + perMillis; balance < 0; cycle += perMillis) {
        at = cycle
        balance += this.limitAt(cycle)
      }
      return at
    }
    if (kind === "window") {
      const candidates = before.map(({ at }) => at + perMillis).filter((at) => at > from)
      return [from, ...candidates].sort((one, other) => one - other)
        .find((at) => this.used(at, before) + permits <= this.limitAt(at)) ?? Infinity
    }
    const interval = perMillis / this.limitAt(from)
    if (this.ways.refill === "steady") {
      return from + rounded(Math.max(0, permits - this.tokens(from, before)) * interval)
    }
    const slot = Math.max(Math.floor(from / interval), Math.floor((before.at(-1)?.at ?? -Infinity) / interval) + 1)
    return Math.max(from, slot * interval)
  }

  private cycle(at: number): number {
    return Math.floor(at / this.numbers.perMillis) * this.numbers.perMillis
  }

  // What a cycle has left when each took when it asked, if need be from cycles to come.
  private balance(at: number, before: ReadonlyArray<Taken>): number {
    let cycle = this.cycle(this.start)
    let balance = this.limitAt(cycle)
    const move = (to: number) => {
      while (cycle < this.cycle(to)) {
        cycle += this.numbers.perMillis
        balance = Math.min(this.limitAt(cycle), balance + this.limitAt(cycle))
      }
    }
    for (const taken of before) {
      move(taken.askedAt)
      balance -= taken.permits
    }
    move(at)
    return balance
  }

  private used(at: number, before: ReadonlyArray<Taken>): number {
    const since = at - this.numbers.perMillis
    return before.filter((taken) => taken.at > since && taken.at <= at).reduce((sum, { permits }) => sum + permits, 0)
  }

  private tokens(at: number, before: ReadonlyArray<Taken>): number {
    const { burst, perMillis } = this.numbers
    let tokens = burst
    let last = this.start
    const fill = (to: number) => {
      tokens = Math.min(burst, tokens + (to - last) * this.limitAt(to) / perMillis)
      last = to
    }
    for (const taken of before) {
      fill(taken.at)
      tokens -= taken.permits
    }
    fill(at)
    return tokens
  }

  private limitAt(at: number): number {
    return this.limits.findLast(({ from }) => from <= at)!.limit
  }

  // Everybody who waits is given a turn anew, and takes it if it has come.
  private plan(): void {
    const { waiting } = this
    this.waiting = []
    for (const each of waiting) {
      each.at = this.turn(each.permits, [...this.taken, ...this.waiting])
      this.waiting.push(each)
    }
    this.serve()
  }

  private serve(): void {
    while (this.waiting.length > 0 && this.waiting[0]!.at <= this.now) {
      const turn = this.waiting.shift()!
      this.taken.push(turn)
      if (turn.state === "waiting") turn.state = "granted"
    }
  }

  private free(): number {
    if (this.numbers.kind === "bucket") return this.tokens(this.now, this.taken)
    return this.ways.refill === "in-steps"
      ? this.balance(this.now, [...this.taken, ...this.waiting])
      : this.limitAt(this.now) - this.used(this.now, this.taken)
  }

  changeLimit(limit: number): Effect.Effect<void> {
    return Effect.sync(() => {
      const from = this.ways.changed === "at-once" ? this.now : this.cycle(this.now) + this.numbers.perMillis
      this.limits.push({ from, limit })
      this.plan()
    })
  }

  advance(millis: number): Effect.Effect<void> {
    return Effect.sync(() => {
      this.now += millis
      this.serve()
    })
  }

  readonly finish: Effect.Effect<void> = Effect.void

  get read(): Effect.Effect<Facts> {
    return Effect.sync(() => {
      const ahead = this.waiting.reduce((sum, { permits }) => sum + permits, 0)
      const free = this.free() + (this.numbers.kind === "window" && this.ways.refill === "in-steps" ? ahead : 0)
      return {
        available: rounded(this.ways.waiters === "have-taken" ? free - ahead : free),
        waiting: this.waiting.filter(({ state }) => state === "waiting").length
      }
    })
  }
}
