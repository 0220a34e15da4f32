/**
 * State that outlives the process: {@link save} returns the state of every registered guard as plain JSON, and {@link layer}
 * or {@link restore} puts it into the guards of another process. For serverless functions and restarts: a circuit that was
 * open stays open for what is left of its opening, a pause for what is left of the pause, and a spent budget stays spent.
 *
 * **What is saved.** Circuits and families of circuits, rate limiters with their pauses and debts, retry budgets, concurrency
 * limits, adaptive throttles, budgets of hedges, the budgets of `CostLedger`, and every kind of your own with `saving`. A guard
 * is found again by its kind, its id in the registry and its name. Guards of one name are told apart by the order in which they
 * were made. The rest is of the process: calls in flight or waiting, slots of bulkheads, cached answers, totals, metrics.
 *
 * **Age.** The age is the time between saving and restoring, by the wall clock. A restored guard is what it would be if the
 * old process had lived on without calls: openings and pauses have less left, windows have lost what is too old, buckets have
 * refilled. An age below zero counts as zero, so that a clock that went back lengthens an opening by no more than that. Once it
 * is read, the age goes on by the monotonic clock. What a concurrency limit has learnt is trusted less the older it is.
 *
 * **Differences** from a process that lived on:
 *
 * - A circuit that was half-open admits its probes anew.
 * - A call that was in flight counts neither as a success nor as a failure. A rate limiter keeps its estimate as taken, and
 *   a ledger counts its reservation as spent.
 * - Calls that were waiting for a turn are gone, so that their turns are free.
 * - What a circuit has learnt for the default of `patience`, and what a family remembers of the order of use within a
 *   hundredth of `idleTimeToLive`, begins anew. An opening schedule is stepped to where it was, at most 100 times.
 * - Totals and counters begin at zero, as metrics expect it of a new process.
 *
 * **Gotchas.** A guard that has been used before is not restored: restore first, or make the guards inside {@link layer}. A
 * guard with `shared: true` in a `Cluster` has its state from the fleet, and is neither saved nor restored. Two instances
 * that restore one state each spend what it has left. Whoever can write the saved state can open a circuit: store it
 * like configuration. It contains no secret and nothing of requests or replies, but it contains the keys of families and the
 * names of tenants.
 *
 * ```ts
 * import { CircuitBreaker, Registry, SavedState } from "@switchgear/core"
 * import { Effect, Layer } from "effect"
 *
 * class Model extends CircuitBreaker.Service<Model>()("model", { openFor: "10 minutes" }) {}
 *
 * const before = Effect.gen(function*() {
 *   yield* (yield* Model).control.trip()
 *   return JSON.stringify(yield* SavedState.save)
 * })
 * const text = await Effect.runPromise(Effect.provide(before, Layer.provideMerge(Model.layer, Registry.layer())))
 *
 * const after = Effect.gen(function*() {
 *   return yield* (yield* Model).state
 * })
 * const app = Model.layer.pipe(Layer.provide(SavedState.layer(JSON.parse(text))), Layer.provideMerge(Registry.layer()))
 * await Effect.runPromise(Effect.provide(after, app)) // => "Open"
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { OptionsOf } from "./internal/config/checks.ts"
import type { Registered } from "./Registry.ts"
import * as Registry from "./Registry.ts"
import { InvalidSavedState } from "./savedState/InvalidSavedState.ts"
import type { GuardId, Report, SavedGuard, SavedState, WaitOptions } from "./savedState/model.ts"
import * as Steps from "./savedState/steps.ts"
import { keyOf, Waiting } from "./savedState/waiting.ts"

export { InvalidSavedState }
export type { GuardId, Report, SavedGuard, SavedState, WaitOptions }

/**
 * The state of every guard in the current registry whose kind can be saved, all at one moment. It never fails: a guard whose
 * code throws is in `leftOut`, and the defect is logged. Its text has at most about 64 million characters.
 *
 * @since 0.1.0
 * @category combinators
 */
export const save: Effect.Effect<SavedState> = Effect.map(
  Effect.all([Registry.CurrentRegistry, Clock.Clock]),
  ([registry, clock]) => Steps.save(registry, clock)
)

/**
 * Puts a saved state, which is what `JSON.parse` returns, into the guards that are in the current registry. Each guard gets
 * all of its state or none; the report names every guard of the saved state. Fails, and changes nothing, if it is no saved
 * state.
 *
 * @since 0.1.0
 * @category combinators
 */
export const restore = (saved: unknown): Effect.Effect<Report, InvalidSavedState> =>
  Effect.flatMap(Effect.all([Registry.CurrentRegistry, Clock.Clock]), ([registry, clock]) =>
    Effect.suspend(() => {
      const state = Steps.read(saved)
      if (state instanceof InvalidSavedState) return Effect.fail(state)
      return Effect.succeed(restoreNow(registry, clock, state, Steps.agingFrom(state, clock)()))
    }))

const restoreNow = (
  registry: Registry.Registry,
  clock: Clock.Clock,
  state: SavedState,
  age: number
): Report => {
  const restored: Array<GuardId> = []
  const ignored: Array<Report["ignored"][number]> = []
  const seen = new Set<string>()
  for (const guard of state.guards) {
    const { id, kind } = guard
    const isFirst = seen.size < seen.add(keyOf(kind, id)).size
    const reason = isFirst ? Steps.restore(registry.find(kind, id), guard, age, clock) : "malformed"
    if (reason === "restored") restored.push({ kind, id })
    else ignored.push({ kind, id, reason })
  }
  return { age: Duration.millis(age), restored, ignored }
}

/**
 * Like {@link restore}, and restores also the guards that are registered later, each once, until the scope closes: for guards
 * that are made when they are first needed, such as one for each host. The report is about those that are registered now.
 * {@link save} saves the states that still wait, with their age: a guard that this process does not make keeps its state for
 * the next one, up to `keepFor`. Dies with a `RangeError` when an option is out of range.
 *
 * @since 0.1.0
 * @category combinators
 */
export const restoreEach = (
  saved: unknown,
  options: WaitOptions = {}
): Effect.Effect<Report, InvalidSavedState, Scope.Scope> =>
  Effect.uninterruptible(Effect.gen(function*() {
    const keepFor = new OptionsOf("SavedState.restoreEach").limit("keepFor", options.keepFor ?? "1 day")
    const registry = yield* Registry.CurrentRegistry
    const clock = yield* Clock.Clock
    const state = Steps.read(saved)
    if (state instanceof InvalidSavedState) return yield* Effect.fail(state)
    const age = Steps.agingFrom(state, clock)
    const report = restoreNow(registry, clock, state, age())
    const absent = new Set<string>()
    for (const { id, kind, reason } of report.ignored) if (reason === "not-registered") absent.add(keyOf(kind, id))
    const waiting = new Waiting(state.guards.filter(({ id, kind }) => absent.delete(keyOf(kind, id))), age, keepFor)
    const entered = (entry: Registered) => {
      const guard = waiting.take(entry.kind.tag, entry.id, entry.name)
      if (guard !== undefined) Steps.restore(entry, guard, age(), clock)
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => [registry.observe({ entered }), waiting.joins(registry)] as const),
      (stops) => Effect.sync(() => stops.forEach((stop) => stop()))
    )
    return report
  }))

/**
 * Restores every guard that is made inside the layer, when it is made: provide it to the layers of the guards, beside the
 * registry. A state that is none fails the layer; see {@link restoreEach} for the report.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (saved: unknown, options?: WaitOptions | undefined): Layer.Layer<never, InvalidSavedState> =>
  Layer.effectDiscard(restoreEach(saved, options))
