/** A family of circuits as the platform's own `CircuitBreaker`. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Platform from "effect/persistence/CircuitBreaker"
import * as Stream from "effect/Stream"
import type { Snapshot, Transition } from "./model.ts"
import * as Outcome from "../Outcome.ts"
import type { Family } from "./familyModel.ts"
import { type CircuitOpen, isCircuitOpen } from "./CircuitOpen.ts"
import { through } from "../internal/runtime/guard.ts"
import { atOnce } from "../internal/data/atOnce.ts"
import { holds } from "../internal/data/holds.ts"
import { withoutStack } from "../internal/runtime/rejection.ts"

/**
 * The family as the platform's `CircuitBreaker`, for `HttpClient.withCircuitBreaker` and others that take one. Keys are
 * the family's keys, rejections are the platform's `CircuitBreakerError`, and a classifier may be an effect.
 *
 * States that the platform does not have become the nearest one: ForcedOpen is `Open` for another hour, Disabled and
 * MetricsOnly are `Closed`, and a circuit that ramps up rejects as if half-open.
 *
 * ```ts
 * import { CircuitBreaker } from "@switchgear/core"
 * import * as Platform from "@switchgear/core/platform"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const hosts = yield* CircuitBreaker.Family.make({ name: "hosts", minimumCalls: 1 })
 *   const breaker = Platform.circuitBreaker(hosts)
 *   const call = Effect.fail("503").pipe(breaker.execute({ key: "api.test" }))
 *   yield* Effect.flip(call)
 *   return yield* Effect.flip(call)
 * })
 *
 * const error = await Effect.runPromise(program)
 * typeof error === "string" ? error : error.reason._tag // => "CircuitOpen"
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const toPlatform = (family: Family): Platform.CircuitBreaker => ({
  [Platform.TypeId]: Platform.TypeId,
  execute: dual(
    2,
    <A, E, R, R2>(self: Effect.Effect<A, E, R>, options: ExecuteOptions<A, E, R2>) => execute(family, self, options)
  ),
  state: (key) => Effect.map(Effect.flatMap(family.get(key), ({ snapshot }) => snapshot), (told) => toState(key, told)),
  transitions: Stream.flatMap(
    family.transitions,
    (transition) => Stream.fromIterable(toTransition(transition.breaker.slice(family.name.length + 1), transition))
  )
})

interface ExecuteOptions<A, E, R2> {
  readonly key: string
  readonly classify?:
    | ((exit: Exit.Exit<A, E>) => Platform.Outcome | Effect.Effect<Platform.Outcome, never, R2>)
    | undefined
}

const execute = <A, E, R, R2>(
  family: Family,
  self: Effect.Effect<A, E, R>,
  { classify, key }: ExecuteOptions<A, E, R2>
): Effect.Effect<A, E | Platform.CircuitBreakerError, R | R2> =>
  Effect.suspend(() => {
    // A classifier that is an effect has answered by the time the circuit asks.
    let judged: Outcome.Outcome | undefined
    const judge = (exit: Exit.Exit<A, E>): Effect.Effect<void, never, R2> => {
      if (classify === undefined || isInterruption(exit)) return Effect.void
      // What a classifier throws, or answers that is no outcome, changes no result: the default judges instead.
      const answer = Effect.suspend(() => {
        const outcome = atOnce(classify(exit)) as ReturnType<typeof classify>
        return Effect.isEffect(outcome) ? outcome : Effect.succeed(outcome)
      })
      return Effect.catchCauseIf(
        Effect.map(answer, (outcome) => {
          judged = fromPlatform(outcome)
        }),
        (cause) => !Cause.hasInterrupts(cause),
        () => Effect.void
      )
    }
    return through(self, Effect.onExit(judge)).pipe(
      family.protectWith(key, { classify: (exit) => judged ?? Outcome.fromExit(exit) }),
      Effect.mapError((error): E | Platform.CircuitBreakerError =>
        holds(error, isCircuitOpen) && error.breaker === `${family.name}/${key}` ? rejection(key, error) : error as E
      )
    )
  })

const isInterruption = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause)

const fromPlatform = (outcome: Platform.Outcome): Outcome.Outcome =>
  outcome._tag === "Failure" && outcome.retryAfter !== undefined ? Outcome.failureAfter(outcome.retryAfter) : outcome

const rejection = (key: string, { retryAfter, state }: CircuitOpen): Platform.CircuitBreakerError =>
  withoutStack(() =>
    new Platform.CircuitBreakerError({
      reason: state === "HalfOpen" || state === "Closed"
        ? new Platform.CircuitHalfOpen({ key })
        : new Platform.CircuitOpen({ key, retryAfter: retryAfter ?? byHand })
    })
  )

// The platform wants a time where only a hand can tell one.
const byHand = Duration.hours(1)

const toState = (key: string, { inFlight, nextRetry, openingsInRow, state }: Snapshot): Platform.State => {
  switch (state) {
    case "Open":
    case "ForcedOpen":
      return { _tag: "Open", key, retryAfter: nextRetry ?? byHand, consecutiveOpenings: Math.max(1, openingsInRow) }
    case "HalfOpen":
      return { _tag: "HalfOpen", key, probing: inFlight > 0, consecutiveOpenings: openingsInRow }
    default:
      return { _tag: "Closed", key }
  }
}

const toTransition = (
  key: string,
  { from, openFor, openingsInRow, reason, to }: Transition
): ReadonlyArray<Platform.Transition> => {
  if (to === "Open" && openFor !== undefined && (from === "Closed" || from === "HalfOpen")) {
    return [{ key, from, to, retryAfter: openFor, consecutiveOpenings: openingsInRow }]
  }
  if (from === "Open" && to === "HalfOpen") return [{ key, from, to }]
  // By probes that outlived their period.
  if (from === "Open" && to === "Closed") {
    return reason === "probes-succeeded"
      ? [{ key, from, to: "HalfOpen" }, { key, from: "HalfOpen", to }]
      : []
  }
  if (from === "HalfOpen" && to === "Closed") return [{ key, from, to }]
  return []
}
