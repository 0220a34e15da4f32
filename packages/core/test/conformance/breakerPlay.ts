/** Plays a scenario on a circuit breaker: on the real one under `TestClock`, or on a model that is asked the same. */
import { CircuitBreaker, Outcome } from "@switchgear/core"
import * as Cluster from "@switchgear/core/Cluster"
import { Cause, Clock, Context, Duration, Effect, Exit, Fiber, Option, type Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Facts, Trace } from "./judge.ts"
import { numberOf, type Scenario, type Step } from "./scenario.ts"

/** How a call ends. `tripFor` orders an opening. */
export type Ending =
  | { readonly kind: "success" | "failure" | "failureResult" | "unrecordedError" | "ignored" | "defect" | "interrupt" }
  | { readonly kind: "tripFor"; readonly millis: number }

export type Control =
  | { readonly to: "ForcedOpen" | "Disabled" | "MetricsOnly" | "Closed" | "HalfOpen" | "reset" }
  | { readonly to: "Open"; readonly millis: number | undefined }

export type Admission =
  | { readonly permitted: true; readonly end: (ending: Ending) => Effect.Effect<void> }
  | { readonly permitted: false; readonly retryAfterMs: number | null }

/** What can be done to a breaker, and what can be seen of it. */
export interface Breaker {
  /** A call comes; `duration` is how long it will have run when it ends without the clock having moved. */
  readonly admit: (duration: number) => Effect.Effect<Admission>
  readonly control: (control: Control) => Effect.Effect<void>
  readonly advance: (millis: number) => Effect.Effect<void>
  readonly read: Effect.Effect<Facts>
}

const endings: { readonly [op: string]: Ending["kind"] } = {
  success: "success",
  failure: "failure",
  slowSuccess: "success",
  slowFailure: "failure",
  failureResult: "failureResult",
  unrecordedError: "unrecordedError",
  ignored: "ignored",
  defect: "defect",
  interrupt: "interrupt",
  failureOpenFor: "tripFor"
}

const controls: { readonly [op: string]: Control["to"] } = {
  forceOpen: "ForcedOpen",
  disable: "Disabled",
  metricsOnly: "MetricsOnly",
  reset: "reset",
  transitionToOpen: "Open",
  transitionToOpenFor: "Open",
  transitionToOpenUntil: "Open",
  transitionToClosed: "Closed",
  transitionToHalfOpen: "HalfOpen"
}

/** The operations that can be played. */
export const breakerOps: ReadonlySet<string> = new Set([
  ...Object.keys(endings),
  ...Object.keys(controls),
  "acquire",
  "completeSuccess",
  "completeFailure",
  "release",
  "lateFailure",
  "advance",
  "state",
  "decide"
])

/** The states in which a scenario can begin. */
export const breakerStates: ReadonlySet<unknown> = new Set([
  "Closed",
  "Open",
  "HalfOpen",
  "ForcedOpen",
  "Disabled",
  "MetricsOnly"
])

export interface PlayOptions {
  readonly scenario: Scenario
  /** A call is slow from here on. */
  readonly slowMillis: number
  /** The source drives the window alone: the breaker counts and never trips. */
  readonly windowOnly: boolean
}

