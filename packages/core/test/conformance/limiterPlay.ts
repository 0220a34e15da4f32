/** Plays a scenario on a rate limiter: on the real one under `TestClock`, or on a model that is asked the same. */
import { Deadline, RateLimiter } from "@switchgear/core"
import { Clock, Context, Duration, Effect, Exit, Fiber, type Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Facts, Trace } from "./judge.ts"
import type { LimiterNumbers } from "./limiterModel.ts"
import { numberOf, type Scenario, type Step } from "./scenario.ts"

/** One request and what has become of it. */
export interface Asked {
  readonly state: "granted" | "waiting" | "refused" | "left"
  /** From asking to the turn; of a refusal, when the turn would have been. Known when the turn has come. */
  readonly waitMs: number
  readonly leave: Effect.Effect<void>
}

/** What can be done to a limiter, and what can be seen of it. */
export interface Limiter {
  readonly ask: (permits: number, maxWait?: number) => Effect.Effect<Asked>
  readonly changeLimit: (limit: number) => Effect.Effect<void>
  readonly advance: (millis: number) => Effect.Effect<void>
  readonly read: Effect.Effect<Facts>
  /** Lets everybody who waits come to their turn. */
  readonly finish: Effect.Effect<void>
}

export const limiterOps: ReadonlySet<string> = new Set([
  "acquire",
  "tryAcquire",
  "reserve",
  "acquireAsync",
  "await",
  "peek",
  "interrupt",
  "acquireParallel",
  "changeLimit",
  "advance",
  "state"
])

/** Supply flows in fractions: what is less than a millionth of a permit, or of a millisecond, is the arithmetic's. */
export const rounded = (amount: number): number => Math.round(amount * 1e6) / 1e6

export const play = (limiter: Limiter, { steps }: Scenario): Effect.Effect<Trace> =>
  Effect.gen(function*() {
    const waiters = new Map<string, Array<Asked>>()
    const reserved: Array<{ readonly facts: { waitMs: number | null }; readonly asked: Asked }> = []
    const waiter = (step: Step) => {
      const found = waiters.get(String(step["id"]))
      return found ? Effect.succeed(found) : Effect.die(new Error(`nobody came by the name "${String(step["id"])}"`))
    }
    const refused = ({ waitMs }: Asked): Facts => ({ permitted: false, waitMs, nextPermitInMs: waitMs })
    const told = ({ state }: Asked): Facts =>
      state === "waiting" ? { pending: true } : { pending: false, permitted: state === "granted" }

    const now = (step: Step): Effect.Effect<Facts> =>
      Effect.gen(function*() {
        const asked = yield* limiter.ask(numberOf(step["permits"]) ?? 1)
        if (asked.state === "granted") return { permitted: true, waitMs: 0 }
        if (asked.state === "refused") return refused(asked)
        // Asked for a permit now or never.
        yield* asked.leave
        return { permitted: false }
      })

    const perform = (step: Step): Effect.Effect<Facts> =>
      Effect.gen(function*() {
        const permits = numberOf(step["permits"]) ?? 1
        switch (step.op) {
          case "acquire":
          case "tryAcquire":
            return yield* now(step)
          case "acquireParallel": {
            const all = yield* Effect.forEach(Array.from({ length: step.n ?? 1 }), () => limiter.ask(permits), {
              concurrency: "unbounded"
            })
            const count = (state: Asked["state"]) => all.filter((asked) => asked.state === state).length
            return { permittedCount: count("granted"), rejectedCount: count("refused") }
          }
          case "reserve": {
            const asked = yield* limiter.ask(permits, numberOf(step["maxWaitMs"]))
            if (asked.state === "refused") return refused(asked)
            const facts = { permitted: true, waitMs: null }
            reserved.push({ facts, asked })
            return facts
          }
          case "acquireAsync": {
            const asked = yield* limiter.ask(permits)
            const id = String(step["id"])
            waiters.set(id, [...waiters.get(id) ?? [], asked])
            return told(asked)
          }
          case "await":
          case "peek":
            return told((yield* waiter(step)).at(-1)!)
          case "interrupt": {
            const leaving = yield* waiter(step)
            yield* Effect.forEach(leaving.toReversed(), ({ leave }) => leave)
            return told(leaving.at(-1)!)
          }
          case "changeLimit":
            yield* limiter.changeLimit(numberOf(step["value"])!)
            return {}
          case "advance":
            yield* limiter.advance(numberOf(step["ms"])!)
            return {}
          default:
            return {}
        }
      })

    const trace: Array<Array<Facts>> = []
    for (const step of steps) {
      const repetitions: Array<Facts> = []
      for (let n = step.op === "acquireParallel" ? 1 : step.n ?? 1; n > 0; n--) {
        const own = yield* perform(step)
        // The facts of a reservation are completed when its turn comes.
        repetitions.push(Object.assign(own, { ...(yield* limiter.read), ...own }))
      }
      trace.push(repetitions)
    }
    yield* limiter.finish
    for (const { asked, facts } of reserved) facts.waitMs = asked.waitMs
    return trace
  })

