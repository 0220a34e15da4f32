/**
 * A guard wraps an effect and may refuse it. Every primitive of this library is one, and {@link make} builds one of
 * your own from plain functions.
 *
 * `acquire` decides about a call in one synchronous step: it lets the call go on with a lease, refuses it, or lets it wait.
 * `release` gets the lease back exactly once, however the call ended: by success, failure, defect or interruption, before,
 * while or after it waited. Neither is an effect, so that no interrupt can come between a decision and its record.
 *
 * **Composition.** A guard that is made here stands in a `Pipeline` at a named place, in the frame of its other guards. The
 * guards around it know when it refuses that the work was not begun: a circuit does not count the refusal, a limiter gives
 * its tokens back. Where something else stands in between, such as a span, the error must say so itself: by a getter
 * `Outcome.RejectionTypeId`, as in the example.
 *
 * **To be seen.** Give a {@link Kind} to `Registry.register`: then the guard is in health, in the metrics of
 * `Telemetry.layer` and, with `announce`, among the events.
 *
 * **Gotchas.** What `acquire` throws is a defect of the call; nothing is held. What `release` throws is logged, and changes
 * no result. Change your state for all affected calls before you tell any of them. `release` may admit a waiting call: that
 * goes on in a step of its own.
 *
 * ```ts
 * import { Guard, Outcome } from "@switchgear/core"
 * import { Effect, Schema } from "effect"
 *
 * class Busy extends Schema.TaggedError<Busy>()("Busy", { guard: Schema.String }) {
 *   get [Outcome.RejectionTypeId](): true {
 *     return true
 *   }
 * }
 *
 * const program = Effect.gen(function*() {
 *   let free = 1
 *   const desk = yield* Guard.make({
 *     name: "desk",
 *     acquire: () => {
 *       if (free === 0) return Guard.reject(new Busy({ guard: "desk" }))
 *       free--
 *       return Guard.admit()
 *     },
 *     release: () => {
 *       free++
 *     }
 *   })
 *   const call = Effect.as(Effect.sleep("5 millis"), "served").pipe(
 *     desk.protect,
 *     Effect.catchTag("Busy", () => Effect.succeed("busy"))
 *   )
 *   return yield* Effect.all([call, call], { concurrency: "unbounded" })
 * })
 *
 * await Effect.runPromise(program) // => ["served", "busy"]
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Guard } from "./guard/model.ts"
import { admit, type Decision, reject, wait, type Waiter, type WaitOptions } from "./guard/decision.ts"
import { type Call, type Ended, OwnCall, type Rules } from "./guard/ownCall.ts"
import { OptionsOf } from "./internal/config/checks.ts"
import { guardBy, type StartAdmission } from "./internal/runtime/guard.ts"

export { admit, reject, wait }
export type { Call, Decision, Ended, Guard, Waiter, WaitOptions }
export type { Change, Condition, Kind, KindHealth } from "./registry/kind.ts"
export {
  counter,
  gauge,
  highest,
  histogram,
  type HistogramReading,
  type HistogramSeries,
  type Labels,
  type NumberSeries,
  type Series
} from "./registry/series.ts"

/**
 * What a guard is made of.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options<Lease, E> {
  /** Appears in errors, health and metrics. */
  readonly name: string
  /** Decides about a call, in one step: with {@link admit}, {@link reject} or {@link wait}. */
  readonly acquire: (call: Call) => Decision<Lease, E>
  /** Takes back what `acquire` gave, once. @default nothing is taken back */
  readonly release?: ((lease: Lease, ended: Ended) => void) | undefined
}

/**
 * Makes a guard that is safe under interruption. Dies with a `RangeError` that names the field when an option is none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <Lease, E = never>(options: Options<Lease, E>): Effect.Effect<Guard<E>> =>
  Effect.sync(() => {
    const check = new OptionsOf("Guard.make")
    const rules: Rules<Lease, E> = {
      name: check.name(options.name),
      acquire: check.callback("acquire", options.acquire),
      release: options.release === undefined ? () => {} : check.callback("release", options.release)
    }
    const start: StartAdmission = (_fiber, self) => new OwnCall(rules, self)
    return { name: rules.name, protect: guardBy<E>(start) }
  })
