/** What one run of an effect has used of its policy: whether there is another attempt, when, and what pays for it. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { CurrentAttempts, takeAttempt } from "../attempts/budget.ts"
import * as Deadline from "../Deadline.ts"
import { deadlineOf } from "../deadline/current.ts"
import { atOnce } from "../internal/data/atOnce.ts"
import { fieldOf } from "../internal/data/fieldOf.ts"
import { monotonicMillis } from "../internal/runtime/time.ts"
import { accounts } from "../retryBudget/account.ts"
import { CurrentBudget } from "../retryBudget/current.ts"
import type { RetryBudget } from "../retryBudget/model.ts"
import { backoff } from "./backoff.ts"
import type { Stop } from "./counts.ts"
import type { Policy } from "./policy.ts"

/** Where a retry looks for the deadline when an attempt has failed. */
export interface Timed {
  readonly deadline: Deadline.Deadline | undefined
}

/** The budget that retries are paid from, and successes are paid into. */
export const budgetOf = (policy: Policy, fiber: Fiber.Fiber<any, any>): RetryBudget | undefined =>
  policy.budget ?? fiber.getRef(CurrentBudget)

/** Whether an attempt is paid for, or why it is not. */
export type Payment = "paid" | "budget" | "deadline"

const paidIf = (taken: boolean): Payment => taken ? "paid" : "budget"

export class Run {
  private readonly policy: Policy
  private readonly start: number
  private made = 1
  private previous: number

  constructor(policy: Policy, fiber: Fiber.Fiber<any, any>) {
    this.policy = policy
    this.previous = policy.baseDelay
    this.start = policy.maxDuration === Infinity ? 0 : monotonicMillis(fiber.getRef(Clock.Clock))
  }

  /** The wait before the next attempt, which is still to be paid for; or why there is none. */
  next(error: unknown, fiber: Fiber.Fiber<any, any>, timed?: Timed | undefined): number | Stop {
    const { policy } = this
    if (!isWorthIt(policy, error, this.made)) return "notRetried"
    if (this.made >= policy.maxAttempts) return "attempts"
    const draw = policy.jitter === "none" ? 0 : fiber.getRef(Random.Random).nextDoubleUnsafe()
    const own = backoff(policy, this.made, this.previous, draw)
    const asked = millisAsked(error)
    // To ask earlier than told is to be refused again, and another target may answer meanwhile.
    if (asked > policy.maxDelay) return "retryAfter"
    const wait = Math.max(own, asked)
    if (wait >= this.left(fiber, timed)) return "deadline"
    this.made++
    this.previous = own
    return wait
  }

  /** Takes the attempt from the two budgets, which must agree before either is spent; an effect where one is foreign. */
  pay(fiber: Fiber.Fiber<any, any>, timed?: Timed | undefined): Payment | Effect.Effect<Payment> {
    const budget = budgetOf(this.policy, fiber)
    if (budget === undefined) return paidIf(takeAttempt(fiber))
    if (fiber.getRef(CurrentAttempts)?.left === 0) return "budget"
    const account = accounts.get(budget)
    if (account === undefined) {
      const paid = Effect.map(budget.take, (taken) => paidIf(taken && takeAttempt(fiber)))
      // The deadline of a fiber interrupts it by itself; between the attempts of a pipeline no other limit is in force.
      return inTime(paid, this.left(fiber, timed ?? withoutDeadline))
    }
    return paidIf(account.take(monotonicMillis(fiber.getRef(Clock.Clock))) && takeAttempt(fiber))
  }

  private left(fiber: Fiber.Fiber<any, any>, timed: Timed | undefined): number {
    const clock = fiber.getRef(Clock.Clock)
    const now = monotonicMillis(clock)
    const deadline = timed === undefined ? deadlineOf(fiber, clock, now) : timed.deadline
    return Math.min(this.start + this.policy.maxDuration, deadline?.at ?? Infinity) - now
  }
}

const withoutDeadline: Timed = { deadline: undefined }

// No wait passes the time limit, that for the answer of a budget neither.
const inTime = (paid: Effect.Effect<Payment>, millis: number): Effect.Effect<Payment> => {
  const tooLate = Effect.succeed<Payment>("deadline")
  return millis <= 0 ? tooLate : Deadline.timeoutOrElse({ duration: millis, orElse: () => tooLate })(paid)
}

/** The wait that a failure asks for, zero if it asks for none. */
export const millisAsked = (error: unknown): number => {
  const wait = fieldOf(error, "retryAfter")
  return Duration.isDuration(wait) ? Duration.toMillis(wait) : 0
}

// A predicate that throws does not replace the error that it was asked about.
const isWorthIt = (policy: Policy, error: unknown, attempts: number): boolean => {
  try {
    return atOnce(policy.while(error, attempts)) === true
  } catch {
    return false
  }
}