const limitsOf = ({ burst, kind, perMillis }: LimiterNumbers, limit: number): ReadonlyArray<RateLimiter.Limit> => [
  kind === "window"
    ? RateLimiter.requests(limit, perMillis, { kind: "sliding-window" })
    : RateLimiter.requests(limit, perMillis, { burst })
]

/** What is under way to the store of a fleet and back is done, without any time. */
const answered = Effect.forEach(Array.from({ length: 51 }), () => Effect.yieldNow, { discard: true })

/** The limiter of the library, on the clock of the fiber. */
export const realLimiter = (
  numbers: LimiterNumbers,
  startMillis: number,
  around: Context.Context<never> = Context.empty()
): Effect.Effect<Limiter, never, Scope.Scope> =>
  Effect.gen(function*() {
    yield* TestClock.setTime(startMillis)
    const limiter = yield* Effect.provide(
      RateLimiter.make({
        name: "conformance",
        limits: limitsOf(numbers, numbers.limit),
        maxWait: numbers.maxWait,
        shared: true
      }),
      around
    )
    yield* answered
    const fibers: Array<Fiber.Fiber<unknown>> = []
    return {
      ask: (permits, maxWait) =>
        Effect.gen(function*() {
          const start = yield* Clock.currentTimeMillis
          const asked: { -readonly [K in keyof Asked]: Asked[K] } = {
            state: "waiting",
            waitMs: NaN,
            leave: Effect.void
          }
          const reserve = limiter.reserve({ requests: permits })
          const call = maxWait === undefined ? reserve : Deadline.within(maxWait)(reserve)
          const fiber = yield* Effect.forkDetach(
            Effect.onExit(call, (exit) =>
              Effect.map(Clock.currentTimeMillis, (now) => {
                if (Exit.isSuccess(exit)) {
                  asked.state = "granted"
                  asked.waitMs = now - start
                } else {
                  const error = exit.cause.reasons[0]
                  const refusal = error?._tag === "Fail" && error.error instanceof RateLimiter.RateLimited
                    ? error.error
                    : undefined
                  asked.state = refusal ? "refused" : "left"
                  asked.waitMs = refusal?.retryAfter ? Duration.toMillis(refusal.retryAfter) : NaN
                }
              })).pipe(Effect.exit),
            { startImmediately: true }
          )
          fibers.push(fiber)
          asked.leave = Fiber.interrupt(fiber)
          yield* answered
          return asked
        }),
      changeLimit: (limit) => limiter.setLimits(limitsOf(numbers, limit)),
      advance: (millis) => TestClock.adjust(millis),
      finish: Effect.gen(function*() {
        while (fibers.some((fiber) => fiber.pollUnsafe() === undefined)) yield* TestClock.adjust(numbers.perMillis)
      }),
      read: Effect.gen(function*() {
        yield* answered
        const { limits, waiting } = yield* limiter.snapshot
        return { available: rounded(limits[0]!.available), waiting }
      })
    }
  })
