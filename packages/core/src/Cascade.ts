/**
 * Every caller gets an answer: the steps of a chain are tried in order, and the answer says which step gave it and which
 * errors came before.
 *
 * A step is a call to a target, a read of the last good answer, or a constant. `when` says which errors of a call move on
 * to the next step. The others fail the run at once, unchanged: a bad request would fail at every target. A chain whose
 * last step has no answer fails with {@link CascadeExhausted}, which holds the error of every step. A chain that ends in a
 * constant cannot run out, and its type says so.
 *
 * **Order.** Outermost, around targets that each have their own breaker, bulkhead, retry and attempt time-out. A further
 * target takes an attempt from the budget of `Attempts`, and is passed over when none is left. Reads and constants are
 * free.
 *
 * **Gotchas.** Defects and interruption do not move on. Give `when` a type guard to have errors told apart in the type:
 * those that move on are gone from the error type of a chain that ends in a constant. With a plain predicate all errors of
 * the step stay in it.
 *
 * ```ts
 * import { Cascade } from "@switchgear/core"
 * import { Effect } from "effect"
 *
 * const answer = Cascade.first("gpt", Effect.fail("503")).pipe(
 *   Cascade.orElse("claude", Effect.succeed("Hello!")),
 *   Cascade.orConstant("canned", "Please try again in a minute.")
 * )
 *
 * const { degradation, failures, step, value } = await Effect.runPromise(Cascade.run(answer))
 * value // => "Hello!"
 * step // => "claude"
 * degradation // => "fallback"
 * failures // => [{ step: "gpt", error: "503" }]
 * ```
 *
 * @since 0.1.0
 */
export { CascadeExhausted } from "./cascade/CascadeExhausted.ts"
export { first, orConstant, orElse, orLastGood } from "./cascade/chain.ts"
export type { Cascade, Degradation, Failure, Found, Served, Step } from "./cascade/model.ts"
export { type Provided, type Provider, toExecutionPlan } from "./cascade/plan.ts"
export { run } from "./cascade/run.ts"
