/** The public interface of one limit. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { BulkheadFull } from "../bulkhead/BulkheadFull.ts"
import type { BulkheadCall } from "../bulkhead/call.ts"
import { PermitPool } from "../bulkhead/permitPool.ts"
import { OptionsOf } from "../internal/config/checks.ts"
import { offerCalls } from "../internal/runtime/callListeners.ts"
import { guardBy, type StartAdmission } from "../internal/runtime/guard.ts"
import type { Algorithm } from "./algorithm.ts"
import { LimitCall } from "./call.ts"
import { LimitMachine } from "./machine.ts"
import type { ConcurrencyLimit } from "./model.ts"
import type { Rules } from "./rules.ts"
import { noteLimit } from "./saving.ts"

/** A limit that the algorithm moves. */
export const limitOf = (rules: Rules, algorithm: Algorithm, clock: Clock.Clock): ConcurrencyLimit => {
  const pool = new PermitPool<BulkheadCall>(rules.pool)
  const machine = new LimitMachine(rules, pool, algorithm, clock)
  const refuse = () => pool.isFull ? pool.reject("queue-full") : undefined
  const protect = (maxWait: number) => {
    const begin: StartAdmission = (_fiber, self) => new LimitCall(machine, self, maxWait)
    return guardBy<BulkheadFull>(begin, refuse)
  }
  const pin = (where: string) => (concurrency: number) =>
    Effect.sync(() => machine.pin(new OptionsOf(where).integer("concurrency", concurrency, 1)))
  const limit = offerCalls<ConcurrencyLimit>({
    name: pool.name,
    protect: protect(pool.maxWait),
    protectWith: ({ maxWait }) => protect(new OptionsOf("ConcurrencyLimit.protectWith").wait("maxWait", maxWait)),
    resize: pin("ConcurrencyLimit.resize"),
    snapshot: Effect.sync(() => machine.read()),
    control: {
      pin: pin("ConcurrencyLimit.control.pin"),
      unpin: Effect.sync(() => machine.unpin()),
      reset: Effect.sync(() => machine.reset())
    }
  }, pool)
  noteLimit(limit, machine)
  return limit
}