export const play = (breaker: Breaker, { scenario, slowMillis, windowOnly }: PlayOptions): Effect.Effect<Trace> =>
  Effect.gen(function*() {
    const { config, steps } = scenario
    const inFlight: Array<Extract<Admission, { permitted: true }>> = []
    const beforeTheOpening: typeof inFlight = []
    const initial = config["initialState"]
    if (windowOnly) yield* breaker.control({ to: "MetricsOnly" })
    if (initial === "Open") yield* breaker.control({ to: "Open", millis: undefined })
    else if (typeof initial === "string") yield* breaker.control({ to: initial as "ForcedOpen" })
    for (let late = steps.filter(({ op }) => op === "lateFailure").length; late > 0; late--) {
      const admission = yield* breaker.admit(0)
      if (admission.permitted) beforeTheOpening.push(admission)
    }

    const end = (call: (typeof inFlight)[number] | undefined, ending: Ending) =>
      call ? call.end(ending) : Effect.die(new Error("no call is in flight"))
    const asked = (admission: Admission): Facts =>
      admission.permitted ? { permitted: true } : { permitted: false, retryAfterMs: admission.retryAfterMs }
    const wholeCall = (step: Step, kind: Ending["kind"]) =>
      Effect.gen(function*() {
        const slow = step.op.startsWith("slow")
        const duration = step.op === "failureOpenFor" ? 0 : numberOf(step["ms"]) ?? (slow ? slowMillis : 0)
        const moves = config["durationAdvancesClock"] === true
        const admission = yield* breaker.admit(moves ? 0 : duration)
        if (admission.permitted) {
          if (moves && duration > 0) yield* breaker.advance(duration)
          yield* admission.end(kind === "tripFor" ? { kind, millis: numberOf(step["ms"])! } : { kind })
        }
        return asked(admission)
      })

    const perform = (step: Step): Effect.Effect<Facts> =>
      Effect.gen(function*() {
        const { op } = step
        const ending = endings[op]
        if (ending) return yield* wholeCall(step, ending)
        const control = controls[op]
        if (control) {
          yield* breaker.control(control === "Open" ? { to: control, millis: numberOf(step["ms"]) } : { to: control })
          if (op === "reset" && windowOnly) yield* breaker.control({ to: "MetricsOnly" })
          return {}
        }
        switch (op) {
          case "acquire": {
            const admission = yield* breaker.admit(0)
            if (admission.permitted) inFlight.push(admission)
            return asked(admission)
          }
          case "completeSuccess":
            yield* end(inFlight.shift(), { kind: "success" })
            return {}
          case "completeFailure":
            yield* end(inFlight.shift(), { kind: "failure" })
            return {}
          case "release":
            yield* end(inFlight.shift(), { kind: "interrupt" })
            return {}
          case "lateFailure":
            yield* end(beforeTheOpening.shift(), { kind: "failure" })
            return {}
          case "advance":
            yield* breaker.advance(numberOf(step["ms"])!)
            return {}
          case "decide": {
            // The rate grows with every call when the failures come last, so that it decides what the last one decides.
            const calls = numberOf(step["throughput"])!
            const failures = Math.round(calls * numberOf(step["failureRate"])!)
            yield* breaker.control({ to: "reset" })
            for (let i = 0; i < calls; i++) {
              const admission = yield* breaker.admit(0)
              if (admission.permitted) yield* admission.end({ kind: i < calls - failures ? "success" : "failure" })
            }
            return { shouldOpen: (yield* breaker.read)["state"] === "Open" }
          }
          default:
            return {}
        }
      })

    const trace: Array<Array<Facts>> = []
    for (const step of steps) {
      const repetitions: Array<Facts> = []
      for (let n = step.n ?? 1; n > 0; n--) {
        const own = yield* perform(step)
        repetitions.push({ ...(yield* breaker.read), ...own })
      }
      trace.push(repetitions)
    }
    yield* Effect.forEach([...inFlight, ...beforeTheOpening], (call) => call.end({ kind: "interrupt" }))
    trace.push([{ inFlight: (yield* breaker.read)["inFlight"]! }])
    return trace
  })

/** How the source judges what it neither calls a success nor a failure, and what crashes. */
export interface Judgement {
  readonly ignored: Outcome.Outcome
  readonly defect: Outcome.Outcome
}

class Ended {
  readonly ending: Ending

  constructor(ending: Ending) {
    this.ending = ending
  }
}

const classify = ({ defect, ignored }: Judgement): Outcome.Classify => (exit) => {
  if (Exit.isSuccess(exit)) return exit.value === "failureResult" ? Outcome.failure : Outcome.success
  if (Exit.hasDies(exit)) return defect
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  if (!(error instanceof Ended)) return Outcome.fromExit(exit)
  switch (error.ending.kind) {
    case "ignored":
      return ignored
    case "unrecordedError":
      return Outcome.success
    case "tripFor":
      return Outcome.tripFor(error.ending.millis)
    default:
      return Outcome.failure
  }
}

const exitOf = (ending: Ending): Exit.Exit<string, Ended> =>
  ending.kind === "success" || ending.kind === "failureResult"
    ? Exit.succeed(ending.kind)
    : ending.kind === "defect"
    ? Exit.die(ending)
    : Exit.fail(new Ended(ending))

/** The breaker of the library, on the clock of the fiber. */
export const realBreaker = (
  options: Omit<CircuitBreaker.Options, "name" | "classify">,
  judgement: Judgement,
  startMillis: number,
  around: Context.Context<never> = Context.empty()
): Effect.Effect<Breaker> =>
  Effect.gen(function*() {
    yield* TestClock.setTime(startMillis)
    const clock = yield* TestClock.testClockWith(Effect.succeed)
    const breaker = yield* Effect.provide(
      CircuitBreaker.make({ ...options, name: "conformance", classify: classify(judgement), shared: true }),
      around
    )
    const events: Array<CircuitBreaker.State> = []
    yield* Effect.forkDetach(
      Stream.runForEach(breaker.transitions, ({ to }) => Effect.sync(() => events.push(to))),
      { startImmediately: true }
    )
    const drained = Effect.forEach(Array.from({ length: 61 }), () => Effect.yieldNow, { discard: true })
    let rejectedBeforeReset = 0
    const { control } = breaker
    const changes: { readonly [To in Exclude<Control["to"], "Open" | "HalfOpen">]: Effect.Effect<void> } = {
      ForcedOpen: control.forceOpen,
      Disabled: control.disable,
      MetricsOnly: control.metricsOnly,
      Closed: control.close,
      reset: Effect.flatMap(breaker.snapshot, ({ rejected }) => {
        rejectedBeforeReset += rejected
        return control.reset
      })
    }
    return {
      admit: (duration) =>
        Effect.gen(function*() {
          // The call sees a clock that is late when it is admitted and right when it ends. A refusal is told on time.
          let late = (yield* breaker.state) === "Open" ? 0 : duration
          const view: Clock.Clock = {
            ...clock,
            currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() - late,
            monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() - BigInt(late * 1e6)
          }
          let finish: ((exit: Exit.Exit<string, Ended>) => void) | undefined
          const call = breaker.protect(Effect.callback<string, Ended>((resume) => {
            finish = resume
          }))
          const fiber = yield* Effect.forkDetach(Effect.provideService(Effect.exit(call), Clock.Clock, view), {
            startImmediately: true
          })
          late = 0
          // In a fleet, it may ask for a probe.
          if (!finish) yield* drained
          if (finish) {
            return {
              permitted: true,
              end: (ending) => {
                if (ending.kind === "interrupt") return Fiber.interrupt(fiber)
                finish!(exitOf(ending))
                return Effect.asVoid(Fiber.await(fiber))
              }
            }
          }
          const exit = yield* Fiber.join(fiber)
          const rejection = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
          const retryAfter = rejection instanceof CircuitBreaker.CircuitOpen ? rejection.retryAfter : undefined
          return { permitted: false, retryAfterMs: retryAfter ? Duration.toMillis(retryAfter) : null }
        }),
      control: (order) => {
        if (order.to === "Open") return control.trip(order.millis)
        if (order.to !== "HalfOpen") return changes[order.to]
        // An opening of no length is half-open when it is looked at; of its events the source has only the last.
        return Effect.gen(function*() {
          const state = yield* breaker.state
          if (state === "HalfOpen") return
          yield* drained
          const before = events.length
          if (state !== "Closed" && state !== "Open") yield* control.close
          // No node makes an opening of the fleet shorter.
          const all = Context.getOrUndefined(around as Context.Context<any>, Cluster.Cluster)?.control("conformance")
          if (all !== undefined) yield* Effect.andThen(all.close, drained)
          yield* control.trip(0)
          yield* drained
          yield* breaker.state
          yield* drained
          events.splice(before, events.length - before, "HalfOpen")
        })
      },
      advance: (millis) => TestClock.adjust(millis),
      read: Effect.gen(function*() {
        // What time has changed is told, and what the fleet has decided is heard.
        yield* Effect.andThen(breaker.state, drained)
        const now = yield* breaker.snapshot
        yield* drained
        const count = (to: CircuitBreaker.State) => events.filter((event) => event === to).length
        const optional = (value: number | undefined): Schema.Json => value ?? null
        return {
          state: now.state,
          calls: now.calls,
          failed: now.failed,
          successful: now.calls - now.failed,
          slow: now.slow,
          slowFailed: now.slowFailed,
          failureRate: optional(now.failureRate),
          slowCallRate: optional(now.slowRate),
          notPermitted: now.rejected,
          notPermittedEvents: rejectedBeforeReset + now.rejected,
          remainingDelayMs: now.nextRetry ? Duration.toMillis(now.nextRetry) : 0,
          openedEvents: count("Open"),
          halfOpenedEvents: count("HalfOpen"),
          closedEvents: count("Closed"),
          stateTransitionEvents: events.length,
          inFlight: now.inFlight
        }
      })
    }
  })
